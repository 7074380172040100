// temporary_folder.hpp: a folder that nobody else may look into, gone with its owner.
#pragma once

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "persense/error.hpp"

namespace persense::serve {

class TemporaryFolder {
 public:
  /// @throws Unwritable.
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "persense-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw Unwritable(fmt::format("{}: {}", pattern, std::generic_category().message(errno)));
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace persense::serve
