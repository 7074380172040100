// persense/classic/proposals.hpp: cuts an image into object-like pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/classic/component_tree.hpp"
#include "persense/classic/landscape.hpp"
#include "persense/classic/region_merging.hpp"
#include "persense/classic/watershed.hpp"
#include "persense/geometry.hpp"

namespace persense::classic {

struct Tuning {
  double tree_levels = 40, min_area = 15, max_area = 20, edge_half = 0.5, node_power = 10,
         node_spread = 2.0, node_lowest = 0.1, contrast_size = 2.5, protect = 0.5;
  double surface_reach = 1.0, surface_width = 2.0, surface_floor = 0.05, contrast_floor = 0.3,
         value_floor = 0.35, full = 0.8, depth_blur = 0.15, piece_lowest = 0.1,
         piece_min_area = 0.06;
  double work_diameter = 40, density_width = 0.18, detect_lowest = 0.03, look_l = 0.5, look_sd = 0.5, look_eta = 0.8, look_ratio = 2, look_gap = 10, coarse = 1, coarse_weight = 0.7, free_part = 0.7;
};
inline Tuning tuning;

/// What an object is expected to look like, in one image at working resolution.
struct References {
  double area = 0;        ///< pixels
  double value = 0;       ///< mean height inside an object
  double contrast = 0;    ///< mean local contrast inside an object
  double background = 0;  ///< height of the background around an object
  bool operator==(const References&) const = default;
  double radius() const { return std::sqrt(area / std::numbers::pi); }

