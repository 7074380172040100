#include "height_map.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "filters.hpp"
#include "regions/merge_regions.hpp"
#include "regions/shape.hpp"
#include "regions/watershed.hpp"
#include "watershed_markers.hpp"

namespace persense::classic {

using regions::ShapePrior;

namespace {

/// The constants of the segmentation. They come from a Python prototype tuned on five classes of
/// cell nuclei and checked on other images; none is specific to a class. Lengths are in radii of
/// the expected object, areas in its area, heights between its background (0) and itself (1).
namespace constants {
constexpr int tree_levels = 40;               // thresholds of the component tree
constexpr double min_pixels = 15;             // no shape can be told below
constexpr double max_area = 20;               // of a tree component: diameter x 4.5
constexpr double component_spread = 2.0;      // of the tree components' size prior
constexpr double component_power = 10;        // of their ellipse-likeness
constexpr double component_lowest = 0.1;      // score that makes a component a seed
constexpr double component_confident = 0.75;  // score that protects it from being divided
constexpr double edge_half = 0.5;         // this part of the 95th gradient percentile scores 1/2
constexpr double full_height = 0.8;       // of the object's height and contrast: scores 1
constexpr double lowest_height = 0.35;    // of the object's height: below is background
constexpr double lowest_contrast = 0.3;   // of the object's contrast
constexpr double contrast_window = 2.5;   // half side of the square that contrast looks at
constexpr double surface_reach = 1.0;     // how far from seeds edges are believed
constexpr double surface_width = 2.0;     // smoothness of the threshold surface
constexpr double surface_floor = 0.05;    // weight of the overall threshold
constexpr double largest_hole = 0.3;      // holes below are part of the object
constexpr double depth_blur = 0.15;       // smoothing of the depth before its maxima are taken
constexpr double smallest_region = 0.06;  // diameter x 0.25
}  // namespace constants

/// Levels 0..constants::tree_levels between the map's 0.5th and 99.8th percentile.
cv::Mat quantise(const cv::Mat& map) {
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

/// Gives the regions that were merged consecutive numbers from 1. @return  how many there are.
int renumber(cv::Mat& labels, const std::vector<int>& merged_into) {
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

/// What is summed up over a region's pixels.
struct RegionSums {
  regions::ShapeMoments shape;
  double height = 0, contrast = 0, edge = 0;
  int boundary = 0;
  float deepest = -1;
};

/// Whether a pixel has another label for a neighbour.
bool is_boundary(const cv::Mat& labels, int x, int y) {
  const int width = labels.cols, rows = labels.rows;
  const int* label = labels.ptr<int>();
  const int own = label[y * width + x];
  for (int j = std::max(y - 1, 0); j <= std::min(y + 1, rows - 1); ++j)
    for (int i = std::max(x - 1, 0); i <= std::min(x + 1, width - 1); ++i)
      if (label[j * width + i] != own) return true;
  return false;
}

}  // namespace

double ExpectedObject::radius() const { return std::sqrt(area / std::numbers::pi); }

double ExpectedObject::neutral() const {
  return background + constants::lowest_height * (height - background);
}

int ExpectedObject::contrast_size() const {
  return 2 * static_cast<int>(std::lround(constants::contrast_window * radius())) + 1;
}

double ExpectedObject::height_score(double mean) const {
  return std::clamp(
      (mean - background) / (constants::full_height * std::max(height - background, 1e-3)), 0.0,
      1.0);
}

double ExpectedObject::contrast_score(double mean) const {
  return std::sqrt(std::clamp(mean / (constants::full_height * contrast + 1e-6), 0.0, 1.0));
}

double HeightMap::edge_score(double mean_gradient) const {
  const double e = mean_gradient * mean_gradient;
  return e / (e + edge_half_ * edge_half_ + 1e-12);
}

HeightMap::HeightMap(cv::Mat height, double object_area)
    : height_(std::move(height)),
      gradient_(gradient_of(height_)),
      edge_half_(constants::edge_half * percentile(gradient_, 95)),
      largest_(constants::max_area * object_area),
      tree_(build_component_tree(quantise(height_), height_, gradient_)) {}

HeightMap::Seeds HeightMap::find_seeds(const ExpectedObject& expected,
                                       const cv::Mat& contrast) const {
  const std::vector<double> contrast_sums = sums_over(tree_, contrast);
  const ShapePrior prior{expected.area, constants::component_spread, constants::component_power};
  std::vector<double> score(tree_.nodes.size(), -1.0);
  for (std::size_t i = 0; i < score.size(); ++i) {
    const TreeNode& node = tree_.nodes[i];
    const double area = node.shape.area;
    if (node.level == 0 || area < constants::min_pixels || area > largest_) continue;
    score[i] = prior(node.shape) * edge_score(node.boundary_edge / std::max(node.boundary, 1.0)) *
               expected.height_score(node.height / area) *
               expected.contrast_score(contrast_sums[i] / area);
  }
  const TreeChoice choice = choose_components(tree_, score, constants::component_lowest);
  Seeds seeds{cv::Mat(height_.size(), CV_32SC1), {false}};
  for (const int node : choice.chosen)
    seeds.is_confident.push_back(score[static_cast<std::size_t>(node)] >=
                                 constants::component_confident);
  const int* node_of = tree_.node_of.ptr<int>();
  int* label = seeds.labels.ptr<int>();
  for (std::size_t p = 0, total = seeds.labels.total(); p < total; ++p)
    label[p] = choice.holder[static_cast<std::size_t>(node_of[p])] + 1;
  return seeds;
}

/// The height that separates objects from what surrounds them here: the mean height near seeds,
/// weighted by gradient, so that it follows their edges.
cv::Mat HeightMap::threshold_surface(const ExpectedObject& expected, const Seeds& seeds) const {
  const double reach = std::max(1.0, std::round(constants::surface_reach * expected.radius()));
  cv::Mat weight;
  cv::sqrt(gradient_, weight);
  weight.setTo(0, distance_to(seeds.labels > 0) > reach);
  const cv::Mat weighted = weight.mul(height_);
  const double sum = cv::sum(weight)[0];
  const double overall = sum > 0 ? cv::sum(weighted)[0] / sum : expected.background;
  const double width = std::max(2.0, constants::surface_width * expected.radius());
  const cv::Mat top = wide_blur(weighted, width), bottom = wide_blur(weight, width);
  double heaviest = 0;
  cv::minMaxLoc(bottom, nullptr, &heaviest);
  const double floor = constants::surface_floor * heaviest + 1e-12;
  return (top + floor * overall) / (bottom + floor);
}

cv::Mat HeightMap::foreground_of(const ExpectedObject& expected, const cv::Mat& contrast,
                                 const Seeds& seeds) const {
  cv::Mat mask = (height_ > cv::max(threshold_surface(expected, seeds), expected.neutral())) &
                 (contrast > constants::lowest_contrast * expected.contrast);
  mask |= seeds.labels > 0;
  fill_small_holes(mask, constants::largest_hole * expected.area);
  cv::morphologyEx(mask, mask, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}));
  return mask;
}

std::vector<Region> HeightMap::measure(const ExpectedObject& expected,
                                       const Segmentation& segmentation, int n,
                                       const cv::Mat& contrast) const {
  std::vector<RegionSums> sums(static_cast<std::size_t>(n));
  std::vector<Region> regions(static_cast<std::size_t>(n));
  const int width = segmentation.labels.cols, rows = segmentation.labels.rows;
  const int* label = segmentation.labels.ptr<int>();
  const float *h = height_.ptr<float>(), *c = contrast.ptr<float>(), *g = gradient_.ptr<float>(),
              *d = segmentation.interior.ptr<float>();
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < width; ++x) {
      const int p = y * width + x;
      if (label[p] == 0) continue;
      RegionSums& s = sums[static_cast<std::size_t>(label[p] - 1)];
      Region& region = regions[static_cast<std::size_t>(label[p] - 1)];
      if (s.shape.area == 0) region.box = {x, y, x + 1, y + 1};
      region.box = {std::min(region.box.x0, x), region.box.y0, std::max(region.box.x1, x + 1),
                    y + 1};
      s.shape.add(x, y);
      s.height += h[p];
      s.contrast += c[p];
      if (is_boundary(segmentation.labels, x, y)) s.edge += g[p], ++s.boundary;
      if (d[p] > s.deepest) s.deepest = d[p], region.core = {x, y};
    }
  const ShapePrior prior{expected.area};
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const RegionSums& s = sums[i];
    const double area = regions[i].area = s.shape.area;
    if (area < std::max(constants::min_pixels, constants::smallest_region * expected.area))
      continue;
    regions[i].score = prior(s.shape) * edge_score(s.edge / std::max(1, s.boundary)) *
                       expected.height_score(s.height / area) *
                       expected.contrast_score(s.contrast / area);
  }
  return regions;
}

Segmentation HeightMap::segment(const ExpectedObject& expected) const {
  const cv::Mat contrast = local_contrast(height_, expected.contrast_size());
  const Seeds seeds = find_seeds(expected, contrast);
  Segmentation result;
  if (seeds.is_confident.size() == 1) {  // nothing here looks like an object
    result.labels = cv::Mat::zeros(height_.size(), CV_32SC1);
    result.interior = cv::Mat::zeros(height_.size(), CV_32FC1);
    return result;
  }
  const cv::Mat foreground = foreground_of(expected, contrast, seeds), depth = depth_of(foreground);
  cv::GaussianBlur(depth, result.interior, {},
                   std::max(0.5, constants::depth_blur * expected.radius()));
  const Markers markers =
      place_markers(result.interior, foreground, seeds.labels, seeds.is_confident);
  result.labels = markers.labels;
  regions::watershed(result.interior, foreground, result.labels);
  const int n = renumber(result.labels,
                         regions::merge_regions(result.labels, height_, depth, markers.is_confident,
                                                {.prior = {expected.area}}));
  result.regions = measure(expected, result, n, contrast);
  return result;
}

}  // namespace persense::classic
