// persense/io/files.hpp: whole files in, and files out that are complete or absent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace persense::io {

/// The bytes of a file.
/// @throws FileNotFound  nothing has this name.
/// @throws Unreadable    a folder, an empty file, no permission, a read error.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path);

/// A file under construction. Bytes go to a temporary name in the target's folder; `commit` renames
/// it. Without `commit` the destructor removes it, so the target is either complete or as it was.
/// A link to a file is followed; a target that is not a regular file (a pipe, /dev/stdout) is
/// written to directly.
/// @par Threads  One at a time.
class AtomicFile {
 public:
  /// @throws Unwritable  the folder is missing or not writable, or the target is a folder.
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  /// @throws Unwritable  naming the target and the system's reason (a full disk, say).
  void write(std::string_view bytes);
  void write(std::span<const std::uint8_t> bytes);

  /// Flushes, closes and renames. Call it once, last. @throws Unwritable.
  void commit();

 private:
  void flush();
  void open();
  void discard() noexcept;
  [[noreturn]] void fail(int reason);

  std::filesystem::path path_;       // as the caller named it, for messages
  std::filesystem::path target_;     // links followed
  std::filesystem::path temporary_;  // empty when the target is written to directly
  std::string buffer_;
  int descriptor_ = -1;
};

/// A new folder under construction: files go below `path()`, which lies beside the target; `commit`
/// gives it the target's name. Without `commit` the destructor removes it.
/// @par Threads  Files below it may be written by several.
class AtomicFolder {
 public:
  /// @param target  a name that nothing has, or an empty folder; those above it are made.
  /// @throws Unwritable.
  explicit AtomicFolder(const std::filesystem::path& target);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::filesystem::path& path() const { return temporary_; }
  /// Call it once, last. @throws Unwritable  something else has the target's name by now.
  void commit();

 private:
  [[noreturn]] void fail(const std::error_code& reason) const;

  std::filesystem::path target_, temporary_;
};

/// Removes the temporary files and folders in a folder that killed processes of this machine (and
/// container) left there; those of running processes stay, and those of other machines that share
/// the disk. A folder that does not exist has none.
void remove_leftovers(const std::filesystem::path& folder) noexcept;

/// Writes a whole file by way of AtomicFile. @throws Unwritable.
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
void write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace persense::io