  /// 0 for a region as low as the background, 1 for one nearly as high as the objects.
  double value_score(double mean) const {
    return std::clamp((mean - background) / (tuning.full * std::max(value - background, 1e-3)), 0.0,
                      1.0);
  }
  double contrast_score(double mean) const {
    return std::sqrt(std::clamp(mean / (tuning.full * contrast + 1e-6), 0.0, 1.0));
  }
};

/// An object-like piece of the image.
struct Piece {
  PixelBox box;
  double area = 0;
  double score = 0;  ///< how much it looks like an object of the expected kind, 0..1
  double value = 0, contrast = 0;
  Point core;  ///< its most interior pixel
  bool at_border = false;
  cv::Vec<float, 6> look;  ///< mean and deviation of L, a, b
};

inline double look_distance(const cv::Vec<float, 6>& a, const cv::Vec<float, 6>& b) {
  const double w[6] = {tuning.look_l, 1, 1, tuning.look_sd * tuning.look_l, tuning.look_sd, tuning.look_sd};
  double sum = 0;
  for (int i = 0; i < 6; ++i) sum += w[i] * w[i] * (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

/// A cut of the foreground into pieces.
struct Proposals {
  cv::Mat labels;      ///< CV_32SC1: index into pieces + 1, 0 = background
  cv::Mat interior;    ///< CV_32FC1: depth below the foreground's edge, smoothed
  cv::Mat foreground;  ///< CV_8UC1
  std::vector<Piece> pieces;
};

/// A height map with everything about it that does not depend on what is looked for.
class Landscape {
 public:
  Landscape(cv::Mat height_map, double support_area)
      : height(std::move(height_map)),
        gradient(gradient_of(height)),
        edge_half(tuning.edge_half * percentile(gradient, 95)),
        max_area_(tuning.max_area * support_area) {
    const float low = percentile(height, 0.5), high = percentile(height, 99.8);
    const int levels = static_cast<int>(tuning.tree_levels);
    cv::Mat quantised;
    const double scale = high > low ? (levels + 1) / static_cast<double>(high - low) : 0.0;
    quantised = cv::Mat(height.size(), CV_8U);
    const float* h = height.ptr<float>();
    std::uint8_t* q = quantised.ptr();
    for (std::size_t i = 0; i < height.total(); ++i)
      q[i] =
          static_cast<std::uint8_t>(std::clamp(static_cast<int>((h[i] - low) * scale), 0, levels));
    tree_ = component_tree(quantised, height, gradient);
  }

  Proposals propose(const References& wanted) const;

  cv::Mat height, gradient;
  double edge_half;  ///< the boundary gradient that earns half of the edge score

  double edge_score(double mean_gradient) const {
    const double e = mean_gradient * mean_gradient;
    return e / (e + edge_half * edge_half + 1e-12);
  }

 private:
  /// Tree components that look like objects: CV_32SC1, index + 1, and which of them are certain.
  cv::Mat accepted_components(const References& wanted, const cv::Mat& contrast,
                              std::vector<bool>& certain) const;
  cv::Mat foreground_of(const References& wanted, const cv::Mat& contrast,
                        const cv::Mat& accepted) const;
  cv::Mat threshold_surface(const References& wanted, const cv::Mat& accepted) const;

  double max_area_;
  ComponentTree tree_;
};

inline cv::Mat Landscape::accepted_components(const References& wanted, const cv::Mat& contrast,
                                              std::vector<bool>& certain) const {
  const std::vector<double> contrast_sums = sums_over(tree_, contrast);
  MergingRules shape_rules;
  shape_rules.typical_area = wanted.area;
  shape_rules.size_spread = tuning.node_spread;
  shape_rules.ellipse_power = tuning.node_power;
  std::vector<double> score(tree_.nodes.size(), -1.0);
  for (std::size_t i = 0; i < score.size(); ++i) {
    const TreeNode& node = tree_.nodes[i];
    const double area = node.shape.area;
    if (area < tuning.min_area || area > max_area_) continue;
    score[i] = shape_rules.score(node.shape) *
               edge_score(node.boundary_edge / std::max(node.boundary, 1.0)) *
               wanted.value_score(node.value / area) *
               wanted.contrast_score(contrast_sums[i] / area);
  }
  const TreeChoice choice = choose_components(tree_, score, tuning.node_lowest);
  certain.assign(1, false);
  for (const int node : choice.chosen)
    certain.push_back(score[static_cast<std::size_t>(node)] >= tuning.protect);
  cv::Mat labels(height.size(), CV_32SC1);
  const int* node_of = tree_.node_of.ptr<int>();
  int* label = labels.ptr<int>();
  for (std::size_t p = 0; p < labels.total(); ++p)
    label[p] = node_of[p] < 0 ? 0 : choice.holder[static_cast<std::size_t>(node_of[p])] + 1;
  return labels;
}

/// The height that separates objects from what surrounds them here: mean height around accepted
/// components, weighted by gradient, so that it follows their edges.
inline cv::Mat Landscape::threshold_surface(const References& wanted,
                                            const cv::Mat& accepted) const {
  const cv::Mat near_objects =
      dilate_disc(accepted > 0, std::max(1.0, std::round(tuning.surface_reach * wanted.radius())));
  cv::Mat weight;
  cv::sqrt(gradient, weight);
  weight.setTo(0, near_objects == 0);
  const cv::Mat weighted = weight.mul(height);
  const double sum = cv::sum(weight)[0];
  const double overall = sum > 0 ? cv::sum(weighted)[0] / sum : wanted.background;
  const double width = std::max(2.0, tuning.surface_width * wanted.radius());
  cv::Mat top = wide_blur(weighted, width), bottom = wide_blur(weight, width);
  double heaviest = 0;
  cv::minMaxLoc(bottom, nullptr, &heaviest);
  const double floor = tuning.surface_floor * heaviest + 1e-12;
  return (top + floor * overall) / (bottom + floor);
}

/// Fills holes smaller than `largest` pixels.
inline void fill_small_holes(cv::Mat& mask, double largest) {
  cv::Mat labels, stats, centers;
  const int n = cv::connectedComponentsWithStats(mask == 0, labels, stats, centers, 4);
  std::vector<bool> small(static_cast<std::size_t>(n), false);
  for (int i = 1; i < n; ++i) {
    const int* s = stats.ptr<int>(i);
    const bool inside = s[0] > 0 && s[1] > 0 && s[0] + s[2] < mask.cols && s[1] + s[3] < mask.rows;
    small[static_cast<std::size_t>(i)] = inside && s[4] < largest;
  }
  const int* label = labels.ptr<int>();
  std::uint8_t* m = mask.ptr();
  for (std::size_t p = 0; p < mask.total(); ++p)
    if (small[static_cast<std::size_t>(label[p])]) m[p] = 255;
}

inline cv::Mat Landscape::foreground_of(const References& wanted, const cv::Mat& contrast,
                                        const cv::Mat& accepted) const {
  const double floor = wanted.background + tuning.value_floor * (wanted.value - wanted.background);
  cv::Mat mask = (height > threshold_surface(wanted, accepted)) & (height > floor) &
                 (contrast > tuning.contrast_floor * wanted.contrast);
  mask |= accepted > 0;
  fill_small_holes(mask, 0.3 * wanted.area);
  cv::morphologyEx(mask, mask, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}));
  return mask;
}

/// Depth below the mask's edge; the image's border is no edge.
inline cv::Mat depth_of(const cv::Mat& mask) {
  cv::Mat padded, distance;
  cv::copyMakeBorder(mask, padded, 1, 1, 1, 1, cv::BORDER_REPLICATE);
  cv::distanceTransform(padded, distance, cv::DIST_L2, 5);
  distance =
      cv::min(distance, std::max(mask.rows, mask.cols));  // a mask without any edge has no distance
  return distance(cv::Rect(1, 1, mask.cols, mask.rows)).clone();
}

/// Markers at the depth maxima; every certain component is one marker.
inline int place_markers(const cv::Mat& interior, const cv::Mat& mask, const cv::Mat& accepted,
                         const std::vector<bool>& certain, cv::Mat& markers,
                         std::vector<bool>& is_protected) {
  cv::Mat highest;
  cv::dilate(interior, highest, cv::Mat());
  const cv::Mat maxima = (interior >= highest) & mask;
  const int n = cv::connectedComponents(maxima, markers, 8);
  std::vector<int> renumber(static_cast<std::size_t>(n), 0);
  const int* held = accepted.ptr<int>();
  int* marker = markers.ptr<int>();
  const auto certain_at = [&](std::size_t p) {
    return held[p] > 0 && certain[static_cast<std::size_t>(held[p])];
  };
  for (std::size_t p = 0; p < markers.total(); ++p)
    if (marker[p] > 0 && certain_at(p)) renumber[static_cast<std::size_t>(marker[p])] = -1;
  int next = 0;
  for (int i = 1; i < n; ++i)
    if (renumber[static_cast<std::size_t>(i)] == 0) renumber[static_cast<std::size_t>(i)] = ++next;
  is_protected.assign(static_cast<std::size_t>(next) + 1, false);
  std::vector<int> certain_marker(certain.size(), 0);
  const std::uint8_t* inside = mask.ptr();
  for (std::size_t p = 0; p < markers.total(); ++p) {
    if (certain_at(p) && inside[p]) {
      int& id = certain_marker[static_cast<std::size_t>(held[p])];
      if (id == 0) {
        id = ++next;
        is_protected.push_back(true);
      }
      marker[p] = id;
    } else {
      marker[p] = marker[p] > 0 ? std::max(0, renumber[static_cast<std::size_t>(marker[p])]) : 0;
    }
  }
  return next;
}

/// Measures and scores the pieces of a label map 1..n.
inline std::vector<Piece> measure_pieces(const Landscape& land, const References& wanted,
                                         const cv::Mat& labels, int n, const cv::Mat& contrast,
                                         const cv::Mat& interior) {
  struct Sums {
    ShapeMoments shape;
    double value = 0, contrast = 0, edge = 0;
    int boundary = 0;
    float deepest = -1;
  };
  std::vector<Sums> sums(static_cast<std::size_t>(n));
  std::vector<Piece> pieces(static_cast<std::size_t>(n));
  for (auto& piece : pieces) piece.box = {labels.cols, labels.rows, 0, 0};
  const int width = labels.cols, height = labels.rows;
  const int* label = labels.ptr<int>();
  const float *v = land.height.ptr<float>(), *c = contrast.ptr<float>(),
              *g = land.gradient.ptr<float>(), *d = interior.ptr<float>();
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int p = y * width + x, l = label[p];
      if (l == 0) continue;
      Sums& s = sums[static_cast<std::size_t>(l - 1)];
      Piece& piece = pieces[static_cast<std::size_t>(l - 1)];
      s.shape.add(x, y);
      s.value += v[p];
      s.contrast += c[p];
      bool edge = false;
      for (int j = std::max(y - 1, 0); j <= std::min(y + 1, height - 1); ++j)
        for (int i = std::max(x - 1, 0); i <= std::min(x + 1, width - 1); ++i)
          edge |= label[j * width + i] != l;
      if (edge) s.edge += g[p], ++s.boundary;
      if (d[p] > s.deepest) s.deepest = d[p], piece.core = {x, y};
      piece.box = {std::min(piece.box.x0, x), std::min(piece.box.y0, y),
                   std::max(piece.box.x1, x + 1), std::max(piece.box.y1, y + 1)};
      piece.at_border |= x == 0 || y == 0 || x == width - 1 || y == height - 1;
    }
  MergingRules rules;
  rules.typical_area = wanted.area;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    Piece& piece = pieces[i];
    const Sums& s = sums[i];
    piece.area = s.shape.area;
    if (piece.area < std::max(tuning.min_area, tuning.piece_min_area * wanted.area)) continue;
    piece.value = s.value / piece.area;
    piece.contrast = s.contrast / piece.area;
    piece.score = rules.score(s.shape) * land.edge_score(s.edge / std::max(1, s.boundary)) *
                  wanted.value_score(piece.value) * wanted.contrast_score(piece.contrast);
  }
  return pieces;
}

