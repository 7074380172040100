// zip_directory.hpp (private): the parts of a zip file, where every record of the file agrees with
// every other.
//
// Zip libraries read around damage where they can, and the reader inside LibTorch looks neither at
// checksums nor at the records before each part. Here damage anywhere must be noticed, so: records
// and parts fill the file without a gap, whatever is written twice must be the same twice, and
// what says nothing (padding, attributes) must be what its writers put there. Zip files as
// LibTorch, Python and Info-ZIP write them are read; encryption, several disks and comments are
// not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace persense::torchscript {

/// A file open for reading at any place, or bytes in memory. It stays the same file when the path
/// gets another.
/// @par Threads  `read` may be called from several threads at once.
class InputFile {
 public:
  /// @throws FileNotFound, Unreadable (a folder, no permission).
  explicit InputFile(const std::filesystem::path& path);
  /// @param bytes  must outlive it.
  InputFile(std::string name, std::span<const std::uint8_t> bytes);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }

  /// @throws Unreadable  a read error, or the file has become shorter, or the bytes end before.
  void read(std::uint64_t at, void* to, std::size_t bytes) const;
  std::vector<std::uint8_t> read(std::uint64_t at, std::uint64_t bytes) const;

 private:
  std::string name_;
  std::uint64_t size_ = 0;
  int descriptor_ = -1;                  // of a file,
  const std::uint8_t* bytes_ = nullptr;  // or what is in memory
};

/// One file inside a zip file.
struct ZipPart {
  std::string name;
  std::uint64_t begin = 0;   ///< of its bytes in the file
  std::uint64_t stored = 0;  ///< how many those are
  std::uint64_t size = 0;    ///< how many they are when unpacked
  std::uint32_t crc = 0;     ///< of the unpacked bytes
  bool deflated = false;
};

/// The parts in the order of the directory; their bytes are not looked at.
/// @throws Unreadable  not a zip file, truncated, or records that do not agree.
std::vector<ZipPart> read_zip_directory(const InputFile& file);

}  // namespace persense::torchscript
