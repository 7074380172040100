// own_stages.hpp: the user's functions as stages of a pipeline.
#pragma once

#include <opencv2/imgproc.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "any_stages.hpp"
#include "persense/own_stages.hpp"
#include "persense/similarity.hpp"

namespace persense {

/// What the user's own encoder says of the examples, and of the negative ones where there are any.
struct OwnPrototype {
  FeaturePrototype wanted;
  std::optional<FeaturePrototype> negative;
};

/// OwnStages::encode as an encoder.
class OwnEncoder {
 public:
  using Embedding = FeatureGrid;
  using Prototype = OwnPrototype;

  explicit OwnEncoder(decltype(OwnStages::encode) encode) : encode_(std::move(encode)) {}

  FeatureGrid encode(ImageView image) const;
  /// An object that covers no cell by half is averaged over the cell that it covers most; of
  /// several examples, each counts alike.
  OwnPrototype prototype(std::span<const EncodedExample<FeatureGrid>> examples) const;
  /// Where a cell is more like a negative example: minus its similarity with that.
  FloatMap similarity(const FeatureGrid& grid, const OwnPrototype& prototype, Size size) const;

 private:
  decltype(OwnStages::encode) encode_;
};

/// What the user's functions see of a query.
StageQuery stage_query(const Query<AnyEncoder>& query);

// What the user's functions return, checked. @throws InvalidArgument  as OwnStages says.
void check_own(const Detections& detections);
void check_own(const DensityMap& density);
void check_own(std::span<const ScoredMask> masks, std::size_t prompts, Size image);

class OwnDetector {
 public:
  explicit OwnDetector(decltype(OwnStages::detect) detect) : detect_(std::move(detect)) {}

  Detections detect(const Query<AnyEncoder>& query) const {
    Detections found = detect_(stage_query(query));
    check_own(found);
    return found;
  }

 private:
  decltype(OwnStages::detect) detect_;
};

class OwnDmg {
 public:
  explicit OwnDmg(decltype(OwnStages::density) density) : density_(std::move(density)) {}

  DensityMap density(const Query<AnyEncoder>& query) const {
    DensityMap map = density_(stage_query(query));
    check_own(map);
    return map;
  }

 private:
  decltype(OwnStages::density) density_;
};

class OwnDecoder {
 public:
  explicit OwnDecoder(decltype(OwnStages::decode) decode) : decode_(std::move(decode)) {}

  bool takes_boxes() const { return true; }  // it is shown them, and what it does is its user's

  std::vector<ScoredMask> decode(const Query<AnyEncoder>& query,
                                 std::span<const Prompt> prompts) const {
    auto masks = decode_(stage_query(query), prompts);
    check_own(masks, prompts.size(), query.image.size());
    return masks;
  }

 private:
  decltype(OwnStages::decode) decode_;
};

static_assert(ImageEncoder<OwnEncoder>);

}  // namespace persense
