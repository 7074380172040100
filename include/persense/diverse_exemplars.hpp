// persense/diverse_exemplars.hpp: the diversity-aware exemplar selection of PerSense++.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <span>
#include <vector>

#include "persense/detail/decl.hpp"
#include "persense/feedback.hpp"
#include "persense/geometry.hpp"
#include "persense/options.hpp"

namespace persense {

/// What boxes look like: one row each, as an encoder describes them.
using Descriptors = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace detail {

/// Groups by k-means, and exemplars that are chosen.
inline constexpr std::size_t exemplar_groups = 3;

/// The group, 0..k-1, of each row of a matrix, of which there are at least k.
PERSENSE_DECL std::vector<int> k_means(const Descriptors& rows, int k);

/// Columns with mean 0 and (population) standard deviation 1; constant ones 0.
PERSENSE_DECL Descriptors standardised(const Descriptors& rows);

/// A box that may become an exemplar, with what it is worth.
struct Candidate {
  std::size_t index;
  Box box;
  float weight;
};

/// Of a pair of chosen boxes that share more than half (IoU), the smaller goes, on equal area the
/// first, and the list is filled up to three again from `scored`, in its order from the number of
/// boxes that were chosen first.
PERSENSE_DECL std::vector<Candidate> without_overlaps(std::vector<Candidate> chosen,
                                                      std::span<const Candidate> scored);

}  // namespace detail

/// Which of the first pass's masks become exemplars: three that are typical of their kind, like the
/// first exemplar, and of different sizes; then the best others.
///
/// @param first        descriptor of the exemplar that came from the detector, (D).
/// @param masks        the first pass's masks. Those with a score of 0 or less are left out.
/// @param descriptors  one row for each of `masks`, (N, D).
/// @param most         exemplars; fewer than three are three. Of Rules::reference, three.
/// @return  indices of `masks`, at most so many; those with scores above 0 where there are fewer
///   than three of them.
/// @par Rules  k-means (k = 3) groups the standardised descriptors; boxes with score > 0.8 stay,
///   unless fewer than three do; weight = similarity to the centre of the own group + similarity to
///   the first exemplar - differences of area and of aspect from the mean; the best of each third
///   by area; of two that overlap the smaller goes. Rules::reference reproduces what the released
///   code makes of it: of the difference of area its logarithm, in pixels, so that an area equal to
///   the mean weighs infinitely; the similarity to a group is that of another box where the filter
///   by score took one from before it; a similarity to the first exemplar below 0 is moved to 0..1;
///   what takes the place of an overlapping box is any box, which may be chosen already.
///   Rules::paper takes log(1 + difference / mean), each box's own similarity, and the next best
///   that overlaps none; and of the scores, which decoders scale differently, those of at least .9
///   of the best, or the best three.
/// @par Threads  Pure function; safe to call concurrently.
/// @par Source  PerSense++; released code: k-means with scikit-learn, features of a ResNet-50 in
///   the box. Here any descriptor; k-means is OpenCV's.
PERSENSE_DECL std::vector<std::size_t> diverse_exemplars(const Eigen::RowVectorXf& first,
                                                         std::span<const ScoredBox> masks,
                                                         const Descriptors& descriptors,
                                                         Rules rules = Rules::paper,
                                                         std::size_t most = 3);

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/diverse_exemplars.hpp"
#endif
