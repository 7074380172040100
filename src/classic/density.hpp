// density.hpp (private): a density map of regions.
#pragma once

#include "persense/maps.hpp"
#include "regions/region.hpp"

namespace persense::classic {

/// @return  at the segmentation's resolution: see ClassicDmg.
DensityMap density_of(const regions::Segmentation& segmentation);

}  // namespace persense::classic
