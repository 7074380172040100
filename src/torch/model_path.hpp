// model_path.hpp (private): what every kind of model file has in common before it is read.
#pragma once

#include <filesystem>

namespace persense::torchscript {

/// @throws FileNotFound  nothing is there. @throws Unreadable  a folder, or no permission to look.
void require_model_file(const std::filesystem::path& path);

}  // namespace persense::torchscript
