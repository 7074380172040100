// examples/scenes/training/textures.hpp: a bank of seamless grey textures that backgrounds and
// skins are made of.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace persense::scenes::training {

/// What a texture shows. Several come in three sizes of detail.
enum class Weave {
  clouds,      ///< soft large patches
  rough,       ///< detail of all sizes
  grain,       ///< fine noise
  wrinkles,    ///< sharp dark valleys
  marble,      ///< bent bands
  cloth,       ///< warp and weft
  wood,        ///< bent fibres along x
  grain_tone,  ///< one grey per grain of sand
  grain_dome,  ///< the same grains' heights
  speckles,    ///< separate spots
  strokes,     ///< blades of grass, straw, hair
  scratches,   ///< long thin lines
  text,        ///< lines of glyphs
  stripes,     ///< straight bands across x
  tiles,       ///< bricks with seams
  net,         ///< thin walls between cells
  ripples,     ///< water, dunes
};
inline constexpr int weave_count = 17;
inline constexpr int weave_sizes = 3;  ///< 0: coarse, 1: middle, 2: fine

/// A seamless grey texture of 256 x 256: mean 0, standard deviation 1, within [-3, 3].
class Texture {
 public:
  static constexpr int size = 256;

  explicit Texture(std::vector<float> values) : values_(std::move(values)) {}

  /// Between the four values around (x, y), in texture pixels; repeats every 256. |x|, |y| < 2^20.
  float at(float x, float y) const {
    // Floor by conversion: the coordinates are made positive first.
    const float px = x + 1048576.0f * 0.5f, py = y + 1048576.0f * 0.5f;
    const int ix = static_cast<int>(px), iy = static_cast<int>(py);
    const float tx = px - static_cast<float>(ix), ty = py - static_cast<float>(iy);
    const int x0 = ix & 255, x1 = (ix + 1) & 255, y0 = (iy & 255) << 8, y1 = ((iy + 1) & 255) << 8;
    const float* p = values_.data();
    const float top = p[y0 + x0] + tx * (p[y0 + x1] - p[y0 + x0]);
    const float bottom = p[y1 + x0] + tx * (p[y1 + x1] - p[y1 + x0]);
    return top + ty * (bottom - top);
  }

 private:
  std::vector<float> values_;
};

/// The texture of this kind and size; made on first use.
/// @par Threads  Safe to call concurrently.
const Texture& texture(Weave weave, int size);

}  // namespace persense::scenes::training
