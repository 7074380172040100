// persense/support.hpp: the marked objects, and what was computed from them once.
#pragma once

#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"
#include "persense/scale_weights.hpp"

namespace persense {

/// One example object of a support.
struct SupportExample {
  Image image;         ///< shared between the examples of one image
  Mask mask;           ///< in that image's pixels
  float diameter = 0;  ///< of the disc with the mask's area, pixels
  bool negative = false;
};

/// What a method asks of its supports beside the prototype.
struct SupportUse {
  bool own_similarity = false, embeddings = false, scale_weights = false;
};

/// What was computed once from the support examples and serves any number of queries. Immutable
/// after `Pipeline::support` made it; share it between threads freely.
/// @tparam E  an ImageEncoder (stages.hpp).
template <class E>
struct Support {
  std::vector<SupportExample> examples;  ///< as they were given; at least one is not negative
  Image image;                           ///< of the first example that is not negative
  cv::Mat mask;        ///< CV_8UC1, 0 or 255: all examples on that image that are not negative
  float diameter = 0;  ///< median of the diameters of those that are not negative, pixels
  PixelBox box;        ///< tight box of the first of them
  typename E::Prototype prototype;
  std::string label;  ///< class label, may be empty
  std::string
      phrase;  ///< "all <plural>", of the label or as a model gave it; empty when the label is
  std::vector<std::string> notes;  ///< what was done to the input ("2 parts are one example each")
  /// Mean similarity of the examples that are not negative with the prototype; 0 where the method
  /// does not ask for it (SupportUse).
  float own_similarity = 0;
  /// Of each example; none where the method does not ask for them.
  std::vector<std::shared_ptr<const typename E::Embedding>> embeddings = {};
  /// How to weigh a decoder's three masks, the mean of what fits each example that is not negative;
  /// equal where the method does not ask for it.
  ScaleWeights scale_weights = equal_scales;

  MaskView mask_view() const { return MaskView(mask); }
};

}  // namespace persense
