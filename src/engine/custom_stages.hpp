// custom_stages.hpp: the user's functions as stages of a pipeline.
#pragma once

#include <opencv2/imgproc.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "any_stages.hpp"
#include "persense/custom_stages.hpp"
#include "persense/similarity.hpp"

namespace persense {

/// What the user's own encoder says of the examples, and of the negative ones where there are any.
struct CustomPrototype {
  FeaturePrototype wanted;
  std::optional<FeaturePrototype> negative;
};

/// CustomStages::encode as an encoder.
class CustomEncoder {
 public:
  using Embedding = FeatureGrid;
  using Prototype = CustomPrototype;

  explicit CustomEncoder(decltype(CustomStages::encode) encode) : encode_(std::move(encode)) {}

  FeatureGrid encode(ImageView image) const;
  /// An object that covers no cell by half is averaged over the cell that it covers most; of
  /// several examples, each counts alike.
  CustomPrototype prototype(std::span<const EncodedExample<FeatureGrid>> examples) const;
  /// Where a cell is more like a negative example: minus its similarity with that.
  FloatMap similarity(const FeatureGrid& grid, const CustomPrototype& prototype, Size size) const;
  /// Mean features of the cells that a mask covers.
  Eigen::RowVectorXf describe(const FeatureGrid& grid, const Mask& mask, Size size) const;

 private:
  decltype(CustomStages::encode) encode_;
};

/// What the user's functions see of a query.
StageQuery stage_query(const Query<AnyEncoder>& query);

// What the user's functions return, checked. @throws InvalidArgument  as CustomStages says.
void check_custom(const Detections& detections);
void check_custom(const DensityMap& density);
void check_custom(std::span<const ScoredMask> masks, std::size_t prompts, Size image);

class CustomDetector {
 public:
  explicit CustomDetector(decltype(CustomStages::detect) detect) : detect_(std::move(detect)) {}

  Detections detect(const Query<AnyEncoder>& query) const {
    Detections found = detect_(stage_query(query));
    check_custom(found);
    return found;
  }

 private:
  decltype(CustomStages::detect) detect_;
};

class CustomDmg {
 public:
  explicit CustomDmg(decltype(CustomStages::density) density) : density_(std::move(density)) {}

  DensityMap density(const Query<AnyEncoder>& query) const {
    DensityMap map = density_(stage_query(query));
    check_custom(map);
    return map;
  }

 private:
  decltype(CustomStages::density) density_;
};

class CustomDecoder {
 public:
  explicit CustomDecoder(decltype(CustomStages::decode) decode) : decode_(std::move(decode)) {}

  bool takes_boxes() const { return true; }  // it is shown them, and what it does is its user's

  std::vector<ScoredMask> decode(const Query<AnyEncoder>& query,
                                 std::span<const Prompt> prompts) const {
    auto masks = decode_(stage_query(query), prompts);
    check_custom(masks, prompts.size(), query.image.size());
    return masks;
  }

 private:
  decltype(CustomStages::decode) decode_;
};

static_assert(ImageEncoder<CustomEncoder>);

}  // namespace persense
