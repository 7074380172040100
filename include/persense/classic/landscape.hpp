// persense/classic/landscape.hpp: cuts a height map into object-like pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "persense/classic/component_tree.hpp"
#include "persense/classic/filters.hpp"
#include "persense/classic/region_merging.hpp"
#include "persense/classic/watershed.hpp"
#include "persense/geometry.hpp"

namespace persense::classic {

/// The constants of the cut. They come from a Python prototype tuned on five classes of cell nuclei
/// and checked on other kinds of pictures; none is specific to a kind. Lengths are in radii of the
/// expected object, areas in its area, heights between its background (0) and itself (1).
namespace constants {
inline constexpr int tree_levels = 40;             // thresholds of the component tree
inline constexpr double min_pixels = 15;           // no shape can be told below
inline constexpr double max_area = 20;             // of a tree component: diameter x 4.5
inline constexpr double component_spread = 2.0;    // of the tree components' size prior
inline constexpr double component_power = 10;      // of their ellipse-likeness
inline constexpr double component_lowest = 0.1;    // score that makes a component a seed
inline constexpr double component_settled = 0.75;  // score that protects it from being cut
inline constexpr double edge_half = 0.5;    // this part of the 95th gradient percentile scores 1/2
inline constexpr double full_height = 0.8;  // of the object's height and contrast: scores 1
inline constexpr double lowest_height = 0.35;   // of the object's height: below is background
inline constexpr double lowest_contrast = 0.3;  // of the object's contrast
inline constexpr double contrast_window = 2.5;  // half side of the square that contrast looks at
inline constexpr double surface_reach = 1.0;    // how far from seeds edges are believed
inline constexpr double surface_width = 2.0;    // smoothness of the threshold surface
inline constexpr double surface_floor = 0.05;   // weight of the overall threshold
inline constexpr double largest_hole = 0.3;     // holes below are part of the object
inline constexpr double depth_blur = 0.15;  // smoothing of the depth before its maxima are taken
inline constexpr double smallest_piece = 0.06;  // diameter x 0.25
}  // namespace constants

/// What an object is expected to look like in a landscape.
struct References {
  double area = 0;        ///< pixels
  double value = 0;       ///< mean height inside an object
  double contrast = 0;    ///< mean local contrast inside an object
  double background = 0;  ///< height around an object, below `value`

  double radius() const { return std::sqrt(area / std::numbers::pi); }
  /// The height at which a pixel looks as much like background as like an object.
  double neutral() const { return background + constants::lowest_height * (value - background); }
  /// The side of the square that local contrast is measured in.
  int contrast_size() const {
    return 2 * static_cast<int>(std::lround(constants::contrast_window * radius())) + 1;
  }

  /// 0 for a region as low as the background, 1 for one nearly as high as the objects.
  double value_score(double mean) const {
    return std::clamp(
        (mean - background) / (constants::full_height * std::max(value - background, 1e-3)), 0.0,
        1.0);
  }
  double contrast_score(double mean) const {
    return std::sqrt(std::clamp(mean / (constants::full_height * contrast + 1e-6), 0.0, 1.0));
  }
};

inline cv::Rect rect_of(const PixelBox& b) { return {b.x0, b.y0, b.width(), b.height()}; }

/// An object-like piece of an image.
struct Piece {
  PixelBox box;
  double area = 0;        ///< pixels
  double score = 0;       ///< how much it looks like an object of the expected kind, 0..1
  Point core;             ///< its most interior pixel
  bool odd_look = false;  ///< its colour is far from the support object's: see compare_looks
  double same = 1;        ///< belief, by its look, that it is of the support object's kind, 0..1
};

/// Pieces that do not overlap.
struct Cut {
  cv::Mat labels;    ///< CV_32SC1: index into pieces + 1, 0 = background
  cv::Mat interior;  ///< CV_32FC1: depth below the foreground's edge, smoothed
  std::vector<Piece> pieces;
};

/// A height map with everything about it that does not depend on what is looked for.
///
/// cut() works in four steps: tree components that look like objects become seeds; the seeds' edges
/// make a local threshold and with it the foreground; a watershed of the foreground's depth cuts it
/// too finely; regions are merged again while that makes them more object-like.
class Landscape {
 public:
  /// @param height_map  CV_32FC1, continuous. @param largest  area of a component worth a look,
  /// pixels.
  Landscape(cv::Mat height_map, double largest);

