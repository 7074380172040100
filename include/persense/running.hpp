// persense/running.hpp: what every method that is made of the stages does around them.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "persense/class_label.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"
#include "persense/run_options.hpp"
#include "persense/similarity_boxes.hpp"
#include "persense/stages.hpp"
#include "persense/support.hpp"

namespace persense::detail {

/// See Pipeline::support.
template <ImageEncoder Encoder>
Support<Encoder> prepare_support(const Encoder& encoder, ImageView image, MaskView mask,
                                 std::string label, const Options& options) {
  CheckedMask checked = check_support(image, mask);
  const auto embedding = encoder.encode(image, checked.diameter);
  auto prototype = encoder.prototype(embedding, MaskView(checked.mask));
  std::string phrase = label.empty() ? "" : all_phrase(label, options.label.rules);
  if constexpr (requires { prototype.notes; })
    checked.notes.insert(checked.notes.end(), prototype.notes.begin(), prototype.notes.end());
  return {Image::copy_of(image), checked.mask,     checked.diameter,  checked.box,
          std::move(prototype),  std::move(label), std::move(phrase), std::move(checked.notes)};
}

/// A result before the first step. @throws InvalidArgument  an empty image.
inline Result begin_result(ImageView image, const std::vector<std::string>& notes,
                           const RunOptions& run) {
  if (image.empty())
    throw InvalidArgument(
        fmt::format("query image: size {}, expected at least 1 x 1", to_string(image.size())));
  Result result;
  result.image_size = image.size();
  result.notes = notes;
  if (run.trace) result.trace.emplace();
  return result;
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
inline std::string no_detection(const Detections& found, const Options& options) {
  const bool of_either = found.label.empty() && found.phrase.empty();
  const char* of_what = of_either ? "" : found.label.empty() ? " of the label" : " of the phrase";
  return fmt::format("no detection{} above confidence {}", of_what, options.detection.threshold);
}

/// The detections that are confident enough or, where the method has none to work with, what takes
/// their place.
/// @param needed  the ones that the method cannot do without. @param result  gets a note.
template <class Detector, ImageEncoder Encoder>
Detections detections_of(const Detector& detector, const Query<Encoder>& query,
                         std::vector<Detection> Detections::*needed, const Options& options,
                         Result& result) {
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
    result.notes.push_back(fmt::format("{}, so boxes around what is most similar ({}) were used",
                                       no_detection(found, options), similar.size()));
  for (auto* list : {&found.label, &found.phrase})
    if (list->empty()) *list = similar;
  return found;
}

/// @throws InternalError  another number of masks than prompts.
template <class Decoder, ImageEncoder Encoder>
std::vector<ScoredMask> masks_of(const Decoder& decoder, const Query<Encoder>& query,
                                 std::span<const Prompt> prompts) {
  if (prompts.empty()) return {};
  auto masks = decoder.decode(query, prompts);
  if (masks.size() != prompts.size())
    throw InternalError(fmt::format("decoder: {} masks for {} prompts, expected one each",
                                    masks.size(), prompts.size()));
  return masks;
}

/// A query in which what is needed was not detected. @param result  gets a note and an empty
/// density map.
inline Result nothing_detected(Result result, const Detections& found, const Options& options) {
  result.notes.push_back(no_detection(found, options));
  result.density = DensityMap::Zero(result.image_size.height, result.image_size.width);
  return result;
}

}  // namespace persense::detail
