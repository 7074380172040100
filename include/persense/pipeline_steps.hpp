// persense/pipeline_steps.hpp: what every method that is made of the stages does around them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "persense/class_label.hpp"
#include "persense/detail/decl.hpp"
#include "persense/detail/marking.hpp"
#include "persense/detail/median.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/detail/turned_hint.hpp"
#include "persense/example.hpp"
#include "persense/exemplar.hpp"
#include "persense/instances.hpp"
#include "persense/option_table.hpp"
#include "persense/options.hpp"
#include "persense/progress.hpp"
#include "persense/result.hpp"
#include "persense/run_options.hpp"
#include "persense/similarity_boxes.hpp"
#include "persense/stages.hpp"

namespace persense::detail {

/// @throws InvalidArgument  an empty image.
PERSENSE_DECL void require_image(ImageView image, const char* name);

/// The images of some examples, each of them encoded once.
template <ImageEncoder Encoder>
class ExampleImages {
 public:
  explicit ExampleImages(const Encoder& encoder) : encoder_(encoder) {}

  EncodedImage<Encoder> operator()(const BasicExample<EncodedImage<Encoder>>& example) {
    if (const auto* encoded = std::get_if<EncodedImage<Encoder>>(&example.image)) return *encoded;
    const ImageView view = std::get<ImageView>(example.image);
    require_image(view, "support image");
    for (const auto& [known, encoded] : made_)
      if (known.data == view.data && known.size() == view.size() && known.stride == view.stride)
        return encoded;
    made_.emplace_back(view, EncodedImage<Encoder>(Image::copy_of(view), encoder_.encode(view)));
    return made_.back().second;
  }

 private:
  const Encoder& encoder_;
  std::vector<std::pair<ImageView, EncodedImage<Encoder>>> made_;
};

PERSENSE_DECL float median_diameter(std::span<const SupportExample> examples);

/// @throws InvalidArgument  a negative example on an object that is looked for.
PERSENSE_DECL void check_negatives(std::span<const SupportExample> examples);

/// How similar the examples that are not negative are to the prototype that was made of them.
template <ImageEncoder Encoder>
float own_similarity(const Encoder& encoder, const typename Encoder::Prototype& prototype,
                     std::span<const SupportExample> examples,
                     std::span<const EncodedImage<Encoder>> encoded) {
  double sum = 0, count = 0;
  FloatMap map;
  const typename Encoder::Embedding* of = nullptr;  // the map
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].negative) continue;
    const auto* const embedding = &encoded[i].embedding();
    if (std::exchange(of, embedding) != embedding)
      map = encoder.similarity(*embedding, prototype, examples[i].image.size());
    sum += mean_over(examples[i].mask, map), ++count;
  }
  return static_cast<float>(sum / count);
}

/// The examples as they were taken, and each one's encoded image.
template <ImageEncoder Encoder>
struct TakenExamples {
  std::vector<SupportExample> shown;
  std::vector<EncodedImage<Encoder>> encoded;  ///< as many
  std::vector<std::string> notes;
};

/// Makes a mask of each mark: several where a mask has parts of like size.
/// @throws InvalidArgument  a mark that cannot be meant, with its number where there are several.
template <ImageEncoder Encoder, class Decoder>
TakenExamples<Encoder> take_examples(const Encoder& encoder, const Decoder& decoder,
                                     std::span<const BasicExample<EncodedImage<Encoder>>> examples,
                                     Parts parts) {
  ExampleImages<Encoder> images(encoder);
  TakenExamples<Encoder> taken;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto& example = examples[i];
    try {
      const EncodedImage<Encoder> image = images(example);
      const MarkedMasks masks_of(encoder, decoder, image, parts, taken.notes);
      for (Mask& mask : masks_of(example.mark)) {
        const float diameter = equivalent_diameter(static_cast<double>(mask.area()));
        taken.shown.push_back({image.image(), std::move(mask), diameter, example.negative});
        taken.encoded.push_back(image);
      }
    } catch (const InvalidArgument& e) {
      if (examples.size() == 1) throw;
      throw InvalidArgument(fmt::format("example {}: {}", i + 1, e.what()));
    }
  }
  return taken;
}

/// The first example that is not negative. @throws InvalidArgument  none.
PERSENSE_DECL const SupportExample& first_wanted(std::span<const SupportExample> examples);

/// All examples on an image that are not negative, CV_8UC1.
PERSENSE_DECL cv::Mat mask_on(const Image& image, std::span<const SupportExample> examples);

