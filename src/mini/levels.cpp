#include "levels.hpp"

#include <algorithm>
#include <cmath>

namespace persense::mini {

int home_octave(double diameter) {
  return static_cast<int>(std::ceil(std::log2(band_low / diameter) - 1e-9));
}

LevelRange levels_for(double diameter, cv::Size image) {
  constexpr int octaves = 2, most_enlarged = 2;
  constexpr double least_side = 32;      // pixels
  constexpr double most_pixels = 1.6e7;  // time and memory stay bounded
  const double pixels = static_cast<double>(image.width) * image.height;
  const auto total = [&](int coarsest, int finest) {
    double sum = 0;
    for (int k = coarsest; k <= finest; ++k) sum += std::exp2(2 * k) * pixels;
    return sum;
  };
  const double halvings = std::max(std::min(image.width, image.height) / least_side, 1.0);
  const int smallest = -static_cast<int>(std::log2(halvings)), home = home_octave(diameter);
  LevelRange range{};
  range.coarsest = std::clamp(home - octaves, smallest, most_enlarged);
  while (range.coarsest > smallest && total(range.coarsest, range.coarsest) > most_pixels)
    --range.coarsest;
  const int most = std::max(range.coarsest, most_enlarged);
  range.wanted = std::clamp(home, range.coarsest, most);
  range.whole = range.wanted;
  while (range.whole > range.coarsest && total(range.coarsest, range.whole) > most_pixels)
    --range.whole;
  range.finest = std::clamp(home + octaves, range.wanted, most);
  return range;
}

}  // namespace persense::mini
