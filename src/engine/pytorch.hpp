// pytorch.hpp: the PyTorch of a Python environment, on whose LibTorch the Python package runs
// networks.
#pragma once

#include <filesystem>
#include <string>

namespace persense {

/// Why networks cannot run on a PyTorch, in a line; empty where they can. Reads one small file, and
/// loads nothing.
/// @param folder      of PyTorch, whether or not it is there: torch, beside the Python package.
/// @param built_with  the version of PyTorch that the package was built with, as PyTorch writes it
///   (2.15.0+cu132). What stands after the release names a build of the same sources: any will do.
std::string pytorch_problem(const std::filesystem::path& folder, const std::string& built_with);

}  // namespace persense
