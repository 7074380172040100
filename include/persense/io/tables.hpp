// persense/io/tables.hpp: one line of text for each instance, and for each image.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "persense/result.hpp"

namespace persense::io {

/// The instances as CSV: a header line, then `id,x,y,x0,y0,x1,y1,area,score,class,touches_border` a
/// line. id counts from 1 and is the value in the label image; x, y is the point prompt; the box is
/// half-open; area is in pixels; score has four decimals; class is its name (see class_names),
/// quoted where it holds a comma or a quote; touches_border is 0 or 1.
std::string to_csv(const Result& result);

/// Writes `to_csv`. @throws Unwritable.
void write_csv(const std::filesystem::path& path, const Result& result);

/// How many objects an image shows.
struct ImageCounts {
  std::string image;                 ///< its name
  std::vector<std::size_t> objects;  ///< of each class
  double estimated = 0;              ///< Result::estimated_count
  double confidence = 1;             ///< Result::count_confidence
};

/// @param image  its name.
ImageCounts counts_of(const std::string& image, const Result& result);

/// The counts as CSV: a header line, then `image`, a column for each class, `estimated` and
/// `confidence`, one line for each image.
std::string counts_to_csv(std::span<const std::string> classes, std::span<const ImageCounts> rows);

}  // namespace persense::io
