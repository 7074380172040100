// persense/eval/average_precision.hpp: COCO's average precision of masks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "persense/mask.hpp"

namespace persense::eval {

/// How the objects found in one image match at each of the ten levels of IoU.
struct MatchedImage {
  struct Found {
    double score = 0;
    std::uint16_t matched = 0;  ///< bit k: at the level 0.50 + 0.05 k
    std::uint16_t ignored = 0;  ///< the same: matched to a crowd, neither right nor wrong
  };
  std::vector<Found> found;  ///< best score first
  std::int64_t truth = 0;    ///< objects, without crowds
};

/// An object of the truth, or of what was found.
struct ScoredObject {
  const Mask* mask = nullptr;
  double score = 0;    ///< of what was found
  bool crowd = false;  ///< of the truth
};

/// Matches what was found in one image to the truth, as `COCOeval.evaluateImg` does for all areas:
/// best score first, each takes the object of highest IoU at the level or above that is still free;
/// crowds may be taken by several. IoU with a crowd is the part of the found object inside of it.
/// @param most  only so many of highest score count (pycocotools: 100); 0: all.
MatchedImage match_image(std::span<const ScoredObject> truth, std::span<const ScoredObject> found,
                         std::size_t most = 0);

struct AveragePrecision {
  double ap = 0;    ///< mean over the ten levels
  double ap50 = 0;  ///< at IoU 0.50
  double ap75 = 0;  ///< at IoU 0.75
};

/// The precision at 101 values of recall, averaged; each is the best at this recall or above.
/// None where no image has an object.
/// @par Source  pycocotools `COCOeval.accumulate`, `summarize`; equal to 1e-9.
std::optional<AveragePrecision> average_precision(std::span<const MatchedImage* const> images);

}  // namespace persense::eval
