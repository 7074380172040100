// persense/pipeline.hpp: the paper's algorithm 1 over any four stages.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "persense/exemplar.hpp"
#include "persense/feedback.hpp"
#include "persense/idm.hpp"
#include "persense/instances.hpp"
#include "persense/options.hpp"
#include "persense/ppsm.hpp"
#include "persense/result.hpp"
#include "persense/run_options.hpp"
#include "persense/running.hpp"
#include "persense/stages.hpp"
#include "persense/support.hpp"

namespace persense {

/// PerSense over four stages: an image encoder, an object detector, a density map generator (DMG)
/// and a mask decoder. See stages.hpp for their contracts.
///
/// @par Threads  Both `support` and `segment` are const; one pipeline may serve any number of
/// threads.
/// @par Source  PerSense (arXiv:2405.13518), algorithm 1.
template <ImageEncoder Encoder, DetectorFor<Encoder> Detector, DmgFor<Encoder> Dmg,
          DecoderFor<Encoder> Decoder>
class Pipeline {
 public:
  using Prepared = persense::Support<Encoder>;  ///< what `support` gives

  /// @throws InvalidArgument  an option out of its range, or `method` is another one.
  Pipeline(Encoder encoder, Detector detector, Dmg dmg, Decoder decoder,
           Options options = Options::paper())
      : encoder_(std::move(encoder)),
        detector_(std::move(detector)),
        dmg_(std::move(dmg)),
        decoder_(std::move(decoder)),
        options_(options) {
    validate(options_);
    if (options_.method != Method::persense)
      throw InvalidArgument(fmt::format("option method: got {}, expected {} of a Pipeline",
                                        option_text(options_.method),
                                        option_text(Method::persense)));
  }

  const Options& options() const { return options_; }

  /// Everything that depends on the support example alone. The image is copied.
  /// @param mask   non-zero on the one object; only its largest connected part is used.
  /// @param label  class label, for detectors that read text; may be empty.
  /// @throws InvalidArgument  see check_support.
  Prepared support(ImageView image, MaskView mask, std::string label = {}) const {
    return detail::prepare_support(encoder_, image, mask, std::move(label), options_);
  }

  /// Finds every instance of the support object in the query image. No instance is a result with
  /// count 0, not an error.
  /// @throws InvalidArgument  empty image, or a stage that broke its contract (NaN in a map, a map
  ///   of another size).
  /// @throws Cancelled        `run.stop` was requested.
  Result segment(const Prepared& support, ImageView image, const RunOptions& run = {}) const {
    Result result = detail::begin_result(image, support.notes, run);
    detail::StepClock clock{run, result.timings};

    const auto embedding =
        clock(Step::encode, [&] { return encoder_.encode(image, support.diameter); });
    const FloatMap similarity = clock(Step::similarity, [&] {
      return detail::similarity_map(encoder_, embedding, support, image.size());
    });
    Query<Encoder> query{image, embedding, similarity, support, {}};
    const Detections detections = clock(Step::detect, [&] {
      return detail::detections_of(detector_, query, &Detections::label, options_, result);
    });
    if (result.trace) {
      result.trace->similarity = similarity;
      result.trace->detections = detections;
    }
    const Detection* const best = most_confident(detections.label);
    if (best == nullptr) return detail::nothing_detected(std::move(result), detections, options_);
    const Box first =
        clock(Step::exemplar, [&] { return first_exemplar(query, *best, result.trace); });

    std::vector<Box> exemplars{first};
    for (int pass = 0;; ++pass) {
      query.exemplars = exemplars;
      const bool last = pass == options_.feedback.iterations;
      Pass found = run_pass(query, detections, last, clock, result);
      if (last) {
        result.instances = clock(Step::instances, [&] {
          return make_instances(found.prompts, std::move(found.masks), options_.instances);
        });
        if (result.instances.empty() && !found.prompts.empty())
          result.notes.push_back("no instance: the mask of every point prompt is empty");
        return result;
      }
      exemplars = feedback(first, boxes_of(found.masks), options_.feedback);
    }
  }

