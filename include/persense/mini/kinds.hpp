// persense/mini/kinds.hpp: tells pieces of the support object's kind from look-alikes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "persense/classic/landscape.hpp"
#include "persense/classic/look.hpp"
#include "persense/classic/pieces.hpp"
#include "persense/mini/cut.hpp"
#include "persense/support.hpp"

namespace persense::mini {

/// The constants of the comparison. Likeness is in logits of being of one kind. Chosen on rendered
/// validation and 12 real classes together: see src/mini/README.md.
struct KindConstants {
  double colour = 0.18;       ///< likeness lost by a colour distance of 1 (see classic::distance)
  double target = 0.75;       ///< likeness in a logit of the target map
  double size = 4;            ///< likeness lost by a size e times further from the support object's
                              ///< than the exemplars',
  double size_free = 0.35;    ///< the first so much of the logarithm of the diameters' ratio aside
  double belief = 2;          ///< of a logit of the target map, in choosing the first exemplars
  double size_spread = 0.8;   ///< of exemplars' diameters, deviation of their logarithm
  double consistency = 0.1;   ///< weight of likeness to the exemplars before, in choosing the next
  std::size_t exemplars = 4;  ///< at most, and one a fifth of the pieces, but two at least
  std::size_t group = 16;     ///< members of the near group that the second look compares with
  double support = 0.4;  ///< weight of the likeness to the support object, of exemplars the rest
  double least = -5;     ///< likeness below which a piece is of another kind whatever the groups
  double separation = 0.77;  ///< variance between two groups over variance in all; .75 is that of a
                             ///< uniform distribution
  double gap = 3.25;         ///< between the groups' means
  double unsure = 0.3;       ///< median area, in the support object's, below which the gap must be
                             ///< the wider the fewer cells a look is the mean of
  double clearing = 0.25;    ///< between the groups' nearest members, in gaps
};

/// What a query's pieces look like.
struct PieceLooks {
  std::vector<double> to_support;     ///< likeness to the support object
  std::vector<double> target;         ///< mean logit of the target map
  std::vector<classic::Look> colour;  ///< one a piece
};

namespace detail {

/// Exemplars among the pieces: alike the support object in look, score and size, and then one
/// another. They show the kind under the query's own light.
/// @param like  as of tell_kinds; asked for a piece once.
template <class Like>
class KindJudge {
 public:
  KindJudge(std::span<const classic::Piece> pieces, const PieceLooks& looks, const Like& like,
            const KindConstants& constants)
      : pieces_(pieces), looks_(looks), like_(like), c_(constants) {}

  /// Likeness to the kind, of every piece.
  std::vector<double> judge(std::span<const std::size_t> serious) {
    if (serious.empty()) return std::vector<double>(pieces_.size(), 0.0);
    std::vector<double> likeness = to_kind(first_exemplars(serious));
    // again, by what turned out to be alike
    const std::vector<std::size_t> near = near_group(likeness, serious);
    return near.size() < 2 ? likeness : to_kind(near);
  }

  /// The likeness from which pieces are of the kind, if they clearly fall into two groups.
  std::pair<bool, double> border(const std::vector<double>& likeness,
                                 std::span<const std::size_t> serious) const {
    if (serious.size() < 3) return {false, 0};
    const std::vector<double> far = sorted_distances(likeness, serious);
    const auto groups = classic::detail::two_groups(far);
    if (groups.near_count == 0 || groups.near_count == far.size()) return {false, 0};
    const double last = far[groups.near_count - 1], next = far[groups.near_count];
    const double gap = groups.far_mean - groups.near_mean;
    const double wanted = c_.gap * std::sqrt(std::max(1.0, c_.unsure / median_area(serious)));
    const bool clear =
        groups.separation > c_.separation && gap > wanted && next - last > c_.clearing * gap;
    return {clear, -0.5 * (last + next)};
  }

 private:
  /// Logarithm of the diameter, in the support object's.
  double log_size(std::size_t i) const {
    return std::log(equivalent_diameter(std::max(1.0, pieces_[i].area)) / canonical);
  }

  /// How much further from the support object's size than goes free.
  double odd_size(std::size_t i) const {
    return std::max(0.0, std::abs(log_size(i)) - c_.size_free);
  }

  double belief(std::size_t i) const {
    const double size = log_size(i) / c_.size_spread;
    const double alike = looks_.to_support[i] + c_.belief * looks_.target[i];
    return std::log(pieces_[i].score + 1e-9) - std::log1p(std::exp(-alike)) - 0.5 * size * size;
  }

  /// Asks for the likeness to these, all at once, where it is not known.
  void ask(std::span<const std::size_t> exemplars) {
    std::vector<std::size_t> unknown;
    for (const std::size_t exemplar : exemplars)
      if (!coloured_.contains(exemplar)) unknown.push_back(exemplar);
    if (unknown.empty()) return;
    std::vector<std::vector<double>> rows = like_(unknown);
    for (std::size_t k = 0; k < unknown.size(); ++k) {
      const classic::Look& colour = looks_.colour[unknown[k]];
      for (std::size_t i = 0; i < rows[k].size(); ++i)
        rows[k][i] -= c_.colour * classic::distance(looks_.colour[i], colour);
      coloured_.emplace(unknown[k], std::move(rows[k]));
    }
  }