  const cv::Mat& height() const { return height_; }
  Cut cut(const References& wanted) const;

 private:
  struct Seeds {
    cv::Mat labels;                ///< CV_32SC1, 1-based, 0 = none
    std::vector<bool> is_settled;  ///< per label (0 unused): beyond doubt
  };
  double edge_score(double mean_gradient) const {
    const double e = mean_gradient * mean_gradient;
    return e / (e + edge_half_ * edge_half_ + 1e-12);
  }
  Seeds find_seeds(const References& wanted, const cv::Mat& contrast) const;
  cv::Mat threshold_surface(const References& wanted, const Seeds& seeds) const;
  cv::Mat foreground_of(const References& wanted, const cv::Mat& contrast,
                        const Seeds& seeds) const;
  std::vector<Piece> measure(const References& wanted, const Cut& cut, int n,
                             const cv::Mat& contrast) const;

  cv::Mat height_, gradient_;
  double edge_half_;  // the boundary gradient that earns half of the edge score
  double largest_;
  ComponentTree tree_;
};

namespace detail {

/// Levels 0..constants::tree_levels between the map's 0.5th and 99.8th percentile.
inline cv::Mat quantise(const cv::Mat& map) {
  const float low = percentile(map, 0.5), high = percentile(map, 99.8);
  const float scale =
      high > low ? static_cast<float>(constants::tree_levels + 1) / (high - low) : 0.0f;
  cv::Mat levels(map.size(), CV_8UC1);
  const float* h = map.ptr<float>();
  std::uint8_t* level = levels.ptr();
  for (std::size_t p = 0, total = map.total(); p < total; ++p)
    level[p] = static_cast<std::uint8_t>(
        std::clamp((h[p] - low) * scale, 0.0f, static_cast<float>(constants::tree_levels)));
  return levels;
}

/// Watershed markers: depth maxima, and every settled seed as a whole.
struct Markers {
  cv::Mat labels;                ///< CV_32SC1
  std::vector<bool> is_settled;  ///< per label (0 unused)
};

inline Markers place_markers(const cv::Mat& interior, const cv::Mat& foreground,
                             const cv::Mat& seeds, const std::vector<bool>& seed_is_settled) {
  Markers markers;
  cv::Mat highest;
  cv::dilate(interior, highest, cv::Mat());
  const int n = cv::connectedComponents((interior >= highest) & foreground, markers.labels, 8);
  const int* seed = seeds.ptr<int>();
  const std::uint8_t* inside = foreground.ptr();
  int* marker = markers.labels.ptr<int>();
  const auto in_settled_seed = [&](std::size_t p) {
    return seed_is_settled[static_cast<std::size_t>(seed[p])];
  };

  // maxima that touch a settled seed give way to it; the others are numbered first
  std::vector<int> number(static_cast<std::size_t>(n), 0);
  for (std::size_t p = 0, total = markers.labels.total(); p < total; ++p)
    if (in_settled_seed(p)) number[static_cast<std::size_t>(marker[p])] = -1;
  int next = 0;
  for (std::size_t i = 1; i < number.size(); ++i) number[i] = number[i] < 0 ? 0 : ++next;
  number[0] = 0;
  markers.is_settled.assign(static_cast<std::size_t>(next) + 1, false);

  std::vector<int> marker_of_seed(seed_is_settled.size(), 0);
  for (std::size_t p = 0, total = markers.labels.total(); p < total; ++p) {
    if (!inside[p] || !in_settled_seed(p)) {
      marker[p] = number[static_cast<std::size_t>(marker[p])];
      continue;
    }
    int& own = marker_of_seed[static_cast<std::size_t>(seed[p])];
    if (own == 0) {
      own = ++next;
      markers.is_settled.push_back(true);
    }
    marker[p] = own;
  }
  return markers;
}

/// Gives the regions that were merged consecutive numbers from 1. @return  how many there are.
inline int renumber(cv::Mat& labels, const std::vector<int>& merged_into) {
  std::vector<int> number(merged_into.size(), 0);
  int n = 0;
  for (std::size_t i = 1; i < merged_into.size(); ++i)
    if (merged_into[i] == static_cast<int>(i)) number[i] = ++n;
  int* label = labels.ptr<int>();
  for (std::size_t p = 0, total = labels.total(); p < total; ++p)
    if (label[p] > 0)
      label[p] = number[static_cast<std::size_t>(merged_into[static_cast<std::size_t>(label[p])])];
  return n;
}

}  // namespace detail

inline Landscape::Landscape(cv::Mat height_map, double largest)
    : height_(std::move(height_map)),
      gradient_(gradient_of(height_)),
      edge_half_(constants::edge_half * percentile(gradient_, 95)),
      largest_(largest),
      tree_(component_tree(detail::quantise(height_), height_, gradient_)) {}

inline Landscape::Seeds Landscape::find_seeds(const References& wanted,
                                              const cv::Mat& contrast) const {
  const std::vector<double> contrast_sums = sums_over(tree_, contrast);
  const ShapePrior prior{wanted.area, constants::component_spread, constants::component_power};
  std::vector<double> score(tree_.nodes.size(), -1.0);
  for (std::size_t i = 0; i < score.size(); ++i) {
    const TreeNode& node = tree_.nodes[i];
    const double area = node.shape.area;
    if (node.level == 0 || area < constants::min_pixels || area > largest_) continue;
    score[i] = prior(node.shape) * edge_score(node.boundary_edge / std::max(node.boundary, 1.0)) *
               wanted.value_score(node.value / area) *
               wanted.contrast_score(contrast_sums[i] / area);
  }
  const TreeChoice choice = choose_components(tree_, score, constants::component_lowest);
  Seeds seeds{cv::Mat(height_.size(), CV_32SC1), {false}};
  for (const int node : choice.chosen)
    seeds.is_settled.push_back(score[static_cast<std::size_t>(node)] >=
                               constants::component_settled);
  const int* node_of = tree_.node_of.ptr<int>();
  int* label = seeds.labels.ptr<int>();
  for (std::size_t p = 0, total = seeds.labels.total(); p < total; ++p)
    label[p] = choice.holder[static_cast<std::size_t>(node_of[p])] + 1;
  return seeds;
}

/// The height that separates objects from what surrounds them here: the mean height near seeds,
/// weighted by gradient, so that it follows their edges.
inline cv::Mat Landscape::threshold_surface(const References& wanted, const Seeds& seeds) const {
  const double reach = std::max(1.0, std::round(constants::surface_reach * wanted.radius()));
  cv::Mat weight;
  cv::sqrt(gradient_, weight);
  weight.setTo(0, distance_to(seeds.labels > 0) > reach);
  const cv::Mat weighted = weight.mul(height_);
  const double sum = cv::sum(weight)[0];
  const double overall = sum > 0 ? cv::sum(weighted)[0] / sum : wanted.background;
  const double width = std::max(2.0, constants::surface_width * wanted.radius());
  const cv::Mat top = wide_blur(weighted, width), bottom = wide_blur(weight, width);
  double heaviest = 0;
  cv::minMaxLoc(bottom, nullptr, &heaviest);
  const double floor = constants::surface_floor * heaviest + 1e-12;
  return (top + floor * overall) / (bottom + floor);
}

inline cv::Mat Landscape::foreground_of(const References& wanted, const cv::Mat& contrast,
                                        const Seeds& seeds) const {
  cv::Mat mask = (height_ > cv::max(threshold_surface(wanted, seeds), wanted.neutral())) &
                 (contrast > constants::lowest_contrast * wanted.contrast);
  mask |= seeds.labels > 0;
  fill_small_holes(mask, constants::largest_hole * wanted.area);
  cv::morphologyEx(mask, mask, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}));
  return mask;
}

