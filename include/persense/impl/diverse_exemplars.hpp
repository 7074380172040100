// persense/impl/diverse_exemplars.hpp: bodies of diverse_exemplars.hpp, which includes it unless
// they are compiled elsewhere.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <opencv2/core.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "persense/diverse_exemplars.hpp"
#include "persense/feedback.hpp"
#include "persense/geometry.hpp"
#include "persense/options.hpp"
#include "persense/rejection.hpp"

namespace persense {

namespace detail {

PERSENSE_DECL std::vector<int> k_means(const Descriptors& rows, int k) {
  constexpr int attempts = 20, iterations = 100;
  constexpr std::uint64_t seed = 42;  // the released code's
  const cv::Mat data(static_cast<int>(rows.rows()), static_cast<int>(rows.cols()), CV_32FC1,
                     const_cast<float*>(rows.data()));
  cv::Mat group;
  const cv::RNG before = cv::theRNG();  // OpenCV has one for each thread, which is the user's
  cv::theRNG() = cv::RNG(seed);
  cv::kmeans(data, k, group, {cv::TermCriteria::COUNT, iterations, 0}, attempts,
             cv::KMEANS_PP_CENTERS);
  cv::theRNG() = before;
  return std::vector<int>(group.begin<int>(), group.end<int>());
}

inline float cosine(const Eigen::RowVectorXf& a, const Eigen::RowVectorXf& b) {
  const float length = a.norm() * b.norm();
  return length > 0 ? a.dot(b) / length : 0.0f;
}

PERSENSE_DECL Descriptors standardised(const Descriptors& rows) {
  Descriptors z = rows.rowwise() - rows.colwise().mean();
  for (Eigen::Index c = 0; c < z.cols(); ++c) {
    const float deviation = std::sqrt(z.col(c).squaredNorm() / static_cast<float>(z.rows()));
    if (deviation > 0) z.col(c) /= deviation;
  }
  return z;
}

/// Each row's similarity, 0..1, to the centre of its own group.
inline std::vector<float> similarity_to_group(const Descriptors& rows,
                                              const std::vector<int>& group) {
  const Descriptors z = standardised(rows);
  std::vector<float> similarity(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    Eigen::RowVectorXf sum = Eigen::RowVectorXf::Zero(z.cols());
    int members = 0;
    for (std::size_t j = 0; j < group.size(); ++j)
      if (group[j] == group[i]) {
        sum += z.row(static_cast<Eigen::Index>(j));
        ++members;
      }
    // alone it is its own centre, even where that is 0
    similarity[i] =
        members == 1 ? 1.0f : (1 + cosine(z.row(static_cast<Eigen::Index>(i)), sum)) / 2;
  }
  return similarity;
}

inline float aspect_of(const Box& b) {
  return std::max(b.width(), b.height()) / std::max(std::min(b.width(), b.height()), 1e-6f);
}

PERSENSE_DECL std::vector<Candidate> without_overlaps(std::vector<Candidate> chosen,
                                                      std::span<const Candidate> scored) {
  std::size_t next = chosen.size();
  const auto overlap = [&]() -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < chosen.size(); ++i)
      for (std::size_t j = i + 1; j < chosen.size(); ++j)
        if (iou(chosen[i].box, chosen[j].box) > 0.5f)
          return chosen[j].box.area() < chosen[i].box.area() ? j : i;
    return std::nullopt;
  };
  while (const auto drop = overlap()) {
    chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(*drop));
    while (chosen.size() < exemplar_groups && next < scored.size())
      chosen.push_back(scored[next++]);
  }
  return chosen;
}

/// The best of the small, the middle and the large third by area.
inline std::vector<Candidate> best_of_each_size(std::span<const Candidate> candidates) {
  std::vector<double> areas;
  for (const Candidate& c : candidates) areas.push_back(c.box.area());
  std::sort(areas.begin(), areas.end());
  const double small = quantile(areas, 0.33), middle = quantile(areas, 0.66);
  const Candidate* best[3] = {};
  for (const Candidate& c : candidates) {
    const int size = c.box.area() <= small ? 0 : c.box.area() <= middle ? 1 : 2;
    if (best[size] == nullptr || c.weight > best[size]->weight) best[size] = &c;
  }
  std::vector<Candidate> chosen;
  for (const Candidate* c : best)
    if (c != nullptr) chosen.push_back(*c);
  return chosen;
}

