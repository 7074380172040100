// object_model.hpp (private): learns what an object looks like from marked ones.
#pragma once

#include <opencv2/core.hpp>
#include <span>

#include "persense/classic/encoder.hpp"
#include "scaled_images.hpp"

namespace persense::classic {

/// The diameter of objects at working resolution, pixels: their shapes are clear, and more pixels
/// would only take more time.
inline constexpr double work_diameter = 32;

/// The model of some marked objects in a given feature space, without colours.
/// @param mask  CV_8UC1 of the image's size, at least one pixel. @param area  of one object,
/// pixels.
ObjectModel model_in(const FeatureSpace& space, const ScaledImage& image, const cv::Mat& mask,
                     double area);

/// The model of examples, in the feature space that shows them best. Larger objects than
/// `work_diameter` are taken from a smaller image, so that time depends on the number of objects
/// rather than on pixels.
ObjectModel learn_model(std::span<const EncodedExample<ClassicEmbedding>> examples);

/// A mask (CV_8UC1, 0 or 255) at working resolution; never without a pixel.
cv::Mat mask_at(const cv::Mat& mask, cv::Size work);

}  // namespace persense::classic
