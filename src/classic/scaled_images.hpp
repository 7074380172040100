// scaled_images.hpp (private): an image at working resolutions, and what was derived from it.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "features.hpp"
#include "height_map.hpp"
#include "persense/detail/memo.hpp"
#include "persense/geometry.hpp"
#include "regions/colour_descriptor.hpp"

namespace persense::classic {

/// What the support object looks like, at working resolution.
struct ObjectModel {
  persense::detail::Identity identity;
  double scale = 1;  ///< of the working resolution: pixels there in one of the image, by length
  FeatureSpace space;
  Eigen::VectorXf direction;  ///< in that space: along it objects stand out
  ExpectedObject expected;
  std::vector<regions::ColourDescriptor> colours, negative_colours;  ///< of the examples
};

/// An image at one working resolution.
class ScaledImage {
 public:
  /// @param rgb  CV_8UC3, R G B.
  explicit ScaledImage(cv::Mat rgb) : rgb_(std::move(rgb)), lab_(lab_of(rgb_)) {}

  cv::Size size() const { return rgb_.size(); }
  const cv::Mat& rgb() const { return rgb_; }
  const cv::Mat& lab() const { return lab_; }
  cv::Mat features(const FeatureSpace& space, double radius) const {
    return features_of(rgb_, lab_, space, radius);
  }
  /// The height map that shows such objects.
  HeightMap height_map(const ObjectModel& model) const;

 private:
  cv::Mat rgb_, lab_;
};

/// What was derived from an image is kept: by working scale, and for the models that asked last, as
/// detector, DMG and decoder ask for the same.
/// @par Threads  Safe; what is derived is computed once.
class ScaledImages {
 public:
  /// @param rgb  CV_8UC3, R G B; is copied.
  explicit ScaledImages(const cv::Mat& rgb) : rgb_(rgb.clone()) {}

  /// The image at a scale of at most 1.
  std::shared_ptr<const ScaledImage> at_scale(double scale) const {
    return images_.get(scale, [&] { return resized(scale); });
  }
  /// The same, of any scale, not kept.
  ScaledImage resized(double scale) const;

  std::shared_ptr<const HeightMap> height_map(const ObjectModel& model) const {
    return height_maps_.get(model.identity,
                            [&] { return at_scale(model.scale)->height_map(model); });
  }

  /// The segmentation for these exemplars (none: the support's own), made by `make()` on first use.
  template <class Make>
  std::shared_ptr<const Segmentation> segmentation(const ObjectModel& model,
                                                   std::vector<Box> exemplars, Make&& make) const {
    return segmentations_.get({model.identity, std::move(exemplars)}, std::forward<Make>(make));
  }

 private:
  struct Key {
    persense::detail::Identity model;
    std::vector<Box> exemplars;
    bool operator==(const Key&) const = default;
  };
  cv::Mat rgb_;
  mutable persense::detail::Memo<double, ScaledImage> images_{4};
  mutable persense::detail::Memo<persense::detail::Identity, HeightMap> height_maps_{2};
  mutable persense::detail::Memo<Key, Segmentation> segmentations_{4};
};

}  // namespace persense::classic