/// What of a decoder's three masks fits the examples that are not negative: the mean over them.
template <ImageEncoder Encoder, DecodesScales<Encoder> Decoder>
ScaleWeights fitted_scales(const Encoder& encoder, const Decoder& decoder,
                           const typename Encoder::Prototype& prototype,
                           std::span<const SupportExample> examples,
                           std::span<const EncodedImage<Encoder>> encoded) {
  ScaleWeights mean{};
  float count = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].negative) continue;
    const Size size = examples[i].image.size();
    const MarkedImage<Encoder> image{examples[i].image.view(), encoded[i].embedding()};
    const Box all{0, 0, static_cast<float>(size.width), static_cast<float>(size.height)};
    const Point prior = location_prior(encoder.similarity(image.embedding, prototype, size), all,
                                       LocationPrior::similarity);
    const cv::Mat mask = to_frame(examples[i].mask, size);
    const ScaleWeights fit = fit_scale_weights(decoder.scale_logits(image, prior), MaskView(mask));
    ++count;
    for (std::size_t k = 0; k < fit.size(); ++k) mean[k] += (fit[k] - mean[k]) / count;
  }
  return mean;
}

/// See StagedMethod::support.
template <ImageEncoder Encoder, class Decoder>
Support<Encoder> prepare_support(const Encoder& encoder, const Decoder& decoder,
                                 std::span<const BasicExample<EncodedImage<Encoder>>> examples,
                                 std::string label, std::string phrase, const Options& options,
                                 SupportUse use) {
  auto [shown, encoded, notes] = take_examples(encoder, decoder, examples, options.support.parts);
  const Image image = first_wanted(shown).image;
  const PixelBox box = first_wanted(shown).mask.box;
  check_negatives(shown);
  std::vector<EncodedExample<typename Encoder::Embedding>> for_encoder;
  for (std::size_t i = 0; i < shown.size(); ++i)
    for_encoder.push_back(
        {&encoded[i].embedding(), &shown[i].mask, shown[i].image.size(), shown[i].negative});
  auto prototype =
      encoder.prototype(std::span<const EncodedExample<typename Encoder::Embedding>>(for_encoder));
  if constexpr (requires { prototype.notes; })
    notes.insert(notes.end(), prototype.notes.begin(), prototype.notes.end());
  if (label.empty())
    phrase.clear();
  else if (phrase.empty())
    phrase = all_phrase(label, options.label.rules);
  const cv::Mat mask = mask_on(image, shown);
  const float diameter = median_diameter(shown);
  Support<Encoder> support{std::move(shown),
                           image,
                           mask,
                           diameter,
                           box,
                           std::move(prototype),
                           std::move(label),
                           std::move(phrase),
                           std::move(notes)};
  if (use.own_similarity)
    support.own_similarity = own_similarity(encoder, support.prototype, support.examples,
                                            std::span<const EncodedImage<Encoder>>(encoded));
  if constexpr (DecodesScales<Decoder, Encoder>)
    if (use.scale_weights)
      support.scale_weights = fitted_scales(encoder, decoder, support.prototype, support.examples,
                                            std::span<const EncodedImage<Encoder>>(encoded));
  if (use.embeddings)
    for (const auto& e : encoded) support.embeddings.push_back(e.shared_embedding());
  return support;
}

/// A result before the first step. @throws InvalidArgument  an empty image, or a region of another
/// size.
PERSENSE_DECL Result begin_result(ImageView image, const RunOptions& run);

/// What is reported of all instances: filtered, flagged, in reading order.
PERSENSE_DECL std::vector<Instance> reported(std::vector<Instance> all, Size image,
                                             const Options& options, std::span<const double> areas,
                                             const RunOptions& run);

/// A note of one class among several. @param index  of the class.
PERSENSE_DECL std::string note_of(const std::string& label, std::size_t index, bool several,
                                  const std::string& note);

template <class T>
std::vector<const T*> addresses_of(std::span<const T> values) {
  std::vector<const T*> addresses;
  for (const T& value : values) addresses.push_back(&value);
  return addresses;
}

/// Runs a step: cancels, reports, times.
struct StepClock {
  const RunOptions& run;
  Timings& timings;

  template <class F>
  auto operator()(Step step, F&& body) {
    if (run.stop.stop_requested())
      throw Cancelled(fmt::format("cancelled before {}", name_of(step)));
    if (run.on_step) run.on_step(step);
    return timed(step, std::forward<F>(body));
  }

  /// The same for a part of a step that is announced elsewhere.
  template <class F>
  auto timed(Step step, F&& body) {
    const RunningStep running{&run, step};
    const StepScope scope(&running);
    const auto begin = std::chrono::steady_clock::now();
    auto value = body();
    timings[step] +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return value;
  }
};

