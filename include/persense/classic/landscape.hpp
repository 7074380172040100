// persense/classic/landscape.hpp: an image as a height map in which the support object is high.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "persense/geometry.hpp"

namespace persense::classic {

/// The p-th percentile (0..100) of a CV_32FC1 map; of every k-th pixel when it has over 2^18.
inline float percentile(const cv::Mat& map, double p) {
  const std::size_t total = map.total(), step = std::max<std::size_t>(1, total >> 18);
  std::vector<float> sample;
  sample.reserve(total / step + 1);
  const float* value = map.ptr<float>();
  for (std::size_t i = 0; i < total; i += step) sample.push_back(value[i]);
  const auto at = sample.begin() + static_cast<std::ptrdiff_t>(
                                       p / 100 * static_cast<double>(sample.size() - 1) + 0.5);
  std::nth_element(sample.begin(), at, sample.end());
  return *at;
}

/// Gaussian blur for large deviations: at the resolution where the deviation is about 4 pixels.
inline cv::Mat wide_blur(const cv::Mat& map, double deviation) {
  const int shrink =
      std::max(1, std::min(static_cast<int>(deviation / 4), std::min(map.cols, map.rows) / 8));
  cv::Mat small = map, out;
  if (shrink > 1) cv::resize(map, small, {}, 1.0 / shrink, 1.0 / shrink, cv::INTER_AREA);
  cv::GaussianBlur(small, out, {}, deviation / shrink);
  if (shrink > 1) cv::resize(out, out, map.size(), 0, 0, cv::INTER_LINEAR);
  return out;
}

/// Which features a prototype looks at.
struct FeatureSpace {
  bool lab = false;
  bool texture = false;
  double ridge = 0.1;
};
inline double sel_margin = 0.05, tex_width = 0.15, extra = 0;
inline cv::Mat features_of(const cv::Mat& rgb, const FeatureSpace& space, double radius) {
  cv::Mat f;
  if (space.lab) { rgb.convertTo(f, CV_32FC3, 1/255.0); cv::cvtColor(f, f, cv::COLOR_RGB2Lab); f *= 2.55; } else rgb.convertTo(f, CV_32FC3);
  cv::Mat colors; cv::GaussianBlur(f, colors, {}, 1.0);
  if (!space.texture) return colors;
  std::vector<cv::Mat> planes; cv::split(colors, planes);
  const double width = std::max(1.5, tex_width * radius);
  cv::Mat g; cv::transform(f, g, cv::Matx13f(1/3.f,1/3.f,1/3.f)); cv::GaussianBlur(g,g,{},0.8);
  cv::Mat m = g - wide_blur(g, width), e = wide_blur(m.mul(m), width);
  cv::Mat l; cv::log(cv::Mat(e + 4.0), l); l *= 20; planes.push_back(l);
  cv::merge(planes, colors);
  return colors;
}

inline cv::Mat project(const cv::Mat& colors, const Eigen::VectorXf& direction) {
  cv::Mat map(colors.size(), CV_32FC1);
  const int n = colors.channels();
  const float* c = colors.ptr<float>(); float* m = map.ptr<float>();
  for (std::size_t p = 0; p < map.total(); ++p, c += n) { float s = 0; for (int k = 0; k < n; ++k) s += c[k] * direction(k); m[p] = s; }
  const float low = percentile(map, 1), high = std::max(percentile(map, 99.8), low + 1);
  for (auto it = map.begin<float>(); it != map.end<float>(); ++it)
    *it = std::sqrt(std::max(0.0f, (*it - low) / (high - low)));
  return map;
}

/// Gradient magnitude, per pixel.
inline cv::Mat gradient_of(const cv::Mat& map) {
  cv::Mat gx, gy, magnitude;
  cv::Sobel(map, gx, CV_32F, 1, 0, 3, 1.0 / 8);
  cv::Sobel(map, gy, CV_32F, 0, 1, 3, 1.0 / 8);
  cv::magnitude(gx, gy, magnitude);
  return magnitude;
}

/// Height above the surroundings: the map minus its opening with a square of `size` pixels, done at
/// a quarter of the resolution when the square is large.
inline cv::Mat local_contrast(const cv::Mat& map, int size) {
  const int shrink = size >= 24 && std::min(map.cols, map.rows) >= 16 ? 4 : 1;
  cv::Mat small = map, floor;
  if (shrink > 1) cv::resize(map, small, {}, 1.0 / shrink, 1.0 / shrink, cv::INTER_AREA);
  const int k = std::max(1, size / shrink) | 1;
  cv::morphologyEx(small, floor, cv::MORPH_OPEN, cv::Mat::ones(k, k, CV_8U));
  if (shrink > 1) cv::resize(floor, floor, map.size(), 0, 0, cv::INTER_LINEAR);
  return map - cv::min(floor, map);
}

/// Disc-dilation by `radius`: pixels at most that far from a set pixel (CV_8UC1, 0 or 255).
inline cv::Mat dilate_disc(const cv::Mat& mask, double radius) {
  cv::Mat distance;
  cv::distanceTransform(mask == 0, distance, cv::DIST_L2, 5);
  return distance <= radius;
}

/// The colour direction along which the support object stands out: a ridge-regularised linear
/// discriminant of the object against half the ring around it, half the rest of the image; pixels
/// that look like the object (other instances) are taken out of the background, three times over.
inline Eigen::VectorXf discriminant_direction(const cv::Mat& colors, const cv::Mat& mask, double radius, double ridge) {
  const int n = colors.channels();
  struct Sample { Eigen::VectorXd mean; Eigen::MatrixXd covariance; int pixels = 0; };
  const auto at = [&](int y, int x) { return Eigen::Map<const Eigen::VectorXf>(colors.ptr<float>(y) + x * n, n).cast<double>(); };
  const auto sample = [&](const cv::Mat& where) {
    Sample s{Eigen::VectorXd::Zero(n), Eigen::MatrixXd::Identity(n, n)};
    Eigen::MatrixXd squares = Eigen::MatrixXd::Zero(n, n);
    for (int y = 0; y < colors.rows; ++y)
      for (int x = 0; x < colors.cols; ++x) {
        if (where.at<std::uint8_t>(y, x) == 0) continue;
        const Eigen::VectorXd v = at(y, x);
        s.mean += v; squares += v * v.transpose(); ++s.pixels;
      }
    if (s.pixels == 0) return s;
    s.mean /= s.pixels; s.covariance += squares / s.pixels - s.mean * s.mean.transpose();
    return s;
  };
  const cv::Mat gap = dilate_disc(mask, std::max(1.0, 0.2 * radius));
  const cv::Mat near_object = dilate_disc(mask, std::max(3.0, radius));
  const cv::Mat ring = near_object & ~gap, rest = ~near_object;
  cv::Mat inner;
  cv::erode(mask, inner, cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}), {-1, -1}, 1, cv::BORDER_CONSTANT, cv::Scalar(255));
  const Sample object = sample(cv::countNonZero(inner) >= 20 ? inner : mask);
  cv::Mat keep(mask.size(), CV_8U, cv::Scalar(255));
  Eigen::VectorXd direction = Eigen::VectorXd::Ones(n);
  for (int round = 0; round < 3; ++round) {
    Sample around = sample(ring & keep), far = sample(rest & keep);
    if (around.pixels < 10) around = sample(ring);
    if (around.pixels < 10) around = sample(~mask);
    if (far.pixels < 10) far = around;
    const Eigen::VectorXd mean = 0.5 * (around.mean + far.mean), half = 0.5 * (around.mean - far.mean);
    Eigen::MatrixXd within = 0.5 * object.covariance + 0.25 * (around.covariance + far.covariance) + 0.5 * half * half.transpose();
    within += ridge / n * within.trace() * Eigen::MatrixXd::Identity(n, n);
    direction = within.ldlt().solve(object.mean - mean);
    const double middle = 0.5 * direction.dot(object.mean + mean);
    for (int y = 0; y < colors.rows; ++y)
      for (int x = 0; x < colors.cols; ++x) keep.at<std::uint8_t>(y, x) = direction.dot(at(y, x)) > middle ? 0 : 255;
  }
  const double length = direction.cwiseAbs().sum();
  return (length > 0 ? Eigen::VectorXd(direction / length) : Eigen::VectorXd::Constant(n, 1.0 / n)).cast<float>();
}

}  // namespace persense::classic
