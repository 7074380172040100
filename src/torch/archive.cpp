#include "archive.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

#include "manifest.hpp"
#include "persense/error.hpp"

namespace persense::torchscript {

namespace {

constexpr std::uint64_t piece_length = 1 << 18;  // stays in the cache from reading to summing

[[noreturn]] void damaged(const InputFile& file, const ZipPart& part) {
  throw Unreadable(
      fmt::format("{}: damaged archive: {}: its checksum is wrong", file.name(), part.name));
}

std::uint32_t crc_of(const std::uint8_t* bytes, std::uint64_t count, std::uint32_t before = 0) {
  return static_cast<std::uint32_t>(::crc32_z(before, bytes, count));
}

/// Unpacks a deflated part piece by piece. `use` gets each piece.
template <class Use>
bool inflate_part(const InputFile& file, const ZipPart& part, Use&& use) {
  const auto packed = file.read(part.begin, part.stored);
  z_stream stream = {};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  const auto end = [](z_stream* s) { ::inflateEnd(s); };
  const std::unique_ptr<z_stream, decltype(end)> guard(&stream, end);
  std::vector<std::uint8_t> piece(piece_length);
  std::size_t given = 0;
  std::uint64_t total = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    if (stream.avail_in == 0) {  // it counts in 32 bits
      const auto length = std::min<std::size_t>(packed.size() - given, 1u << 30);
      stream.next_in = const_cast<Bytef*>(packed.data() + given);
      stream.avail_in = static_cast<uInt>(length);
      given += length;
    }
    stream.next_out = piece.data();
    stream.avail_out = static_cast<uInt>(piece.size());
    status = ::inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = piece.size() - stream.avail_out;
    total += got;
    if (total > part.size) return false;  // before a small file can fill the memory
    use(piece.data(), got);
  }
  return status == Z_STREAM_END && total == part.size && stream.avail_in == 0 &&
         given == packed.size();
}

void check(const InputFile& file, const ZipPart& part) {
  std::uint32_t crc = 0;
  bool whole = true;
  if (part.deflated) {
    whole = inflate_part(file, part, [&](const std::uint8_t* bytes, std::size_t count) {
      crc = crc_of(bytes, count, crc);
    });
  } else {
    std::vector<std::uint8_t> piece(std::min(piece_length, part.stored));
    for (std::uint64_t at = 0; at < part.stored; at += piece.size()) {
      const auto count = std::min<std::uint64_t>(piece.size(), part.stored - at);
      file.read(part.begin + at, piece.data(), count);
      crc = crc_of(piece.data(), count, crc);
    }
  }
  if (!whole || crc != part.crc) damaged(file, part);
}

}  // namespace

Archive::Archive(const std::filesystem::path& path) : file_(path) { read_directory(); }

Archive::Archive(const EmbeddedArchive& archive) : file_(archive.name, archive.bytes) {
  read_directory();
}

void Archive::read_directory() {
  parts_ = read_zip_directory(file_);
  folder_ = parts_.front().name.substr(0, parts_.front().name.find('/') + 1);
  if (find("data.pkl") && find("constants.pkl")) return;
  throw BadModel(fmt::format(
      "{}: {}, expected a TorchScript archive as `python -m persense.export` writes them",
      file_.name(), find("data.pkl") ? "a checkpoint (weights without code)" : "another zip file"));
}

const ZipPart* Archive::find(std::string_view name) const {
  for (const ZipPart& part : parts_)
    if (part.name.size() == folder_.size() + name.size() && part.name.starts_with(folder_) &&
        part.name.ends_with(name))
      return &part;
  return nullptr;
}

std::string Archive::extra_file(const std::string& name) const {
  const ZipPart* part = find("extra/" + name);
  if (!part)
    throw BadModel(
        fmt::format("{}: there is no {} in it, expected an archive as `python -m "
                    "persense.export` writes them",
                    file_.name(), name));
  constexpr std::uint64_t longest = 1 << 24;
  if (part->size > longest)
    throw BadModel(fmt::format("{}: {}: got {} bytes, expected at most {}", file_.name(), name,
                               part->size, longest));
  return contents(*part);
}

Manifest Archive::manifest() const {
  return parse_manifest(extra_file("persense.json"), file_.name());
}

std::string Archive::contents(const ZipPart& part) const {
  std::string text;
  if (part.deflated) {
    const bool whole = inflate_part(file_, part, [&](const std::uint8_t* bytes, std::size_t count) {
      text.append(reinterpret_cast<const char*>(bytes), count);
    });
    if (!whole) damaged(file_, part);
  } else {
    text.resize(part.stored);
    file_.read(part.begin, text.data(), text.size());
  }
  if (crc_of(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()) != part.crc)
    damaged(file_, part);
  return text;
}

void Archive::verify() const {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&]() noexcept {
    try {
      for (std::size_t i = next++; i < parts_.size(); i = next++) check(file_, parts_[i]);
    } catch (...) {
      next = parts_.size();
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    constexpr std::uint64_t bytes_worth_a_thread = 1 << 24;
    const auto threads = std::min<std::uint64_t>(std::thread::hardware_concurrency(),
                                                 file_.size() / bytes_worth_a_thread);
    std::vector<std::jthread> helpers;
    for (std::uint64_t i = 1; i < threads; ++i) helpers.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

Manifest read_manifest(const std::filesystem::path& file) { return Archive(file).manifest(); }

}  // namespace persense::torchscript
