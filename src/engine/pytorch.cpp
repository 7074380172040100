#include "pytorch.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <regex>

namespace persense {

namespace {

std::string release(const std::string& version) {
  std::smatch found;
  return std::regex_search(version, found, std::regex(R"(^\d+\.\d+(\.\d+)?)")) ? found.str()
                                                                               : version;
}

/// As version.py says it; empty where there is none.
std::string version_of(const std::filesystem::path& pytorch) {
  std::ifstream file(pytorch / "version.py");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::smatch found;
  const std::regex line(R"(__version__ = ['"]([^'"]+)['"])");
  return std::regex_search(text, found, line) ? found[1].str() : "";
}

}  // namespace

std::string pytorch_problem(const std::filesystem::path& folder, const std::string& built_with) {
  const std::string version = version_of(folder);
  if (release(version) == release(built_with)) return "";
  const std::string place = folder.lexically_normal().string();
  return fmt::format("this package runs networks on PyTorch {}, got {}: pip install torch=={}",
                     release(built_with),
                     version.empty() ? "none at " + place : version + " at " + place,
                     release(built_with));
}

}  // namespace persense