inline std::vector<Piece> Landscape::measure(const References& wanted, const Cut& cut, int n,
                                             const cv::Mat& contrast) const {
  struct Sums {
    ShapeMoments shape;
    double value = 0, contrast = 0, edge = 0;
    int boundary = 0;
    float deepest = -1;
  };
  std::vector<Sums> sums(static_cast<std::size_t>(n));
  std::vector<Piece> pieces(static_cast<std::size_t>(n));
  const int width = cut.labels.cols, rows = cut.labels.rows;
  const int* label = cut.labels.ptr<int>();
  const float *v = height_.ptr<float>(), *c = contrast.ptr<float>(), *g = gradient_.ptr<float>(),
              *d = cut.interior.ptr<float>();
  const auto on_edge = [&](int x, int y, int own) {
    for (int j = std::max(y - 1, 0); j <= std::min(y + 1, rows - 1); ++j)
      for (int i = std::max(x - 1, 0); i <= std::min(x + 1, width - 1); ++i)
        if (label[j * width + i] != own) return true;
    return false;
  };
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < width; ++x) {
      const int p = y * width + x, own = label[p];
      if (own == 0) continue;
      Sums& s = sums[static_cast<std::size_t>(own - 1)];
      Piece& piece = pieces[static_cast<std::size_t>(own - 1)];
      if (s.shape.area == 0) piece.box = {x, y, x + 1, y + 1};
      piece.box = {std::min(piece.box.x0, x), piece.box.y0, std::max(piece.box.x1, x + 1), y + 1};
      s.shape.add(x, y);
      s.value += v[p];
      s.contrast += c[p];
      if (on_edge(x, y, own)) s.edge += g[p], ++s.boundary;
      if (d[p] > s.deepest) s.deepest = d[p], piece.core = {x, y};
    }
  const ShapePrior prior{wanted.area};
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Sums& s = sums[i];
    const double area = pieces[i].area = s.shape.area;
    if (area < std::max(constants::min_pixels, constants::smallest_piece * wanted.area)) continue;
    pieces[i].score = prior(s.shape) * edge_score(s.edge / std::max(1, s.boundary)) *
                      wanted.value_score(s.value / area) * wanted.contrast_score(s.contrast / area);
  }
  return pieces;
}

