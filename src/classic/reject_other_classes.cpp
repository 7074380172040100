#include "reject_other_classes.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace persense::classic {

namespace {

/// Sorted numbers in two groups, divided where the variance between them is largest (Otsu).
struct TwoGroups {
  std::size_t near_count = 0;
  double near_mean = 0, far_mean = 0;
  double separation = 0;  ///< variance between over variance in all
};

TwoGroups two_groups(const std::vector<double>& sorted) {
  const double n = static_cast<double>(sorted.size());
  double total = 0, squares = 0;
  for (const double v : sorted) total += v, squares += v * v;
  const double variance = squares / n - total / n * (total / n);
  TwoGroups best;
  double left = 0, widest = 0;
  for (std::size_t k = 1; k < sorted.size(); ++k) {
    left += sorted[k - 1];
    const double count = static_cast<double>(k), a = left / count, b = (total - left) / (n - count);
    const double between = count * (n - count) / (n * n) * (a - b) * (a - b);
    if (between > widest) widest = between, best = {k, a, b, between / variance};
  }
  return best;
}

bool are_clear(const TwoGroups& groups) {
  constexpr double clear_separation = 0.8;  // a uniform distribution has 0.75, a normal one 0.64
  constexpr double clear_ratio = 2, clear_gap = 10;
  return groups.separation > clear_separation && groups.far_mean > clear_ratio * groups.near_mean &&
         groups.far_mean - groups.near_mean > clear_gap;
}

}  // namespace

void reject_other_classes(regions::Segmentation& segmentation, const cv::Mat& lab,
                          const std::vector<regions::ColourDescriptor>& support,
                          const std::vector<regions::ColourDescriptor>& negative, double lowest) {
  using regions::nearest_distance;
  constexpr double odd_gap = 15;
  auto& all = segmentation.regions;
  const auto colours =
      regions::describe_colours(segmentation.labels, static_cast<int>(all.size()), lab);
  for (std::size_t i = 0; i < all.size() && !negative.empty(); ++i)
    if (nearest_distance(colours[i], negative) < nearest_distance(colours[i], support))
      all[i].score = 0;
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].score >= lowest) order.emplace_back(nearest_distance(colours[i], support), i);
  if (order.size() < 2) return;
  std::sort(order.begin(), order.end());
  std::vector<double> distances;
  for (const auto& [d, i] : order) distances.push_back(d);
  const double near_tenth = distances[distances.size() / 10];
  for (const auto& [d, i] : order) all[i].odd_colour = d > near_tenth + odd_gap;
  const TwoGroups groups = two_groups(distances);
  if (!are_clear(groups)) return;
  for (std::size_t k = groups.near_count; k < order.size(); ++k) all[order[k].second].score = 0;
}

}  // namespace persense::classic