inline Proposals Landscape::propose(const References& wanted) const {
  const cv::Mat contrast = local_contrast(
      height, 2 * static_cast<int>(std::round(tuning.contrast_size * wanted.radius())) + 1);
  std::vector<bool> certain, is_protected;
  const cv::Mat accepted = accepted_components(wanted, contrast, certain);
  Proposals out;
  if (certain.size() == 1) {
    out.labels = cv::Mat::zeros(height.size(), CV_32SC1);
    out.interior = cv::Mat::zeros(height.size(), CV_32FC1);
    out.foreground = cv::Mat::zeros(height.size(), CV_8UC1);
    return out;
  }
  out.foreground = foreground_of(wanted, contrast, accepted);
  const cv::Mat depth = depth_of(out.foreground);
  cv::GaussianBlur(depth, out.interior, {}, std::max(0.5, tuning.depth_blur * wanted.radius()));
  const int n =
      place_markers(out.interior, out.foreground, accepted, certain, out.labels, is_protected);
  watershed(out.interior, out.foreground, out.labels);

  MergingRules rules;
  rules.typical_area = wanted.area;
  const std::vector<int> root =
      RegionMerger(out.labels, n, height, depth, std::move(is_protected), rules).merge();
  std::vector<int> number(root.size(), 0);
  int pieces = 0;
  for (std::size_t i = 1; i < root.size(); ++i)
    if (root[i] == static_cast<int>(i)) number[i] = ++pieces;
  int* label = out.labels.ptr<int>();
  for (std::size_t p = 0; p < out.labels.total(); ++p)
    label[p] = number[static_cast<std::size_t>(root[static_cast<std::size_t>(label[p])])];
  out.pieces = measure_pieces(*this, wanted, out.labels, pieces, contrast, out.interior);
  return out;
}

