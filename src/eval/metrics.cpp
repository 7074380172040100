#include "persense/eval/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tuple>
#include <unordered_map>

#include "persense/error.hpp"

namespace persense::eval {

namespace {

void require_labels(const cv::Mat& labels, const char* name) {
  if (labels.type() != CV_32SC1)
    throw InvalidArgument(fmt::format("{} labels: {} channels of {} bytes, expected 1 x int32",
                                      name, labels.channels(), labels.elemSize1()));
}

void require_same_size(Size truth, Size found) {
  if (truth != found)
    throw InvalidArgument(fmt::format("labels: found has size {}, expected the truth's {}",
                                      to_string(found), to_string(truth)));
}

/// Pixels of every pair of labels that meets, and of every label. Only what occurs is stored, so
/// thousands of instances on both sides cost what their contacts cost.
struct JointHistogram {
  std::unordered_map<std::uint64_t, std::int64_t> pairs;  // truth label << 32 | found label
  std::unordered_map<std::uint32_t, std::int64_t> truth, found;

  void add(int t, int f, std::int64_t pixels) {
    if (t < 0 || f < 0)
      throw InvalidArgument(
          fmt::format("labels: value {}, expected 0 (background) or above", std::min(t, f)));
    const auto tu = static_cast<std::uint32_t>(t), fu = static_cast<std::uint32_t>(f);
    if (t > 0) truth[tu] += pixels;
    if (f > 0) found[fu] += pixels;
    if (t > 0 && f > 0) pairs[std::uint64_t{tu} << 32 | fu] += pixels;
  }
};

JointHistogram joint_histogram(const cv::Mat& truth, const cv::Mat& found) {
  JointHistogram histogram;
  for (int y = 0; y < truth.rows; ++y) {
    const int* t = truth.ptr<int>(y);
    const int* f = found.ptr<int>(y);
    // labels come in runs: one look-up a run instead of one a pixel
    for (int x = 0; x < truth.cols;) {
      const int begin = x;
      while (x < truth.cols && t[x] == t[begin] && f[x] == f[begin]) ++x;
      histogram.add(t[begin], f[begin], x - begin);
    }
  }
  return histogram;
}

struct CandidatePair {
  double iou;
  std::uint32_t truth, found;
};

/// All pairs of IoU 0.5 and more, best first. Ties only occur at exactly one half, where the order
/// (higher labels first) decides nothing but which equal pair is taken.
std::vector<CandidatePair> candidate_pairs(const JointHistogram& histogram) {
  std::vector<CandidatePair> pairs;
  for (const auto& [key, common] : histogram.pairs) {
    const auto t = static_cast<std::uint32_t>(key >> 32), f = static_cast<std::uint32_t>(key);
    const std::int64_t joined = histogram.truth.at(t) + histogram.found.at(f) - common;
    const double iou = static_cast<double>(common) / static_cast<double>(joined);
    if (iou >= 0.5) pairs.push_back({iou, t, f});
  }
  std::sort(pairs.begin(), pairs.end(), [](const CandidatePair& a, const CandidatePair& b) {
    return std::tie(a.iou, a.truth, a.found) > std::tie(b.iou, b.truth, b.found);
  });
  return pairs;
}

/// @param pairs  of IoU 0.5 and more, best first.
ImageScore::Instances match(std::size_t truth, std::size_t found,
                            const std::vector<CandidatePair>& pairs) {
  ImageScore::Instances score;
  score.truth = static_cast<std::int64_t>(truth);
  score.found = static_cast<std::int64_t>(found);
  std::unordered_map<std::uint32_t, bool> truth_taken, found_taken;
  for (const CandidatePair& pair : pairs) {
    bool& truth_is = truth_taken[pair.truth];
    bool& found_is = found_taken[pair.found];
    if (truth_is || found_is) continue;
    truth_is = found_is = true;
    score.iou_sum += pair.iou;
    score.matched_found.push_back(static_cast<std::int32_t>(pair.found));
    score.matched_truth.push_back(static_cast<std::int32_t>(pair.truth));
    score.matched_iou.push_back(pair.iou);
    // taking the best pairs first makes the match at a level the beginning of the match at 0.5
    for (std::size_t k = 0; k < level_count; ++k)
      if (pair.iou >= 0.5 + 0.05 * static_cast<double>(k)) ++score.matched[k];
  }
  return score;
}

/// The same pairs of masks that may overlap, by labels that count from 1.
std::vector<CandidatePair> candidate_pairs(std::span<const Mask> truth,
                                           std::span<const Mask> found) {
  std::vector<std::int64_t> truth_areas;
  for (const Mask& mask : truth) truth_areas.push_back(mask.area());
  std::vector<CandidatePair> pairs;
  for (std::size_t f = 0; f < found.size(); ++f) {
    const std::int64_t area = found[f].area();
    for (std::size_t t = 0; t < truth.size(); ++t) {
      const std::int64_t common = intersection_area(truth[t], found[f]);
      const double iou = common == 0 ? 0
                                     : static_cast<double>(common) /
                                           static_cast<double>(area + truth_areas[t] - common);
      if (iou >= 0.5)
        pairs.push_back(
            {iou, static_cast<std::uint32_t>(t + 1), static_cast<std::uint32_t>(f + 1)});
    }
  }
  std::sort(pairs.begin(), pairs.end(), [](const CandidatePair& a, const CandidatePair& b) {
    return std::tie(a.iou, a.truth, a.found) > std::tie(b.iou, b.truth, b.found);
  });
  return pairs;
}

cv::Mat painted(std::span<const Mask> masks, Size image, const char* name) {
  cv::Mat all = cv::Mat::zeros(image.height, image.width, CV_8UC1);
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const Mask& mask = masks[i];
    require_mask(mask, image, fmt::format("{} mask {}", name, i + 1));
    for (int y = mask.box.y0; y < mask.box.y1; ++y)
      for (int x = 0; x < mask.box.width(); ++x)
        if (mask.row(y)[x] != 0) all.at<std::uint8_t>(y, mask.box.x0 + x) = 1;
  }
  return all;
}

/// Labels of those that match nothing and lie with more than half of their pixels in crowds.
std::vector<std::int32_t> in_crowds(std::span<const Mask> found, const ImageScore::Instances& score,
                                    const cv::Mat& crowds) {
  std::vector<bool> matched(found.size() + 1);
  for (const std::int32_t label : score.matched_found)
    matched[static_cast<std::size_t>(label)] = true;
  std::vector<std::int32_t> labels;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (matched[i + 1]) continue;
    const Mask& mask = found[i];
    std::int64_t inside = 0;
    for (int y = mask.box.y0; y < mask.box.y1; ++y)
      for (int x = 0; x < mask.box.width(); ++x)
        inside += mask.row(y)[x] != 0 && crowds.at<std::uint8_t>(y, mask.box.x0 + x) != 0;
    if (2 * inside > mask.area()) labels.push_back(static_cast<std::int32_t>(i + 1));
  }
  return labels;
}

