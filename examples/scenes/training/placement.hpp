// examples/scenes/training/placement.hpp: where objects of a training image lie (internal to the
// library).
#pragma once

#include <array>
#include <vector>

#include "labelled_image.hpp"

namespace persense::scenes::training {

/// Where the next object goes.
class Placement {
 public:
  Placement(const World& world, int size, float radius, Random random);

  /// Centre for an object of this radius.
  std::array<float, 2> next(float radius, const std::vector<Placed>& placed);

 private:
  std::array<float, 2> anywhere();
  std::array<float, 2> beside(const Placed& other, float radius, float turn);
  std::array<float, 2> in_row();

  const World& world_;
  float size_, radius_, turn_ = 0, gap_ = 1, jitter_ = 0, spread_ = 0.13f;
  int cell_ = 0;
  std::size_t before_ = 0;  ///< objects at the last call: as many as now, if that place failed
  std::vector<std::array<float, 2>> centres_;
  Random random_;
};

}  // namespace persense::scenes::training