/// Lays several cuts over each other: better pieces first, a piece is laid when enough of it is free.
inline Proposals lay(const std::vector<const Proposals*>& cuts, const std::vector<double>& weight) {
  struct Item { double score; std::size_t cut, piece; };
  std::vector<Item> items;
  for (std::size_t c = 0; c < cuts.size(); ++c)
    for (std::size_t i = 0; i < cuts[c]->pieces.size(); ++i) items.push_back({cuts[c]->pieces[i].score * weight[c], c, i});
  std::stable_sort(items.begin(), items.end(), [](auto& a, auto& b) { return a.score > b.score; });
  Proposals out;
  out.labels = cv::Mat::zeros(cuts[0]->labels.size(), CV_32SC1);
  out.interior = cuts[0]->interior.clone();
  out.foreground = cuts[0]->foreground;
  for (const Item& item : items) {
    const Piece& piece = cuts[item.cut]->pieces[item.piece];
    const cv::Mat& labels = cuts[item.cut]->labels;
    int all = 0, free = 0;
    for (int y = piece.box.y0; y < piece.box.y1; ++y)
      for (int x = piece.box.x0; x < piece.box.x1; ++x)
        if (labels.at<int>(y, x) == int(item.piece) + 1) ++all, free += out.labels.at<int>(y, x) == 0;
    if (all == 0 || free < tuning.free_part * all) continue;
    out.pieces.push_back(piece);
    out.pieces.back().score = item.score;
    out.pieces.back().area = free;
    float deepest = -1;
    for (int y = piece.box.y0; y < piece.box.y1; ++y)
      for (int x = piece.box.x0; x < piece.box.x1; ++x)
        if (labels.at<int>(y, x) == int(item.piece) + 1 && out.labels.at<int>(y, x) == 0) {
          out.labels.at<int>(y, x) = int(out.pieces.size());
          const float d = cuts[item.cut]->interior.at<float>(y, x);
          out.interior.at<float>(y, x) = d;
          if (d > deepest) deepest = d, out.pieces.back().core = {x, y};
        }
  }
  return out;
}

