// A program that needs the headers alone: the candidate point of one object in a density map.
#include <cstdio>

#include "persense/idm.hpp"
#include "persense/version.hpp"

#if PERSENSE_VERSION_MAJOR == 0 && PERSENSE_VERSION_MINOR < 1
#error "older than what find_package was asked for"
#endif

int main() {
  persense::DensityMap density = persense::DensityMap::Zero(32, 32);
  density.block(10, 14, 6, 6) = 1.0f / 36;
  const auto found = persense::idm(density, {32, 32});
  std::printf("persense %s: %zu candidate\n", PERSENSE_VERSION, found.points.size());
  return found.points.size() == 1 && persense::version == FOUND_VERSION ? 0 : 1;
}