double ratio(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(1, whole));
}

/// 2 TP / (2 TP + FP + FN), where FP + TP = found and FN + TP = truth.
double f1_of(std::int64_t matched, std::int64_t truth, std::int64_t found) {
  return ratio(2 * matched, truth + found);
}

}  // namespace

ImageScore score_labels(const cv::Mat& truth, const cv::Mat& found) {
  require_labels(truth, "truth");
  require_labels(found, "found");
  require_same_size({truth.cols, truth.rows}, {found.cols, found.rows});
  const JointHistogram histogram = joint_histogram(truth, found);
  ImageScore score;
  for (const auto& [key, pixels] : histogram.pairs) score.intersection_pixels += pixels;
  for (const auto& [label, pixels] : histogram.truth) score.union_pixels += pixels;
  for (const auto& [label, pixels] : histogram.found) score.union_pixels += pixels;
  score.union_pixels -= score.intersection_pixels;
  score.pixels = Size{truth.cols, truth.rows}.pixels();
  score.instances =
      match(histogram.truth.size(), histogram.found.size(), candidate_pairs(histogram));
  score.count = {score.instances->truth, static_cast<double>(score.instances->found)};
  return score;
}

ImageScore score_masks(std::span<const Mask> truth, std::span<const Mask> crowds,
                       std::span<const Mask> found, Size image) {
  ImageScore score;
  const cv::Mat crowd = painted(crowds, image, "crowd");
  const cv::Mat t = painted(truth, image, "truth") | crowd, f = painted(found, image, "found");
  score.intersection_pixels = cv::countNonZero(t & f);
  score.union_pixels = cv::countNonZero(t | f);
  score.pixels = image.pixels();
  score.instances = match(truth.size(), found.size(), candidate_pairs(truth, found));
  if (!crowds.empty()) {
    score.instances->in_crowds = in_crowds(found, *score.instances, crowd);
    score.instances->found -= static_cast<std::int64_t>(score.instances->in_crowds.size());
  }
  score.count = {score.instances->truth, static_cast<double>(score.instances->found)};
  return score;
}

