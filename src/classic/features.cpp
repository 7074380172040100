#include "features.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "filters.hpp"

namespace persense::classic {

namespace {

/// Mean and covariance of feature vectors.
struct FeatureSample {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
  int count = 0;
};

/// The feature vectors of a mask's pixels, at most `most` of them, evenly picked in raster order.
Eigen::MatrixXf gather(const cv::Mat& features, const cv::Mat& mask, int most) {
  const int channels = features.channels(), total = cv::countNonZero(mask);
  const int step = std::max(1, total / most);
  Eigen::MatrixXf vectors(channels, (total + step - 1) / step);
  int seen = 0;
  for (int y = 0; y < mask.rows; ++y) {
    const std::uint8_t* inside = mask.ptr(y);
    const float* row = features.ptr<float>(y);
    for (int x = 0; x < mask.cols; ++x)
      if (inside[x] && seen++ % step == 0)
        vectors.col((seen - 1) / step) =
            Eigen::Map<const Eigen::VectorXf>(row + std::ptrdiff_t{x} * channels, channels);
  }
  return vectors;
}

/// Statistics of the vectors that do not reach `limit` along `direction`.
FeatureSample sample_below(const Eigen::MatrixXf& vectors, const Eigen::VectorXf& direction,
                           double limit) {
  const Eigen::Index n = vectors.rows();
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(n);
  Eigen::MatrixXd squares = Eigen::MatrixXd::Zero(n, n);
  FeatureSample sample;
  for (Eigen::Index i = 0; i < vectors.cols(); ++i) {
    if (direction.dot(vectors.col(i)) > limit) continue;
    const Eigen::VectorXd v = vectors.col(i).cast<double>();
    sum += v;
    squares += v * v.transpose();
    ++sample.count;
  }
  sample.mean = sum / std::max(1, sample.count);
  constexpr double quantisation = 1;  // variance of one grey level: a flat region is not certain
  sample.covariance = squares / std::max(1, sample.count) - sample.mean * sample.mean.transpose() +
                      quantisation * Eigen::MatrixXd::Identity(n, n);
  return sample;
}

struct Discriminant {
  Eigen::VectorXd direction;
  double threshold = 0;  ///< half way along it between the object and what is not
};

/// Of an object against, half and half, what is around it and what is far from it.
Discriminant discriminate(const FeatureSample& object, const FeatureSample& around,
                          const FeatureSample& far, double ridge) {
  const Eigen::Index n = object.mean.size();
  const Eigen::VectorXd mean = 0.5 * (around.mean + far.mean),
                        half = 0.5 * (around.mean - far.mean);
  Eigen::MatrixXd within = 0.5 * object.covariance + 0.25 * (around.covariance + far.covariance) +
                           0.5 * half * half.transpose();
  within += ridge * within.trace() / static_cast<double>(n) * Eigen::MatrixXd::Identity(n, n);
  const Eigen::VectorXd direction = within.ldlt().solve(object.mean - mean);
  return {direction, 0.5 * direction.dot(object.mean + mean)};
}

}  // namespace

cv::Mat lab_of(const cv::Mat& rgb) {
  // OpenCV fills its tables on first use without a lock; the initialisation of a local static has
  // one
  [[maybe_unused]] static const bool tables_are_filled = [] {
    cv::Mat pixel(1, 1, CV_32FC3, cv::Scalar::all(0)), lab;
    cv::cvtColor(pixel, lab, cv::COLOR_RGB2Lab);
    return true;
  }();
  cv::Mat lab;
  rgb.convertTo(lab, CV_32FC3, 1.0 / 255);
  cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
  return lab * 2.55;
}

cv::Mat features_of(const cv::Mat& rgb, const cv::Mat& lab, const FeatureSpace& space,
                    double radius) {
  cv::Mat colors;
  if (space.lab)
    colors = lab;
  else
    rgb.convertTo(colors, CV_32FC3);
  cv::Mat features;
  cv::GaussianBlur(colors, features, {}, 1.0);
  if (!space.texture) return features;

  const double width = std::max(1.5, 0.15 * radius);
  constexpr double camera_noise = 4;  // variance of grey levels that means nothing
  constexpr double weight = 20;       // a factor e in variance counts like 20 grey levels
  cv::Mat brightness, texture;
  cv::transform(colors, brightness, cv::Matx13f::all(1.0f / 3));
  cv::GaussianBlur(brightness, brightness, {}, 0.8);
  const cv::Mat deviation = brightness - wide_blur(brightness, width);
  cv::log(wide_blur(deviation.mul(deviation), width) + camera_noise, texture);
  std::vector<cv::Mat> planes;
  cv::split(features, planes);
  planes.push_back(texture * weight);
  cv::merge(planes, features);
  return features;
}

cv::Mat project_features(const cv::Mat& features, const Eigen::VectorXf& direction) {
  cv::Mat map;
  cv::transform(features, map,
                cv::Mat(1, static_cast<int>(direction.size()), CV_32FC1,
                        const_cast<float*>(direction.data())));
  const float low = percentile(map, 1), high = std::max(percentile(map, 99.8), low + 1);
  map = cv::max((map - low) / (high - low), 0.0);
  cv::sqrt(map, map);
  return map;
}

Eigen::VectorXf discriminant_direction(const cv::Mat& features, const cv::Mat& mask, double radius,
                                       double ridge) {
  constexpr int most = 20000, fewest = 10;
  constexpr double everything = std::numeric_limits<double>::infinity();
  const cv::Mat distance = distance_to(mask);
  const double gap = std::max(1.0, 0.2 * radius), reach = std::max(3.0, radius);
  cv::Mat inner;
  cv::erode(mask, inner, cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}), {-1, -1}, 1,
            cv::BORDER_CONSTANT, cv::Scalar(255));
  const int n = features.channels();
  Eigen::VectorXf direction = Eigen::VectorXf::Zero(n);
  const FeatureSample object =
      sample_below(gather(features, cv::countNonZero(inner) >= 2 * fewest ? inner : mask, most),
                   direction, everything);
  Eigen::MatrixXf ring = gather(features, (distance > gap) & (distance <= reach), most);
  if (ring.cols() < fewest) ring = gather(features, mask == 0, most);
  const Eigen::MatrixXf rest = gather(features, distance > reach, most);

  double limit = everything;
  for (int round = 0; round < 3; ++round) {
    FeatureSample around = sample_below(ring, direction, limit);
    FeatureSample far = sample_below(rest, direction, limit);
    if (around.count < fewest) around = sample_below(ring, direction, everything);
    if (far.count < fewest) far = around;
    const Discriminant found = discriminate(object, around, far, ridge);
    direction = found.direction.cast<float>();
    limit = found.threshold;
  }
  const float length = direction.cwiseAbs().sum();
  if (!(length > 0)) return Eigen::VectorXf::Constant(n, 1.0f / static_cast<float>(n));
  return direction / length;
}

}  // namespace persense::classic
