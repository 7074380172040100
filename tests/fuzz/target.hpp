// What the targets share: inputs as files, what counts as a refusal, and what has to hold.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "persense/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
/// The driver's own changes, for targets that have more of them.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace persense::fuzz {

using Bytes = std::span<const std::uint8_t>;

inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Ends the program, which is a fault, unless something holds.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "FAULT: does not hold: %s\n", what);
  std::abort();
}

/// Whether a parser takes an input. It may refuse it as bad input, in one line; all else that is
/// thrown, for want of memory, say, is a fault.
template <class Body>
bool accepts(Body&& body) {
  try {
    body();
    return true;
  } catch (const Error& error) {
    const std::string_view line = error.what();
    const bool is_refusal = error.code() == ErrorCode::invalid_argument ||
                            error.code() == ErrorCode::unreadable ||
                            error.code() == ErrorCode::bad_model;
    if (!is_refusal) std::fprintf(stderr, "%s: %s\n", name_of(error.code()), error.what());
    require(is_refusal, "bad input is refused as such");
    const bool is_line = std::none_of(line.begin(), line.end(),
                                      [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!is_line) std::fprintf(stderr, "%s\n", error.what());
    require(is_line, "an error is one line");
    require(!line.empty(), "an error says something");
    return false;
  }
}

/// A file in memory that holds one input after another.
class InputFile {
 public:
  InputFile() : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "there is a file in memory");
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& holding(Bytes bytes) {
    require(::ftruncate(descriptor_, 0) == 0, "the file can be emptied");
    const auto written = ::pwrite(descriptor_, bytes.data(), bytes.size(), 0);
    require(written == static_cast<ssize_t>(bytes.size()), "the file can be written");
    return path_;
  }

 private:
  int descriptor_;
  std::filesystem::path path_;
};

/// A folder for what is written, gone when the program ends.
class OutputFolder {
 public:
  OutputFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "persense-fuzz-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "there is a temporary folder");
    folder_ = name;
  }
  ~OutputFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  std::filesystem::path operator/(const char* name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace persense::fuzz
