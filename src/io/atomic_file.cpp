#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <locale>
#include <optional>
#include <random>
#include <sstream>
#include <utility>

#include "persense/error.hpp"
#include "persense/io/files.hpp"

namespace persense::io {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t buffer_size = 1 << 16;

std::string reason_text(int reason) { return std::strerror(reason); }

/// A descriptor that closes itself.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

/// What process numbers count in: this machine since it started, and this container. On a shared
/// disk other machines, and other containers, have processes of the same numbers.
const std::string& place_of_processes() {
  static const std::string place = [] {
    std::string text;
    for (const char* const file : {"/proc/sys/kernel/random/boot_id", "/etc/machine-id"}) {
      std::ifstream in(file);
      std::string line;
      if (std::getline(in, line)) text += line;
    }
    std::error_code ignored;
    text += fs::read_symlink("/proc/self/ns/pid", ignored).string();
    return fmt::format("{:016x}", std::hash<std::string>()(text));
  }();
  return place;
}

/// When a process began, in ticks since this machine did; 0 of one that was killed, whose parent
/// has not looked yet; nothing where the system does not tell. Numbers of processes come again, in
/// containers the same ones at once: with its time one is itself.
std::optional<unsigned long long> start_of(int process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string line;
  std::getline(file, line);
  const auto name = line.rfind(')');  // it may hold spaces and brackets
  if (name == line.npos) return std::nullopt;
  std::istringstream fields(line.substr(name + 1));
  fields.imbue(std::locale::classic());
  std::string state, skipped;
  fields >> state;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  unsigned long long start = 0;
  fields >> start;
  if (!fields) return std::nullopt;
  return state == "Z" || state == "X" ? 0 : start;
}

/// A name no other thread, process or machine uses: hidden, so that a glob over the folder does not
/// see it.
fs::path temporary_name(const fs::path& target) {
  thread_local std::random_device random;
  return target.parent_path() / fmt::format(".persense-{}-{}-{}-{:08x}{:08x}.tmp",
                                            place_of_processes(), ::getpid(),
                                            start_of(::getpid()).value_or(0), random(), random());
}

bool runs(int process, unsigned long long start) {
  const auto now = start_of(process);
  if (start != 0 && now) return now == start;
  return ::kill(process, 0) == 0 || errno != ESRCH;  // of other users it may not tell more
}

}  // namespace

std::vector<std::uint8_t> read_file(const fs::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) {
    const int reason = errno;
    const auto message = fmt::format("{}: cannot read: {}", path.string(), reason_text(reason));
    if (reason == ENOENT || reason == ENOTDIR) throw FileNotFound(message);
    throw Unreadable(message);
  }
  struct stat status {};
  if (::fstat(file.value, &status) == 0 && S_ISDIR(status.st_mode))
    throw Unreadable(fmt::format("{}: is a folder, expected a file", path.string()));
  // read to the end instead of trusting the size: pipes have none
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size) + 1);
  std::size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(2 * bytes.size() + buffer_size);
    const ssize_t got = ::read(file.value, bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Unreadable(fmt::format("{}: cannot read: {}", path.string(), reason_text(errno)));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  if (used == 0) throw Unreadable(fmt::format("{}: the file is empty", path.string()));
  bytes.resize(used);
  return bytes;
}

AtomicFile::AtomicFile(const fs::path& path) : path_(path), target_(path) {
  if (path.filename().empty()) fail(EISDIR);
  open();
}

void AtomicFile::open() {
  struct stat status {};
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) fail(EISDIR);
  if (exists && !S_ISREG(status.st_mode)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail(errno);
    return;
  }
  if (exists) {
    // a file that forbids writing is not to be replaced, though its folder would allow it
    if (::access(path_.c_str(), W_OK) != 0) fail(errno);
    std::error_code failed;
    target_ = fs::canonical(path_, failed);
    if (failed) fail(failed.value());
  }
  const mode_t mode = exists ? (status.st_mode & 0777) : 0666;
  for (int attempt = 0; attempt < 8; ++attempt) {
    temporary_ = temporary_name(target_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor_ >= 0 || errno != EEXIST) break;
  }
  if (descriptor_ < 0) {
    const int reason = errno;
    temporary_.clear();
    fail(reason);
  }
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      buffer_(std::move(other.buffer_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::fail(int reason) {
  discard();
  throw Unwritable(fmt::format("{}: cannot write: {}", path_.string(), reason_text(reason)));
}

void AtomicFile::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= buffer_size) flush();
}

void AtomicFile::write(std::span<const std::uint8_t> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::flush() {
  if (descriptor_ < 0) fail(EBADF);
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t wrote = ::write(descriptor_, rest.data(), rest.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail(errno);
    rest.remove_prefix(static_cast<std::size_t>(wrote));
  }
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(errno);
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
  temporary_.clear();
}

AtomicFolder::AtomicFolder(const fs::path& target) : target_(target.lexically_normal()) {
  if (!target_.has_filename()) target_ = target_.parent_path();  // it ended with a slash
  if (const auto last = target_.filename(); last.empty() || last == "." || last == "..")
    target_ = fs::absolute(target_ / "x").lexically_normal().parent_path();
  std::error_code reason;
  if (target_.has_parent_path()) fs::create_directories(target_.parent_path(), reason);
  if (reason) fail(reason);
  const fs::path name = temporary_name(target_);
  if (!fs::create_directory(name, reason))  // no other process has this name
    fail(reason ? reason : std::make_error_code(std::errc::file_exists));
  temporary_ = name;
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
  std::error_code reason;
  fs::rename(temporary_, target_, reason);
  if (reason) fail(reason);
  temporary_.clear();
}

void AtomicFolder::fail(const std::error_code& reason) const {
  throw Unwritable(fmt::format("{}: cannot write: {}", target_.string(), reason.message()));
}

void remove_leftovers(const fs::path& folder) noexcept {
  std::error_code failed, ignored;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    int process = 0, length = 0;
    unsigned long long start = 0;
    const std::string name = entry->path().filename().string();
    // the name that temporary_name gives
    const std::string format = ".persense-" + place_of_processes() + "-%d-%llu-%*16[0-9a-f].tmp%n";
    if (std::sscanf(name.c_str(), format.c_str(), &process, &start, &length) != 2 ||
        length != static_cast<int>(name.size()))
      continue;
    if (!runs(process, start)) fs::remove_all(entry->path(), ignored);
  }
}

void write_file(const fs::path& path, std::span<const std::uint8_t> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace persense::io
