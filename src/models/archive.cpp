#include "archive.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <new>
#include <system_error>

#include "manifest.hpp"
#include "model_path.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"

namespace persense {

namespace {

/// Opens nothing yet.
zip_source* source_of(const std::filesystem::path& path) {
  require_model_file(path);
  return zip_source_file_create(path.c_str(), 0, -1, nullptr);
}

}  // namespace

void Archive::Close::operator()(zip* archive) const { zip_discard(archive); }
void Archive::Close::operator()(zip_source* source) const { zip_source_free(source); }

Archive::Archive(const std::filesystem::path& path) : Archive(path.string(), source_of(path)) {}

Archive::Archive(const EmbeddedArchive& archive)
    : Archive(archive.name,
              zip_source_buffer_create(archive.bytes.data(), archive.bytes.size(), 0, nullptr)) {}

Archive::Archive(std::string name, zip_source* source) : name_(std::move(name)), source_(source) {
  if (!source) throw std::bad_alloc();
  zip_stat_t status;
  if (zip_source_open(source) != 0 || zip_source_stat(source, &status) != 0)
    fail(zip_source_error(source));
  size_ = status.size;
  const std::string expected = ", expected a TorchScript archive";
  if (size_ == 0) throw Unreadable(name_ + ": an empty file" + expected);  // libzip reads beyond it
  constexpr std::uint64_t end_length = 22;
  std::string head(std::min<std::uint64_t>(size_, 4), '\0'), end(std::min(size_, end_length), '\0');
  read(0, head.data(), head.size());
  read(size_ - end.size(), end.data(), end.size());
  if (head != "PK\x03\x04") throw Unreadable(name_ + ": not a zip file" + expected);
  if (!end.starts_with("PK\x05\x06"))
    throw Unreadable(name_ + ": truncated archive: it ends without a directory");
  zip_error_t error;
  zip_error_init(&error);
  const std::unique_ptr<zip_error, decltype(&zip_error_fini)> guard(&error, zip_error_fini);
  zip_.reset(zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error));
  if (!zip_) fail(&error);
  zip_source_keep(source);  // for both
  list_parts();
  folder_ = parts_.front().name.substr(0, parts_.front().name.find('/') + 1);
  if (find("data.pkl") && find("constants.pkl")) return;
  throw BadModel(fmt::format(
      "{}: {}{} as `python -m persense_export` writes them", name_,
      find("data.pkl") ? "a checkpoint (weights without code)" : "another zip file", expected));
}

void Archive::list_parts() {
  // Behind a comment LibTorch's reader would find another directory than the one checked here.
  int comment = 0;
  if (zip_get_archive_comment(zip_.get(), &comment, ZIP_FL_ENC_RAW); comment != 0)
    damaged("", "a comment is behind its directory");
  const auto count = zip_get_num_entries(zip_.get(), 0);
  if (count < 1) damaged("", "its directory is empty");
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    zip_stat_t part;
    if (zip_stat_index(zip_.get(), i, ZIP_FL_ENC_RAW, &part) != 0) fail(zip_get_error(zip_.get()));
    std::uint8_t system = 0;
    std::uint32_t attributes = 0;
    zip_file_get_external_attributes(zip_.get(), i, 0, &system, &attributes);
    // What libzip lets pass: LibTorch knows two ways to pack, reads as many bytes of a stored part
    // as either size says, and leaves a tensor's memory as it was where a part says it is a folder.
    const bool deflated = part.comp_method == ZIP_CM_DEFLATE;
    if (part.encryption_method != ZIP_EM_NONE) damaged(part.name, "is encrypted");
    if (!deflated && part.comp_method != ZIP_CM_STORE)
      damaged(part.name, "its compression is unknown");
    if (!deflated && part.comp_size != part.size) damaged(part.name, "its size is wrong");
    if ((attributes & 0x10) != 0 && part.size != 0) damaged(part.name, "is marked as a folder");
    parts_.push_back({part.name, i, part.size, deflated});
  }
}

