// persense/eval/statistics.hpp: how many images and objects a data set has, as papers tabulate it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "persense/geometry.hpp"

namespace persense::eval {

/// An image of a data set.
struct ImageObjects {
  Size size;
  std::vector<std::int64_t> objects;  ///< of each class
};

/// Of the images that show a class, or any.
struct ClassStatistics {
  std::string name;
  std::int64_t images = 0;
  std::int64_t instances = 0;
  std::int64_t fewest = 0, most = 0;       ///< instances in one of the images
  double mean = 0;                         ///< instances an image
  double mean_height = 0, mean_width = 0;  ///< of the images, pixels
};

struct DatasetStatistics {
  std::vector<ClassStatistics> classes;
  ClassStatistics all;  ///< an image of two classes is one image
};

/// @param images  each with as many numbers as there are classes.
/// @par Source  PerSense section 4, "Dataset Statistics".
DatasetStatistics statistics_of(std::span<const std::string> classes,
                                std::span<const ImageObjects> images);

/// A table for people: a line for each class and, of several, one for all.
std::string to_table(const DatasetStatistics& statistics);

/// A header line, then the same lines: class,images,instances,min,max,mean,mean_height,mean_width.
/// Means have two decimals; the class of the last line of several is empty.
std::string to_csv(const DatasetStatistics& statistics);

/// {"classes": {name: {"images", "instances", "min", "max", "mean", "mean_height", "mean_width"}},
/// "all": {...}}.
std::string to_json(const DatasetStatistics& statistics);

}  // namespace persense::eval
