#include "merge_scales.hpp"

#include <algorithm>
#include <cstddef>
#include <opencv2/imgproc.hpp>
#include <utility>

namespace persense::regions {

namespace {

template <class Visit>
void for_pixels(const Segmentation& segmentation, std::size_t index, Visit&& visit) {
  const PixelBox& box = segmentation.regions[index].box;
  for (int y = box.y0; y < box.y1; ++y) {
    const int* label = segmentation.labels.ptr<int>(y);
    for (int x = box.x0; x < box.x1; ++x)
      if (label[x] == static_cast<int>(index) + 1) visit(x, y);
  }
}

/// Adds what is free of a region, when that is most of it.
void add_region(Segmentation& merged, const Segmentation& from, std::size_t index, double score) {
  constexpr double most = 0.7;
  int all = 0, free = 0;
  for_pixels(from, index, [&](int x, int y) {
    ++all;
    free += merged.labels.at<int>(y, x) == 0;
  });
  if (all == 0 || free < most * all) return;
  Region region;
  region.box = {merged.labels.cols, merged.labels.rows, 0, 0};
  region.area = static_cast<double>(free);
  region.score = score;
  const int label = static_cast<int>(merged.regions.size()) + 1;
  float deepest = -1;
  for_pixels(from, index, [&](int x, int y) {
    if (merged.labels.at<int>(y, x) != 0) return;
    merged.labels.at<int>(y, x) = label;
    const float depth = merged.interior.at<float>(y, x) = from.interior.at<float>(y, x);
    if (depth > deepest) deepest = depth, region.core = {x, y};
    region.box = {std::min(region.box.x0, x), std::min(region.box.y0, y),
                  std::max(region.box.x1, x + 1), std::max(region.box.y1, y + 1)};
  });
  merged.regions.push_back(region);
}

}  // namespace

Segmentation resampled(Segmentation segmentation, cv::Size size) {
  cv::Mat &labels = segmentation.labels, &interior = segmentation.interior;
  if (labels.size() == size) return segmentation;
  const double fx = static_cast<double>(size.width) / labels.cols;
  const double fy = static_cast<double>(size.height) / labels.rows;
  cv::resize(labels, labels, size, 0, 0, cv::INTER_NEAREST);
  cv::resize(interior, interior, size, 0, 0, cv::INTER_LINEAR);
  interior *= fx;  // depths are lengths
  for (Region& region : segmentation.regions) {
    const PixelBox& b = region.box;  // a pixel wider all around, as rounding may go either way
    region.box = {std::max(0, static_cast<int>(b.x0 * fx) - 1),
                  std::max(0, static_cast<int>(b.y0 * fy) - 1),
                  std::min(size.width, static_cast<int>(b.x1 * fx) + 2),
                  std::min(size.height, static_cast<int>(b.y1 * fy) + 2)};
    region.area *= fx * fy;
  }
  return segmentation;
}

Segmentation merge_scales(const std::vector<ScaleSegmentation>& scales) {
  struct Candidate {
    double score;
    const Segmentation* segmentation;
    std::size_t index;
  };
  std::vector<Candidate> candidates;
  for (const ScaleSegmentation& scale : scales)
    for (std::size_t i = 0; i < scale.segmentation.regions.size(); ++i)
      candidates.push_back(
          {scale.segmentation.regions[i].score * scale.weight, &scale.segmentation, i});
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  const Segmentation& base = scales.front().segmentation;
  Segmentation merged;
  merged.labels = cv::Mat::zeros(base.labels.size(), CV_32SC1);
  merged.interior = base.interior.clone();
  for (const Candidate& c : candidates) add_region(merged, *c.segmentation, c.index, c.score);
  return merged;
}

}  // namespace persense::regions
