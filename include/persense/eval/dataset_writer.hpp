// persense/eval/dataset_writer.hpp: images and their objects as a data set in PerSense-D layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/io/images.hpp"
#include "persense/mask.hpp"

namespace persense::eval {

/// How large the typical object of an image is, in pixels: the median of those that do not touch
/// the image's border, or of all where every one does; 0 without any.
std::int64_t typical_area(std::span<const Mask> objects, Size image);

/// Which image shows a class best: the one whose typical object is nearest in area, by their ratio,
/// to the median of them all; of equals the first.
/// @param areas  the typical area in each image, above 0; at least one.
std::size_t choose_support(std::span<const std::int64_t> areas);

/// Objects as labels 1, 2, ... in their order: CV_32SC1 of the image's size. A pixel of several is
/// the smallest one's.
cv::Mat labels_of(std::span<const Mask> objects, Size image);

/// Writes the images of a class as open_dataset reads them: 00 is the support with the mask of its
/// typical object (see typical_objects), the others are queries with all objects as labels.
class ClassWriter {
 public:
  /// @param folder   made where it is missing.
  /// @param queries  how many there will be; says how many digits their names have.
  /// @throws Unwritable.
  ClassWriter(std::filesystem::path folder, std::size_t queries);

  /// @return  the label of the object that is shown.
  /// @throws InvalidArgument  no object. @throws Unwritable.
  std::int32_t write_support(const io::ImageFile& image, const cv::Mat& labels) const;
  /// @param number  from 1. @return  its name, "07".
  /// @throws InvalidArgument  more than 65535 objects. @throws Unwritable.
  std::string write_query(std::size_t number, const io::ImageFile& image,
                          const cv::Mat& labels) const;

 private:
  std::filesystem::path folder_;
  int digits_ = 2;
};

}  // namespace persense::eval
