// annotation_import.hpp: corrected annotations become a data set that `persense eval` reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "console.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "persense/eval/annotations.hpp"
#include "persense/eval/corrections.hpp"
#include "persense/eval/statistics.hpp"
#include "persense/io/images.hpp"

namespace persense::cli {

struct ImportRequest {
  std::filesystem::path annotations;  ///< labelme files, or a COCO file
  std::filesystem::path dataset;      ///< the new folder
  std::filesystem::path images;       ///< where a COCO file's are; empty: it is looked for
  std::vector<std::filesystem::path> supports;  ///< names of images
  double max_overlap = 0.2;
  eval::Broken broken = eval::Broken::skip;
  int jobs = 1;
};

/// Two passes over the images: in the first everything is checked, in the second it is written, so
/// that what ends the import leaves no data set. The folder gets its name when it is complete.
class AnnotationImport {
 public:
  /// @throws as eval::Corrections::open; InvalidArgument, Unwritable  the data set's folder is
  /// there
  ///   and not empty, or no folder.
  explicit AnnotationImport(const ImportRequest& request);
  Exit run();

 private:
  /// An image that was read once, without its masks.
  struct Checked {
    std::filesystem::path path;
    std::string source;
    bool inside = false;  // its pixels are in the labelme file
    Size size;
    std::map<std::string, std::int64_t> counts;  // of objects, by class
    std::map<std::string, std::int64_t> areas;   // of the typical object
    std::vector<std::string> broken;
    bool usable = false;
  };
  struct Class {
    std::string name, folder;
    std::vector<std::size_t> images;         // into checked_
    std::size_t support = 0;                 // into images
    std::string shown;                       // the support's object
    std::vector<std::string> query_numbers;  // of each image; empty of the support
  };

  void check_all();
  void check(std::size_t index);
  void leave_out_twins();
  void require_unbroken() const;
  void find_classes();
  void choose_supports();
  std::optional<std::size_t> named_support(const Class& c, const std::filesystem::path& name) const;
  void write_all(const std::filesystem::path& folder);
  void write(std::size_t index, const std::filesystem::path& folder);
  void write_class(Class& c, std::size_t place, const eval::CorrectedImage& image,
                   const io::ImageFile& file, const std::filesystem::path& folder) const;
  eval::DatasetStatistics statistics() const;
  void write_statistics(const std::filesystem::path& folder) const;

  const ImportRequest& request_;
  const Interrupt interrupt_;
  const eval::Corrections corrections_;
  std::vector<Checked> checked_;
  std::vector<std::string> left_out_;  // a line for each
  std::vector<Class> classes_;         // by name
  std::vector<std::size_t> used_;      // images of some class
  std::optional<Progress> progress_;
};

}  // namespace persense::cli
