// levels.hpp (private): the working scales: the levels at which an image is looked at, by the size
// of the support's object; and the network's constants.
#pragma once

#include <opencv2/core.hpp>

namespace persense::mini {

// Constants of the network, which persense_export.networks.mini has as BAND, UNIT, WINDOW and so
// on.
inline constexpr double band_low = 14, band_high = 28;
inline constexpr double band_overlap = 0.2;  // octaves
inline constexpr double offset_unit = 12;    // pixels of the level
inline constexpr int patch_side = 64, crop_side = 32, refine_side = 48, level_multiple = 16;
inline constexpr int map_stride = 2;
inline constexpr int tile_side = 112;                        // as large as the crops of training
inline constexpr double peak_density = 0.15915494309189535;  // 1 / (2 pi)
inline constexpr int map_channels = 6, shape_length = 6;
enum Map { target_map, peaks_map, offset_x_map, offset_y_map, object_map, contact_map };

/// The level, as a power of two, on which an object of this diameter (pixels of the image) lies in
/// the band: there its diameter is 14 to 28.
int home_octave(double diameter);

/// The levels of an image that may be looked at, as powers of two.
struct LevelRange {
  int coarsest;
  int whole;   ///< the finest that may be read as a whole
  int wanted;  ///< the one that the support's own size asks for: at least `whole`
  int finest;  ///< beyond `whole`, in windows
};
/// Two octaves to either side of an object's home, as far as the image has pixels for: 32 a side of
/// the coarsest level, 4 for 1 by length on the finest, 16 million on all that are read whole.
LevelRange levels_for(double diameter, cv::Size image);

}  // namespace persense::mini
