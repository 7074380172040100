// persense/baselines/patches.hpp: an image as a grid of patches, each described by the encoder.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <opencv2/core.hpp>
#include <vector>

#include "persense/descriptor.hpp"
#include "persense/detail/assignment.hpp"
#include "persense/diverse_exemplars.hpp"
#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"

namespace persense::detail {

/// The least side of a patch: 37 x 37 of them, as many as DINOv2 gives, make a square image.
inline double least_side(Size image) {
  constexpr double most = 37;
  return std::max(1.0, std::sqrt(static_cast<double>(image.pixels())) / most);
}

/// Square patches of about the same side that cover an image, row by row.
class Patches {
 public:
  /// @param side  pixels, at least 1.
  Patches(Size image, double side)
      : image_(image),
        columns_(std::max(1, static_cast<int>(std::lround(image.width / side)))),
        rows_(std::max(1, static_cast<int>(std::lround(image.height / side)))) {}

  std::size_t size() const {
    return static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_);
  }
  double area() const { return static_cast<double>(image_.pixels()) / static_cast<double>(size()); }
  PixelBox box(std::size_t i) const {
    const int x = static_cast<int>(i) % columns_, y = static_cast<int>(i) / columns_;
    return {begin(x, columns_, image_.width), begin(y, rows_, image_.height),
            begin(x + 1, columns_, image_.width), begin(y + 1, rows_, image_.height)};
  }
  Point center(std::size_t i) const {
    const PixelBox b = box(i);
    return {(b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2};
  }

  /// Those of which at least a half lies in a mask; where there are none, the one with most of it.
  /// @pre the mask is not empty.
  std::vector<std::size_t> inside(const Mask& mask) const {
    return where([&](std::size_t i) {
      const PixelBox b = box(i);
      const PixelBox common = intersection(b, mask.box);
      std::int64_t pixels = 0;
      for (int y = common.y0; y < common.y1; ++y)
        for (int x = common.x0; x < common.x1; ++x) pixels += mask.row(y)[x - mask.box.x0] != 0;
      return static_cast<double>(pixels) / static_cast<double>(b.area());
    });
  }
  /// The same of a mask of the image's size, CV_8UC1.
  std::vector<std::size_t> inside(const cv::Mat& mask) const {
    return where([&](std::size_t i) {
      const PixelBox b = box(i);
      const cv::Mat part = mask(cv::Rect(b.x0, b.y0, b.width(), b.height()));
      return cv::countNonZero(part) / static_cast<double>(b.area());
    });
  }

  /// What the encoder says of each patch, or its colours.
  template <ImageEncoder E>
  Descriptors descriptors(const E& encoder, const typename E::Embedding& embedding,
                          ImageView image) const {
    std::vector<Mask> masks;
    for (std::size_t i = 0; i < size(); ++i) {
      const PixelBox b = box(i);
      masks.push_back({b, std::vector<std::uint8_t>(static_cast<std::size_t>(b.area()), 1)});
    }
    std::vector<const Mask*> views;
    for (const Mask& mask : masks) views.push_back(&mask);
    return descriptors_of(encoder, embedding, image, views);
  }

 private:
  static int begin(int i, int cells, int length) {
    return static_cast<int>(std::int64_t{i} * length / cells);
  }
  template <class Part>
  std::vector<std::size_t> where(Part&& part_of) const {
    std::vector<std::size_t> patches;
    std::size_t fullest = 0;
    double most = 0;
    for (std::size_t i = 0; i < size(); ++i) {
      const double part = part_of(i);
      if (part >= 0.5) patches.push_back(i);
      if (part > most) most = part, fullest = i;
    }
    if (patches.empty()) patches.push_back(fullest);
    return patches;
  }

  Size image_;
  int columns_, rows_;
};

inline Descriptors rows_of(const Descriptors& all, const std::vector<std::size_t>& which) {
  Descriptors some(static_cast<Eigen::Index>(which.size()), all.cols());
  for (std::size_t i = 0; i < which.size(); ++i)
    some.row(static_cast<Eigen::Index>(i)) = all.row(static_cast<Eigen::Index>(which[i]));
  return some;
}

/// Brings the descriptors of two images to columns of mean 0 and deviation 1 and rows of length 1,
/// so that their products are cosines.
inline void standardise(Descriptors& a, Descriptors& b) {
  if (a.cols() != b.cols())
    throw InvalidArgument(
        fmt::format("encoder: a descriptor of {} values after one of {}", b.cols(), a.cols()));
  Descriptors both(a.rows() + b.rows(), a.cols());
  both << a, b;
  both = standardised(both);
  for (Eigen::Index i = 0; i < both.rows(); ++i)
    if (const float length = both.row(i).norm(); length > 0) both.row(i) /= length;
  a = both.topRows(a.rows());
  b = both.bottomRows(b.rows());
}

/// Mean product of the rows of two sets, each row of the smaller one with a row of its own.
inline float mean_assigned(const Descriptors& a, const Descriptors& b) {
  if (a.rows() > b.rows()) return mean_assigned(b, a);
  const Eigen::MatrixXf products = a * b.transpose();
  const std::vector<int> column = assign(-products);
  float sum = 0;
  for (Eigen::Index i = 0; i < a.rows(); ++i)
    sum += products(i, column[static_cast<std::size_t>(i)]);
  return sum / static_cast<float>(a.rows());
}

}  // namespace persense::detail
