#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "level_geometry.hpp"
#include "mini_state.hpp"
#include "persense/mask.hpp"
#include "persense/mini/mini.hpp"

namespace persense::mini {

namespace {

/// Whether a candidate is what a prompt means: its region holds the point, or its peak is near.
bool is_at(const Candidate& candidate, const MappedLevel& level, Point point) {
  const cv::Point2d away = candidate.at - cv::Point2d(point.x, point.y);
  if (away.dot(away) < candidate.near * candidate.near) return true;
  if (!candidate.box.contains(point)) return false;
  const cv::Point2d there =
      transformed(inverse(level.level->to_image), cv::Point2d(point.x, point.y));
  const cv::Point at(static_cast<int>(std::lround(there.x)),
                     static_cast<int>(std::lround(there.y)));
  return holds(candidate.region, at);
}

/// The best candidate at each prompt, each candidate at one prompt alone: the nearest. -1: none.
std::vector<int> candidates_at(const Classified& classified, std::span<const Prompt> prompts) {
  const Proposals& proposals = *classified.proposals;
  const std::vector<Candidate>& candidates = proposals.candidates;
  std::vector<int> chosen(prompts.size(), -1);
  std::map<int, std::pair<double, std::size_t>> taken;  // by whom, and how far from its peak
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    const Point point = prompts[p].point;
    int best = -1;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const Candidate& c = candidates[i];
      const float least = best < 0 ? -1.0f : classified.score(static_cast<std::size_t>(best));
      if (classified.score(i) > least && is_at(c, proposals.levels[c.level], point))
        best = static_cast<int>(i);
    }
    if (best < 0) continue;
    const cv::Point2d away =
        candidates[static_cast<std::size_t>(best)].at - cv::Point2d(point.x, point.y);
    const double distance = away.dot(away);
    const auto [entry, is_first] = taken.try_emplace(best, distance, p);
    if (!is_first) {
      if (entry->second.first <= distance) continue;
      chosen[entry->second.second] = -1;
      entry->second = {distance, p};
    }
    chosen[p] = best;
  }
  return chosen;
}

constexpr float most_covered = 0.5f;  // part of a mask that better ones may cover

/// Takes from masks what better ones cover, and the whole of one that is covered for the most part.
/// @param order  of the masks, the best first.
void compete(std::vector<ScoredMask>& masks, std::span<const std::size_t> order, cv::Size image) {
  cv::Mat taken = cv::Mat::zeros(image, CV_8UC1);
  for (const std::size_t p : order) {
    Mask& mask = masks[p].mask;
    if (mask.empty()) continue;
    const PixelBox b = mask.box;
    cv::Mat own(b.height(), b.width(), CV_8UC1, mask.bits.data());
    cv::Mat there = taken(cv::Rect(b.x0, b.y0, b.width(), b.height()));
    const int area = cv::countNonZero(own), covered = cv::countNonZero(own & there);
    if (static_cast<float>(covered) > most_covered * static_cast<float>(area)) {
      masks[p] = {};
      continue;
    }
    own.setTo(0, there);
    there.setTo(1, own);
    if (covered > 0) mask = crop_to_box(MaskView(own), {b.x0, b.y0});
  }
}

/// A pass before the last gives exemplars. Beyond the four best (eq. 7), those that are rather of
/// another class would teach it to the next pass where few objects are of this one.
/// @param order  of the masks, the best first.
template <class Test>
void leave_likely_exemplars(std::vector<ScoredMask>& masks, std::span<const std::size_t> order,
                            const Test& is_likely) {
  std::size_t taken = 0;
  constexpr std::size_t always = 4;
  for (const std::size_t p : order) {
    if (masks[p].mask.empty()) continue;
    if (taken >= always && !is_likely(p)) masks[p] = {};
    ++taken;
  }
}

}  // namespace

std::vector<ScoredMask> MiniEmbedding::masks(const MiniPrototype& prototype,
                                             std::span<const Exemplar> exemplars,
                                             std::span<const Prompt> prompts,
                                             Switch calibration) const {
  const auto classified = state_->classify(prototype, exemplars);
  const Proposals& proposals = *classified->proposals;
  const std::vector<int> chosen = candidates_at(*classified, prompts);
  std::vector<ScoredMask> masks(prompts.size());
  std::vector<RefinedRegion> regions;  // of the final pass
  std::vector<std::size_t> owners;     // their prompts
  std::vector<std::size_t> order;
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    if (chosen[p] < 0) continue;
    const auto i = static_cast<std::size_t>(chosen[p]);
    const bool last = prompts[p].role == Prompt::Role::final_pass;
    if (last && (classified->probabilities.same_class[i] < prototype.thresholds.same ||
                 classified->probabilities.quality[i] < prototype.thresholds.quality))
      continue;
    order.push_back(p);
    masks[p].score = classified->score(i);
    const MappedLevel& mapped = proposals.levels[proposals.candidates[i].level];
    const Region& region = proposals.candidates[i].region;
    if (!last) {
      masks[p].mask = state_->mask_of(mapped, region, {}, {});
      continue;
    }
    regions.push_back(refinement_of(mapped, region));
    owners.push_back(p);
  }
  const auto outlines =
      state_->guarded("refine outlines", [&] { return state_->refined(regions); });
  for (std::size_t i = 0; i < owners.size(); ++i)
    masks[owners[i]].mask =
        state_->mask_of(*regions[i].of, *regions[i].region, outlines[i].logits, outlines[i].corner);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return masks[a].score > masks[b].score; });
  compete(masks, order, state_->pyramid.size());
  leave_likely_exemplars(masks, order, [&](std::size_t p) {
    const bool last = prompts[p].role == Prompt::Role::final_pass;
    const auto i = static_cast<std::size_t>(chosen[p]);
    return last || classified->probabilities.same_class[i] >= prototype.thresholds.same;
  });
  const auto& scores = state_->network->manifest().calibration.scores;
  const std::span<const regions::ScoreKnot> knots =
      calibration == Switch::on ? std::span(scores) : std::span<const regions::ScoreKnot>();
  for (ScoredMask& m : masks) m.score = m.mask.empty() ? 0 : regions::calibrated(m.score, knots);
  return masks;
}

}  // namespace persense::mini
