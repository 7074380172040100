// persense/io/labelme.hpp: marked objects from labelme's JSON files.
#pragma once

#include <filesystem>
#include <opencv2/core.hpp>
#include <string>
#include <variant>
#include <vector>

#include "persense/example.hpp"
#include "persense/geometry.hpp"

namespace persense::io {

/// One object that a labelme file marks.
struct LabelmeMark {
  std::string label;      ///< the class, without what makes it negative
  bool negative = false;  ///< its name began with "not " or "-"
  /// A mask is CV_8UC1, 0 or 255, of the image's size.
  std::variant<cv::Mat, Box, Point, Polygon> shape;

  /// What it views must live as long as this does.
  Mark mark() const;
};

/// What a labelme file holds.
struct LabelmeFile {
  std::filesystem::path image;  ///< its imagePath, seen from where the file is seen from
  Size size;                    ///< of that image
  std::vector<LabelmeMark> marks;

  /// The classes, in the order of their first marks.
  std::vector<std::string> classes() const;
};

/// Reads the shapes of a labelme file: polygons, rectangles (boxes), circles (polygons), points and
/// masks. A shape's name is its class; with "not " or "-" before it, it is a negative example of
/// that class. Polygons, circles and masks of one name and group_id are parts of one object, a
/// mask. Of an image with imageData in the file, imagePath is read all the same.
/// @throws FileNotFound  no such file.
/// @throws Unreadable    not a labelme file, or a shape of another type or without its points.
LabelmeFile read_labelme(const std::filesystem::path& path);

}  // namespace persense::io
