// persense/eval/corrections.hpp: annotations that people have corrected, read back and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "persense/eval/annotations.hpp"
#include "persense/geometry.hpp"
#include "persense/mask.hpp"

namespace persense::eval {

/// One object of an image, as people left it.
struct CorrectedObject {
  std::string name;   ///< "shape 7" of a labelme file, "annotation 12" of a COCO file
  std::string label;  ///< its class
  Mask mask;          ///< not empty, inside of the image
};

/// An image and its objects.
struct CorrectedImage {
  std::string source;                ///< what messages begin with: the file that says all this
  std::filesystem::path path;        ///< the image's file
  std::vector<std::uint8_t> inside;  ///< its bytes, where the labelme file holds them; else empty
  Size size;                         ///< of the image, as the annotation has it
  std::vector<CorrectedObject> objects;  ///< in the order of the file
  std::vector<std::string> broken;       ///< a line for each object that was left out
};

/// Corrected annotations: the labelme files of a folder, or a COCO file.
///
/// Of two objects of an image that share more than `max_overlap` of the smaller one's pixels, the
/// later is left out; parts outside of the image are cut off. Left out, too, are objects without a
/// pixel in the image (outside of it, or without area), without a label, with a name that makes
/// them negative examples, and crowds.
/// @par Threads  Any number at once.
class Corrections {
 public:
  struct Options {
    std::filesystem::path images;  ///< where a COCO file's are; empty: it is looked for
    double max_overlap = 0.2;      ///< part of the smaller of two objects, 0 to 1
  };

  /// @param path  a labelme file, a COCO file, or a folder: its labelme files or, where it has
  /// none,
  ///   its only JSON file, which may lie in `annotations`.
  /// @throws FileNotFound, Unreadable, InvalidArgument  naming what is not there, is no COCO file
  /// or
  ///   no part.
  static Corrections open(const std::filesystem::path& path, const Options& options);

  /// How many images there are.
  std::size_t size() const { return files_.empty() ? order_.size() : files_.size(); }
  /// What an image comes from: a labelme file, or the name that the COCO file has for it.
  std::string name(std::size_t index) const;

  /// Reads an image's objects and checks them.
  /// @throws FileNotFound, Unreadable  the file as a whole cannot be used.
  CorrectedImage read(std::size_t index) const;

  /// A line for each annotation of the COCO file that cannot be used: see AnnotationFile.
  const std::vector<std::string>& broken() const { return broken_; }
  /// A line for each file of the folder that is not read.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void find_labelme(const std::filesystem::path& path);
  void open_coco(const std::filesystem::path& path);
  CorrectedImage read_labelme(const std::filesystem::path& path) const;
  CorrectedImage read_coco(std::uint32_t image) const;
  void leave_overlaps(CorrectedImage& image) const;

  Options options_;
  std::vector<std::filesystem::path> files_;  // labelme
  std::shared_ptr<const AnnotationFile> coco_;
  std::filesystem::path folder_;                         // of its images
  std::vector<std::uint32_t> order_;                     // of its images, by name
  std::vector<std::vector<std::uint32_t>> annotations_;  // of each image
  std::vector<std::string> broken_, notes_;
};

/// The bytes of an image's file, from where they are; all of it can be decoded.
/// @throws FileNotFound     no such file.
/// @throws Unreadable       as io::load_image.
/// @throws InvalidArgument  it is of another size than its annotation says.
std::vector<std::uint8_t> checked_image(const CorrectedImage& image);

}  // namespace persense::eval
