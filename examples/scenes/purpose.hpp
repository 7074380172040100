// examples/scenes/purpose.hpp: what the random streams of a scene are for (internal to the
// library).
#pragma once

#include <cstdint>

namespace persense::scenes::detail {

/// Purposes of random streams; each draws its own numbers from one seed.
enum Purpose : std::uint64_t {
  look = 1,
  size,
  place,
  depth_order,
  distractor,
  crumb,
  background,
  sensor,
  support,
  query
};

}  // namespace persense::scenes::detail
