// persense/classic/layers.hpp: joins the cuts of several resolutions into one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/classic/landscape.hpp"

namespace persense::classic {

/// One of several cuts of the same image, at the same size.
struct Layer {
  Cut cut;
  double weight = 1;  ///< what its pieces' scores are multiplied with
};

/// A cut that was made at another resolution, at this size.
inline Cut resampled(Cut cut, cv::Size size) {
  if (cut.labels.size() == size) return cut;
  const double fx = static_cast<double>(size.width) / cut.labels.cols;
  const double fy = static_cast<double>(size.height) / cut.labels.rows;
  cv::resize(cut.labels, cut.labels, size, 0, 0, cv::INTER_NEAREST);
  cv::resize(cut.interior, cut.interior, size, 0, 0, cv::INTER_LINEAR);
  cut.interior *= fx;  // depths are lengths
  for (Piece& piece : cut.pieces) {
    const PixelBox& b = piece.box;  // a pixel wider all around, as rounding may go either way
    piece.box = {std::max(0, static_cast<int>(b.x0 * fx) - 1),
                 std::max(0, static_cast<int>(b.y0 * fy) - 1),
                 std::min(size.width, static_cast<int>(b.x1 * fx) + 2),
                 std::min(size.height, static_cast<int>(b.y1 * fy) + 2)};
    piece.area *= fx * fy;
  }
  return cut;
}

namespace detail {

/// Lays pieces into one cut.
class Layout {
 public:
  explicit Layout(const Cut& base) {
    cut_.labels = cv::Mat::zeros(base.labels.size(), CV_32SC1);
    cut_.interior = base.interior.clone();
  }

  /// Lays what is free of a piece, when that is most of it.
  void lay(const Cut& from, std::size_t index, double score) {
    constexpr double most = 0.7;
    int all = 0, free = 0;
    for_pixels(from, index, [&](int x, int y) {
      ++all;
      free += cut_.labels.at<int>(y, x) == 0;
    });
    if (all == 0 || free < most * all) return;
    Piece piece{.box = {cut_.labels.cols, cut_.labels.rows, 0, 0},
                .area = static_cast<double>(free),
                .score = score,
                .core = {},
                .same = from.pieces[index].same};
    const int label = static_cast<int>(cut_.pieces.size()) + 1;
    float deepest = -1;
    for_pixels(from, index, [&](int x, int y) {
      if (cut_.labels.at<int>(y, x) != 0) return;
      cut_.labels.at<int>(y, x) = label;
      const float depth = cut_.interior.at<float>(y, x) = from.interior.at<float>(y, x);
      if (depth > deepest) deepest = depth, piece.core = {x, y};
      piece.box = {std::min(piece.box.x0, x), std::min(piece.box.y0, y),
                   std::max(piece.box.x1, x + 1), std::max(piece.box.y1, y + 1)};
    });
    cut_.pieces.push_back(piece);
  }

  Cut take() { return std::move(cut_); }

 private:
  template <class Visit>
  static void for_pixels(const Cut& cut, std::size_t index, Visit&& visit) {
    const PixelBox& box = cut.pieces[index].box;
    for (int y = box.y0; y < box.y1; ++y) {
      const int* label = cut.labels.ptr<int>(y);
      for (int x = box.x0; x < box.x1; ++x)
        if (label[x] == static_cast<int>(index) + 1) visit(x, y);
    }
  }
  Cut cut_;
};

}  // namespace detail

/// Lays the layers' pieces over each other, best score first; where pieces compete, the better one
/// keeps the pixels and the other is dropped unless most of it is still free.
inline Cut join(const std::vector<Layer>& layers) {
  struct Candidate {
    double score;
    const Cut* cut;
    std::size_t index;
  };
  std::vector<Candidate> candidates;
  for (const Layer& layer : layers)
    for (std::size_t i = 0; i < layer.cut.pieces.size(); ++i)
      candidates.push_back({layer.cut.pieces[i].score * layer.weight, &layer.cut, i});
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  detail::Layout layout(layers.front().cut);
  for (const Candidate& c : candidates) layout.lay(*c.cut, c.index, c.score);
  return layout.take();
}

}  // namespace persense::classic
