// persense/io/coco.hpp: COCO JSON with run-length encoded masks, as pycocotools reads it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "persense/options.hpp"
#include "persense/result.hpp"

namespace persense::io {

/// Runs of 0, 1, 0, 1... of the mask in column-major order over an image of `size`. The work grows
/// with the mask's box, not with the image. Parts of the mask outside the image are cut off.
/// @throws InvalidArgument  an image of more than 2^32 - 1 pixels (the format's limit).
std::vector<std::uint32_t> rle_counts(const Mask& mask, Size size);

/// The mask back from its runs, cropped to its box.
/// @throws InvalidArgument  the runs do not add up to the image's pixels.
Mask mask_from_rle(const std::vector<std::uint32_t>& counts, Size size);

/// The union of polygons, each x, y, x, y, ... in pixels, as pycocotools draws it to the pixel: on
/// a grid five times as fine, of which every fifth column and row counts. Empty where no pixel is
/// inside.
/// @throws InvalidArgument  a polygon of fewer than three vertices or of an odd number of values;
///   a value that is not finite or beyond a million.
/// @par Source  pycocotools `rleFrPoly`, `rleMerge`.
Mask mask_from_polygons(const std::vector<std::vector<double>>& polygons, Size size);

/// The compressed text form of the runs that COCO files hold in "counts", and back.
/// @throws InvalidArgument  text that no encoder writes.
/// @par Source  pycocotools `rleToString`, `rleFrString`.
std::string rle_to_string(const std::vector<std::uint32_t>& counts);
std::vector<std::uint32_t> rle_from_string(std::string_view text);

/// What `segmentation` holds.
enum class CocoMasks {
  rle,       ///< run lengths: every pixel
  polygons,  ///< outer borders, for tools that read nothing else; holes are lost
};

/// What a COCO file says beside its images and annotations.
struct CocoHeader {
  std::vector<std::string> categories = {"object"};  ///< class k is category k + 1
  std::string stages;              ///< what filled the slots: see Engine::stages; may be empty
  std::optional<Options> options;  ///< those of the run
  CocoMasks masks = CocoMasks::rle;
  double tolerance = 0;  ///< how far, in pixels, a polygon may run from the mask's border
};

/// The ids in COCO data of one image, for those of a data set.
struct CocoIds {
  std::int64_t image = 1;
  std::int64_t annotation = 1;           ///< of the first; the others count on
  std::vector<std::int64_t> categories;  ///< of each class; none: from 1
};

/// Writes one COCO file image by image, so that memory does not grow with the masks written.
///
///     io::CocoWriter coco("all.json", "potato");
///     for (const auto& query : queries) coco.add(query.name, segment(query));
///     coco.close();
///
/// Image and annotation ids count from 1. Annotations have bbox (x, y, width, height), area, score,
/// segmentation, iscrowd, `point`, the point prompt (x, y), and `touches_border`. An image whose
/// result has notes has them as `notes`, a list of texts. `info` has version, `stages` and
/// `options`, as far as the header has them.
/// The file appears, complete, on `close`; without it nothing is left behind.
/// @par Threads  One at a time.
class CocoWriter {
 public:
  /// @param category  what the objects are called; an empty name becomes "object".
  /// @throws Unwritable.
  explicit CocoWriter(const std::filesystem::path& path, const std::string& category = "object");
  CocoWriter(const std::filesystem::path& path, const CocoHeader& header);
  ~CocoWriter();
  CocoWriter(CocoWriter&&) noexcept;
  CocoWriter& operator=(CocoWriter&&) = delete;

  /// Adds an image and its instances.
  /// @throws InvalidArgument  an instance of a class without a category. @throws Unwritable.
  void add(const std::string& file_name, const Result& result);

  /// Takes over the images and annotations of a file an earlier CocoWriter finished, with new ids:
  /// to merge files, or to go on with a run. It may be the file that is being replaced. Categories
  /// are the same where their names are; new ones are added.
  /// @throws FileNotFound, Unreadable, Unwritable.
  void append(const std::filesystem::path& coco_file);

  /// Whether an image of this name was added or appended.
  bool contains(const std::string& file_name) const;

  /// Finishes the file. Call it once, last. @throws Unwritable.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The JSON text of a COCO file of one image: what CocoWriter writes, with ids of one's own.
/// @throws InvalidArgument  an instance of a class without a category, or another number of ids
///   than categories.
std::string to_coco(const std::string& file_name, const Result& result,
                    const CocoHeader& header = {}, const CocoIds& ids = {});

/// A COCO file of one image.
/// @param category  of a result with one class; several have their own names (see class_names).
/// @throws Unwritable.
void write_coco(const std::filesystem::path& path, const std::string& file_name,
                const Result& result, const std::string& category = "object");

}  // namespace persense::io
