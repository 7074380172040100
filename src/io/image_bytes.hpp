// Images whose files are in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "persense/io/images.hpp"

namespace persense::io::detail {

/// io::load_image of a file's bytes. @param name  what messages begin with.
LoadedImage load_image(std::vector<std::uint8_t> bytes, const std::string& name,
                       const ReadOptions& options);

}  // namespace persense::io::detail
