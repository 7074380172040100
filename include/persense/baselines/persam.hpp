// persense/baselines/persam.hpp: a decoder prompted at the most similar point, object by object.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "persense/baselines/prompted.hpp"
#include "persense/exemplar.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/result.hpp"
#include "persense/staged_method.hpp"
#include "persense/stages.hpp"

namespace persense {

/// PerSAM, which PerSense is compared with: the decoder segments the object at the most similar
/// pixel of the query, then again the one that its own mask encloses.
///
/// The method is made for one object. For several, what was found is masked out of the similarity,
/// and the next most similar pixel is taken, until that is less similar than
/// `baselines.similarity` times the support object itself.
/// @par Threads  As Pipeline.
/// @par Source  PerSAM (arXiv:2305.03048), section 3.2, without training. Differences: a prompt of
///   this library has no negative point, which PerSAM puts on the least similar pixel; guided
///   attention, semantic prompting and the refinement from the mask's own logits are the decoder's
///   (one of SAM has them, `decoder.guidance` and `decoder.refinement`, any other has not); the
///   last decode is prompted with the mask's box, without the point and the logits, or with the
///   point alone where the decoder takes no boxes. Where the repetition ends is this library's.
/// @tparam weighted  PerSAM-F (section 3.3): the decoder's masks of three scales are summed with
///   weights that fit the support, see fit_scale_weights(), then decoded twice more; nothing is
///   guided. Of several examples the weights are the mean.
template <ImageEncoder Encoder, DecoderFor<Encoder> Decoder, bool weighted = false>
requires(!weighted || DecodesScales<Decoder, Encoder>) class PerSam
    : public StagedMethod<PerSam<Encoder, Decoder, weighted>, Encoder, Decoder> {
  using Base = StagedMethod<PerSam, Encoder, Decoder>;

 public:
  /// @param options  `method` is set to what this is.
  /// @throws InvalidArgument  an option out of its range; weights, and a decoder that is chosen at
  ///   run time without masks of three scales.
  PerSam(Encoder encoder, Decoder decoder, Options options = Options::paper())
      : Base(std::move(encoder), std::move(decoder), options, /*reads_text=*/false) {
    options_.method = weighted ? Method::persam_f : Method::persam;
    if (weighted && !does_decode_scales<Encoder>(this->decoder()))
      throw InvalidArgument(
          "method persam_f: the decoder has one mask for each prompt; expected masks of three "
          "scales, as SAM's decoder has them where there are no tiles");
  }

 private:
  friend Base;
  using Base::options_;
  using ClassFound = detail::ClassFound;
  static constexpr SupportUse support_use{.own_similarity = true, .scale_weights = weighted};

  /// Of the steps, it has similarity, decode and instances.
  ClassFound find(ImageView image, const typename Encoder::Embedding& embedding,
                  const Support<Encoder>& support, detail::StepClock& clock) const {
    ClassFound found;
    const Query<Encoder> query =
        detail::compare(this->encoder(), image, embedding, support, clock, found);
    const float least = options_.baselines.similarity * std::max(support.own_similarity, 0.0f);
    FloatMap left = found.similarity;  // of what was not found yet
    std::vector<Prompt> prompts;
    std::vector<Point> points;
    std::vector<ScoredMask> masks;
    const Box everywhere{0, 0, static_cast<float>(image.width), static_cast<float>(image.height)};
    for (;;) {
      const Point prior = location_prior(left, everywhere, LocationPrior::similarity);
      if (!(left(prior.y, prior.x) > least)) break;
      points.push_back(prior);
      prompts.push_back({prior, Prompt::Role::exemplar});
      masks.push_back(clock(Step::decode, [&] { return cascade(query, prior); }));
      mask_out(masks.back().mask, left);
      mask_out(around(prior, support.diameter / 4, image.size()), left);
    }
    if (prompts.empty())
      found.notes.push_back("no instance: no pixel is similar enough (baselines.similarity)");
    if (found.result.trace && !prompts.empty()) {
      found.result.trace->location_prior = points[0];
      found.result.trace->exemplar_mask = masks[0];
    }
    detail::conclude(points, prompts, std::move(masks), image.size(), options_.instances, clock,
                     found);
    if (!prompts.empty() && found.instances.empty())
      found.notes.push_back("no instance: the mask of every point prompt is empty");
    return found;
  }

  /// The object at a point, and that again.
  ScoredMask cascade(const Query<Encoder>& query, Point point) const {
    if constexpr (weighted) {
      auto masks = this->decoder().decode_weighted(
          {query.image, query.embedding}, std::span(&point, 1), query.support.scale_weights);
      require_mask(masks.at(0).mask, query.image.size(), "decoder: mask");
      return std::move(masks[0]);
    }
    const Prompt first{point, Prompt::Role::exemplar};
    ScoredMask rough =
        std::move(detail::masks_of(this->decoder(), query, std::span(&first, 1)).front());
    if (rough.mask.empty()) return rough;
    Prompt again{point, Prompt::Role::final_pass};
    if (does_take_boxes(this->decoder())) again.box = static_cast<Box>(rough.mask.box);
    return std::move(detail::masks_of(this->decoder(), query, std::span(&again, 1)).front());
  }

  static constexpr float found_before = -2;  // below every similarity

  static void mask_out(const Mask& mask, FloatMap& left) {
    for (int y = mask.box.y0; y < mask.box.y1; ++y)
      for (int x = mask.box.x0; x < mask.box.x1; ++x)
        if (mask.row(y)[x - mask.box.x0] != 0) left(y, x) = found_before;
  }

  /// The square about a point, so that the next one lies elsewhere whatever the decoder answers.
  static Mask around(Point p, float reach, Size image) {
    const int r = static_cast<int>(reach);
    const PixelBox box{std::max(p.x - r, 0), std::max(p.y - r, 0),
                       std::min(p.x + r + 1, image.width), std::min(p.y + r + 1, image.height)};
    return {box, std::vector<std::uint8_t>(static_cast<std::size_t>(box.area()), 1)};
  }
};

/// PerSAM-F.
template <ImageEncoder Encoder, DecodesScales<Encoder> Decoder>
using PerSamF = PerSam<Encoder, Decoder, true>;

}  // namespace persense
