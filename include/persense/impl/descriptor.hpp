// persense/impl/descriptor.hpp: bodies of descriptor.hpp, which includes it unless they are
// compiled elsewhere.
#pragma once

#include <fmt/core.h>
#include <Eigen/Core>
#include <opencv2/core.hpp>
#include <span>

#include "persense/descriptor.hpp"
#include "persense/diverse_exemplars.hpp"
#include "persense/error.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"
#include "persense/stages.hpp"

namespace persense {

namespace detail {

PERSENSE_DECL Eigen::RowVectorXf colour_descriptor(ImageView image, const Mask& mask) {
  const cv::Rect box(mask.box.x0, mask.box.y0, mask.box.width(), mask.box.height());
  cv::Scalar mean, deviation;
  const cv::Mat inside(mask.box.height(), mask.box.width(), CV_8UC1,
                       const_cast<std::uint8_t*>(mask.bits.data()));
  cv::meanStdDev(image.mat()(box), mean, deviation, inside);
  Eigen::RowVectorXf colours(6);
  for (int c = 0; c < 3; ++c) {
    colours(c) = static_cast<float>(mean[c] / 255);
    colours(3 + c) = static_cast<float>(deviation[c] / 255);
  }
  return colours;
}

}  // namespace detail

}  // namespace persense
