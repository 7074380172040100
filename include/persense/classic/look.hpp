// persense/classic/look.hpp: tells pieces of another kind by their colour.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "persense/classic/landscape.hpp"
#include "persense/classic/stripes.hpp"

namespace persense::classic {

/// A region's colour: mean and deviation of L, a, b (as lab_of gives them).
using Look = cv::Vec<float, 6>;

/// How different two looks are, in units of 1 % of the range of L. Lightness counts half: it
/// follows the light, hue follows the object. Deviations count half of means.
inline double distance(const Look& a, const Look& b) {
  constexpr double weights[6] = {0.5, 1, 1, 0.25, 0.5, 0.5};
  constexpr double unit = 2.55;
  double sum = 0;
  for (int i = 0; i < 6; ++i) {
    const double d = weights[i] * (a[i] - b[i]) / unit;
    sum += d * d;
  }
  return std::sqrt(sum);
}

namespace detail {

/// What a look is made of, summed up over pixels.
class LookSums {
 public:
  void add(const cv::Vec3f& lab) {
    for (int k = 0; k < 3; ++k) {
      sums_[k] += lab[k];
      sums_[k + 3] += double{lab[k]} * lab[k];
    }
    count_ += 1;
  }
  void add(const LookSums& other) {
    sums_ += other.sums_;
    count_ += other.count_;
  }

  Look look() const {
    Look look;
    const double pixels = std::max(1.0, count_);
    for (int k = 0; k < 3; ++k) {
      const double mean = sums_[k] / pixels;
      look[k] = static_cast<float>(mean);
      look[k + 3] =
          static_cast<float>(std::sqrt(std::max(0.0, sums_[k + 3] / pixels - mean * mean)));
    }
    return look;
  }

 private:
  cv::Vec<double, 6> sums_ = cv::Vec<double, 6>::all(0);  // of L, a, b and of their squares
  double count_ = 0;
};

}  // namespace detail

/// The looks of regions 1..n of a label image.
/// @param labels  CV_32SC1, 0 where there is none. @param lab_row  lab_row(y, columns): the colours
///   of a part of a row, CV_32FC3; asked for no more than the regions' own and what lies between.
template <class LabRow>
std::vector<Look> looks_of(const cv::Mat& labels, int n, const LabRow& lab_row) {
  using Sums = std::vector<detail::LookSums>;
  OfStripes<Sums> stripes;
  each_stripe(labels.rows, stripes, [&](Sums& sums, const cv::Range& rows) {
    sums.resize(static_cast<std::size_t>(n));
    for (int y = rows.start; y < rows.end; ++y) {
      const int *begin = labels.ptr<int>(y), *end = begin + labels.cols;
      const auto in_region = [](int label) { return label > 0; };
      const int* const first = std::find_if(begin, end, in_region);
      if (first == end) continue;
      while (!in_region(end[-1])) --end;
      const cv::Mat row =
          lab_row(y, cv::Range(static_cast<int>(first - begin), static_cast<int>(end - begin)));
      const auto* colour = row.ptr<cv::Vec3f>();
      for (const int* label = first; label != end; ++label, ++colour)
        if (in_region(*label)) sums[static_cast<std::size_t>(*label - 1)].add(*colour);
    }
  });
  std::vector<Look> looks;
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    detail::LookSums sum;
    for (const Sums& sums : stripes) sum.add(sums[i]);
    looks.push_back(sum.look());
  }
  return looks;
}

namespace detail {

/// How far a look is from the nearest of some. @pre at least one.
inline double nearest(const Look& look, const std::vector<Look>& others) {
  double least = distance(look, others[0]);
  for (const Look& other : others) least = std::min(least, distance(look, other));
  return least;
}

/// Two groups of sorted numbers, cut where the variance between them is largest (Otsu).
struct TwoGroups {
  std::size_t near_count = 0;
  double near_mean = 0, far_mean = 0;
  double separation =
      0;  ///< variance between over variance in all: 0.75 for a uniform distribution
};

inline TwoGroups two_groups(const std::vector<double>& sorted) {
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

}  // namespace detail

/// Compares the pieces' looks with the support object's. Scores pieces of another kind 0, where the
/// pieces clearly fall into two groups by distance (one kind under uneven light does not: its
/// distances are one group), and marks those of an odd look, which should not be exemplars.
///
/// Odd is much further than the nearest tenth of the pieces: the light here may not be the
/// support's. A piece that is nearer to a negative example than to any other scores 0, too.
/// @param support  of the examples, at least one. @param lowest  pieces below this score have no
/// say.
inline void compare_looks(Cut& cut, const cv::Mat& lab, const std::vector<Look>& support,
                          const std::vector<Look>& negative, double lowest) {
  constexpr double odd_gap = 15;
  constexpr double clear_separation = 0.8;  // a uniform distribution has 0.75, a normal one 0.64
  constexpr double clear_ratio = 2, clear_gap = 10;
  const auto looks =
      looks_of(cut.labels, static_cast<int>(cut.pieces.size()),
               [&](int y, const cv::Range& columns) { return lab(cv::Range(y, y + 1), columns); });
  for (std::size_t i = 0; i < cut.pieces.size() && !negative.empty(); ++i)
    if (detail::nearest(looks[i], negative) < detail::nearest(looks[i], support))
      cut.pieces[i].score = 0;
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < cut.pieces.size(); ++i)
    if (cut.pieces[i].score >= lowest) order.emplace_back(detail::nearest(looks[i], support), i);
  if (order.size() < 2) return;
  std::sort(order.begin(), order.end());
  std::vector<double> distances;
  for (const auto& [d, i] : order) distances.push_back(d);
  const double near_tenth = distances[distances.size() / 10];
  for (const auto& [d, i] : order) cut.pieces[i].odd_look = d > near_tenth + odd_gap;
  const auto groups = detail::two_groups(distances);
  const bool clear = groups.separation > clear_separation &&
                     groups.far_mean > clear_ratio * groups.near_mean &&
                     groups.far_mean - groups.near_mean > clear_gap;
  if (!clear) return;
  for (std::size_t k = groups.near_count; k < order.size(); ++k)
    cut.pieces[order[k].second].score = 0;
}

}  // namespace persense::classic