/// @throws InvalidArgument  a map of another size than the image.
template <ImageEncoder Encoder>
FloatMap similarity_map(const Encoder& encoder, const typename Encoder::Embedding& embedding,
                        const Support<Encoder>& support, Size image) {
  FloatMap similarity = encoder.similarity(embedding, support.prototype, image);
  if (size_of(similarity) != image)
    throw InvalidArgument(fmt::format("encoder: similarity map of {}, expected the image's {}",
                                      to_string(size_of(similarity)), to_string(image)));
  return similarity;
}

/// What to say of a query without the detections that a method needs.
PERSENSE_DECL std::string no_detection(const Detections& found, const Options& options);

/// The detections that are confident enough or, where the method has none to work with, what takes
/// their place.
/// @param needed  the ones that the method cannot do without. @param notes  may get one.
template <class Detector, ImageEncoder Encoder>
Detections detections_of(const Detector& detector, const Query<Encoder>& query,
                         std::vector<Detection> Detections::*needed, const Options& options,
                         std::vector<std::string>& notes) {
  Detections found = detector.detect(query);
  const auto weak = [&](const Detection& d) {
    return !(d.confidence > options.detection.threshold);
  };
  std::erase_if(found.label, weak);
  std::erase_if(found.phrase, weak);
  const bool may_fall_back = options.detector.fallback == Fallback::similarity;
  if (!(found.*needed).empty() || !may_fall_back || is_from_similarity(detector)) return found;
  auto similar = similarity_boxes(query.similarity, query.support.diameter);
  std::erase_if(similar, weak);
  if (!similar.empty())
    notes.push_back(fmt::format("{}, so boxes around what is most similar ({}) were used",
                                no_detection(found, options), similar.size()));
  for (auto* list : {&found.label, &found.phrase})
    if (list->empty()) *list = similar;
  return found;
}

/// What to say where the support object is hardly seen in a query.
/// @param input_side  of the encoder; none: it sees images of any size.
PERSENSE_DECL void note_small_object(std::optional<int> input_side, float diameter, Size image,
                                     std::vector<std::string>& notes);

/// What one support gave, before it is known what the others claim.
struct ClassFound {
  ClassResult result;
  std::vector<Instance> instances;
  FloatMap similarity;             ///< image size
  std::vector<std::string> notes;  ///< of this query alone
};

/// What every method begins with for one support: the similarity, which stays in `found`.
template <ImageEncoder Encoder>
Query<Encoder> compare(const Encoder& encoder, ImageView image,
                       const typename Encoder::Embedding& embedding,
                       const Support<Encoder>& support, StepClock& clock, ClassFound& found) {
  found.similarity = clock(
      Step::similarity, [&] { return similarity_map(encoder, embedding, support, image.size()); });
  if (clock.run.trace) found.result.trace.emplace().similarity = found.similarity;
  note_small_object(input_side_of(encoder), support.diameter, image.size(), found.notes);
  return {image, embedding, found.similarity, support, {}};
}

/// The detections in it. @param needed  as detections_of has it.
template <class Detector, ImageEncoder Encoder>
Detections detect(const Detector& detector, const Query<Encoder>& query,
                  std::vector<Detection> Detections::*needed, const Options& options,
                  StepClock& clock, ClassFound& found) {
  Detections detections = clock(
      Step::detect, [&] { return detections_of(detector, query, needed, options, found.notes); });
  if (found.result.trace) found.result.trace->detections = detections;
  if ((detections.*needed).empty()) {
    found.notes.push_back(no_detection(detections, options));
    found.result.density = DensityMap::Zero(query.image.height, query.image.width);
  }
  return detections;
}

/// What to say of prompts that gave no instance of their own.
/// @param masks  of theirs that are not empty.
PERSENSE_DECL void note_lost_prompts(std::size_t prompts, std::size_t masks, std::size_t instances,
                                     std::vector<std::string>& notes);

/// What to say where more, or fewer, objects were found than the density map's sum says there are.
/// @param estimated  that sum. Of no instance at all other notes tell why.
PERSENSE_DECL void note_counts(std::size_t instances, double estimated,
                               std::vector<std::string>& notes);

/// Side of the square with an exemplar's area, the median of several; pixels.
PERSENSE_DECL double diameter_of(std::span<const Exemplar> exemplars);

/// The exemplars of a feedback pass with the masks that their boxes are of.
/// @param masks  of the pass before. @param first  the detector's exemplar.
PERSENSE_DECL std::vector<Exemplar> with_masks(std::span<const Box> boxes,
                                               std::span<const ScoredMask> masks,
                                               const ScoredMask& first);

}  // namespace persense::detail

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/pipeline_steps.hpp"
#endif
