#include "scaled_images.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace persense::classic {

HeightMap ScaledImage::height_map(const ObjectModel& model) const {
  const cv::Mat height =
      project_features(features(model.space, model.expected.radius()), model.direction);
  return HeightMap(height, model.expected.area);
}

ScaledImage ScaledImages::resized(double scale) const {
  if (scale == 1) return ScaledImage(rgb_);
  const auto side = [scale](int length) {
    return std::max(1, static_cast<int>(std::lround(length * scale)));
  };
  cv::Mat work;
  cv::resize(rgb_, work, {side(rgb_.cols), side(rgb_.rows)}, 0, 0,
             scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  return ScaledImage(work);
}

}  // namespace persense::classic