/// The chosen boxes that overlap no earlier one, and the best other ones until there are so many.
inline std::vector<Candidate> best_separate(std::span<const Candidate> chosen,
                                            std::vector<Candidate> candidates, std::size_t most) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.weight > b.weight; });
  candidates.insert(candidates.begin(), chosen.begin(), chosen.end());
  std::vector<Candidate> separate;
  for (const Candidate& c : candidates)
    if (separate.size() < most &&
        std::none_of(separate.begin(), separate.end(),
                     [&](const Candidate& a) { return iou(a.box, c.box) > 0.5f; }))
      separate.push_back(c);
  return separate;
}

/// The masks that may become exemplars, group by group, with their weights.
class WeightedCandidates {
 public:
  WeightedCandidates(const Eigen::RowVectorXf& first, std::span<const ScoredBox> masks,
                     const Descriptors& descriptors, Rules rules)
      : first_(first), masks_(masks), reference_(rules == Rules::reference) {
    for (std::size_t i = 0; i < masks.size(); ++i)
      if (masks[i].score > 0) usable_.push_back(i);
    const auto n = static_cast<Eigen::Index>(usable_.size());
    rows_.resize(n, descriptors.cols());
    for (std::size_t i = 0; i < usable_.size(); ++i) {
      rows_.row(static_cast<Eigen::Index>(i)) =
          descriptors.row(static_cast<Eigen::Index>(usable_[i]));
      mean_area_ += box(i).area() / static_cast<float>(n);
      mean_aspect_ += aspect_of(box(i)) / static_cast<float>(n);
    }
    group_.assign(usable_.size(), 0);
    if (usable_.size() >= exemplar_groups)
      group_ = k_means(standardised(rows_), static_cast<int>(exemplar_groups));
    to_group_ = similarity_to_group(rows_, group_);
    least_score_ = least_score();
  }

  std::vector<Candidate> operator()() const {
    std::vector<Candidate> candidates;
    for (int g = 0; g < static_cast<int>(exemplar_groups); ++g) {
      std::vector<std::size_t> members, kept;
      for (std::size_t i = 0; i < usable_.size(); ++i)
        if (group_[i] == g) members.push_back(i);
      for (const std::size_t i : members)
        if (masks_[usable_[i]].score >= least_score_) kept.push_back(i);
      for (std::size_t k = 0; k < kept.size(); ++k)
        candidates.push_back(candidate(kept[k], reference_ ? members[k] : kept[k]));
    }
    return candidates;
  }

 private:
  const Box& box(std::size_t i) const { return masks_[usable_[i]].box; }

  /// What a mask must have to be chosen.
  float least_score() const {
    std::vector<float> scores;
    for (const std::size_t i : usable_) scores.push_back(masks_[i].score);
    if (scores.size() <= exemplar_groups) return 0;
    std::sort(scores.begin(), scores.end(), std::greater<>());
    const float third = scores[exemplar_groups - 1];
    if (!reference_) return std::min(third, 0.9f * scores[0]);
    constexpr float confident = 0.8f;
    return third > confident ? std::nextafter(confident, 1.0f) : 0.0f;
  }

  /// @param looked_up  the one whose similarity to its group counts.
  Candidate candidate(std::size_t i, std::size_t looked_up) const {
    const float deviation = std::abs(box(i).area() - mean_area_);
    const float size = reference_ ? std::log(deviation) : std::log1p(deviation / mean_area_);
    float to_first = cosine(rows_.row(static_cast<Eigen::Index>(i)), first_);
    if (reference_ && to_first < 0) to_first = (1 + to_first) / 2;
    const float aspect = std::abs(aspect_of(box(i)) - mean_aspect_);
    return {usable_[i], box(i), 0.25f * (to_group_[looked_up] + to_first - size - aspect)};
  }

  const Eigen::RowVectorXf& first_;
  std::span<const ScoredBox> masks_;
  bool reference_;
  std::vector<std::size_t> usable_;
  Descriptors rows_;
  float mean_area_ = 0, mean_aspect_ = 0;
  std::vector<int> group_;
  std::vector<float> to_group_;
  float least_score_ = 0;
};

}  // namespace detail

PERSENSE_DECL std::vector<std::size_t> diverse_exemplars(const Eigen::RowVectorXf& first,
                                                         std::span<const ScoredBox> masks,
                                                         const Descriptors& descriptors,
                                                         Rules rules, std::size_t most) {
  auto candidates = detail::WeightedCandidates(first, masks, descriptors, rules)();
  if (candidates.empty()) return {};
  auto chosen = detail::best_of_each_size(candidates);
  chosen = rules == Rules::reference
               ? detail::without_overlaps(std::move(chosen), candidates)
               : detail::best_separate(chosen, std::move(candidates),
                                       std::max(most, detail::exemplar_groups));
  std::vector<std::size_t> exemplars;
  for (const detail::Candidate& c : chosen) exemplars.push_back(c.index);
  return exemplars;
}

}  // namespace persense
