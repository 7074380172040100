#include <algorithm>
#include <cmath>

#include "level_geometry.hpp"
#include "mini_state.hpp"
#include "persense/mini/mini.hpp"

namespace persense::mini {

namespace {

constexpr int mark_side = 96;  // of what is looked at about a mark, pixels of a level

/// The place that a mark means.
cv::Point2d middle_of(const Prompt& mark) {
  if (!mark.box) return cv::Point2d(mark.point.x, mark.point.y);
  return {0.5 * (mark.box->x0 + mark.box->x1) - 0.5, 0.5 * (mark.box->y0 + mark.box->y1) - 0.5};
}

/// What a hypothesis about a mark leads to: a region, and how far it is to be trusted.
struct Marked {
  MappedLevel level;
  Region region;
  float score = 0;
};

/// The best hypothesis on one level: twice, the region that the one before leads to.
Marked marked_on(const MiniEmbedding::State& image, int k, const Prompt& mark) {
  constexpr double disc = 20;  // diameter, pixels of the level: the middle of the band
  const auto level = image.square_at(middle_of(mark), k, mark_side);
  const cv::Matx23d to_level = inverse(level->to_image);
  const cv::Point2d middle = transformed(to_level, middle_of(mark));
  const double scale = to_level(0, 0);
  const double half_width = 0.5 * (mark.box ? scale * mark.box->width() : disc);
  const double half_height = 0.5 * (mark.box ? scale * mark.box->height() : disc);
  const auto edge = [](double pixel) { return static_cast<float>(pixel + 0.5); };
  Marked found{{level, {}, {}},
               ellipse_region({edge(middle.x - half_width), edge(middle.y - half_height),
                               edge(middle.x + half_width), edge(middle.y + half_height)},
                              level->size)};
  const cv::Point at(static_cast<int>(std::lround(middle.x)),
                     static_cast<int>(std::lround(middle.y)));
  for (int round = 0; round < 2; ++round) {
    const MiniExample own = image.example_of(level, found.region);
    found.level.maps = image.network->maps(*level, *image.network->conditioning(own.vector));
    std::vector<Region> regions = find_regions(found.level.maps.mat, level->size, {});
    if (regions.empty()) return {};
    std::vector<Description> described;
    std::vector<float> sizes;
    for (const Region& region : regions) {
      described.push_back(describe(region, image.pyramid, level->to_image));
      sizes.push_back(described.back().size);
    }
    const DescribedRegions all{&found.level, described};
    const Probabilities probabilities = image.network->classify(
        image.network->describe({&all, 1}), sizes, own.embedding, {&own.size, 1});
    int best = -1;
    float most = 0;
    for (std::size_t i = 0; i < regions.size(); ++i) {
      const Region& region = regions[i];
      float score = probabilities.same_class[i] * probabilities.quality[i];
      if (mark.box)
        score *= iou(box_of(region, level->to_image), *mark.box);
      else if (!holds(region, at))
        continue;
      if (score > most) most = score, best = static_cast<int>(i);
    }
    if (best < 0) return {};
    Region& chosen = regions[static_cast<std::size_t>(best)];
    const float lasting = mark.box || round == 0 ? 1.0f : iou_of(chosen, found.region);
    found.score = (round == 0 ? 1.0f : found.score) * most * lasting;
    found.region = std::move(chosen);
  }
  return found;
}

}  // namespace

ScoredMask MiniEmbedding::marked(const Prompt& mark) const {
  constexpr double smallest = 6;  // diameter of an object at a point, pixels
  const cv::Size image = state_->pyramid.size();
  int coarsest = home_octave(std::max(0.5 * std::min(image.width, image.height), smallest));
  int last = home_octave(smallest);
  if (mark.box) {
    const double disc = std::sqrt(std::max(mark.box->area(), 1.0f));
    const int home = home_octave(disc);
    coarsest = home - 1, last = home + 1;
  }
  return state_->guarded("segment what is marked", [&] {
    Marked best;
    for (int k = coarsest; k <= last; ++k) {
      Marked found = marked_on(*state_, k, mark);
      if (found.score > best.score) best = std::move(found);
    }
    ScoredMask answer;
    if (best.score <= 0) return answer;
    const RefinedRegion one = refinement_of(best.level, best.region);
    const auto outline = state_->refined(std::span(&one, 1));
    answer.mask = state_->mask_of(best.level, best.region, outline[0].logits, outline[0].corner);
    answer.score = answer.mask.empty() ? 0 : best.score;
    return answer;
  });
}

}  // namespace persense::mini
