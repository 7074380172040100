// persense/classic/region_merging.hpp: merges an over-segmentation into object-like pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <opencv2/core.hpp>
#include <queue>
#include <tuple>
#include <vector>

#include "persense/classic/shape.hpp"

namespace persense::classic {

/// When two touching pieces are one object.
struct MergingRules {
  ShapePrior prior;
  double dip_decay = 4;    ///< penalty for a dark line along the common border
  double neck_full = 0.9;  ///< no penalty when the neck is this part of the smaller inner radius
  double bonus = 0.1;      ///< what a merge may cost in object-likeness
  double settled_bonus = -0.1;  ///< the same between two pieces that were accepted before
};

/// Merges neighbouring regions greedily, best gain first, while a merge gains.
class RegionMerger {
 public:
  /// @param labels      CV_32SC1, regions 1..n, 0 = none.
  /// @param value       CV_32FC1: height of the landscape, for dips along borders.
  /// @param depth       CV_32FC1: distance to the background, for necks.
  /// @param is_settled  per region, 1-based: accepted as an object before.
  RegionMerger(const cv::Mat& labels, int n, const cv::Mat& value, const cv::Mat& depth,
               std::vector<bool> is_settled, const MergingRules& rules)
      : rules_(rules), regions_(static_cast<std::size_t>(n) + 1), root_(regions_.size()) {
    std::iota(root_.begin(), root_.end(), 0);
    for (std::size_t i = 1; i < regions_.size(); ++i) regions_[i].is_settled = is_settled[i];
    measure(labels, value, depth);
    for (auto& region : regions_)
      if (region.shape.area > 0) region.score = rules_.prior(region.shape);
  }

  /// @return  per region (1-based): the region it became part of.
  std::vector<int> merge() {
    for (int i = 1; i < static_cast<int>(regions_.size()); ++i)
      for (const auto& [j, border] : regions_[i].borders)
        if (i < j) consider(i, j);
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      if (regions_[best.i].version != best.version_i || regions_[best.j].version != best.version_j)
        continue;
      absorb(best.i, best.j);
    }
    for (std::size_t i = 1; i < root_.size(); ++i) root_[i] = find(static_cast<int>(i));
    return root_;
  }

 private:
  struct Border {
    int pixels = 0;
    double value = 0;  // sum of the darker pixel of every pair across the border
    float neck = 0;    // largest depth on the border
  };
  struct Region {
    ShapeMoments shape;
    double score = 0;
    float peak = 0, depth = 0;
    bool is_settled = false;
    int version = 0;
    std::map<int, Border> borders;
  };
  struct Candidate {
    double gain;
    int i, j, version_i, version_j;
    bool operator<(const Candidate& o) const {
      return std::tie(gain, o.i, o.j) < std::tie(o.gain, i, j);
    }
  };

  void measure(const cv::Mat& labels, const cv::Mat& value, const cv::Mat& depth) {
    const int width = labels.cols, height = labels.rows;
    const int* label = labels.ptr<int>();
    const float *v = value.ptr<float>(), *d = depth.ptr<float>();
    const auto meet = [&](int p, int q) {
      if (label[p] == label[q] || label[q] == 0) return;
      const float lower = std::min(v[p], v[q]), shallow = std::min(d[p], d[q]);
      for (const bool forth : {true, false}) {
        const int a = label[forth ? p : q], b = label[forth ? q : p];
        Border& border = regions_[a].borders[b];
        border.pixels += 1;
        border.value += lower;
        border.neck = std::max(border.neck, shallow);
      }
    };
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const int p = y * width + x;
        if (label[p] == 0) continue;
        Region& region = regions_[label[p]];
        region.shape.add(x, y);
        region.peak = std::max(region.peak, v[p]);
        region.depth = std::max(region.depth, d[p]);
        if (x + 1 < width) meet(p, p + 1);
        if (y + 1 < height) meet(p, p + width);
      }
  }

  double gain(int i, int j) const {
    const Region &a = regions_[i], &b = regions_[j];
    const Border& border = a.borders.at(j);
    const ShapeMoments both = a.shape + b.shape;
    const double apart = (a.score * a.shape.area + b.score * b.shape.area) / both.area;
    const double level = border.value / border.pixels;
    const double dip = std::max(0.0, 1 - level / std::max(double{std::min(a.peak, b.peak)}, 1e-6));
    const double neck = border.neck / std::max(double{std::min(a.depth, b.depth)}, 1e-6);
    const double joint = std::exp(-rules_.dip_decay * dip) * std::min(1.0, neck / rules_.neck_full);
    const bool settled = a.is_settled && b.is_settled;
    return rules_.prior(both) * joint - apart + (settled ? rules_.settled_bonus : rules_.bonus);
  }

  void consider(int i, int j) {
    if (i > j) std::swap(i, j);
    const double g = gain(i, j);
    if (g > 0) queue_.push({g, i, j, regions_[i].version, regions_[j].version});
  }

  void absorb(int i, int j) {
    Region &a = regions_[i], &b = regions_[j];
    a.shape += b.shape;
    a.score = rules_.prior(a.shape);
    a.peak = std::max(a.peak, b.peak);
    a.depth = std::max(a.depth, b.depth);
    a.is_settled = a.is_settled || b.is_settled;
    ++a.version;
    ++b.version;
    a.borders.erase(j);
    for (const auto& [k, border] : b.borders) {
      regions_[k].borders.erase(j);
      if (k == i) continue;
      Border& joined = a.borders[k];
      joined.pixels += border.pixels;
      joined.value += border.value;
      joined.neck = std::max(joined.neck, border.neck);
      regions_[k].borders[i] = joined;
    }
    b.borders.clear();
    root_[j] = i;
    for (const auto& [k, border] : a.borders) consider(i, k);
  }

  int find(int i) const {
    while (root_[i] != i) i = root_[i];
    return i;
  }

  MergingRules rules_;
  std::vector<Region> regions_;
  std::vector<int> root_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace persense::classic
