#include "merge_regions.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

namespace persense::regions {

namespace {

class RegionMerger {
 public:
  RegionMerger(const cv::Mat& labels, const cv::Mat& height, const cv::Mat& depth,
               const std::vector<bool>& is_confident, const MergingRules& rules)
      : rules_(rules), regions_(is_confident.size()), root_(regions_.size()) {
    std::iota(root_.begin(), root_.end(), 0);
    for (std::size_t i = 1; i < regions_.size(); ++i) regions_[i].is_confident = is_confident[i];
    measure(labels, height, depth);
    for (auto& region : regions_)
      if (region.shape.area > 0) region.score = rules_.prior(region.shape);
  }

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
    double height = 0;  // sum of the lower pixel of every pair across the border
    float neck = 0;     // largest depth on the border
  };
  struct Node {
    ShapeMoments shape;
    double score = 0;
    float peak = 0, depth = 0;
    bool is_confident = false;
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

  void measure(const cv::Mat& labels, const cv::Mat& height, const cv::Mat& depth) {
    const int width = labels.cols, rows = labels.rows;
    const int* label = labels.ptr<int>();
    const float *h = height.ptr<float>(), *d = depth.ptr<float>();
    const auto add_pair = [&](int p, int q) {
      if (label[p] == label[q] || label[q] == 0) return;
      const float lower = std::min(h[p], h[q]), shallow = std::min(d[p], d[q]);
      for (const auto& [a, b] : {std::pair(label[p], label[q]), std::pair(label[q], label[p])}) {
        Border& border = regions_[a].borders[b];
        border.pixels += 1;
        border.height += lower;
        border.neck = std::max(border.neck, shallow);
      }
    };
    for (int y = 0; y < rows; ++y)
      for (int x = 0; x < width; ++x) {
        const int p = y * width + x;
        if (label[p] == 0) continue;
        Node& region = regions_[label[p]];
        region.shape.add(x, y);
        region.peak = std::max(region.peak, h[p]);
        region.depth = std::max(region.depth, d[p]);
        if (x + 1 < width) add_pair(p, p + 1);
        if (y + 1 < rows) add_pair(p, p + width);
      }
  }

  double gain(int i, int j) const {
    const Node &a = regions_[i], &b = regions_[j];
    const Border& border = a.borders.at(j);
    const ShapeMoments both = a.shape + b.shape;
    const double separate = (a.score * a.shape.area + b.score * b.shape.area) / both.area;
    const double level = border.height / border.pixels;
    const double dip = std::max(0.0, 1 - level / std::max(double{std::min(a.peak, b.peak)}, 1e-6));
    const double neck = border.neck / std::max(double{std::min(a.depth, b.depth)}, 1e-6);
    const double joint = std::exp(-rules_.dip_decay * dip) * std::min(1.0, neck / rules_.neck_full);
    const bool confident = a.is_confident && b.is_confident;
    return rules_.prior(both) * joint - separate +
           (confident ? rules_.confident_bonus : rules_.bonus);
  }

  void consider(int i, int j) {
    if (i > j) std::swap(i, j);
    const double g = gain(i, j);
    if (g > 0) queue_.push({g, i, j, regions_[i].version, regions_[j].version});
  }

  void absorb(int i, int j) {
    Node &a = regions_[i], &b = regions_[j];
    a.shape += b.shape;
    a.score = rules_.prior(a.shape);
    a.peak = std::max(a.peak, b.peak);
    a.depth = std::max(a.depth, b.depth);
    a.is_confident = a.is_confident || b.is_confident;
    ++a.version;
    ++b.version;
    a.borders.erase(j);
    for (const auto& [k, border] : b.borders) {
      regions_[k].borders.erase(j);
      if (k == i) continue;
      Border& joined = a.borders[k];
      joined.pixels += border.pixels;
      joined.height += border.height;
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
  std::vector<Node> regions_;
  std::vector<int> root_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

std::vector<int> merge_regions(const cv::Mat& labels, const cv::Mat& height, const cv::Mat& depth,
                               const std::vector<bool>& is_confident, const MergingRules& rules) {
  return RegionMerger(labels, height, depth, is_confident, rules).merge();
}

}  // namespace persense::regions
