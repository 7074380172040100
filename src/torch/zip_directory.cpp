#include "zip_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <set>
#include <system_error>

#include "persense/error.hpp"

namespace persense::torchscript {

InputFile::InputFile(const std::filesystem::path& path) : name_(path.string()) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // not waiting for a pipe
  if (descriptor_ < 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw FileNotFound(name_ + ": no such file");
    throw Unreadable(fmt::format("{}: {}", name_, std::generic_category().message(errno)));
  }
  struct stat status = {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw Unreadable(fmt::format("{}: {}, expected a model archive", name_,
                                 known && S_ISDIR(status.st_mode) ? "a folder" : "not a file"));
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::InputFile(std::string name, std::span<const std::uint8_t> bytes)
    : name_(std::move(name)), size_(bytes.size()), bytes_(bytes.data()) {}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void InputFile::read(std::uint64_t at, void* to, std::size_t bytes) const {
  if (descriptor_ < 0) {
    if (at > size_ || bytes > size_ - at)
      throw Unreadable(
          fmt::format("{}: ends after {} bytes, expected {} from {} on", name_, size_, bytes, at));
    std::copy_n(bytes_ + at, bytes, static_cast<std::uint8_t*>(to));
    return;
  }
  auto* next = static_cast<char*>(to);
  while (bytes > 0) {
    const auto got = ::pread(descriptor_, next, bytes, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Unreadable(fmt::format("{}: {}", name_, std::generic_category().message(errno)));
    if (got == 0) throw Unreadable(name_ + ": became shorter while it was read");
    next += got;
    at += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
}

std::vector<std::uint8_t> InputFile::read(std::uint64_t at, std::uint64_t bytes) const {
  std::vector<std::uint8_t> result(bytes);
  read(at, result.data(), result.size());
  return result;
}

namespace {

// Signatures, and lengths without the variable parts. Names as in PKWARE's APPNOTE.TXT 6.3.
constexpr std::uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50,
                        end_signature = 0x06054b50, descriptor_signature = 0x08074b50,
                        end64_signature = 0x06064b50, locator64_signature = 0x07064b50;
constexpr std::uint64_t local_length = 30, central_length = 46, end_length = 22, end64_length = 56,
                        locator64_length = 20;
constexpr std::uint16_t max16 = 0xffff;
constexpr std::uint32_t max32 = 0xffffffff;  // "see the 64-bit field"
constexpr std::uint16_t encrypted_flag = 1, descriptor_flag = 8;

/// Little-endian numbers one after the other. Whoever makes one checks the length before.
class Numbers {
 public:
  explicit Numbers(const std::uint8_t* at) : at_(at) {}
  std::uint16_t u16() { return static_cast<std::uint16_t>(next(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(next(4)); }
  std::uint64_t u64() { return next(8); }

 private:
  std::uint64_t next(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= std::uint64_t{*at_++} << (8 * i);
    return value;
  }
  const std::uint8_t* at_;
};

/// What the local and the central record of a part both hold.
struct Common {
  std::uint16_t version = 0, flags = 0, method = 0, time = 0, date = 0;
  std::uint32_t crc = 0, stored = 0, size = 0;
  std::uint16_t name_length = 0, extra_length = 0;

  explicit Common(Numbers& numbers)
      : version(numbers.u16()),
        flags(numbers.u16()),
        method(numbers.u16()),
        time(numbers.u16()),
        date(numbers.u16()),
        crc(numbers.u32()),
        stored(numbers.u32()),
        size(numbers.u32()),
        name_length(numbers.u16()),
        extra_length(numbers.u16()) {}
};

struct Central {
  Common common;
  ZipPart part;
  std::uint64_t local = 0;  // where its local record begins
};

/// Where the directory is.
struct End {
  std::uint64_t parts = 0, bytes = 0, begin = 0;
};

class Reader {
 public:
  explicit Reader(const InputFile& file) : file_(file) {}

  std::vector<ZipPart> parts() {
    const End end = read_end();
    auto entries = read_central(end);
    std::vector<std::size_t> order(entries.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](auto a, auto b) { return entries[a].local < entries[b].local; });
    std::uint64_t expected = 0;  // no gap before, between or behind
    for (std::size_t i = 0; i < order.size(); ++i) {
      Central& entry = entries[order[i]];
      require(entry.local == expected, "its parts do not follow one another");
      expected = i + 1 < order.size() ? entries[order[i + 1]].local : end.begin;
      check_local(entry, expected);
    }
    std::vector<ZipPart> result;
    for (Central& entry : entries) result.push_back(std::move(entry.part));
    return result;
  }

 private:
  [[noreturn]] void damaged(const std::string& how) const {
    throw Unreadable(fmt::format("{}: damaged archive: {}", file_.name(), how));
  }
  void require(bool condition, const char* otherwise) const {
    if (!condition) damaged(otherwise);
  }
  void require(bool condition, const char* otherwise, const std::string& part) const {
    if (!condition) damaged(fmt::format("{}: {}", part, otherwise));
  }

  End read_end() const {
    const auto size = file_.size();
    const auto begins_as_zip = [&] {
      return size >= 4 && Numbers(file_.read(0, 4).data()).u32() == local_signature;
    };
    if (!begins_as_zip())
      throw Unreadable(fmt::format("{}: {}, expected a TorchScript archive", file_.name(),
                                   size == 0 ? "an empty file" : "not a zip file"));
    const auto bytes = size < end_length ? std::vector<std::uint8_t>(end_length)
                                         : file_.read(size - end_length, end_length);
    Numbers numbers(bytes.data());
    if (numbers.u32() != end_signature)
      throw Unreadable(file_.name() + ": truncated archive: it ends without a directory");
    const std::uint32_t disks = numbers.u32();
    const std::uint16_t parts_here = numbers.u16(), parts = numbers.u16();
    End end;
    end.parts = parts;
    end.bytes = numbers.u32();
    end.begin = numbers.u32();
    const std::uint16_t comment = numbers.u16();
    require(disks == 0 && parts_here == parts && comment == 0, "its end record is wrong");
    const std::uint64_t behind = with_end64(end, size - end_length);
    require(end.begin <= behind && end.bytes == behind - end.begin,
            "its directory's place is wrong");
    require(end.parts > 0 && end.parts <= end.bytes / central_length,
            "its number of parts is wrong");
    return end;
  }

  /// Reads the 64-bit end record, if there is one. @return  where the directory must end.
  std::uint64_t with_end64(End& end, std::uint64_t behind) const {
    if (behind < locator64_length + end64_length) return behind;
    const std::uint64_t at = behind - locator64_length - end64_length;
    const auto bytes = file_.read(at, locator64_length + end64_length);
    Numbers locator(bytes.data() + end64_length);
    if (locator.u32() != locator64_signature) return behind;
    bool right = locator.u32() == 0;  // disk
    right &= locator.u64() == at;     // place
    right &= locator.u32() == 1;      // disks
    Numbers record(bytes.data());
    right &= record.u32() == end64_signature;
    right &= record.u64() == end64_length - 12;  // of what follows
    const std::uint16_t made_by = record.u16();
    right &= made_by == 0x031e || made_by == 45 || made_by == 0x032d;  // LibTorch; Python; Info-ZIP
    right &= record.u16() == 45;                                       // version needed
    right &= record.u64() == 0;                                        // disks
    const std::uint64_t parts_here = record.u64();
    const End wide{record.u64(), record.u64(), record.u64()};  // in this order
    const auto agrees = [](std::uint64_t narrow, std::uint64_t value, std::uint64_t saturated) {
      return narrow == value || narrow == saturated;
    };
    right &= parts_here == wide.parts && agrees(end.parts, wide.parts, max16) &&
             agrees(end.bytes, wide.bytes, max32) && agrees(end.begin, wide.begin, max32);
    require(right, "its 64-bit end record is wrong");
    end = wide;
    return at;
  }

  std::vector<Central> read_central(const End& end) const {
    const auto bytes = file_.read(end.begin, end.bytes);
    std::vector<Central> entries;
    std::set<std::string> names;
    std::size_t at = 0;
    while (at < bytes.size()) {
      const std::size_t left = bytes.size() - at;
      require(left >= central_length, "its directory is cut off");
      entries.push_back(read_entry(bytes.data() + at, left));
      const Central& entry = entries.back();
      at += central_length + entry.common.name_length + entry.common.extra_length;
      require(names.insert(entry.part.name).second, "is there twice", entry.part.name);
    }
    require(entries.size() == end.parts, "its number of parts is wrong");
    return entries;
  }

  Central read_entry(const std::uint8_t* bytes, std::size_t left) const {
    Numbers numbers(bytes);
    require(numbers.u32() == central_signature, "its directory is wrong");
    const std::uint16_t made_by = numbers.u16();
    Central entry{.common = Common(numbers), .part = {}, .local = 0};
    const Common& common = entry.common;
    const std::uint16_t comment = numbers.u16(), disk = numbers.u16(), kind = numbers.u16();
    const std::uint32_t attributes = numbers.u32(), local = numbers.u32();
    require(left - central_length >= std::size_t{common.name_length} + common.extra_length,
            "its directory is cut off");
    ZipPart& part = entry.part;
    part.name.assign(reinterpret_cast<const char*>(bytes + central_length), common.name_length);
    require(comment == 0 && disk == 0 && known_writer(made_by, kind, attributes),
            "its directory entry is wrong", part.name);
    require((common.flags & encrypted_flag) == 0, "is encrypted", part.name);
    require(common.method == 0 || common.method == 8, "its compression is unknown", part.name);
    part.deflated = common.method == 8;
    part.crc = common.crc;
    read_places(entry, local, bytes + central_length + common.name_length);
    require(part.deflated || part.stored == part.size, "its size is wrong", part.name);
    return entry;
  }

  // LibTorch says version 0.0 of MS-DOS and gives no attributes. Others tell the version of the
  // format they know, on DOS, Unix or NTFS, and attributes of a file or (Info-ZIP) of a folder; a
  // kind of 1 says text.
  static bool known_writer(std::uint16_t made_by, std::uint16_t kind, std::uint32_t attributes) {
    if (made_by == 0) return kind == 0 && attributes == 0;
    constexpr std::array versions{20, 23, 30, 31, 45, 51, 63};
    constexpr std::array systems{0, 3, 10};
    constexpr std::array<std::uint32_t, 3> no_mode{0, 0x20, 0600u << 16};  // 0600: Python's own
    const auto is_one = [](const auto& list, auto value) {
      return std::ranges::find(list, value) != list.end();
    };
    const std::uint32_t mode = attributes >> 16, dos = attributes & max16;
    const bool unix_file = (S_ISREG(mode) && dos == 0) || (S_ISDIR(mode) && dos == 0x10);
    return is_one(versions, made_by & 0xff) && is_one(systems, made_by >> 8) && kind <= 1 &&
           (unix_file || (kind == 0 && is_one(no_mode, attributes)));
  }

  /// The sizes and the place, from the 64-bit extra field where the entry's own are saturated.
  void read_places(Central& entry, std::uint32_t local, const std::uint8_t* extra) const {
    const Common& common = entry.common;
    entry.part.size = common.size;
    entry.part.stored = common.stored;
    entry.local = local;
    for_each_extra(
        extra, common.extra_length, entry.part.name, [&](auto id, auto* at, auto length) {
          if (id != 1) return;
          Numbers numbers(at);
          for (std::uint64_t* value : {&entry.part.size, &entry.part.stored, &entry.local}) {
            if (*value != max32 || length < 8) continue;
            *value = numbers.u64();
            length -= 8;
          }
        });
  }

  /// Extra fields must be known ones and fill their place; LibTorch's padding ("FB") is all Z.
  template <class Use>
  void for_each_extra(const std::uint8_t* at, std::size_t left, const std::string& name,
                      Use&& use) const {
    constexpr std::uint16_t bits64 = 1, padding = 0x4246, times = 0x5455, owner = 0x7875,
                            unicode_path = 0x7075;
    const auto* const end = at + left;
    while (at != end) {
      require(end - at >= 4, "its extra field is wrong", name);
      Numbers numbers(at);
      const std::uint16_t id = numbers.u16(), length = numbers.u16();
      at += 4;
      require(end - at >= length, "its extra field is wrong", name);
      require(id == padding ? std::all_of(at, at + length, [](auto byte) { return byte == 'Z'; })
                            : id == bits64 || id == times || id == owner || id == unicode_path,
              "its extra field is wrong", name);
      use(id, at, static_cast<std::size_t>(length));
      at += length;
    }
  }

  /// The record before the part's bytes, and the one behind them. Sets the part's `begin`.
  void check_local(Central& entry, std::uint64_t end) const {
    ZipPart& part = entry.part;
    const char* const wrong = "its local record does not agree with the directory";
    const std::uint64_t room = end - entry.local;  // ordered before
    require(room >= local_length, wrong, part.name);
    const auto fixed = file_.read(entry.local, local_length);
    Numbers numbers(fixed.data());
    require(numbers.u32() == local_signature, wrong, part.name);
    const Common local(numbers);
    const std::uint64_t head = local_length + local.name_length + local.extra_length;
    require(room >= head && room - head >= part.stored, wrong, part.name);
    const auto variable = file_.read(entry.local + local_length, head - local_length);
    require(
        agrees(local, entry.common) && local.name_length == part.name.size() &&
            std::equal(part.name.begin(), part.name.end(), variable.begin(),
                       [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }),
        wrong, part.name);
    for_each_extra(variable.data() + local.name_length, local.extra_length, part.name,
                   [&](auto id, auto* at, auto length) {
                     if (id == 1) require(agrees64(at, length, entry), wrong, part.name);
                   });
    part.begin = entry.local + head;
    check_descriptor(entry, room - head - part.stored);
  }

  // Whoever writes a record behind the part may leave the sum and the sizes before it at 0.
  static bool agrees(const Common& local, const Common& central) {
    const bool same = local.version == central.version && local.flags == central.flags &&
                      local.method == central.method && local.time == central.time &&
                      local.date == central.date;
    const bool behind = local.flags & descriptor_flag;
    const bool none = local.crc == 0 && ((local.size == 0 && local.stored == 0) ||
                                         (local.size == max32 && local.stored == max32));
    const bool sizes = local.crc == central.crc &&
                       (local.size == central.size || local.size == max32) &&
                       (local.stored == central.stored || local.stored == max32);
    return same && (sizes || (behind && none));
  }

  // Sizes, place, or both: LibTorch gives each where it is too large for 32 bits, and the stored
  // size as 0 when it writes it behind the part.
  static bool agrees64(const std::uint8_t* extra, std::size_t length, const Central& entry) {
    Numbers numbers(extra);
    if (length == 8) return numbers.u64() == entry.local;
    if (length != 16 && length != 24) return false;
    const std::uint64_t size = numbers.u64(), stored = numbers.u64();
    return (size == entry.part.size || size == 0) && (stored == entry.part.stored || stored == 0) &&
           (length == 16 || numbers.u64() == entry.local);
  }

  /// @param bytes  between the part's end and what comes next.
  void check_descriptor(const Central& entry, std::uint64_t bytes) const {
    const ZipPart& part = entry.part;
    const char* const wrong = "the record behind it is wrong";
    if ((entry.common.flags & descriptor_flag) == 0) {
      require(bytes == 0, wrong, part.name);
      return;
    }
    require(bytes == 16 || bytes == 24, wrong, part.name);
    const auto record = file_.read(part.begin + part.stored, bytes);
    Numbers numbers(record.data());
    const bool head = numbers.u32() == descriptor_signature && numbers.u32() == part.crc;
    const std::uint64_t stored = bytes == 24 ? numbers.u64() : numbers.u32();
    const std::uint64_t size = bytes == 24 ? numbers.u64() : numbers.u32();
    require(head && stored == part.stored && size == part.size, wrong, part.name);
  }

  const InputFile& file_;
};

}  // namespace

std::vector<ZipPart> read_zip_directory(const InputFile& file) { return Reader(file).parts(); }

}  // namespace persense::torchscript