  /// The same for several queries, in order.
  std::vector<Result> segment(const Prepared& support, std::span<const ImageView> images,
                              const RunOptions& run = {}) const {
    std::vector<Result> results;
    results.reserve(images.size());
    for (const ImageView& image : images) results.push_back(segment(support, image, run));
    return results;
  }

 private:
  struct Pass {
    std::vector<Prompt> prompts;
    std::vector<ScoredMask> masks;
  };

  /// Steps 5 to 8 of algorithm 1: prior, mask, refined box.
  Box first_exemplar(const Query<Encoder>& query, const Detection& best,
                     std::optional<Trace>& trace) const {
    const Point prior = location_prior(query.similarity, best.box, options_.location_prior);
    const Prompt prompt{prior, Prompt::Role::exemplar};
    auto masks = detail::masks_of(decoder_, query, std::span(&prompt, 1));
    const Box box = masks[0].mask.empty() ? best.box : static_cast<Box>(masks[0].mask.box);
    if (trace) {
      trace->location_prior = prior;
      trace->exemplar_mask = std::move(masks[0]);
    }
    return box;
  }

  /// Steps 9 to 13 of algorithm 1.
  Pass run_pass(const Query<Encoder>& query, const Detections& detections, bool last,
                detail::StepClock& clock, Result& result) const {
    DensityMap density = clock(Step::density, [&] { return dmg_.density(query, query.exemplars); });
    require_finite(density, "density map");
    const IdmResult candidates =
        clock(Step::idm, [&] { return idm(density, query.image.size(), options_.idm); });
    std::vector<Point> points = clock(
        Step::ppsm, [&] { return select(query, candidates, detections.phrase, last, result); });
    Pass pass;
    const auto role = last ? Prompt::Role::final_pass : Prompt::Role::first_pass;
    for (const Point p : points) pass.prompts.push_back({p, role});
    pass.masks =
        clock(Step::decode, [&] { return detail::masks_of(decoder_, query, pass.prompts); });
    result.estimated_count = candidates.count;
    if (result.trace)
      result.trace->passes.push_back({{query.exemplars.begin(), query.exemplars.end()},
                                      density,
                                      candidates.points,
                                      std::move(points),
                                      pass.masks});
    result.density = std::move(density);
    return pass;
  }

  std::vector<Point> select(const Query<Encoder>& query, const IdmResult& candidates,
                            std::span<const Detection> phrase, bool last, Result& result) const {
    std::vector<Box> boxes;
    for (const Detection& d : phrase) boxes.push_back(d.box);
    if (last && candidates.points.empty())
      result.notes.push_back("no candidate point in the density map");
    const bool round_up = options_.ppsm.count_rounding == CountRounding::ceil;
    const double count = round_up ? ceil_count(candidates.count) : candidates.count;
    const auto passed =
        ppsm(candidates.points, query.similarity, count, boxes, options_.ppsm).selected;
    if (last && passed.empty() && !candidates.points.empty()) {
      result.ppsm_fallback = true;
      result.notes.push_back("no candidate point passed PPSM, so all were kept");
      return candidates.points;
    }
    std::vector<Point> points;
    for (const std::size_t i : passed) points.push_back(candidates.points[i]);
    return points;
  }

  static std::vector<ScoredBox> boxes_of(std::span<const ScoredMask> masks) {
    std::vector<ScoredBox> boxes;
    for (const ScoredMask& m : masks)
      if (!m.mask.empty()) boxes.push_back({static_cast<Box>(m.mask.box), m.score});
    return boxes;
  }

  Encoder encoder_;
  Detector detector_;
  Dmg dmg_;
  Decoder decoder_;
  Options options_;
};

}  // namespace persense
