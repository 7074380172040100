// persense/eval/metrics.hpp: how well the instances found match the truth.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <vector>

#include "persense/image.hpp"

namespace persense::eval {

/// The IoU levels of the mean F1: 0.50, 0.55, ..., 0.95.
inline constexpr std::size_t level_count = 10;

/// One image's part of the scores. Instances match one to one, best IoU first, at IoU >= level.
struct ImageScore {
  struct Instances {
    std::int64_t truth = 0;
    std::int64_t found = 0;
    std::array<std::int64_t, level_count> matched{};  ///< pairs at every level; [0] is IoU >= 0.5
    double iou_sum = 0;                               ///< of the pairs at IoU >= 0.5
    std::vector<std::int32_t> matched_found;  ///< labels of what was found, of the same pairs
  };
  std::int64_t intersection_pixels = 0;  ///< of the union masks
  std::int64_t union_pixels = 0;
  std::optional<Instances> instances;  ///< absent without instance truth
};

/// Scores a label image against a label image, both CV_32SC1, 0 = background. The union masks are
/// where labels are not 0. Labels need not be consecutive.
/// @throws InvalidArgument  other types, different sizes, a negative label.
ImageScore score_labels(const cv::Mat& truth, const cv::Mat& found);

/// Scores where labels are not 0 (CV_32SC1) against a union mask: no instance scores.
/// @throws InvalidArgument  other types, different sizes.
ImageScore score_union(MaskView truth, const cv::Mat& found);

/// Scores over the images with instance truth.
struct InstanceMetrics {
  double precision = 0;   ///< at IoU 0.5
  double recall = 0;      ///< at IoU 0.5
  double f1 = 0;          ///< at IoU 0.5
  double pq = 0;          ///< panoptic quality: sum of matched IoU / (TP + FP / 2 + FN / 2)
  double mean_f1 = 0;     ///< mean of F1 at IoU 0.50:0.05:0.95
  double count_mae = 0;   ///< mean |found - truth|, objects an image
  double count_bias = 0;  ///< mean (found - truth)
};

/// A class's scores, or their mean over classes.
struct ClassReport {
  std::string name;
  std::int64_t images = 0;
  std::int64_t truth = 0;  ///< instances, in the images with instance truth
  std::int64_t found = 0;
  double union_iou = 0;  ///< sum of intersections / sum of unions (the paper's IoU)
  std::optional<InstanceMetrics> instances;
};

/// Adds up the images of a class.
/// @par Source  union IoU: PerSense section 5; the others: their usual definitions, with empty
///   denominators counted as 1 (as 1e-9 in PQ), so that an empty class scores 0.
class ClassScore {
 public:
  void add(const ImageScore& image);
  ClassReport report(const std::string& name) const;

 private:
  std::int64_t images_ = 0, images_with_instances_ = 0;
  std::int64_t intersection_ = 0, union_ = 0;
  std::int64_t truth_ = 0, found_ = 0, absolute_error_ = 0;
  std::array<std::int64_t, level_count> matched_{};
  double iou_sum_ = 0;
};

/// All classes of a data set.
struct Report {
  std::vector<ClassReport> classes;

  /// The plain mean over classes (instance scores: over the classes that have them), named "mean";
  /// images and instances are sums.
  ClassReport mean() const;
};

/// A table for people: a line a class, then the mean. "-" where a class has no instance truth.
std::string to_table(const Report& report);

/// {"classes": {name: {...}}, "mean": {...}} with keys images, iou, precision, recall, f1, pq, mf1,
/// count_mae, count_bias, instances (truth), found; instance keys are left out without truth.
std::string to_json(const Report& report);

}  // namespace persense::eval
