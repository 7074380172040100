// persense/classic/component_tree.hpp: the max-tree of a map, with the attributes proposals need.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

namespace persense::classic {

/// Sums over a region's pixels from which its area, position and shape follow. Regions add up.
struct ShapeMoments {
  double area = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;

  void add(int px, int py) {
    const double u = px, v = py;
    area += 1, x += u, y += v, xx += u * u, yy += v * v, xy += u * v;
  }
  ShapeMoments& operator+=(const ShapeMoments& o) {
    area += o.area, x += o.x, y += o.y, xx += o.xx, yy += o.yy, xy += o.xy;
    return *this;
  }
  friend ShapeMoments operator+(ShapeMoments a, const ShapeMoments& b) { return a += b; }

  /// Area over the area of the ellipse with the same second moments: 1 for an ellipse of any
  /// elongation, less for anything concave, hollow or angular.
  double ellipse_likeness() const {
    constexpr double pixel_variance = 1.0 / 12;  // of a unit square
    const double vx = xx / area - (x / area) * (x / area) + pixel_variance;
    const double vy = yy / area - (y / area) * (y / area) + pixel_variance;
    const double vxy = xy / area - (x / area) * (y / area);
    return area / (4 * std::numbers::pi * std::sqrt(std::max(vx * vy - vxy * vxy, 1e-3)));
  }
};

/// One connected component of one threshold set, with sums over all its pixels.
struct TreeNode {
  int parent = -1;  ///< the component that holds it one or more levels below; -1 at a root
  int level = 0;
  ShapeMoments shape;
  double value = 0;          ///< sum of the map
  double boundary = 0;       ///< number of pixels with a neighbour outside the component
  double boundary_edge = 0;  ///< sum of the edge map over those pixels
};

/// The components of all threshold sets {level >= t}, t = 1, 2, ..., 8-connected, as a forest.
/// Nodes are in decreasing order of level: children come before their parents.
struct ComponentTree {
  std::vector<TreeNode> nodes;
  cv::Mat node_of;  ///< CV_32SC1: the smallest component that holds the pixel; -1 where level is 0
};

namespace detail {

/// Pixel indices by decreasing level, in raster order within a level; level 0 is left out.
inline std::vector<int> by_decreasing_level(const cv::Mat& levels) {
  std::vector<int> begin(258, 0);
  const std::uint8_t* level = levels.ptr();
  const int pixels = static_cast<int>(levels.total());
  for (int p = 0; p < pixels; ++p) ++begin[256 - level[p]];
  int sum = 0;
  for (int& b : begin) sum += std::exchange(b, sum);
  std::vector<int> order(static_cast<std::size_t>(pixels));
  for (int p = 0; p < pixels; ++p) order[static_cast<std::size_t>(begin[256 - level[p]]++)] = p;
  order.resize(
      static_cast<std::size_t>(pixels - static_cast<int>(std::count(level, level + pixels, 0))));
  return order;
}

/// For each pixel its parent pixel in the tree: another pixel of the same node (the node's
/// canonical pixel), or, for a canonical pixel, the canonical pixel of the parent node; itself at a
/// root.
inline std::vector<int> parent_pixels(const cv::Mat& levels, const std::vector<int>& order) {
  const int width = levels.cols, height = levels.rows;
  const std::uint8_t* level = levels.ptr();
  std::vector<int> parent(levels.total(), -1), shortcut(levels.total(), -1);
  const auto find = [&shortcut](int p) {
    int root = p;
    while (shortcut[root] != root) root = shortcut[root];
    while (shortcut[p] != root) p = std::exchange(shortcut[p], root);
    return root;
  };
  for (const int p : order) {
    parent[p] = shortcut[p] = p;
    const int x = p % width, y = p / width;
    for (int v = std::max(y - 1, 0); v <= std::min(y + 1, height - 1); ++v)
      for (int u = std::max(x - 1, 0); u <= std::min(x + 1, width - 1); ++u) {
        const int q = v * width + u;
        if (shortcut[q] < 0) continue;
        const int root = find(q);
        if (root != p) parent[root] = shortcut[root] = p;
      }
  }
  for (auto p = order.rbegin(); p != order.rend(); ++p) {
    const int q = parent[*p];
    if (level[parent[q]] == level[q]) parent[*p] = parent[q];
  }
  return parent;
}

/// Adds the boundary sums: see component_tree.
inline void add_boundaries(ComponentTree& tree, const cv::Mat& levels, const cv::Mat& edge) {
  const int width = levels.cols, height = levels.rows;
  const std::uint8_t* level = levels.ptr();
  const int* node_of = tree.node_of.ptr<int>();
  const float* strength = edge.ptr<float>();
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int p = y * width + x;
      if (level[p] == 0) continue;
      int lowest = p;
      for (int v = std::max(y - 1, 0); v <= std::min(y + 1, height - 1); ++v)
        for (int u = std::max(x - 1, 0); u <= std::min(x + 1, width - 1); ++u)
          if (level[v * width + u] < level[lowest]) lowest = v * width + u;
      if (level[lowest] == level[p]) continue;
      TreeNode& own = tree.nodes[static_cast<std::size_t>(node_of[p])];
      own.boundary += 1;
      own.boundary_edge += strength[p];
      if (node_of[lowest] < 0) continue;
      TreeNode& outer = tree.nodes[static_cast<std::size_t>(node_of[lowest])];
      outer.boundary -= 1;
      outer.boundary_edge -= strength[p];
    }
}

}  // namespace detail

