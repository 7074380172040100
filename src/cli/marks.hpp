// marks.hpp: from marks on the command line and in files to supports of an engine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "mark_flags.hpp"
#include "persense/engine.hpp"
#include "persense/example.hpp"
#include "persense/io/images.hpp"
#include "queries.hpp"

namespace persense::cli {

/// A mark and the image that it is in.
struct PlacedMark {
  std::string name;       ///< in messages: "--box 1,2,3,4"
  std::string identity;   ///< in the run record: what was marked, with what the files hold
  std::size_t image = 0;  ///< into Marks::images
  bool negative = false;
  /// A mask is CV_8UC1.
  std::variant<cv::Mat, Box, Point, Polygon, LabelId> shape;

  /// What it views must live as long as this does.
  Mark mark() const;
};

struct MarkedClass {
  std::string label;  ///< may be empty where there is one class
  std::vector<PlacedMark> marks;
};

/// An image with marks in it.
struct SupportFile {
  std::filesystem::path path;
  bool is_query = false;                ///< the marks' image because no --support was given
  int page = 1;                         ///< that of the query which is the same file
  std::optional<Size> expected_size{};  ///< as a labelme file has it
  std::string expected_by{};            ///< that file
};

/// Everything that is marked, read from its files.
struct Marks {
  std::vector<SupportFile> images;  ///< each file once
  std::vector<MarkedClass> classes;
  std::vector<std::filesystem::path> files;  ///< all that were read, images included
  std::vector<std::string> notes;            ///< what was taken of mask files

  /// In the order of the command line: "box 1,2,3,4 in 0123456789abcdef".
  std::vector<std::string> identities() const;
};

/// @param label  of the only class, where it has no other name.
/// @throws InvalidArgument  nothing is marked, a mark that cannot be read, one before the first of
///   several --support or --class, several queries and no --support.
/// @throws FileNotFound, Unreadable.
Marks read_marks(const MarkFlags& flags, const std::string& label,
                 const std::vector<QueryFile>& queries);

/// The files of masks among the marks, by identity: no queries, though they may lie beside them.
std::set<std::filesystem::path> masks_in(const MarkFlags& flags);

/// The images with marks, each read and encoded once.
struct EncodedMarks {
  std::vector<Image> images;  ///< as Marks::images
  std::vector<EngineImage> encoded;
  std::vector<int> page_counts;      ///< of their files
  std::vector<double> seconds;       ///< that encoding took
  std::optional<io::Window> window;  ///< that deep pixels were read through
};

/// @param window  that deep pixels are read through; none: that of the first image with such.
/// @throws InvalidArgument  an image of another size than its labelme file says.
/// @throws FileNotFound, Unreadable.
EncodedMarks encode_marks(const Marks& marks, const Engine& engine,
                          const std::optional<io::Window>& window);

/// The support of a class. @throws InvalidArgument  naming the mark that cannot be used.
EngineSupport support_of(const MarkedClass& marked, const EncodedMarks& images,
                         const Engine& engine, const std::string& label,
                         const std::string& phrase = {});

}  // namespace persense::cli
