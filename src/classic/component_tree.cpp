#include "component_tree.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <opencv2/imgproc.hpp>

namespace persense::classic {

namespace {

/// Floods a quantised image from its maxima down, opening and closing components on a stack.
class TreeBuilder {
 public:
  explicit TreeBuilder(const cv::Mat& levels)
      : width_(levels.cols),
        height_(levels.rows),
        level_(levels.ptr()),
        node_of_(levels.size(), CV_32SC1, cv::Scalar(unseen)),
        at_(node_of_.ptr<int>()) {}

  /// Topology only: parents, levels and the node of every pixel.
  ComponentTree build() {
    int pixel = 0;
    at_[pixel] = waiting;
    open(level_[pixel]);
    for (;;) {
      pixel = climb(pixel);
      at_[pixel] = stack_.back();
      if (occupied_ == 0) break;
      const int next = 63 - std::countl_zero(occupied_);
      if (next < levels_[static_cast<std::size_t>(stack_.back())]) descend(next);
      pixel = pop(next);
    }
    while (!stack_.empty()) close(stack_.size() > 1 ? stack_[stack_.size() - 2] : -1);
    return finish();
  }

 private:
  static constexpr int unseen = -1, waiting = -2;

  void open(int level) {
    stack_.push_back(static_cast<int>(levels_.size()));
    levels_.push_back(level);
    parents_.push_back(-1);
  }
  void close(int parent) {
    parents_[static_cast<std::size_t>(stack_.back())] = parent;
    closed_.push_back(stack_.back());
    stack_.pop_back();
  }
  void push(int pixel, int level) {
    queues_[level].push_back(pixel);
    occupied_ |= std::uint64_t{1} << level;
  }
  int pop(int level) {
    const int pixel = queues_[level].back();
    queues_[level].pop_back();
    if (queues_[level].empty()) occupied_ &= ~(std::uint64_t{1} << level);
    return pixel;
  }

  /// Queues the neighbours of a pixel; moves on to a higher neighbour as soon as there is one.
  int climb(int pixel) {
    for (;;) {
      const int x = pixel % width_, y = pixel / width_, level = level_[pixel];
      int higher = -1;
      for (int v = std::max(y - 1, 0); v <= std::min(y + 1, height_ - 1) && higher < 0; ++v)
        for (int u = std::max(x - 1, 0); u <= std::min(x + 1, width_ - 1); ++u) {
          const int q = v * width_ + u;
          if (at_[q] != unseen) continue;
          at_[q] = waiting;
          if (level_[q] > level) {
            higher = q;
            break;
          }
          push(q, level_[q]);
        }
      if (higher < 0) return pixel;
      push(pixel, level);
      open(level_[higher]);
      pixel = higher;
    }
  }

  /// Closes the open components above `level` and makes sure that one of that level is open.
  void descend(int level) {
    while (levels_[static_cast<std::size_t>(stack_.back())] > level) {
      const bool below_is_open =
          stack_.size() > 1 &&
          levels_[static_cast<std::size_t>(stack_[stack_.size() - 2])] >= level;
      if (below_is_open) {
        close(stack_[stack_.size() - 2]);
      } else {
        close(static_cast<int>(levels_.size()));  // the number that open() hands out next
        open(level);
      }
    }
  }

  /// Renumbers the components in the order in which they were closed: children first.
  ComponentTree finish() {
    std::vector<int> number(levels_.size());
    for (std::size_t i = 0; i < closed_.size(); ++i)
      number[static_cast<std::size_t>(closed_[i])] = static_cast<int>(i);
    ComponentTree tree;
    tree.nodes.resize(levels_.size());
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      TreeNode& node = tree.nodes[static_cast<std::size_t>(number[i])];
      node.level = levels_[i];
      node.parent = parents_[i] < 0 ? -1 : number[static_cast<std::size_t>(parents_[i])];
    }
    for (int p = 0; p < width_ * height_; ++p) at_[p] = number[static_cast<std::size_t>(at_[p])];
    tree.node_of = node_of_;
    return tree;
  }

  int width_, height_;
  const std::uint8_t* level_;
  cv::Mat node_of_;
  int* at_;
  std::vector<int> queues_[64];
  std::uint64_t occupied_ = 0;  // bit l: queue l holds a pixel
  std::vector<int> stack_, levels_, parents_, closed_;
};

void add_pixel_sums(ComponentTree& tree, const cv::Mat& levels, const cv::Mat& height,
                    const cv::Mat& edge) {
  const int width = levels.cols, rows = levels.rows;
  const std::uint8_t* level = levels.ptr();
  const int* node_of = tree.node_of.ptr<int>();
  cv::Mat lowest_level;  // of the 3 x 3 neighbourhood
  cv::erode(levels, lowest_level, cv::Mat());
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < width; ++x) {
      const int p = y * width + x;
      TreeNode& own = tree.nodes[static_cast<std::size_t>(node_of[p])];
      own.shape.add(x, y);
      own.height += height.ptr<float>()[p];
      const int lowest = lowest_level.ptr()[p];
      if (lowest == level[p]) continue;
      int q = p;
      for (int v = std::max(y - 1, 0); v <= std::min(y + 1, rows - 1); ++v)
        for (int u = std::max(x - 1, 0); u <= std::min(x + 1, width - 1); ++u)
          if (level[v * width + u] == lowest) q = v * width + u;
      TreeNode& outer = tree.nodes[static_cast<std::size_t>(node_of[q])];
      const float strength = edge.ptr<float>()[p];
      own.boundary += 1;
      own.boundary_edge += strength;
      outer.boundary -= 1;
      outer.boundary_edge -= strength;
    }
}

}  // namespace

ComponentTree build_component_tree(const cv::Mat& levels, const cv::Mat& height,
                                   const cv::Mat& edge) {
  ComponentTree tree = TreeBuilder(levels).build();
  add_pixel_sums(tree, levels, height, edge);
  for (const TreeNode& node : tree.nodes) {
    if (node.parent < 0) continue;
    TreeNode& above = tree.nodes[static_cast<std::size_t>(node.parent)];
    above.shape += node.shape;
    above.height += node.height;
    above.boundary += node.boundary;
    above.boundary_edge += node.boundary_edge;
  }
  return tree;
}

std::vector<double> sums_over(const ComponentTree& tree, const cv::Mat& map) {
  std::vector<double> sums(tree.nodes.size(), 0.0);
  const int* node_of = tree.node_of.ptr<int>();
  const float* value = map.ptr<float>();
  for (std::size_t p = 0, total = tree.node_of.total(); p < total; ++p)
    sums[static_cast<std::size_t>(node_of[p])] += value[p];
  for (std::size_t i = 0; i < sums.size(); ++i)
    if (tree.nodes[i].parent >= 0) sums[static_cast<std::size_t>(tree.nodes[i].parent)] += sums[i];
  return sums;
}

TreeChoice choose_components(const ComponentTree& tree, const std::vector<double>& score,
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
