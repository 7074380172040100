// persense/pipeline.hpp: the paper's algorithm 1 over any four stages.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "persense/descriptor.hpp"
#include "persense/diverse_exemplars.hpp"
#include "persense/exemplar.hpp"
#include "persense/feedback.hpp"
#include "persense/idm.hpp"
#include "persense/instances.hpp"
#include "persense/option_table.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/ppsm.hpp"
#include "persense/rejection.hpp"
#include "persense/result.hpp"
#include "persense/staged_method.hpp"
#include "persense/stages.hpp"

namespace persense {

/// PerSense over four stages: an image encoder, an object detector, a density map generator (DMG)
/// and a mask decoder. See stages.hpp for their contracts, StagedMethod for supports and queries.
///
/// @par Threads  Everything is const; one pipeline may serve any number of threads.
/// @par Source  PerSense (arXiv:2405.13518), algorithm 1.
template <ImageEncoder Encoder, DetectorFor<Encoder> Detector, DmgFor<Encoder> Dmg,
          DecoderFor<Encoder> Decoder>
class Pipeline : public StagedMethod<Pipeline<Encoder, Detector, Dmg, Decoder>, Encoder, Decoder> {
  using Base = StagedMethod<Pipeline, Encoder, Decoder>;

 public:
  /// @throws InvalidArgument  an option out of its range, or `method` is another one.
  Pipeline(Encoder encoder, Detector detector, Dmg dmg, Decoder decoder,
           Options options = Options::paper())
      : Base(std::move(encoder), std::move(decoder), options, does_read_text(detector)),
        detector_(std::move(detector)),
        dmg_(std::move(dmg)) {
    if (options.method != Method::persense)
      throw InvalidArgument(fmt::format("option method: got {}, expected {} of a Pipeline",
                                        option_text(options.method),
                                        option_text(Method::persense)));
  }

 private:
  friend Base;
  using Base::options_;
  using ClassFound = detail::ClassFound;

  /// Algorithm 1 for one support, from the similarity on.
  ClassFound find(ImageView image, const typename Encoder::Embedding& embedding,
                  const Support<Encoder>& support, detail::StepClock& clock) const {
    ClassFound found;
    Query<Encoder> query =
        detail::compare(this->encoder(), image, embedding, support, clock, found);
    const Detections detections =
        detail::detect(detector_, query, &Detections::label, options_, clock, found);
    const Detection* const best = most_confident(detections.label);
    if (best == nullptr) return found;
    const ScoredMask first =
        clock(Step::exemplar, [&] { return first_exemplar(query, *best, found.result.trace); });
    std::vector<Exemplar> exemplars{{static_cast<Box>(first.mask.box), &first.mask, first.score}};
    if (first.mask.empty()) exemplars[0] = {best->box};
    const Box first_box = exemplars[0].box;
    std::vector<ScoredMask> shown;  // the masks of the exemplars of a feedback pass
    for (int pass = 0;; ++pass) {
      query.exemplars = exemplars;
      const bool last = pass == options_.feedback.iterations;
      Pass made = run_pass(query, detections, last, clock, found);
      if (last) {
        reject(made.masks, detections, found);
        const auto masks = static_cast<std::size_t>(
            std::count_if(made.masks.begin(), made.masks.end(),
                          [](const ScoredMask& m) { return !m.mask.empty(); }));
        found.instances = clock.timed(Step::instances, [&] {
          return make_instances(made.prompts, std::move(made.masks), options_.instances);
        });
        detail::note_lost_prompts(made.prompts.size(), masks, found.instances.size(), found.notes);
        detail::note_counts(found.instances.size(), found.result.estimated_count, found.notes);
        return found;
      }
      shown = std::move(made.masks);
      const std::vector<Box> chosen = next_exemplars(query, first, first_box, shown);
      exemplars = detail::with_masks(chosen, shown, first);
    }
  }

  struct Pass {
    std::vector<Prompt> prompts;
    std::vector<ScoredMask> masks;
  };

  /// Steps 5 to 8 of algorithm 1: prior, mask.
  ScoredMask first_exemplar(const Query<Encoder>& query, const Detection& best,
                            std::optional<Trace>& trace) const {
    const Point prior = location_prior(query.similarity, best.box, options_.location_prior);
    const Prompt prompt{prior, Prompt::Role::exemplar};
    auto masks = detail::masks_of(this->decoder(), query, std::span(&prompt, 1));
    if (trace) {
      trace->location_prior = prior;
      trace->exemplar_mask = masks[0];
    }
    return std::move(masks[0]);
  }

