// persense/eval/reference_metric.hpp: the class IoU as the released PerSense script computes it.
#pragma once

#include <filesystem>

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

}  // namespace persense::eval
