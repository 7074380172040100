#include "model_path.hpp"

#include <fmt/format.h>

#include <system_error>

#include "persense/error.hpp"

namespace persense {

void require_model_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found)
    throw FileNotFound(path.string() + ": no such file");
  if (error) throw Unreadable(fmt::format("{}: {}", path.string(), error.message()));
  if (!is_regular_file(status))
    throw Unreadable(fmt::format("{}: {}, expected a model archive", path.string(),
                                 is_directory(status) ? "a folder" : "not a file"));
}

}  // namespace persense