  /// Steps 9 to 13 of algorithm 1.
  Pass run_pass(const Query<Encoder>& query, const Detections& detections, bool last,
                detail::StepClock& clock, ClassFound& found) const {
    DensityMap density = clock(Step::density, [&] { return dmg_.density(query); });
    require_finite(density, "density map");
    const IdmResult candidates = clock(Step::idm, [&] {
      return idm(density, query.image.size(), options_.idm, detail::diameter_of(query.exemplars));
    });
    std::vector<Point> points = clock(
        Step::ppsm, [&] { return select(query, candidates, detections.phrase, last, found); });
    Pass pass;
    const auto role = last ? Prompt::Role::final_pass : Prompt::Role::first_pass;
    for (const Point p : points) pass.prompts.push_back({p, role});
    pass.masks =
        clock(Step::decode, [&] { return detail::masks_of(this->decoder(), query, pass.prompts); });
    ClassResult& result = found.result;
    result.estimated_count = candidates.count;
    if (result.trace)
      result.trace->passes.push_back({persense::boxes_of(query.exemplars), density,
                                      candidates.points, std::move(points), pass.masks});
    result.density = std::move(density);
    return pass;
  }

  std::vector<Point> select(const Query<Encoder>& query, const IdmResult& candidates,
                            std::span<const Detection> phrase, bool last, ClassFound& found) const {
    std::vector<Box> boxes;
    for (const Detection& d : phrase) boxes.push_back(d.box);
    if (last && candidates.points.empty())
      found.notes.push_back("no candidate point in the density map");
    const bool round_up = options_.ppsm.count_rounding == CountRounding::ceil;
    const double count = round_up ? ceil_count(candidates.count) : candidates.count;
    const auto passed =
        ppsm(candidates.points, query.similarity, count, boxes, options_.ppsm).selected;
    if (last && passed.empty() && !candidates.points.empty()) {
      found.result.ppsm_fallback = true;
      found.notes.push_back("no candidate point passed PPSM, so all were kept");
      return candidates.points;
    }
    std::vector<Point> points;
    for (const std::size_t i : passed) points.push_back(candidates.points[i]);
    return points;
  }

  /// The exemplars of the next pass: eq. 7, or of more than three a diverse choice.
  std::vector<Box> next_exemplars(const Query<Encoder>& query, const ScoredMask& first,
                                  const Box& first_box, std::span<const ScoredMask> masks) const {
    const std::vector<ScoredBox> boxes = scored_boxes(masks);
    constexpr std::size_t enough = 3;  // masks and the first exemplar, as released
    if (options_.feedback.selection == ExemplarSelection::top || boxes.size() < enough)
      return feedback(first_box, boxes, options_.feedback);
    constexpr std::size_t most = 32;  // of the highest scores: enough to choose three from
    std::vector<const ScoredMask*> best;
    for (const ScoredMask& m : masks)
      if (!m.mask.empty()) best.push_back(&m);
    std::stable_sort(best.begin(), best.end(),
                     [](const ScoredMask* a, const ScoredMask* b) { return a->score > b->score; });
    best.resize(std::min(best.size(), most));
    // where the first exemplar has no mask, the best one says what the others should look like
    std::vector<const Mask*> described{first.mask.empty() ? &best[0]->mask : &first.mask};
    std::vector<ScoredBox> candidates;
    for (const ScoredMask* m : best) {
      described.push_back(&m->mask);
      candidates.push_back({static_cast<Box>(m->mask.box), m->score});
    }
    const Descriptors rows =
        descriptors_of(this->encoder(), query.embedding, query.image, described);
    std::vector<Box> chosen;
    const auto shots = static_cast<std::size_t>(options_.feedback.shots);
    for (const std::size_t i :
         diverse_exemplars(rows.row(0), candidates, rows.bottomRows(rows.rows() - 1),
                           options_.feedback.rules, shots))
      chosen.push_back(candidates[i].box);
    return chosen.empty() ? feedback(first_box, boxes, options_.feedback) : chosen;
  }

  /// Empties the masks that IMRM rejects.
  void reject(std::vector<ScoredMask>& masks, const Detections& detections,
              ClassFound& found) const {
    if (options_.rejection.mode == Rejection::off) return;
    std::vector<const Mask*> views;
    for (const ScoredMask& m : masks) views.push_back(&m.mask);
    std::vector<Box> boxes;
    for (const Detection& d : detections.label) boxes.push_back(d.box);
    const std::vector<std::size_t> kept = imrm(views, boxes, options_.rejection.rules);
    if (kept.size() == masks.size()) return;
    found.notes.push_back(
        fmt::format("{} of {} masks were far larger than most, with no detection of that size, and "
                    "are left out",
                    masks.size() - kept.size(), masks.size()));
    std::vector<bool> stays(masks.size(), false);
    for (const std::size_t i : kept) stays[i] = true;
    for (std::size_t i = 0; i < masks.size(); ++i)
      if (!stays[i]) masks[i].mask = {};
  }

  static std::vector<ScoredBox> scored_boxes(std::span<const ScoredMask> masks) {
    std::vector<ScoredBox> boxes;
    for (const ScoredMask& m : masks)
      if (!m.mask.empty()) boxes.push_back({static_cast<Box>(m.mask.box), m.score});
    return boxes;
  }

  Detector detector_;
  Dmg dmg_;
};

}  // namespace persense