/// A cut of a half-size landscape, at full size.
inline Proposals enlarge(Proposals small, cv::Size size) {
  const double fx = double(size.width) / small.labels.cols, fy = double(size.height) / small.labels.rows;
  cv::resize(small.labels, small.labels, size, 0, 0, cv::INTER_NEAREST);
  cv::resize(small.interior, small.interior, size, 0, 0, cv::INTER_LINEAR);
  cv::resize(small.foreground, small.foreground, size, 0, 0, cv::INTER_NEAREST);
  small.interior *= 2;
  for (Piece& p : small.pieces) {
    p.box = {std::max(0, int(p.box.x0 * fx) - 1), std::max(0, int(p.box.y0 * fy) - 1), std::min(size.width, int(p.box.x1 * fx) + 2), std::min(size.height, int(p.box.y1 * fy) + 2)};
    p.area *= fx * fy;
  }
  return small;
}

/// Measures the looks of labelled regions 1..n.
inline std::vector<cv::Vec<float, 6>> looks_of(const cv::Mat& rgb, const cv::Mat& labels, int n) {
  cv::Mat lab; rgb.convertTo(lab, CV_32FC3, 1 / 255.0); cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
  std::vector<cv::Vec<double, 6>> sums(static_cast<std::size_t>(n) + 1, cv::Vec<double, 6>::all(0));
  std::vector<double> count(sums.size(), 0);
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x) {
      const auto l = static_cast<std::size_t>(labels.at<int>(y, x));
      if (l == 0) continue;
      const auto& c = lab.at<cv::Vec3f>(y, x);
      for (int k = 0; k < 3; ++k) sums[l][k] += c[k], sums[l][k + 3] += double{c[k]} * c[k];
      count[l] += 1;
    }
  std::vector<cv::Vec<float, 6>> looks(sums.size());
  for (std::size_t l = 1; l < sums.size(); ++l)
    for (int k = 0; k < 3; ++k) {
      const double m = sums[l][k] / std::max(1.0, count[l]);
      looks[l][k] = float(m), looks[l][k + 3] = float(std::sqrt(std::max(0.0, sums[l][k + 3] / std::max(1.0, count[l]) - m * m)));
    }
  return looks;
}

/// Drops the pieces of another look, where there clearly are two groups.
inline void drop_other_kind(std::vector<Piece>& pieces, const cv::Vec<float, 6>& support) {
  std::vector<std::pair<double, std::size_t>> d;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].score >= tuning.piece_lowest) d.emplace_back(look_distance(pieces[i].look, support), i);
  if (d.size() < 2) return;
  std::sort(d.begin(), d.end());
  double total = 0, squares = 0;
  for (auto& [v, i] : d) total += v, squares += v * v;
  const double n = double(d.size()), variance = squares / n - total / n * total / n;
  double best = 0, left = 0; std::size_t cut = 0;
  for (std::size_t k = 1; k < d.size(); ++k) {
    left += d[k - 1].first;
    const double a = left / k, b = (total - left) / (n - k), between = k * (n - k) / (n * n) * (a - b) * (a - b);
    if (between > best) best = between, cut = k;
  }
  if (cut == 0) return;
  double a = 0, b = 0;
  for (std::size_t k = 0; k < d.size(); ++k) (k < cut ? a : b) += d[k].first;
  a /= cut, b /= n - cut;
  if (std::getenv("V3")) { std::fprintf(stderr, "n %d cut %d eta %.2f near %.1f far %.1f gap %.1f\n", int(n), int(cut), best / variance, a, b, d[cut].first - d[cut-1].first); }
  if (best > tuning.look_eta * variance && b > tuning.look_ratio * a && b - a > tuning.look_gap)
    for (std::size_t k = cut; k < d.size(); ++k) pieces[d[k].second].score = 0;
}

}  // namespace persense::classic