inline Cut Landscape::cut(const References& wanted) const {
  const cv::Mat contrast = local_contrast(height_, wanted.contrast_size());
  const Seeds seeds = find_seeds(wanted, contrast);
  Cut cut;
  if (seeds.is_settled.size() == 1) {  // nothing here looks like an object
    cut.labels = cv::Mat::zeros(height_.size(), CV_32SC1);
    cut.interior = cv::Mat::zeros(height_.size(), CV_32FC1);
    return cut;
  }
  const cv::Mat foreground = foreground_of(wanted, contrast, seeds), depth = depth_of(foreground);
  cv::GaussianBlur(depth, cut.interior, {}, std::max(0.5, constants::depth_blur * wanted.radius()));
  detail::Markers markers =
      detail::place_markers(cut.interior, foreground, seeds.labels, seeds.is_settled);
  cut.labels = markers.labels;
  watershed(cut.interior, foreground, cut.labels);
  const int regions = static_cast<int>(markers.is_settled.size()) - 1;
  RegionMerger merger(cut.labels, regions, height_, depth, std::move(markers.is_settled),
                      {.prior = {wanted.area}});
  const int n = detail::renumber(cut.labels, merger.merge());
  cut.pieces = measure(wanted, cut, n, contrast);
  return cut;
}

}  // namespace persense::classic