ImageScore score_union(MaskView truth, const cv::Mat& found) {
  require_labels(found, "found");
  require_same_size(truth.size(), {found.cols, found.rows});
  ImageScore score;
  score.pixels = truth.size().pixels();
  for (int y = 0; y < truth.height; ++y) {
    const std::uint8_t* t = truth.row(y);
    const int* f = found.ptr<int>(y);
    for (int x = 0; x < truth.width; ++x) {
      score.intersection_pixels += t[x] != 0 && f[x] != 0;
      score.union_pixels += t[x] != 0 || f[x] != 0;
    }
  }
  return score;
}

void ClassScore::add(const ImageScore& image) {
  ++images_;
  intersection_ += image.intersection_pixels;
  union_ += image.union_pixels;
  pixels_ += image.pixels;
  if (image.matched) matched_images_.push_back(image.matched);
  if (image.count) {
    const double error = image.count->found - static_cast<double>(image.count->truth);
    ++counted_;
    error_ += error;
    absolute_error_ += std::abs(error);
    squared_error_ += error * error;
    if (image.count->truth == 0) ++absent_, false_ += image.count->found;
  }
  if (!image.instances) return;
  const auto& i = *image.instances;
  ++images_with_instances_;
  truth_ += i.truth;
  found_ += i.found;
  for (std::size_t k = 0; k < level_count; ++k) matched_[k] += i.matched[k];
  iou_sum_ += i.iou_sum;
}

double fb_iou(std::int64_t intersection, std::int64_t joined, std::int64_t pixels) {
  return (ratio(intersection, joined) + ratio(pixels - joined, pixels - intersection)) / 2;
}

ClassReport ClassScore::report(const std::string& name) const {
  ClassReport report{name, images_, truth_, found_, ratio(intersection_, union_), std::nullopt};
  report.has_masks = pixels_ > 0 || images_ == 0;
  report.intersection = intersection_;
  report.union_ = union_;
  report.pixels = pixels_;
  report.fb_iou = fb_iou(intersection_, union_, pixels_);
  report.absent_images = absent_;
  if (absent_ > 0) report.false_per_absent = false_ / static_cast<double>(absent_);
  if (counted_ > 0) {
    const auto images = static_cast<double>(counted_);
    report.counts = {absolute_error_ / images, std::sqrt(squared_error_ / images), error_ / images};
  }
  if (!matched_images_.empty()) {
    std::vector<const MatchedImage*> images;
    for (const auto& image : matched_images_) images.push_back(image.get());
    report.ap = average_precision(images);
  }
  if (images_with_instances_ == 0) return report;
  InstanceMetrics m;
  const std::int64_t matched = matched_[0];
  m.precision = ratio(matched, found_);
  m.recall = ratio(matched, truth_);
  m.f1 = f1_of(matched, truth_, found_);
  // TP + FP / 2 + FN / 2 is the mean of the two counts
  m.pq = iou_sum_ / std::max(1e-9, 0.5 * static_cast<double>(truth_ + found_));
  m.sq = iou_sum_ / static_cast<double>(std::max<std::int64_t>(1, matched));
  m.rq = m.f1;
  for (const std::int64_t at_level : matched_) m.mean_f1 += f1_of(at_level, truth_, found_);
  m.mean_f1 /= static_cast<double>(level_count);
  report.instances = m;
  return report;
}

}  // namespace persense::eval