  std::vector<std::size_t> first_exemplars(std::span<const std::size_t> serious) {
    const std::size_t n = pieces_.size(), m = serious.size();
    const std::size_t wanted = std::min(m, std::clamp<std::size_t>(m / 5, 2, c_.exemplars));
    std::vector<double> value(n), likeness(n, 0.0);
    std::vector<std::size_t> chosen;
    while (chosen.size() < wanted) {
      std::size_t best = n;
      for (const std::size_t i : serious) {
        if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
        value[i] = belief(i);
        if (!chosen.empty())
          value[i] += c_.consistency * likeness[i] / static_cast<double>(chosen.size());
        if (best == n || value[i] > value[best]) best = i;
      }
      chosen.push_back(best);
      if (chosen.size() == wanted) break;
      ask(std::span(&best, 1));
      const std::vector<double>& more = coloured_.at(best);
      for (std::size_t i = 0; i < n; ++i) likeness[i] += more[i];
    }
    return chosen;
  }

  /// Mean likeness to some pieces (other than itself) and to the support object; what the target
  /// map adds, which compares every pixel with the support object at all depths of the network; and
  /// what a size takes that is further from the support object's than theirs.
  std::vector<double> to_kind(std::span<const std::size_t> exemplars) {
    ask(exemplars);
    const std::size_t n = pieces_.size();
    std::vector<double> sum(n, 0.0), count(n, 0.0);
    double usual = 0;
    for (const std::size_t exemplar : exemplars) {
      usual += odd_size(exemplar) / static_cast<double>(exemplars.size());
      const std::vector<double>& likeness = coloured_.at(exemplar);
      for (std::size_t i = 0; i < n; ++i) {
        if (i == exemplar && exemplars.size() > 1) continue;
        sum[i] += likeness[i];
        count[i] += 1;
      }
    }
    for (std::size_t i = 0; i < n; ++i)
      sum[i] = c_.support * looks_.to_support[i] + (1 - c_.support) * sum[i] / count[i] +
               c_.target * looks_.target[i] - c_.size * (odd_size(i) - usual);
    return sum;
  }

  /// In areas of the support object.
  double median_area(std::span<const std::size_t> serious) const {
    std::vector<double> areas;
    for (const std::size_t i : serious) areas.push_back(pieces_[i].area);
    return std::max(1.0, classic::detail::median(areas)) / canonical_area;
  }

  static std::vector<double> sorted_distances(const std::vector<double>& likeness,
                                              std::span<const std::size_t> serious) {
    std::vector<double> far;
    for (const std::size_t i : serious) far.push_back(-likeness[i]);
    std::sort(far.begin(), far.end());
    return far;
  }

  std::vector<std::size_t> near_group(const std::vector<double>& likeness,
                                      std::span<const std::size_t> serious) const {
    if (serious.size() < 3) return {};
    std::vector<std::size_t> order(serious.begin(), serious.end());
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return likeness[a] > likeness[b]; });
    const auto groups = classic::detail::two_groups(sorted_distances(likeness, serious));
    order.resize(std::min(groups.near_count, c_.group));
    return order;
  }

  std::span<const classic::Piece> pieces_;
  const PieceLooks& looks_;
  const Like& like_;
  const KindConstants& c_;
  std::map<std::size_t, std::vector<double>> coloured_;  // likeness to a piece, its colour too
};

}  // namespace detail

/// Sets every piece's `same`, below 0.5 for those of another kind: those hardly like the best of
/// them and, where the others clearly fall into two groups by their likeness to these, those of the
/// far group; else all others are kept, as light and ripeness vary within a kind too.
/// @param like    like(exemplars): for each of these pieces, how alike every piece is to it. Asked
///   once a piece, for many at once where that is possible.
/// @param lowest  pieces below this score are no exemplars and have no say in where groups part.
/// @par Threads   Pure function. @par Source  this library.
template <class Like>
void tell_kinds(std::span<classic::Piece> pieces, const PieceLooks& looks, const Like& like,
                double lowest, const KindConstants& constants = {}) {
  if (pieces.empty()) return;
  std::vector<std::size_t> serious;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].score >= lowest) serious.push_back(i);
  detail::KindJudge judge(pieces, looks, like, constants);
  const std::vector<double> likeness = judge.judge(serious);
  std::erase_if(serious, [&](std::size_t i) { return likeness[i] < constants.least; });
  const auto [clear, between] = judge.border(likeness, serious);
  const double border = clear ? between : constants.least;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    pieces[i].same = 1 / (1 + std::exp(border - likeness[i]));
}

}  // namespace persense::mini
