// persense/io/yolo.hpp: label files that YOLO is trained on, as Ultralytics reads them.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "persense/result.hpp"

namespace persense::io {

/// What a line says of its object.
enum class YoloShapes {
  polygons,  ///< `class x1 y1 x2 y2 ...`, its outer border; holes are filled
  boxes,     ///< `class x y width height`, the box's centre and size
};

struct YoloOptions {
  YoloShapes shapes = YoloShapes::polygons;
  double tolerance = 0.75;  ///< how far, in pixels, a polygon may run from the mask's border
};

/// One line per instance. Classes count from 0, in the order of the result's. Coordinates are those
/// of pixels' corners as parts of the image's width and height, 0 to 1 with six decimals: the box
/// of the whole image is 0.5 0.5 1 1. An instance of several parts is one polygon, as the format
/// has it: lines of no width lead from part to part. Empty where nothing was found.
std::string to_yolo(const Result& result, const YoloOptions& options = {});

/// Writes `to_yolo`. Ultralytics takes the labels of DIR/images/NAME.jpg from DIR/labels/NAME.txt,
/// those of other images from NAME.txt beside them. @throws Unwritable.
void write_yolo(const std::filesystem::path& path, const Result& result,
                const YoloOptions& options = {});

/// The text of the data.yaml that goes with label files: the classes' names, and where the images
/// are, the same ones for training and validation.
/// @param images  folders of images, as seen from the folder of the data.yaml.
std::string yolo_data(std::span<const std::string> classes, std::span<const std::string> images);

}  // namespace persense::io
