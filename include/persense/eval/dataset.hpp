// persense/eval/dataset.hpp: what there is to score a method on: classes, supports, queries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "persense/eval/annotations.hpp"
#include "persense/geometry.hpp"

namespace persense::eval {

/// Objects of one image in an annotation file. Their masks are drawn when they are asked for.
struct AnnotatedObjects {
  std::shared_ptr<const AnnotationFile> file;  ///< none: no such objects
  std::vector<std::uint32_t> objects;          ///< into file->annotations()
};

/// One object of a label image.
struct LabelledObject {
  std::filesystem::path labels;
  std::int32_t label = 0;
};

/// An image in which the object to look for is marked, in one of four ways.
struct DatasetSupport {
  std::filesystem::path image;
  std::optional<std::filesystem::path> mask;
  std::optional<LabelledObject> labelled;
  AnnotatedObjects annotated;  ///< marked by the union of their masks
  std::vector<Box> boxes;      ///< each is an example
};

/// One query of a class and its truth, of one kind at least. Of several `instances` counts most.
struct DatasetQuery {
  std::string name;  ///< PerSense-D: the number as its image writes it, "07"; else the file's name
  std::filesystem::path image;
  std::optional<std::filesystem::path> mask = {};       ///< union mask
  std::optional<std::filesystem::path> instances = {};  ///< label image, 0 = background
  AnnotatedObjects annotated = {};                      ///< every object of the class
  std::optional<std::int64_t> count = {};               ///< how many objects, no more than that
  std::size_t support = 0;                              ///< into DatasetClass::supports
};

struct DatasetClass {
  std::string name;
  std::vector<DatasetSupport> supports;
  std::vector<DatasetQuery> queries;
};

struct Dataset {
  std::vector<DatasetClass> classes;  ///< by name; of annotation files by category id
  std::string format = "persense_d";  ///< or coco, lvis, fsc147, labels
  std::vector<std::string> broken;    ///< a line for each annotation that was left out
  std::size_t query_count() const {
    std::size_t count = 0;
    for (const DatasetClass& one : classes) count += one.queries.size();
    return count;
  }
};

/// Lists a data set in PerSense-D layout: a folder of class folders, or one class folder (it has a
/// file 00.*).
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

enum class Format { automatic, persense_d, coco, lvis, fsc147, labels };

/// By name: auto, persense_d, coco, lvis, fsc147 or labels. @throws InvalidArgument  another one.
Format format_of(std::string_view name);

/// What marks the support of an annotation file's class.
enum class SupportExtent {
  automatic,  ///< of a fold all, as in the benchmarks; else one
  object,     ///< one object, chosen by the seed
  all,        ///< all objects of the class in the support image
};

/// How a data set is read, and which part of it.
struct DatasetRequest {
  Format format = Format::automatic;
  std::filesystem::path images;         ///< where the images are; empty: it is looked for
  std::optional<int> fold;              ///< of coco 0 to 3 (COCO-20i), of lvis 0 to 9 (LVIS-92i)
  std::optional<std::size_t> episodes;  ///< pairs of support and query; none: as the format has it
  std::optional<std::uint64_t> seed;    ///< of episodes and supports; none: 0
  std::filesystem::path episode_list;   ///< used where it is there, else written
  std::optional<std::int64_t> support;  ///< the annotation that is the support, of its class alone
  SupportExtent extent = SupportExtent::automatic;
  std::size_t absent = 0;      ///< of coco and lvis: images of none of a class's, for each class
  std::string split = "test";  ///< of fsc147
  Broken broken = Broken::skip;
};

/// Opens a data set of any format.
///
/// persense_d: see above. coco, lvis: a JSON file, or a folder that holds one, here or in
/// `annotations`. fsc147: a folder with annotation_FSC147_384.json, its split file and
/// images_384_VarV2. labels: a folder with `images` and `labels` (or `masks`), whose files have the
/// same names, or NAME.* beside NAME_labels.png or NAME_instances.png; one class of the folder's
/// name. `automatic` tells them apart by what is there.
///
/// Of coco and lvis with a fold, episodes are drawn as the benchmarks do: COCO-20i 1000 of the 20
/// classes number fold, fold + 4, ... of the 80, each class as likely as the others; LVIS-92i 2300
/// over the classes fold, fold + 10, ... of those that at least two images have, in turn. Query and
/// support are two images of the class. (The benchmarks' own lists are drawn by NumPy from lists of
/// images that are not in the annotation files, so images differ, their distribution does not; the
/// order of LVIS's classes is that of their ids here.) With episodes but no fold all classes take
/// turns. Without both each class has one support, and every other image of the class is a query.
/// Elsewhere `episodes` takes as many of the queries.
/// @throws FileNotFound, Unreadable, InvalidArgument  naming the file, or the request's member as
///   the program calls it (--fold).
/// @throws Unwritable  the episode list.
Dataset open_dataset(const std::filesystem::path& path, const DatasetRequest& request);

}  // namespace persense::eval
