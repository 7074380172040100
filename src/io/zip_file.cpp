#include "zip_file.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

#include "persense/error.hpp"

namespace persense::io::detail {

namespace {

struct Close {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Source = std::unique_ptr<zip_source_t, Close>;

// In memory nothing else can go wrong.
[[noreturn]] void fail(zip_error_t* error) {
  throw OutOfMemory(fmt::format("zip file: {}", zip_error_strerror(error)));
}

void add(zip_t* archive, const ZipEntry& entry) {
  Source bytes(zip_source_buffer(archive, entry.bytes.data(), entry.bytes.size(), 0));
  if (!bytes) fail(zip_get_error(archive));
  const zip_int64_t added =
      zip_file_add(archive, entry.name.c_str(), bytes.get(), ZIP_FL_ENC_UTF_8);
  if (added < 0) fail(zip_get_error(archive));
  (void)bytes.release();  // the archive's now
  const auto place = static_cast<zip_uint64_t>(added);
  constexpr zip_uint16_t midnight = 0, first_date = 0x21;
  constexpr zip_uint32_t quickly = 1;  // what repeats takes zlib long otherwise
  if (zip_file_set_dostime(archive, place, midnight, first_date, 0) != 0 ||
      zip_set_file_compression(archive, place, ZIP_CM_DEFLATE, quickly) != 0)
    fail(zip_get_error(archive));
}

std::vector<std::uint8_t> bytes_of(zip_source_t* source) {
  if (zip_source_open(source) != 0 || zip_source_seek(source, 0, SEEK_END) != 0)
    fail(zip_source_error(source));
  const zip_int64_t size = zip_source_tell(source);
  if (size < 0 || zip_source_seek(source, 0, SEEK_SET) != 0) fail(zip_source_error(source));
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  if (zip_source_read(source, bytes.data(), bytes.size()) != size) fail(zip_source_error(source));
  zip_source_close(source);
  return bytes;
}

/// What libzip does not write: the end of a directory without entries.
std::vector<std::uint8_t> zip_of_nothing() {
  std::vector<std::uint8_t> bytes(22, 0);
  constexpr std::uint8_t signature[] = {'P', 'K', 5, 6};
  std::copy(std::begin(signature), std::end(signature), bytes.begin());
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> zip_of(std::span<const ZipEntry> entries) {
  if (entries.empty()) return zip_of_nothing();
  zip_error_t error;
  zip_error_init(&error);
  const std::unique_ptr<zip_error_t, decltype(&zip_error_fini)> guard(&error, &zip_error_fini);
  const Source source(zip_source_buffer_create(nullptr, 0, 0, &error));
  if (!source) fail(&error);
  std::unique_ptr<zip_t, Close> archive(zip_open_from_source(source.get(), ZIP_TRUNCATE, &error));
  if (!archive) fail(&error);
  zip_source_keep(source.get());  // for both
  for (const ZipEntry& entry : entries) add(archive.get(), entry);
  if (zip_close(archive.get()) != 0) fail(zip_get_error(archive.get()));
  (void)archive.release();  // closed
  return bytes_of(source.get());
}

}  // namespace persense::io::detail
