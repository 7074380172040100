// persense/eval/annotations.hpp: COCO and LVIS annotation files of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/mask.hpp"

namespace persense::eval {

/// What becomes of an annotation that cannot be used.
enum class Broken {
  skip,  ///< it is left out, and told
  fail,  ///< the first one ends the reading
};

/// The images, categories and annotations of a COCO or LVIS file. The file is read once, as a
/// stream; of an annotation only its place in the file is kept, and its mask is drawn when it is
/// asked for, so that memory does not grow with the outlines. The file must stay as it is.
///
/// An annotation is broken when it lacks `id`, `image_id`, `category_id` or `segmentation`, when
/// the file has no image or category of that id or another annotation has its id, when a polygon
/// has fewer than three vertices, an odd number of values or one that is no pixel coordinate, and
/// when run lengths (as numbers or as text) are damaged or do not add up to the image's pixels.
/// @par Threads  Any number at once.
class AnnotationFile {
 public:
  struct ImageEntry {
    std::int64_t id = 0;
    std::string file_name;  ///< LVIS: the last two parts of `coco_url`
    Size size;
  };
  struct Category {
    std::int64_t id = 0;
    std::string name;
  };
  struct Annotation {
    std::int64_t id = 0;
    std::uint32_t image = 0;     ///< into images()
    std::uint32_t category = 0;  ///< into categories()
    bool crowd = false;          ///< a region of many objects: `iscrowd`
    std::uint32_t length = 0;    ///< bytes in the file
    std::uint64_t begin = 0;     ///< the first of them
  };

  /// @throws FileNotFound  no such file.
  /// @throws Unreadable    no JSON, not an object with images, categories and annotations; with
  ///   Broken::fail the first broken annotation.
  static std::shared_ptr<const AnnotationFile> open(const std::filesystem::path& path,
                                                    Broken broken = Broken::skip);
  ~AnnotationFile();
  AnnotationFile(const AnnotationFile&) = delete;
  AnnotationFile& operator=(const AnnotationFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// All by id.
  std::span<const ImageEntry> images() const { return images_; }
  std::span<const Category> categories() const { return categories_; }
  std::span<const Annotation> annotations() const { return annotations_; }
  /// A line for each annotation (or image) that was left out: the file, its id, what is wrong.
  std::span<const std::string> broken() const { return broken_; }
  /// Whether categories have LVIS's `frequency`.
  bool is_lvis() const { return is_lvis_; }

  /// The mask, as pycocotools draws it. Empty where a polygon has no pixel inside of the image.
  /// @throws Unreadable  the file has changed.
  Mask mask(const Annotation& annotation) const;

 private:
  friend class AnnotationReader;
  explicit AnnotationFile(const std::filesystem::path& path);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::vector<ImageEntry> images_;
  std::vector<Category> categories_;
  std::vector<Annotation> annotations_;
  std::vector<std::string> broken_;
  bool is_lvis_ = false;
};

}  // namespace persense::eval
