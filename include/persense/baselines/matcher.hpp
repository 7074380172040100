// persense/baselines/matcher.hpp: patches that match the support object's, as a decoder's prompts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "persense/baselines/patches.hpp"
#include "persense/baselines/prompted.hpp"
#include "persense/detail/assignment.hpp"
#include "persense/diverse_exemplars.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/result.hpp"
#include "persense/staged_method.hpp"
#include "persense/stages.hpp"

namespace persense {

/// Matcher, which PerSense is compared with. Patches of the support object are matched one to one
/// with patches of the query, and those back with patches of the support image; what comes back
/// into the object is kept. Clusters of the kept patches give point prompts, and of the decoder's
/// masks those stay that resemble the object and are filled with matches.
///
/// The method is made for one object or a few. For many, the patches that are left in the query are
/// matched again, until less than half of a round's matches come back.
/// @par Threads  As Pipeline.
/// @par Source  Matcher (arXiv:2305.13310), section 3. Differences: features are what the encoder
///   says of a patch (`describe`; else mean and deviation of its colours), standardised over both
///   images, not those of a network for patches; a patch is a quarter of the support object wide,
///   but not smaller than a 37th of the image's side, as many as DINOv2 gives; a prompt is one
///   point, so that a cluster (one for each area of the support object) is sampled at its centre
///   and at its best match instead of in random subsets; the earth mover's distance is that of a
///   one-to-one assignment; patches of the support image that look like the object, which in dense
///   images lie on others of its class, are not matched back; coverage counts matches as a part of
///   those that one object has, since all of many objects would share the published one; masks are
///   instances, and not merged.
template <ImageEncoder Encoder, DecoderFor<Encoder> Decoder>
class Matcher : public StagedMethod<Matcher<Encoder, Decoder>, Encoder, Decoder> {
  using Base = StagedMethod<Matcher, Encoder, Decoder>;

 public:
  /// @param options  `method` is set to what this is.
  /// @throws InvalidArgument  an option out of its range.
  Matcher(Encoder encoder, Decoder decoder, Options options = Options::paper())
      : Base(std::move(encoder), std::move(decoder), options, /*reads_text=*/false) {
    options_.method = Method::matcher;
  }

 private:
  friend Base;
  using Base::options_;
  using ClassFound = detail::ClassFound;
  static constexpr SupportUse support_use{.embeddings = true};

  /// A patch of the query and how well it matches.
  struct Match {
    std::size_t patch;
    float similarity;
  };

  /// Of the steps, it has similarity (all of the matching), decode and instances.
  ClassFound find(ImageView image, const typename Encoder::Embedding& embedding,
                  const Support<Encoder>& support, detail::StepClock& clock) const {
    ClassFound found;
    const Query<Encoder> query =
        detail::compare(this->encoder(), image, embedding, support, clock, found);
    const std::size_t shown = first_wanted(support);
    if (std::any_of(support.examples.begin(), support.examples.end(), [&](const auto& e) {
          return !e.negative && e.image.mat().data != support.image.mat().data;
        }))
      found.notes.push_back("matcher looks at one support image, so examples in others are unused");
    const double side = std::max({support.diameter / 4.0, detail::least_side(support.image.size()),
                                  detail::least_side(image.size())});
    const detail::Patches here(support.image.size(), side), there(image.size(), side);
    const std::vector<std::size_t> object = here.inside(support.mask);
    Descriptors of_support, of_query;
    const std::vector<Match> matches = clock.timed(Step::similarity, [&] {
      of_support =
          here.descriptors(this->encoder(), *support.embeddings[shown], support.image.view());
      of_query = there.descriptors(this->encoder(), embedding, image);
      detail::standardise(of_support, of_query);
      return matched(of_support, of_query, object);
    });
    const std::vector<Match> sampled = prompts_of(matches, there, object.size());
    std::vector<Prompt> prompts;
    for (const Match& m : sampled) prompts.push_back({there.center(m.patch)});
    auto masks =
        clock(Step::decode, [&] { return detail::masks_of(this->decoder(), query, prompts); });
    const auto decoded = std::count_if(masks.begin(), masks.end(),
                                       [](const ScoredMask& m) { return !m.mask.empty(); });
    if (matches.empty())
      found.notes.push_back("no instance: no patch matches the support object's, and it them");
    else if (decoded == 0)
      found.notes.push_back("no instance: the mask of every point prompt is empty");
    score(masks, matches, there, object, of_support, of_query);
    std::vector<Point> candidates;
    for (const Match& m : matches) candidates.push_back(there.center(m.patch));
    detail::conclude(candidates, prompts, std::move(masks), image.size(), options_.instances, clock,
                     found);
    return found;
  }

  static std::size_t first_wanted(const Support<Encoder>& support) {
    std::size_t i = 0;
    while (support.examples[i].negative) ++i;
    return i;
  }

