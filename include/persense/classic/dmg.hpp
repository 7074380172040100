// persense/classic/dmg.hpp: a density map from object-like regions.
#pragma once

#include "persense/classic/encoder.hpp"

namespace persense::classic {

/// Each region adds a Gaussian around its most interior pixel, whose mass is the belief that it is
/// an object: 1 from a score of 0.3 on, less below. So the map's sum is about the expected count
/// (a little less where regions overlap); fragments of one object melt into one blob for IDM, and
/// doubtful regions stay faint.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library.
class ClassicDmg {
 public:
  /// @return  at working resolution.
  template <HoldsClassicEncoder E>
  DensityMap density(const Query<E>& query) const {
    return estimate_density(ClassicQuery(query));
  }

 private:
  static DensityMap estimate_density(const ClassicQuery& query);
};

}  // namespace persense::classic