/// Builds the tree in near-linear time (union-find over pixels sorted by level).
/// @param levels    CV_8UC1, continuous: 0 = in no component.
/// @param value, edge  CV_32FC1 of the same size: what the nodes' sums are taken of.
/// @par Source  Berger et al. 2007 (union-find max-tree). Boundary sums are incremental too: a
/// pixel
///   of level l whose lowest neighbour has level m is on the boundary of exactly its components of
///   levels m + 1 .. l, so it is added at its own node and taken off at that neighbour's.
inline ComponentTree component_tree(const cv::Mat& levels, const cv::Mat& value,
                                    const cv::Mat& edge) {
  const std::vector<int> order = detail::by_decreasing_level(levels);
  const std::vector<int> parent = detail::parent_pixels(levels, order);
  const std::uint8_t* level = levels.ptr();
  ComponentTree tree;
  tree.node_of = cv::Mat(levels.size(), CV_32SC1, cv::Scalar(-1));
  int* node_of = tree.node_of.ptr<int>();
  // a node's canonical pixel is the last of its pixels in the order, after those of all its
  // children
  for (const int p : order) {
    if (parent[p] != p && level[parent[p]] == level[p]) continue;
    node_of[p] = static_cast<int>(tree.nodes.size());
    tree.nodes.emplace_back().level = level[p];
  }
  for (const int p : order) {
    const int above = node_of[parent[p]];
    if (node_of[p] < 0)
      node_of[p] = above;
    else if (parent[p] != p)
      tree.nodes[static_cast<std::size_t>(node_of[p])].parent = above;
    TreeNode& node = tree.nodes[static_cast<std::size_t>(node_of[p])];
    node.shape.add(p % levels.cols, p / levels.cols);
    node.value += value.ptr<float>()[p];
  }
  detail::add_boundaries(tree, levels, edge);
  for (const TreeNode& node : tree.nodes) {
    if (node.parent < 0) continue;
    TreeNode& above = tree.nodes[static_cast<std::size_t>(node.parent)];
    above.shape += node.shape;
    above.value += node.value;
    above.boundary += node.boundary;
    above.boundary_edge += node.boundary_edge;
  }
  return tree;
}

/// The sum of a map (CV_32FC1) over every component.
inline std::vector<double> sums_over(const ComponentTree& tree, const cv::Mat& map) {
  std::vector<double> sums(tree.nodes.size(), 0.0);
  const int* node_of = tree.node_of.ptr<int>();
  const float* value = map.ptr<float>();
  for (std::size_t p = 0; p < tree.node_of.total(); ++p)
    if (node_of[p] >= 0) sums[static_cast<std::size_t>(node_of[p])] += value[p];
  for (std::size_t i = 0; i < sums.size(); ++i)
    if (tree.nodes[i].parent >= 0) sums[static_cast<std::size_t>(tree.nodes[i].parent)] += sums[i];
  return sums;
}

/// Chooses components that do not overlap: bottom-up, a component is preferred to the choice among
/// its descendants when its score is at least `lowest` and at least their area-weighted mean score.
/// @return  per node: the index of the choice that holds it, or -1; and the chosen nodes.
struct TreeChoice {
  std::vector<int> chosen;  ///< node indices
  std::vector<int> holder;  ///< per node: index into `chosen`, or -1
};
inline TreeChoice choose_components(const ComponentTree& tree, const std::vector<double>& score,
                                    double lowest) {
  const std::size_t n = tree.nodes.size();
  std::vector<double> below_score(n, 0.0), below_area(n, 0.0);
  std::vector<bool> preferred(n, false);
  for (std::size_t i = 0; i < n; ++i) {
    const TreeNode& node = tree.nodes[i];
    const double descendants = below_area[i] > 0 ? below_score[i] / below_area[i] : -1.0;
    preferred[i] = score[i] >= lowest && score[i] >= descendants;
    if (node.parent < 0) continue;
    const auto above = static_cast<std::size_t>(node.parent);
    below_score[above] += preferred[i] ? score[i] * node.shape.area : below_score[i];
    below_area[above] += preferred[i] ? node.shape.area : below_area[i];
  }
  TreeChoice choice{{}, std::vector<int>(n, -1)};
  for (std::size_t i = n; i-- > 0;) {  // parents first
    const int parent = tree.nodes[i].parent;
    if (parent >= 0) choice.holder[i] = choice.holder[static_cast<std::size_t>(parent)];
    if (choice.holder[i] < 0 && preferred[i]) {
      choice.holder[i] = static_cast<int>(choice.chosen.size());
      choice.chosen.push_back(static_cast<int>(i));
    }
  }
  return choice;
}

}  // namespace persense::classic
