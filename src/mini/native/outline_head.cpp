#include "outline_head.hpp"

#include <algorithm>
#include <cmath>

#include "../levels.hpp"

namespace persense::mini::native {

namespace {

constexpr int guide_channels = 12, hint_channels = 1 + 4 + guide_channels, half = refine_side / 2;
constexpr int fine_channels = 3 + 1 + hint_channels;

}  // namespace

OutlineHead::OutlineHead(const Weights& weights)
    : guide_(weights.convolution("guide", guide_channels, 32)),
      fine_(weights.convolution("fine", 16, fine_channels, 3)),
      fine_down_(weights.convolution("fine_down", 32, 16, 3, 2)),
      coarse_down_(weights.convolution("coarse_down", 48, 32, 3, 2)),
      coarse_up_(weights.convolution("coarse_up", 32, 48)),
      fine_up_(weights.convolution("fine_up", 16, 32)),
      outline_(weights.convolution("outline.0", 16, 16, 3)),
      last_(weights.convolution("outline.2", 1, 16)),
      fine_block_(weights.block("fine_block", 32)),
      coarse_block_(weights.block("coarse_block", 48)) {}

/// How near the centre that each cell's offset leads to is to the candidate's, and the other maps.
Batch OutlineHead::hints(const Windows& windows) const {
  const auto own = [&windows](int i, int y, float* to) {
    const RefinementInput& window = windows.inputs[static_cast<std::size_t>(i)];
    const float* map = windows.maps[static_cast<std::size_t>(i)].ptr<float>(y);
    for (int x = 0; x < half; ++x, map += map_channels, to += 5) {
      const auto unit = static_cast<float>(offset_unit);
      const float across =
          static_cast<float>(2 * x) + 0.5f + unit * map[offset_x_map] - window.centre.x;
      const float down =
          static_cast<float>(2 * y) + 0.5f + unit * map[offset_y_map] - window.centre.y;
      to[0] = std::exp((across * across + down * down) * (-1.0f / 32));
      int channel = 1;
      for (const Map m : {target_map, peaks_map, object_map, contact_map})
        to[channel++] = std::clamp(map[m], -8.0f, 8.0f) * 0.25f;
    }
  };
  const Batch guided = guide_(as_is(windows.features));
  return evaluated(joined({{guided.count, half, half, 5, own}, as_is(guided)}));
}

Batch OutlineHead::operator()(const Windows& windows) const {
  const int count = static_cast<int>(windows.inputs.size());
  const Input image{count, refine_side, refine_side, 4, [&windows](int i, int y, float* to) {
                      const RefinementInput& window = windows.inputs[static_cast<std::size_t>(i)];
                      const auto* const rgb = window.image.ptr<cv::Vec3f>(y);
                      const float* const coarse = window.coarse.ptr<float>(y);
                      for (int x = 0; x < refine_side; ++x, to += 4) {
                        for (int c = 0; c < 3; ++c) to[c] = 2 * rgb[x][c] - 1;
                        to[3] = coarse[x];
                      }
                    }};
  const Input start{count, refine_side, refine_side, 1, [&windows](int i, int y, float* to) {
                      const float* const coarse =
                          windows.inputs[static_cast<std::size_t>(i)].coarse.ptr<float>(y);
                      for (int x = 0; x < refine_side; ++x) to[x] = 2 * coarse[x] - 1;
                    }};
  const auto larger = [](const Batch& batch, int side) {
    return enlarged(as_is(batch), side, side);
  };
  const Batch low = hints(windows);
  Batch fine = fine_(joined({image, larger(low, refine_side)}), {.rectified = true});
  Batch middle = fine_down_(as_is(fine), {.rectified = true});
  middle = fine_block_(as_is(middle));
  Batch deep = coarse_down_(as_is(middle), {.rectified = true});
  deep = coarse_up_(as_is(coarse_block_(as_is(deep))));
  const Input middle_before = as_is(middle), from_deep = larger(deep, half);
  const Batch both = evaluated(sum_of(middle_before, from_deep, true));
  const Batch from_middle = fine_up_(as_is(both));
  const Batch all = evaluated(sum_of(as_is(fine), larger(from_middle, refine_side), false));
  return last_(as_is(outline_(as_is(all), {.rectified = true})), {.added = &start});
}

}  // namespace persense::mini::native
