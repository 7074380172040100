// features.hpp (private): pixel features, and the direction in them that shows an object.
#pragma once

#include <Eigen/Core>
#include <opencv2/core.hpp>

namespace persense::classic {

/// Which features tell objects from their background, and how much their covariance is regularised.
struct FeatureSpace {
  bool lab = false;      ///< CIE Lab instead of RGB
  bool texture = false;  ///< and the logarithm of the local variance of brightness
  double ridge = 0.1;    ///< part of the mean variance added to every variance
};

/// An 8-bit RGB image in CIE Lab, CV_32FC3, scaled so that L runs from 0 to 255.
cv::Mat lab_of(const cv::Mat& rgb);

/// The features of an image: CV_32FC3, or CV_32FC(4) with texture.
/// @param radius  of the object looked for, pixels: texture is measured at 0.15 of it, the scale of
///   surface detail. At twice that size it blurs borders, at half of it it is noise.
cv::Mat features_of(const cv::Mat& rgb, const cv::Mat& lab, const FeatureSpace& space,
                    double radius);

/// The features projected on a direction, stretched by the image's own 1st and 99.8th percentile
/// and square-rooted (dim objects count too): about 0 in the background, 1 on the clearest objects.
cv::Mat project_features(const cv::Mat& features, const Eigen::VectorXf& direction);

/// The direction along which objects stand out: a ridge-regularised linear discriminant of the
/// objects against, half and half, the ring around them and the rest of the image. Background
/// pixels that look like objects (unmarked ones of the same class) are left out, three times over.
/// @param mask    CV_8UC1: the pixels of one or more objects, at least one.
/// @param radius  of one object: the ring reaches from 0.2 to 1 radius from it.
/// @return  as many numbers as features, absolute values summing to 1.
Eigen::VectorXf discriminant_direction(const cv::Mat& features, const cv::Mat& mask, double radius,
                                       double ridge);

}  // namespace persense::classic
