#include "persense/eval/reference_metric.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/error.hpp"
#include "persense/io/images.hpp"

namespace persense::eval {

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> sorted_png(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw FileNotFound(fmt::format("{}: no such folder", folder.string()));
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// 8-bit grey above 0: dark colours round to 0 and count as outside.
cv::Mat grey_mask(const fs::path& path) {
  cv::Mat grey;
  cv::cvtColor(io::read_image(path).mat(), grey, cv::COLOR_RGB2GRAY);
  return grey > 0;
}

}  // namespace

std::optional<ReferencePixels> reference_pixels(const fs::path& truth, const fs::path& truth_path,
                                                const cv::Mat& found) {
  if (truth_path.string().find("00") != std::string::npos) return std::nullopt;
  const cv::Mat t = grey_mask(truth);
  if (t.size() != found.size())
    throw InvalidArgument(fmt::format("found for {}: size {} x {}, expected {} x {}",
                                      truth.string(), found.cols, found.rows, t.cols, t.rows));
  const cv::Mat f = found > 0;
  return ReferencePixels{cv::countNonZero(t & f), cv::countNonZero(t | f)};
}

double reference_class_iou(const fs::path& truth, const fs::path& found,
                           const fs::path& truth_path) {
  const auto truth_files = sorted_png(truth), found_files = sorted_png(found);
  double intersections = 0, unions = 0;
  for (std::size_t i = 0; i < std::min(truth_files.size(), found_files.size()); ++i) {
    const fs::path spelled = truth_path / truth_files[i].filename();
    if (spelled.string().find("00") != std::string::npos) continue;  // nor is its file read
    const auto pixels = reference_pixels(truth_files[i], spelled, grey_mask(found_files[i]));
    intersections += static_cast<double>(pixels->intersection);
    unions += static_cast<double>(pixels->union_);
  }
  return intersections / (unions + 1e-10);
}

}  // namespace persense::eval
