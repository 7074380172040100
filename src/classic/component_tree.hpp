// component_tree.hpp (private): the max-tree of a map, with the attributes proposals need.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "regions/shape.hpp"

namespace persense::classic {

/// One connected component of one threshold set, with sums over all its pixels.
struct TreeNode {
  int parent = -1;  ///< the component that holds it one or more levels below; -1 at the root
  int level = 0;
  regions::ShapeMoments shape;
  double height = 0;         ///< sum of the height map
  double boundary = 0;       ///< number of pixels with a neighbour outside the component
  double boundary_edge = 0;  ///< sum of the edge map over those pixels
};

/// The components of all threshold sets {level >= t}, t = 0, 1, ..., 8-connected. Children come
/// before their parents; the last node is the whole image.
struct ComponentTree {
  std::vector<TreeNode> nodes;
  cv::Mat node_of;  ///< CV_32SC1: the smallest component that holds the pixel
};

/// Builds the tree in linear time.
/// @param levels        CV_8UC1, continuous, values 0..63.
/// @param height, edge  CV_32FC1 of the same size: what the nodes' sums are taken of.
/// @par Source  Flooding after Nister and Stewenius 2008 (linear-time MSER). Boundary sums are
///   incremental too: a pixel of level l whose lowest neighbour has level m is on the boundary of
///   exactly its components of levels m + 1 .. l, so it is added at its own node and taken off at
///   that neighbour's.
ComponentTree build_component_tree(const cv::Mat& levels, const cv::Mat& height,
                                   const cv::Mat& edge);

/// The sum of a map (CV_32FC1) over every component.
std::vector<double> sums_over(const ComponentTree& tree, const cv::Mat& map);

/// Components that do not overlap.
struct TreeChoice {
  std::vector<int> chosen;  ///< node indices
  std::vector<int> holder;  ///< per node: index into `chosen` of the one that holds it, or -1
};

/// Chooses bottom-up: a component is preferred to the choice among its descendants when its score
/// is at least `lowest` and at least their area-weighted mean score.
TreeChoice choose_components(const ComponentTree& tree, const std::vector<double>& score,
                             double lowest);

}  // namespace persense::classic
