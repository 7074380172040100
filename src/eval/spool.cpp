#include "spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "persense/error.hpp"

namespace persense::eval::detail {

namespace fs = std::filesystem;

namespace {

/// The folder of a file, or where what is not a file (a pipe, say) can be prepared.
fs::path folder_of(const fs::path& file) {
  std::error_code ignored;
  if (fs::exists(file, ignored) && !fs::is_regular_file(file, ignored))
    return fs::temp_directory_path();
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

int nameless_file(const fs::path& folder) {
#ifdef O_TMPFILE
  const int nameless = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return nameless;
#endif
  std::string pattern = (folder / ".persense-spool-XXXXXX").string();  // not all disks have those
  const int named = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(pattern.c_str());
  return named;
}

std::string reason(int number) { return std::generic_category().message(number); }

}  // namespace

Spool::Spool(const fs::path& beside)
    : beside_(beside), descriptor_(nameless_file(folder_of(beside))) {
  if (descriptor_ < 0)
    throw Unwritable(fmt::format("{}: cannot write: {}", beside_.string(), reason(errno)));
}

Spool::~Spool() { ::close(descriptor_); }

Spool::Piece Spool::put(std::string_view bytes) {
  const Piece piece{length_, bytes.size()};
  while (!bytes.empty()) {
    const ssize_t done =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(length_));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0)
      throw Unwritable(fmt::format("{}: cannot write: {}", beside_.string(), reason(errno)));
    bytes.remove_prefix(static_cast<std::size_t>(done));
    length_ += static_cast<std::uint64_t>(done);
  }
  return piece;
}

std::string Spool::get(const Piece& piece) const {
  std::string bytes(piece.length, '\0');
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t got = ::pread(descriptor_, bytes.data() + at, bytes.size() - at,
                                static_cast<off_t>(piece.offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw Unreadable(fmt::format("{}: what was put aside for it cannot be read: {}",
                                   beside_.string(), got < 0 ? reason(errno) : "it is cut off"));
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace persense::eval::detail
