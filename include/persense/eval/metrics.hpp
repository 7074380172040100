// persense/eval/metrics.hpp: how well the instances found match the truth.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <opencv2/core.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "persense/eval/average_precision.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"

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
    std::vector<std::int32_t> matched_truth;  ///< labels of the truth, of the same pairs
    std::vector<double> matched_iou;          ///< of the same pairs
    std::vector<std::int32_t> in_crowds;      ///< labels of what was found that is not counted
  };
  struct Count {
    std::int64_t truth = 0;
    double found = 0;
  };
  std::int64_t intersection_pixels = 0;  ///< of the union masks
  std::int64_t union_pixels = 0;
  std::int64_t pixels = 0;             ///< of the image; 0: nothing is known of the union mask
  std::optional<Instances> instances;  ///< absent without instance truth
  std::optional<Count> count;          ///< absent without instance truth or a true count
  std::shared_ptr<const MatchedImage> matched;  ///< for the average precision; absent without masks
};

/// Scores a label image against a label image, both CV_32SC1, 0 = background. The union masks are
/// where labels are not 0. Labels need not be consecutive.
/// @throws InvalidArgument  other types, different sizes, a negative label.
ImageScore score_labels(const cv::Mat& truth, const cv::Mat& found);

/// Scores objects against objects, whose masks may overlap. Crowds belong to the union mask; an
/// object that matches none and lies with more than half of its pixels in crowds is neither right
/// nor wrong, and is not counted.
/// @param found  the object i has the label i + 1 in `matched_found`.
/// @par Source  crowds: panopticapi's `pq_compute`.
/// @throws InvalidArgument  a mask that leaves the image.
ImageScore score_masks(std::span<const Mask> truth, std::span<const Mask> crowds,
                       std::span<const Mask> found, Size image);

/// Scores where labels are not 0 (CV_32SC1) against a union mask: no instance scores.
/// @throws InvalidArgument  other types, different sizes.
ImageScore score_union(MaskView truth, const cv::Mat& found);

/// Scores over the images with instance truth.
struct InstanceMetrics {
  double precision = 0;  ///< at IoU 0.5
  double recall = 0;     ///< at IoU 0.5
  double f1 = 0;         ///< at IoU 0.5
  double pq = 0;         ///< panoptic quality: sum of matched IoU / (TP + FP / 2 + FN / 2)
  double mean_f1 = 0;    ///< mean of F1 at IoU 0.50:0.05:0.95
  double sq = 0;         ///< segmentation quality: mean IoU of the matched; pq = sq * rq
  double rq = 0;         ///< recognition quality: f1
};

/// Scores over the images whose number of objects is known.
struct CountMetrics {
  double mae = 0;   ///< mean |found - truth|, objects an image
  double rmse = 0;  ///< root of the mean (found - truth)^2
  double bias = 0;  ///< mean (found - truth)
};

/// A class's scores, or their mean over classes.
struct ClassReport {
  std::string name;
  std::int64_t images = 0;
  std::int64_t truth = 0;  ///< instances, in the images with instance truth
  std::int64_t found = 0;
  double union_iou = 0;  ///< sum of intersections / sum of unions (the paper's IoU)
  std::optional<InstanceMetrics> instances;
  bool has_masks = true;  ///< else union_iou and fb_iou say nothing
  /// Mean of the IoU of foreground and background, each summed over all images: FB-IoU.
  double fb_iou = 0;
  std::optional<CountMetrics> counts = {};
  std::optional<AveragePrecision> ap = {};
  std::int64_t absent_images = 0;               ///< without any true object
  std::optional<double> false_per_absent = {};  ///< objects found in one of them, on average
  std::int64_t intersection = 0, union_ = 0, pixels = 0;  ///< what union_iou and fb_iou are made of
};

/// Mean of the IoU of foreground and background, of sums of pixels. Empty unions count as 1.
double fb_iou(std::int64_t intersection, std::int64_t joined, std::int64_t pixels);

/// Adds up the images of a class.
/// @par Source  union IoU: PerSense section 5; the others: their usual definitions, with empty
///   denominators counted as 1 (as 1e-9 in PQ), so that an empty class scores 0. FB-IoU and the
///   mean over classes of the union IoU (mIoU): as the few-shot benchmarks have them since HSNet.
class ClassScore {
 public:
  void add(const ImageScore& image);
  ClassReport report(const std::string& name) const;

 private:
  std::int64_t images_ = 0, images_with_instances_ = 0;
  std::int64_t intersection_ = 0, union_ = 0, pixels_ = 0;
  std::int64_t truth_ = 0, found_ = 0;
  std::array<std::int64_t, level_count> matched_{};
  double iou_sum_ = 0;
  std::int64_t counted_ = 0, absent_ = 0;  // images
  double error_ = 0, absolute_error_ = 0, squared_error_ = 0, false_ = 0;
  std::vector<std::shared_ptr<const MatchedImage>> matched_images_;
};

}  // namespace persense::eval
