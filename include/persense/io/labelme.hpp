// persense/io/labelme.hpp: labelme's JSON files: marked objects in, masks out for correction by
// hand, and back in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "persense/example.hpp"
#include "persense/geometry.hpp"
#include "persense/io/images.hpp"
#include "persense/mask.hpp"
#include "persense/result.hpp"

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

/// What a labelme file marks.
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
/// mask.
/// @throws FileNotFound  no such file.
/// @throws Unreadable    not a labelme file, or a shape of another type, without its points, or, of
///   masks and parts, without a pixel in the image.
LabelmeFile read_labelme(const std::filesystem::path& path);

/// The image that a labelme file is of: its imagePath or, where that file is missing, the image
/// inside of it (imageData).
/// @throws FileNotFound  no such file, or no image.
/// @throws Unreadable, InvalidArgument  as read_labelme and load_image.
LoadedImage load_labelme_image(const std::filesystem::path& path, const ReadOptions& options = {});

/// The pixels of what a labelme file outlines.
struct LabelmeMasks {
  std::string image;                ///< its imagePath, as it stands there
  Size size;                        ///< of that image
  std::vector<std::string> labels;  ///< the names of the instances
  std::vector<Mask> masks;          ///< theirs; one that lies outside of the image is empty
};

/// Reads polygons, rectangles, circles and masks. A pixel is inside when its centre is. Shapes that
/// share name and group_id are parts of one instance. Parts outside of the image are cut off.
/// @throws FileNotFound  no such file.
/// @throws Unreadable    not a labelme file, or a shape that has no area (a line, a point).
LabelmeMasks read_labelme_masks(const std::filesystem::path& path);

/// The same of a file that people have worked on: what is wrong with one shape is no reason to
/// leave the others.
struct LabelmeObjects : LabelmeMasks {
  std::vector<std::size_t> shapes;       ///< of each mask: the number of its first shape, from 1
  std::vector<std::string> broken;       ///< a line for each shape that cannot be used
  std::vector<std::uint8_t> image_data;  ///< the image inside of the file; empty: there is none
};

/// Reads polygons, rectangles, circles and masks as read_labelme_masks does. Broken, and in no
/// mask, is a shape of another type, without its points or label, with a name that makes it
/// negative, or without a pixel in the image: because it lies outside, or has no area.
/// @throws FileNotFound  no such file.
/// @throws Unreadable    not a labelme file, or imageData that is no base64.
LabelmeObjects read_labelme_objects(const std::filesystem::path& path);

/// What labelme gets to edit.
enum class LabelmeShapes {
  polygons,  ///< outer borders, whose corners it moves; holes are lost
  masks,     ///< every pixel
};

struct LabelmeOptions {
  LabelmeShapes shapes = LabelmeShapes::polygons;
  double tolerance = 0.75;  ///< how far, in pixels, a polygon may run from the mask's border
  std::string label;        ///< of every shape; empty: the name of its class, see class_names
  std::optional<ImageView> image;  ///< kept inside of the file, for images without one of their own
};

/// The JSON text of a labelme file. An instance of several parts is several polygons that share a
/// group_id.
/// @param image_path  the image that labelme opens with it, as seen from the file's folder.
std::string to_labelme(const std::string& image_path, const Result& result,
                       const LabelmeOptions& options = {});

/// Writes `to_labelme`. @throws Unwritable.
void write_labelme(const std::filesystem::path& path, const std::string& image_path,
                   const Result& result, const LabelmeOptions& options = {});

}  // namespace persense::io
