// persense/custom_stages.hpp: stages that are functions chosen at run time. A C++ program that
// knows its stages when it is compiled uses Pipeline instead.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "persense/result.hpp"
#include "persense/stages.hpp"

namespace persense {

/// An image as a grid of feature vectors, stretched over the image without a margin.
struct FeatureGrid {
  Size size;          ///< cells across and down, at least 1 x 1
  FloatMap features;  ///< (C, size.height * size.width): one row per channel, cells row by row
};

/// Query without its encoder's types: what a stage of the user's sees. Everything is borrowed for
/// the call.
struct StageQuery {
  ImageView image;
  FloatMapView similarity;  ///< (image.height, image.width), [-1, 1]
  ImageView support_image;
  MaskView support_mask;
  std::string_view label, phrase;
  std::span<const Exemplar> exemplars;    ///< of the current pass; none before the first
  const FeatureGrid* features = nullptr;  ///< what the user's own encoder made of the image
};

/// Stages of the user's, each in the place of the one that the slot would hold otherwise. An empty
/// function leaves the slot as it is.
///
/// The contracts are those of stages.hpp. What a function returns is checked: a detection that is
/// not finite, a map that is empty or holds NaN, infinity or a negative value, a mask that reaches
/// outside of the image, or another number of masks than prompts is an InvalidArgument that names
/// the slot. What a function throws leaves `Engine::segment` as it is.
/// @par Threads  Called on the thread that called the engine, so on several at once where it is.
struct CustomStages {
  /// Features of an image. The prototype is their mean over the cells that the examples cover, the
  /// similarity its cosine with every cell (eq. 1).
  std::function<FeatureGrid(ImageView)> encode;
  std::function<Detections(const StageQuery&)> detect;
  std::function<DensityMap(const StageQuery&)> density;  ///< for query.exemplars, at least one
  /// At least one prompt; all of one role, and all or none with a box (see Method::grounded_sam and
  /// persam).
  std::function<std::vector<ScoredMask>(const StageQuery&, std::span<const Prompt>)> decode;
};

}  // namespace persense
