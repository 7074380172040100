#include "mini_state.hpp"

#include <opencv2/imgproc.hpp>

#include "level_geometry.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/example.hpp"
#include "persense/mask.hpp"

namespace persense::mini {

std::shared_ptr<const Level> MiniEmbedding::State::square_at(cv::Point2d middle, int k,
                                                             int side) const {
  auto square = std::make_shared<Level>(square_level(pyramid, middle, k, side));
  const Level* const unread = square.get();
  square->features = network->features({&unread, 1})[0];
  return square;
}

MiniExample MiniEmbedding::State::example_of(const std::shared_ptr<const Level>& level,
                                             const Region& region) const {
  const cv::Rect part = patch_about(region, level->pixels.size());
  const Description description = describe(region, pyramid, level->to_image);
  const MappedLevel alone{level, {}, {}};
  const DescribedRegions described{&alone, {&description, 1}};
  return {network->pool(*level, part, mask_in(region, part)),
          network->describe({&described, 1}).embeddings.row(0),
          description.size,
          {}};
}

/// Only the surroundings are looked at, on the level where the object lies in the band.
MiniExample MiniEmbedding::State::example(const Mask& mask) const {
  const double diameter = equivalent_diameter(static_cast<double>(mask.area()));
  const auto& b = mask.box;
  const cv::Point2d middle((b.x0 + b.x1 - 1) / 2.0, (b.y0 + b.y1 - 1) / 2.0);
  const auto level = square_at(middle, home_octave(diameter), patch_side);
  return example_of(level, resampled(mask, level->to_image, cv::Rect({}, level->pixels.size())));
}

std::vector<MiniExample> MiniEmbedding::State::with_exemplars(const MiniPrototype& prototype,
                                                              std::span<const Mask> masks) const {
  std::vector<MiniExample> all = prototype.examples;
  for (const Mask& mask : masks) all.push_back(example(mask));
  return all;
}

/// @param examples  the prototype's and what `masks` show.
std::shared_ptr<const Proposals> MiniEmbedding::State::propose(
    const MiniPrototype& prototype, const std::vector<Mask>& masks,
    const std::vector<MiniExample>& examples) const {
  constexpr std::size_t fewest = 2;  // exemplars that the maps are conditioned on
  if (masks.size() < fewest)
    return proposed.get({prototype.identity, {}},
                        [&] { return Proposer(*this, prototype, prototype.examples).first(); });
  return proposed.get({prototype.identity, masks}, [&] {
    return Proposer(*this, prototype, examples).again(*classify(prototype, {}));
  });
}

std::shared_ptr<const Classified> MiniEmbedding::State::classify(
    const MiniPrototype& prototype, std::span<const Exemplar> exemplars) const {
  std::vector<Mask> masks;
  for (const Exemplar& e : exemplars)
    if (e.mask != nullptr && !e.mask->empty()) masks.push_back(*e.mask);
  return guarded("compare with a support", [&] {
    return classifications.get({prototype.identity, masks},
                               [&] { return classify_anew(prototype, masks); });
  });
}

Classified MiniEmbedding::State::classify_anew(const MiniPrototype& prototype,
                                               const std::vector<Mask>& masks) const {
  const std::vector<MiniExample> shown = with_exemplars(prototype, masks);
  Classified classified{propose(prototype, masks, shown), {}};
  const Proposals& proposals = *classified.proposals;
  if (proposals.candidates.empty()) return classified;
  const auto by = [&](const std::vector<MiniExample>& examples) {
    return network->classify(proposals.descriptors, proposals.sizes, embeddings_of(examples),
                             sizes_of(examples));
  };
  classified.probabilities = by(shown);
  std::vector<float>& same_class = classified.probabilities.same_class;
  if (masks.empty() &&
      *std::max_element(same_class.begin(), same_class.end()) < prototype.thresholds.present)
    std::fill(same_class.begin(), same_class.end(), 0.0f);
  if (prototype.negatives.empty()) return classified;
  const Probabilities negative = by(prototype.negatives);
  for (std::size_t i = 0; i < negative.same_class.size(); ++i)
    if (negative.same_class[i] > classified.probabilities.same_class[i])
      classified.probabilities.same_class[i] = 0;
  return classified;
}

/// Twice: what is missing of a region is in the window of the second time.
std::vector<MiniEmbedding::State::Outline> MiniEmbedding::State::refined(
    std::span<const RefinedRegion> regions) const {
  const std::vector<cv::Mat> first = network->refine(regions);
  std::vector<Region> better(regions.size());
  std::vector<RefinedRegion> again;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const cv::Point corner = regions[i].corner;
    const cv::Mat inside = first[i] > 0;
    better[i] = region_of(crop_to_box(MaskView(inside), {corner.x, corner.y}));
    again.push_back(better[i].mask.empty() ? regions[i] : refinement_of(*regions[i].of, better[i]));
  }
  std::vector<cv::Mat> second = network->refine(again);
  std::vector<Outline> outlines;
  for (std::size_t i = 0; i < regions.size(); ++i)
    outlines.push_back({std::move(second[i]), again[i].corner});
  return outlines;
}

Mask MiniEmbedding::State::mask_of(const MappedLevel& level, const Region& region,
                                   const cv::Mat& refined, cv::Point corner) const {
  constexpr int growth = 6;  // of an outline, pixels of the level
  constexpr float certain = 4;
  const cv::Rect whole = cv::Rect(region.box.tl() - cv::Point(growth, growth),
                                  region.box.size() + cv::Size(2 * growth, 2 * growth)) &
                         cv::Rect({}, level.level->pixels.size());
  cv::Mat logits(whole.size(), CV_32FC1, cv::Scalar(-certain));
  mask_in(region, whole).convertTo(logits, CV_32F, 2 * certain, -certain);
  if (!refined.empty()) {
    const cv::Rect window(corner, refined.size()), common = window & whole;
    refined(common - corner).copyTo(logits(common - whole.tl()));
  }
  const cv::Matx23d& to_image = level.level->to_image;
  const PixelBox box = image_box(whole, to_image, pyramid.size());
  if (box.empty()) return {};
  cv::Matx23d from = composed(inverse(to_image), {1, 0, double(box.x0), 0, 1, double(box.y0)});
  from(0, 2) -= whole.x;
  from(1, 2) -= whole.y;
  cv::Mat seen;
  cv::warpAffine(logits, seen, from, {box.width(), box.height()},
                 cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_CONSTANT, -certain);
  const cv::Mat inside = seen > 0;
  return crop_to_box(MaskView(inside), {box.x0, box.y0});
}

}  // namespace persense::mini
