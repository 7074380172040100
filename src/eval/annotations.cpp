#include "persense/eval/annotations.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "annotation_reader.hpp"
#include "json_stream.hpp"
#include "persense/error.hpp"
#include "persense/io/coco.hpp"

namespace persense::eval {

namespace fs = std::filesystem;
using nlohmann::json;

AnnotationFile::AnnotationFile(const fs::path& path) : path_(path) {
  if (!fs::exists(path))
    throw FileNotFound(fmt::format("{}: no such file, expected a COCO file", path.string()));
  if (fs::is_directory(path))
    throw Unreadable(fmt::format("{}: a folder, expected a COCO file", path.string()));
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0)
    throw Unreadable(fmt::format("{}: {}", path.string(), std::generic_category().message(errno)));
}

AnnotationFile::~AnnotationFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::shared_ptr<const AnnotationFile> AnnotationFile::open(const fs::path& path, Broken broken) {
  std::shared_ptr<AnnotationFile> file(new AnnotationFile(path));
  try {
    detail::ByteStream stream(file->descriptor_);
    AnnotationReader reader(*file, stream, broken);
    (void)json::sax_parse(detail::ByteIterator(stream), detail::ByteIterator(), &reader);
    reader.resolve();
  } catch (const std::system_error& e) {
    throw Unreadable(fmt::format("{}: {}", path.string(), e.code().message()));
  }
  return file;
}

Mask AnnotationFile::mask(const Annotation& annotation) const try {
  std::string text(annotation.length, '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t n = ::pread(descriptor_, text.data() + got, text.size() - got,
                              static_cast<off_t>(annotation.begin + got));
    if (n <= 0)
      throw Unreadable(
          fmt::format("{}: annotation {}: cannot be read", path_.string(), annotation.id));
    got += static_cast<std::size_t>(n);
  }
  const json segmentation = json::parse(text).at("segmentation");
  const Size size = images_[annotation.image].size;
  if (segmentation.is_array())
    return io::mask_from_polygons(segmentation.get<std::vector<std::vector<double>>>(), size);
  const json& counts = segmentation.at("counts");
  return io::mask_from_rle(counts.is_string()
                               ? io::rle_from_string(counts.get_ref<const std::string&>())
                               : counts.get<std::vector<std::uint32_t>>(),
                           size);
} catch (const json::exception& e) {
  throw Unreadable(fmt::format("{}: annotation {}: changed since the file was opened ({})",
                               path_.string(), annotation.id, e.what()));
} catch (const InvalidArgument& e) {
  throw Unreadable(fmt::format("{}: annotation {}: {}", path_.string(), annotation.id, e.what()));
}

}  // namespace persense::eval