void Archive::read(std::uint64_t at, void* to, std::uint64_t bytes) const {
  if (at > size_ || bytes > size_ - at)
    throw Unreadable(
        fmt::format("{}: ends after {} bytes, expected {} from {} on", name_, size_, bytes, at));
  if (zip_source_seek(source_.get(), static_cast<std::int64_t>(at), SEEK_SET) != 0 ||
      zip_source_read(source_.get(), to, bytes) != static_cast<std::int64_t>(bytes))
    fail(zip_source_error(source_.get()));
}

/// `use` gets the part's bytes chunk by chunk, and never more than its size in all.
template <class Use>
void Archive::unpack(const ZipPart& part, Use&& use) const {
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(
      zip_fopen_index(zip_.get(), part.index, 0), zip_fclose);
  if (!file) fail(zip_get_error(zip_.get()), part.name);
  constexpr std::size_t chunk_length = 1 << 18;  // stays in the cache while it is summed
  std::vector<char> chunk(std::min<std::uint64_t>(chunk_length, part.size + 1));
  std::uint64_t total = 0;
  std::int64_t got = 0;
  while ((got = zip_fread(file.get(), chunk.data(), chunk.size())) > 0) {
    total += static_cast<std::uint64_t>(got);
    if (total > part.size) break;  // before a small file can fill the memory
    use(chunk.data(), static_cast<std::size_t>(got));
  }
  if (got < 0) fail(zip_file_get_error(file.get()), part.name);
  if (total != part.size)  // libzip does not look where there is no byte
    damaged(part.name, fmt::format("got {} bytes, expected {}", total, part.size));
}

std::string Archive::contents(const ZipPart& part) const {
  std::string text;
  unpack(part, [&](const char* bytes, std::size_t count) { text.append(bytes, count); });
  return text;
}

void Archive::verify() const {
  for (const ZipPart& part : parts_) unpack(part, [](const char*, std::size_t) {});
}

const ZipPart* Archive::find(std::string_view name) const {
  const auto found = std::ranges::find(parts_, folder_ + std::string(name), &ZipPart::name);
  return found == parts_.end() ? nullptr : &*found;
}

std::string Archive::extra_file(const std::string& name) const {
  const ZipPart* part = find("extra/" + name);
  if (!part)
    throw BadModel(
        fmt::format("{}: there is no {} in it, expected an archive as `python -m "
                    "persense_export` writes them",
                    name_, name));
  constexpr std::uint64_t longest = 1 << 24;
  if (part->size > longest)
    throw BadModel(
        fmt::format("{}: {}: got {} bytes, expected at most {}", name_, name, part->size, longest));
  return contents(*part);
}

Manifest Archive::manifest() const { return parse_manifest(extra_file("persense.json"), name_); }

Manifest Archive::manifest(Stage expected) const {
  Manifest found = manifest();
  require_stage(found, expected, name_);
  return found;
}

void Archive::damaged(std::string_view part, const std::string& how) const {
  throw Unreadable(one_line(
      fmt::format("{}: damaged archive: {}{}{}", name_, part, part.empty() ? "" : ": ", how)));
}

void Archive::fail(zip_error* error, std::string_view part) const {
  const int code = zip_error_code_zip(error), cause = zip_error_code_system(error);
  switch (code) {
    case ZIP_ER_MEMORY:
      throw std::bad_alloc();
    case ZIP_ER_OPEN:
    case ZIP_ER_READ:
      throw Unreadable(fmt::format("{}: {}", name_, std::generic_category().message(cause)));
    case ZIP_ER_OK:
    case ZIP_ER_EOF:
      damaged(part, "it ends too early");
    case ZIP_ER_NOZIP:
    case ZIP_ER_INCONS:
    case ZIP_ER_NOENT:  // a 64-bit field that is missing
    case ZIP_ER_SEEK:
      damaged(part, "its records contradict one another");
    case ZIP_ER_EXISTS:
      damaged(part, "two of its parts have the same name");
    case ZIP_ER_CRC:
    case ZIP_ER_ZLIB:
      damaged(part, "its checksum is wrong");
    default:
      damaged(part, zip_error_strerror(error));
  }
}

}  // namespace persense
