// Bytes put aside on disk until it is known where they go.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace persense::eval::detail {

/// A temporary file without a name, so that nothing of it stays, however the process ends.
/// @par Threads  One at a time.
class Spool {
 public:
  struct Piece {
    std::uint64_t offset = 0, length = 0;
  };

  /// @param beside  the file that the bytes are meant for: its folder has room for them.
  /// @throws Unwritable  naming that file.
  explicit Spool(const std::filesystem::path& beside);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// @throws Unwritable  a full disk, say.
  Piece put(std::string_view bytes);
  /// @throws Unreadable.
  std::string get(const Piece& piece) const;

 private:
  std::filesystem::path beside_;
  int descriptor_ = -1;
  std::uint64_t length_ = 0;
};

}  // namespace persense::eval::detail
