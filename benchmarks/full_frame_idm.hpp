// benchmarks/full_frame_idm.hpp: IDM as one writes it first, every step over the whole frame.
#pragma once

#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/maps.hpp"

namespace persense::benchmarks {

/// Points in the reference's order, and how many contours were composite.
struct FullFrameResult {
  std::vector<Point> points;
  int composites = 0;
};

namespace detail {

using Contours = std::vector<std::vector<cv::Point>>;

inline Point centroid(const std::vector<cv::Point>& contour) {
  const cv::Moments m = cv::moments(contour);
  return {static_cast<int>(m.m10 / (m.m00 + 1e-15)), static_cast<int>(m.m01 / (m.m00 + 1e-15))};
}

inline double mean_and_two_deviations(const std::vector<double>& areas) {
  double mean = 0, variance = 0;
  for (const double a : areas) mean += a / static_cast<double>(areas.size());
  for (const double a : areas)
    variance += (a - mean) * (a - mean) / static_cast<double>(areas.size());
  return mean + 2 * std::sqrt(variance);
}

inline cv::Mat eroded_blobs(const cv::Mat& density, cv::Size image) {
  cv::Mat map;
  cv::resize(density, map, image, 0, 0, cv::INTER_LINEAR);
  double lowest = 0, highest = 0;
  cv::minMaxLoc(map, &lowest, &highest);
  const float low = static_cast<float>(lowest), range = static_cast<float>(highest) - low;
  cv::Mat grey(image, CV_8U), eroded;
  for (int y = 0; y < map.rows; ++y)
    for (int x = 0; x < map.cols; ++x)
      grey.at<std::uint8_t>(y, x) =
          static_cast<std::uint8_t>((map.at<float>(y, x) - low) / range * 255.0f);
  cv::threshold(grey, grey, 30, 255, cv::THRESH_BINARY);
  cv::erode(grey, eroded, cv::Mat::ones(3, 3, CV_8U));
  return eroded;
}

inline Contours cores_of(const Contours& contours, int index, cv::Size image) {
  cv::Mat mask = cv::Mat::zeros(image, CV_8U), distance, cores;
  cv::drawContours(mask, contours, index, 255, cv::FILLED);
  cv::distanceTransform(mask, distance, cv::DIST_L2, 3);
  double furthest = 0;
  cv::minMaxLoc(distance, nullptr, &furthest);
  cv::threshold(distance, distance, 0.5 * furthest, 255, cv::THRESH_BINARY);
  distance.convertTo(cores, CV_8U);
  Contours children;
  cv::findContours(cores, children, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_SIMPLE);
  return children;
}

}  // namespace detail

/// IDM with the released code's rules and OpenCV's functions, without a thought for the frame's
/// size.
inline FullFrameResult full_frame_idm(const cv::Mat& density, cv::Size image) {
  detail::Contours contours;
  cv::findContours(detail::eroded_blobs(density, image), contours, cv::RETR_EXTERNAL,
                   cv::CHAIN_APPROX_SIMPLE);
  std::vector<double> areas;
  for (const auto& contour : contours) areas.push_back(cv::contourArea(contour));
  const double limit = detail::mean_and_two_deviations(areas);

  FullFrameResult result;
  for (std::size_t i = 0; i < contours.size(); ++i) {
    if (!(areas[i] > limit)) continue;
    ++result.composites;
    for (const auto& child : detail::cores_of(contours, static_cast<int>(i), image))
      result.points.push_back(detail::centroid(child));
  }
  for (const auto& contour : contours) result.points.push_back(detail::centroid(contour));
  return result;
}

}  // namespace persense::benchmarks
