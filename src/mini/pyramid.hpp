// pyramid.hpp (private): an image at scales that are powers of two, as the network sees it.
#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <opencv2/core.hpp>

#include "persense/image.hpp"

namespace persense::mini {

/// An image and its halvings. @par Threads  Safe.
class Pyramid {
 public:
  explicit Pyramid(ImageView image);

  cv::Size size() const { return image_.size(); }
  /// What each of the 256 values becomes: 0 about the image's darkest, 1 about its brightest.
  /// (1, 256) CV_32FC1, for cv::LUT.
  const cv::Mat& stretch() const { return stretch_; }
  /// Times by which the image can be halved and still has 16 pixels a side.
  int most_halvings() const;
  /// The image halved so many times, by means of four pixels: CV_8UC3.
  cv::Mat halved(int times) const;
  /// A square of 8-bit pixels, sampled from the halving that is nearest in scale; mirrored beyond
  /// the image's sides. @param to_image  x, y of the square's pixels to those of the image.
  cv::Mat view(int side, const cv::Matx23d& to_image) const;

 private:
  cv::Mat image_;
  cv::Mat stretch_;
  mutable std::mutex mutex_;
  mutable std::deque<cv::Mat> halvings_;  // [i]: halved i + 1 times
};

/// `outer` after `inner`.
cv::Matx23d composed(const cv::Matx23d& outer, const cv::Matx23d& inner);

/// The map of scale `scale` between pixel grids, from the small one: its first pixel's middle lies
/// in the middle of the pixels that it is made of.
inline cv::Matx23d grid_to_grid(double x_scale, double y_scale) {
  return {1 / x_scale, 0, 0.5 / x_scale - 0.5, 0, 1 / y_scale, 0.5 / y_scale - 0.5};
}

}  // namespace persense::mini
