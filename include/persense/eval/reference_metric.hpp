// persense/eval/reference_metric.hpp: the class IoU as the released PerSense script computes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <optional>

namespace persense::eval {

/// Class IoU of two folders of union masks, with the released script's habits: files are paired by
/// their position in the sorted lists, not by name; surplus files are ignored; a pair is skipped
/// when the truth's whole path contains "00" (so "100.png" is); 8-bit grey above 0 is inside; no
/// pair at all counts as 0. For comparison with published figures; score_labels pairs by number.
/// @param truth_path  how the truth folder is to be spelled for the "00" rule (the script was run
///   with relative paths); files are read from `truth`.
/// @throws FileNotFound, Unreadable; InvalidArgument  a pair of different sizes.
double reference_class_iou(const std::filesystem::path& truth, const std::filesystem::path& found,
                           const std::filesystem::path& truth_path);

/// One image's part of it.
struct ReferencePixels {
  std::int64_t intersection = 0, union_ = 0;
};

/// The same for a mask that no file holds; none where the script skips the pair.
/// @param found  CV_8UC1, not 0 inside.
/// @throws as reference_class_iou.
std::optional<ReferencePixels> reference_pixels(const std::filesystem::path& truth,
                                                const std::filesystem::path& truth_path,
                                                const cv::Mat& found);

}  // namespace persense::eval
