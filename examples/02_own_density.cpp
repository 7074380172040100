// IDM and PPSM on a density map of your own: no encoder, no decoder, headers only.
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "persense/idm.hpp"
#include "persense/ppsm.hpp"

int main() {
  using namespace persense;
  // three objects of unit mass each, two of them close together, on a 64 x 48 map
  DensityMap density = DensityMap::Zero(48, 64);
  for (const auto& [cx, cy] : {std::pair{12.0f, 20.0f}, {40.0f, 20.0f}, {49.0f, 28.0f}})
    for (int y = 0; y < 48; ++y)
      for (int x = 0; x < 64; ++x)
        density(y, x) += std::exp(-0.5f * ((x - cx) * (x - cx) + (y - cy) * (y - cy)) / 4) / 25.13f;

  const Size image{640, 480};
  const IdmResult candidates = idm(density, image);
  std::printf("%zu candidates, count %.2f\n", candidates.points.size(), candidates.count);

  const FloatMap similarity = FloatMap::Constant(image.height, image.width, 0.8f);
  const std::vector<Box> boxes{{300, 100, 640, 400}};  // what a detector found
  for (const std::size_t i : ppsm(candidates.points, similarity, candidates.count, boxes).selected)
    std::printf("prompt at %d, %d\n", candidates.points[i].x, candidates.points[i].y);
}