  /// Bidirectional matching, round after round.
  /// @param object  the support's patches on the object. Rows of `from`, `to` have length 1.
  static std::vector<Match> matched(const Descriptors& from, const Descriptors& to,
                                    const std::vector<std::size_t>& object) {
    std::vector<bool> on_object(static_cast<std::size_t>(from.rows()), false);
    for (const std::size_t i : object) on_object[i] = true;
    std::vector<std::size_t> left(static_cast<std::size_t>(to.rows()));
    std::iota(left.begin(), left.end(), std::size_t{0});
    const Descriptors of_object = detail::rows_of(from, object);
    const std::vector<std::size_t> back = unlike_object(from, of_object, on_object);
    const Descriptors of_back = detail::rows_of(from, back);
    std::vector<Match> matches;
    while (left.size() >= object.size()) {
      const Eigen::MatrixXf forward = of_object * detail::rows_of(to, left).transpose();
      const std::vector<int> target = detail::assign(-forward);
      std::vector<std::size_t> reached;
      for (const int t : target) reached.push_back(left[static_cast<std::size_t>(t)]);
      const Eigen::MatrixXf reverse = detail::rows_of(to, reached) * of_back.transpose();
      const std::vector<int> source = detail::assign(-reverse);
      std::size_t kept = 0;
      for (std::size_t i = 0; i < reached.size(); ++i) {
        if (!on_object[back[static_cast<std::size_t>(source[i])]]) continue;
        ++kept;
        const auto row = static_cast<Eigen::Index>(i);
        matches.push_back({reached[i], forward(row, target[i])});
      }
      if (2 * kept < object.size()) break;
      std::erase_if(left, [&](std::size_t patch) {
        return std::find(reached.begin(), reached.end(), patch) != reached.end();
      });
    }
    return matches;
  }

  /// The support's patches that a match may come back to: those on the object, and of the others
  /// those that are less like it than half of its own patches are like one another.
  static std::vector<std::size_t> unlike_object(const Descriptors& from,
                                                const Descriptors& of_object,
                                                const std::vector<bool>& on_object) {
    Eigen::MatrixXf among = of_object * of_object.transpose();
    among.diagonal().setConstant(-1);
    const Eigen::VectorXf nearest = among.rowwise().maxCoeff();
    std::vector<float> own(nearest.begin(), nearest.end());
    std::nth_element(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(own.size() / 2),
                     own.end());
    const float alike = own.size() > 1 ? own[own.size() / 2] : 2;  // one patch is like no other
    const Eigen::VectorXf likeness = (from * of_object.transpose()).rowwise().maxCoeff();
    std::vector<std::size_t> patches;
    for (std::size_t i = 0; i < on_object.size(); ++i)
      if (on_object[i] || likeness(static_cast<Eigen::Index>(i)) < alike) patches.push_back(i);
    return patches;
  }

  /// The centre and the best match of each cluster, as many as objects fit into the matches.
  static std::vector<Match> prompts_of(const std::vector<Match>& matches,
                                       const detail::Patches& patches, std::size_t object) {
    if (matches.empty()) return {};
    const int clusters = static_cast<int>(std::max<std::size_t>(1, matches.size() / object));
    Descriptors places(static_cast<Eigen::Index>(matches.size()), 2);
    for (std::size_t i = 0; i < matches.size(); ++i) {
      const Point p = patches.center(matches[i].patch);
      places.row(static_cast<Eigen::Index>(i)) << static_cast<float>(p.x), static_cast<float>(p.y);
    }
    const std::vector<int> cluster = detail::k_means(places, clusters);
    std::vector<std::size_t> chosen;
    for (int c = 0; c < clusters; ++c) {
      std::vector<std::size_t> own;
      for (std::size_t i = 0; i < matches.size(); ++i)
        if (cluster[i] == c) own.push_back(i);
      if (own.empty()) continue;
      Eigen::RowVector2f middle = Eigen::RowVector2f::Zero();
      for (const std::size_t i : own) middle += places.row(static_cast<Eigen::Index>(i));
      middle /= static_cast<float>(own.size());
      const auto off = [&](std::size_t i) {
        return (places.row(static_cast<Eigen::Index>(i)) - middle).squaredNorm();
      };
      chosen.push_back(*std::min_element(
          own.begin(), own.end(), [&](std::size_t a, std::size_t b) { return off(a) < off(b); }));
      chosen.push_back(*std::max_element(own.begin(), own.end(), [&](std::size_t a, std::size_t b) {
        return matches[a].similarity < matches[b].similarity;
      }));
    }
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    std::vector<Match> sampled;
    for (const std::size_t i : chosen) sampled.push_back(matches[i]);
    return sampled;
  }

  /// Gives each mask Matcher's score, 0 to 1, and empties those far below the best one.
  static void score(std::vector<ScoredMask>& masks, const std::vector<Match>& matches,
                    const detail::Patches& patches, const std::vector<std::size_t>& object,
                    const Descriptors& of_support, const Descriptors& of_query) {
    constexpr float alike = 0.8f, filled = 0.2f, kept = 0.7f;  // alpha, beta; of the best score
    const Descriptors of_object = detail::rows_of(of_support, object);
    float best = 0;
    for (ScoredMask& m : masks) {
      m.score = 0;
      if (m.mask.empty()) continue;
      const std::vector<std::size_t> own = patches.inside(m.mask);
      const auto hits =
          static_cast<float>(std::count_if(matches.begin(), matches.end(), [&](const Match& match) {
            return m.mask.contains(patches.center(match.patch));
          }));
      const float area = std::max(1.0f, static_cast<float>(m.mask.area() / patches.area()));
      const float purity = std::min(1.0f, hits / area);
      const float coverage = std::min(1.0f, hits / static_cast<float>(object.size()));
      const float resemblance = detail::mean_assigned(of_object, detail::rows_of(of_query, own));
      m.score = std::clamp(alike * resemblance + filled * purity * coverage, 0.0f, 1.0f);
      best = std::max(best, m.score);
    }
    for (ScoredMask& m : masks)
      if (m.score < kept * best) m = {};
  }
};

}  // namespace persense
