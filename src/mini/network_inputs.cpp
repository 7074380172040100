#include "network_inputs.hpp"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace persense::mini {

namespace {

/// @param to  crop_side * crop_side * crop_channels numbers.
void write_crop(const Description& region, const cv::Mat& stretch, float* to) {
  for (int y = 0; y < crop_side; ++y)
    for (int x = 0; x < crop_side; ++x, to += crop_channels) {
      const auto& rgb = region.crop.at<cv::Vec3b>(y, x);
      for (int c = 0; c < 3; ++c) to[c] = stretch.at<float>(rgb[c]);
      to[3] = static_cast<float>(region.cover.at<std::uint8_t>(y, x)) / 255.0f;
    }
}

}  // namespace

RegionInputs region_inputs(std::span<const DescribedRegions> levels) {
  Eigen::Index n = 0;
  for (const DescribedRegions& d : levels) n += static_cast<Eigen::Index>(d.regions.size());
  RegionInputs in{Vectors(n, crop_side * crop_side * crop_channels), Vectors(n, square_length),
                  Vectors(n, shape_length)};
  Eigen::Index row = 0;
  for (const DescribedRegions& d : levels)
    for (const Description& region : d.regions) {
      write_crop(region, d.of->level->stretch, in.crops.row(row).data());
      std::ranges::copy(region.square, in.squares.row(row).data());
      std::ranges::copy(region.shape, in.shapes.row(row).data());
      ++row;
    }
  return in;
}

RefinementInput refinement_input(const RefinedRegion& one) {
  RefinementInput in;
  in.window = cv::Rect(one.corner, cv::Size(refine_side, refine_side));
  in.image = one.of->level->stretched(in.window);
  in.coarse = cv::Mat::zeros(refine_side, refine_side, CV_32FC1);
  const cv::Rect common = one.region->box & in.window;
  one.region->mask(common - one.region->box.tl()).convertTo(in.coarse(common - one.corner), CV_32F);
  const cv::Moments moments = cv::moments(in.coarse);
  const double mass = std::max(moments.m00, 1.0);
  in.centre = {static_cast<float>(moments.m10 / mass), static_cast<float>(moments.m01 / mass)};
  return in;
}

}  // namespace persense::mini
