// support_overlays.hpp: the support images of a run with the masks that were taken.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "marks.hpp"
#include "persense/engine.hpp"

namespace persense::cli {

/// One file for each image of each class, numbered.
std::vector<std::filesystem::path> support_overlay_paths(const std::filesystem::path& folder,
                                                         const Marks& marks);

/// @param paths  as support_overlay_paths. @throws Unwritable.
void write_support_overlays(std::span<const std::filesystem::path> paths,
                            std::span<const EngineSupport> supports);

}  // namespace persense::cli
