// persense/impl/rejection.hpp: bodies of rejection.hpp, which includes it unless they are compiled
// elsewhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <span>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/mask.hpp"
#include "persense/options.hpp"
#include "persense/rejection.hpp"

namespace persense {

namespace detail {

PERSENSE_DECL double quantile(std::span<const double> sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

inline double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Sum of squared distances from the mean.
inline double scatter_of(std::span<const double> values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return sum;
}

/// The larger of the two groups that k-means (k = 2) makes of sorted numbers; on a line the best
/// groups are those of the best cut. The smaller numbers on ties; all where they are equal.
inline std::span<const double> majority_cluster(std::span<const double> sorted) {
  // the squared distances from both means are least where those between the means are most
  const double n = static_cast<double>(sorted.size()), mean = mean_of(sorted);
  std::size_t cut = sorted.size();
  double most = 0, sum = 0;  // of what is below the cut, from the mean
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    sum += sorted[i - 1] - mean;
    if (sorted[i] == sorted[i - 1]) continue;
    const double below = static_cast<double>(i), between = sum * sum * n / (below * (n - below));
    if (between <= most) continue;
    most = between;
    cut = i;
  }
  return 2 * cut >= sorted.size() ? sorted.first(cut) : sorted.subspan(cut);
}

/// Whether a mask covers at least two others by half.
inline bool is_group(const Mask& mask, std::span<const Mask* const> masks) {
  int covered = 0;
  for (const Mask* other : masks)
    if (other != &mask && !other->empty() && other->area() < mask.area() &&
        2 * intersection_area(mask, *other) >= other->area())
      ++covered;
  return covered >= 2;
}

/// Boxes that contain no other one, as whole numbers; none of a single box.
inline std::vector<Box> innermost_boxes(std::span<const Box> boxes) {
  std::vector<Box> whole, innermost;
  for (const Box& b : boxes)
    whole.push_back({std::trunc(b.x0), std::trunc(b.y0), std::trunc(b.x1), std::trunc(b.y1)});
  const auto contains = [](const Box& a, const Box& b) {
    return a.x0 <= b.x0 && a.y0 <= b.y0 && a.x1 >= b.x1 && a.y1 >= b.y1;
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    bool contains_one = whole.size() < 2;
    for (std::size_t j = 0; j < whole.size() && !contains_one; ++j)
      contains_one = j != i && contains(whole[i], whole[j]);
    if (!contains_one) innermost.push_back(whole[i]);
  }
  return innermost;
}

}  // namespace detail

PERSENSE_DECL std::vector<std::size_t> imrm(std::span<const Mask* const> masks,
                                            std::span<const Box> detections, Rules rules) {
  const bool reference = rules == Rules::reference;
  std::vector<double> sizes(masks.size()), sorted;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    if (masks[i]->empty()) continue;
    const auto area = static_cast<double>(masks[i]->area());
    sizes[i] = reference ? area : 1 + std::log(area);  // above 0 for a single pixel, too
    sorted.push_back(sizes[i]);
  }
  std::vector<std::size_t> all(masks.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  if (sorted.size() < 2) return all;
  std::sort(sorted.begin(), sorted.end());
  const auto most = detail::majority_cluster(sorted);
  const double mean = detail::mean_of(most);
  const double deviation = std::sqrt(detail::scatter_of(most) / static_cast<double>(most.size()));
  const double q1 = detail::quantile(sorted, 0.25), q3 = detail::quantile(sorted, 0.75);
  const double of_most = mean + 2 * deviation, of_quartiles = q3 + 2 * (q3 - q1);
  const double limit = reference ? of_most + of_quartiles
                                 : std::max({of_most, of_quartiles, mean + std::numbers::ln2});

  std::vector<Box> vouching(detections.begin(), detections.end());
  if (reference) vouching = detail::innermost_boxes(detections);
  const auto is_vouched_for = [&](const Mask& mask) {
    Box box = static_cast<Box>(mask.box);
    if (reference) box = {box.x0, box.y0, box.x1 - 1, box.y1 - 1};
    return std::any_of(vouching.begin(), vouching.end(),
                       [&](const Box& b) { return iou(b, box) >= 0.8f; }) &&
           (reference || !detail::is_group(mask, masks));
  };
  std::erase_if(all, [&](std::size_t i) { return sizes[i] > limit && !is_vouched_for(*masks[i]); });
  return all;
}

}  // namespace persense
