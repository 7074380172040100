// persense/eval/dataset.hpp: data sets in PerSense-D layout.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace persense::eval {

/// One query of a class and its truth. At least one of `mask` and `instances` is there.
struct DatasetQuery {
  std::string name;  ///< the number as its image writes it: "07"
  std::filesystem::path image;
  std::optional<std::filesystem::path> mask;       ///< union mask
  std::optional<std::filesystem::path> instances;  ///< label image, 16 bits, 0 = background
};

struct DatasetClass {
  std::string name;  ///< the folder's
  std::filesystem::path support_image;
  std::filesystem::path support_mask;
  std::vector<DatasetQuery> queries;  ///< by number; number 0, the support, is not one of them
};

struct Dataset {
  std::vector<DatasetClass> classes;  ///< by name
};

/// Lists a data set: a folder of class folders, or one class folder (it has a file 00.*).
///
/// In a class folder NN.png is the mask of the image NN.jpg (or .jpeg, .tif, .tiff, .webp, .bmp,
/// any case), NN_instances.png its instance labels; NN is any number of digits, and files belong
/// together when their numbers are equal ("1.jpg" and "01.png"). 00 is the support. An image
/// therefore cannot be .png itself. Other files are ignored, as are folders whose name begins with
/// a dot and folders without any numbered file. No image is opened.
/// @throws FileNotFound     no such folder; an image without truth; a missing support image or
///   mask.
/// @throws InvalidArgument  two images or masks with one number; a class without a query; no
///   class at all.
/// @throws Unreadable       not a folder, or no permission.
Dataset open_dataset(const std::filesystem::path& path);

}  // namespace persense::eval
