// persense/baselines/grounded_sam.hpp: a detector's boxes as a decoder's prompts, and nothing else.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "persense/exemplar.hpp"
#include "persense/instances.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/result.hpp"
#include "persense/staged_method.hpp"
#include "persense/stages.hpp"

namespace persense {

/// Grounded-SAM, which PerSense is compared with: one instance for each box that the detector finds
/// for the phrase ("all potatoes"). With a detector that reads text, the support's mask serves its
/// fallback alone; with any other, it is what is looked for.
///
/// The decoder is prompted with the boxes; one that takes points alone gets their centres, and the
/// result a note. The density map holds 1 at every box's centre, so that its sum counts the boxes.
/// @par Threads  As Pipeline.
/// @par Source  Grounded SAM (arXiv:2401.14159). Two differences: of the three masks that a SAM
///   archive gives a box, the best one by predicted quality is taken, where there the one that is
///   meant for boxes is; and repeats are told by masks (`instances.duplicate_overlap`) instead of
///   by non-maximum suppression of boxes.
template <ImageEncoder Encoder, DetectorFor<Encoder> Detector, DecoderFor<Encoder> Decoder>
class GroundedSam : public StagedMethod<GroundedSam<Encoder, Detector, Decoder>, Encoder, Decoder> {
  using Base = StagedMethod<GroundedSam, Encoder, Decoder>;

 public:
  /// @param options  `method` is set to what this is.
  /// @throws InvalidArgument  an option out of its range.
  GroundedSam(Encoder encoder, Detector detector, Decoder decoder,
              Options options = Options::paper())
      : Base(std::move(encoder), std::move(decoder), options, does_read_text(detector)),
        detector_(std::move(detector)) {
    options_.method = Method::grounded_sam;
  }

 private:
  friend Base;
  using Base::options_;
  using ClassFound = detail::ClassFound;

  /// Of the steps, it has similarity, detect, decode and instances. A detector that reads text is
  /// asked for the label, too, as any detector is.
  ClassFound find(ImageView image, const typename Encoder::Embedding& embedding,
                  const Support<Encoder>& support, detail::StepClock& clock) const {
    ClassFound found;
    const Query<Encoder> query =
        detail::compare(this->encoder(), image, embedding, support, clock, found);
    const Detections detections =
        detail::detect(detector_, query, &Detections::phrase, options_, clock, found);
    if (detections.phrase.empty()) return found;
    ClassResult& result = found.result;
    result.density = DensityMap::Zero(image.height, image.width);
    const std::vector<Prompt> prompts = prompts_at(detections.phrase, image.size());
    for (const Prompt& prompt : prompts) result.density(prompt.point.y, prompt.point.x) += 1;
    result.estimated_count = static_cast<double>(prompts.size());
    if (!does_take_boxes(this->decoder()))
      found.notes.push_back("the decoder takes points alone, so it got the centre of each box");
    auto masks =
        clock(Step::decode, [&] { return detail::masks_of(this->decoder(), query, prompts); });
    found.instances = clock.timed(Step::instances, [&] {
      return make_instances(prompts, std::move(masks), options_.instances);
    });
    if (found.instances.empty())
      found.notes.push_back("no instance: the mask of every box is empty");
    return found;
  }

  static std::vector<Prompt> prompts_at(const std::vector<Detection>& detections, Size image) {
    std::vector<Prompt> prompts;
    for (const Detection& d : detections) {
      for (const float side : {d.box.x0, d.box.y0, d.box.x1, d.box.y1})
        if (!std::isfinite(side))
          throw InvalidArgument(
              fmt::format("detector: a box with the side {}, expected numbers "
                          "that are finite",
                          side));
      const auto middle = [](float a, float b, int length) {
        return static_cast<int>(std::clamp((a + b) / 2, 0.0f, static_cast<float>(length - 1)));
      };
      const Point center{middle(d.box.x0, d.box.x1, image.width),
                         middle(d.box.y0, d.box.y1, image.height)};
      prompts.push_back({center, Prompt::Role::final_pass, d.box});
    }
    return prompts;
  }

  Detector detector_;
};

}  // namespace persense
