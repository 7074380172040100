#include "persense/eval/average_precision.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "persense/eval/metrics.hpp"

namespace persense::eval {

namespace {

/// 0.50, 0.55, ..., 0.95 with the last bits that NumPy's linspace gives them.
std::array<double, level_count> make_levels() {
  std::array<double, level_count> levels{};
  for (std::size_t k = 0; k < level_count; ++k)
    levels[k] = 0.5 + static_cast<double>(k) * ((0.95 - 0.5) / 9);
  levels.back() = 0.95;
  return levels;
}
const std::array<double, level_count> levels = make_levels();

std::vector<std::size_t> by_score(std::span<const ScoredObject> found, std::size_t most) {
  std::vector<std::size_t> order(found.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return found[a].score > found[b].score; });
  if (most > 0) order.resize(std::min(most, order.size()));
  return order;
}

struct Candidate {
  std::size_t truth;
  double iou;
};

/// Those that one found object may take, objects before crowds: those that it meets at all.
std::vector<Candidate> candidates(const Mask& found, std::int64_t area,
                                  std::span<const ScoredObject> truth,
                                  const std::vector<std::int64_t>& truth_areas) {
  std::vector<Candidate> met;
  for (const bool crowds : {false, true})
    for (std::size_t g = 0; g < truth.size(); ++g) {
      if (truth[g].crowd != crowds) continue;
      const std::int64_t common = intersection_area(found, *truth[g].mask);
      if (common == 0) continue;
      const std::int64_t whole = crowds ? area : area + truth_areas[g] - common;
      met.push_back({g, static_cast<double>(common) / static_cast<double>(whole)});
    }
  return met;
}

}  // namespace

MatchedImage match_image(std::span<const ScoredObject> truth, std::span<const ScoredObject> found,
                         std::size_t most) {
  std::vector<std::int64_t> areas;
  for (const ScoredObject& object : truth) areas.push_back(object.mask->area());
  MatchedImage image;
  image.truth = std::count_if(truth.begin(), truth.end(), [](const auto& o) { return !o.crowd; });
  std::array<std::vector<bool>, level_count> taken;
  taken.fill(std::vector<bool>(truth.size()));
  for (const std::size_t i : by_score(found, most)) {
    MatchedImage::Found entry{found[i].score, 0, 0};
    const auto met = candidates(*found[i].mask, found[i].mask->area(), truth, areas);
    for (std::size_t k = 0; k < level_count; ++k) {
      double best = levels[k];
      const Candidate* match = nullptr;
      for (const Candidate& candidate : met) {
        const bool crowd = truth[candidate.truth].crowd;
        if (taken[k][candidate.truth] && !crowd) continue;
        if (match != nullptr && !truth[match->truth].crowd && crowd) break;
        if (candidate.iou < best) continue;
        best = candidate.iou;
        match = &candidate;
      }
      if (match == nullptr) continue;
      taken[k][match->truth] = true;
      const auto bit = static_cast<std::uint16_t>(1u << k);
      entry.matched |= bit;
      if (truth[match->truth].crowd) entry.ignored |= bit;
    }
    image.found.push_back(entry);
  }
  return image;
}

namespace {

/// At one level.
double precision_over_recall(const std::vector<MatchedImage::Found>& found, std::size_t level,
                             std::int64_t truth) {
  const auto bit = static_cast<std::uint16_t>(1u << level);
  std::vector<double> recall, precision;
  std::int64_t right = 0, wrong = 0;
  for (const MatchedImage::Found& f : found) {
    if ((f.ignored & bit) == 0) ++((f.matched & bit) != 0 ? right : wrong);
    recall.push_back(static_cast<double>(right) / static_cast<double>(truth));
    precision.push_back(static_cast<double>(right) / (static_cast<double>(right + wrong) +
                                                      std::numeric_limits<double>::epsilon()));
  }
  for (std::size_t i = precision.size(); i-- > 1;)
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  constexpr int steps = 100;
  double sum = 0;
  for (int r = 0; r <= steps; ++r) {
    const double wanted = r == steps ? 1.0 : r * 0.01;
    const auto at = std::lower_bound(recall.begin(), recall.end(), wanted);
    if (at == recall.end()) break;
    sum += precision[static_cast<std::size_t>(at - recall.begin())];
  }
  return sum / (steps + 1);
}

}  // namespace

std::optional<AveragePrecision> average_precision(std::span<const MatchedImage* const> images) {
  std::int64_t truth = 0;
  std::vector<MatchedImage::Found> found;
  for (const MatchedImage* image : images) {
    truth += image->truth;
    found.insert(found.end(), image->found.begin(), image->found.end());
  }
  if (truth == 0) return std::nullopt;
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  AveragePrecision result;
  for (std::size_t k = 0; k < level_count; ++k) {
    const double at_level = precision_over_recall(found, k, truth);
    result.ap += at_level / static_cast<double>(level_count);
    if (k == 0) result.ap50 = at_level;
    if (k == 5) result.ap75 = at_level;
  }
  return result;
}

}  // namespace persense::eval
