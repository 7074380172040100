// any_stages.hpp: a slot that holds one of several stages.
#pragma once

#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "persense/stages.hpp"

namespace persense {

/// One of several detectors, DMGs or decoders: what all its choices are, it is.
template <class... Choices>
class AnyOf {
 public:
  template <class Choice>
  explicit AnyOf(Choice choice) : choice_(std::move(choice)) {}

  /// Of detectors. @par Source  is_from_similarity.
  bool from_similarity() const {
    return std::visit([](const auto& detector) { return is_from_similarity(detector); }, choice_);
  }

  /// Of detectors. @par Source  does_read_text.
  bool reads_text() const {
    return std::visit([](const auto& detector) { return does_read_text(detector); }, choice_);
  }

  /// Of decoders. @par Source  does_take_boxes.
  bool takes_boxes() const {
    return std::visit([](const auto& decoder) { return does_take_boxes(decoder); }, choice_);
  }

  template <ImageEncoder E>
  requires(DetectorFor<Choices, E>&&...) Detections detect(const Query<E>& query)
  const {
    return std::visit([&](const auto& detector) { return detector.detect(query); }, choice_);
  }

  template <ImageEncoder E>
  requires(DmgFor<Choices, E>&&...) DensityMap density(const Query<E>& query)
  const {
    return std::visit([&](const auto& dmg) { return dmg.density(query); }, choice_);
  }

  template <ImageEncoder E>
  requires(DecoderFor<Choices, E>&&...) std::vector<ScoredMask> decode(
      const Query<E>& query, std::span<const Prompt> prompts)
  const {
    return std::visit([&](const auto& decoder) { return decoder.decode(query, prompts); }, choice_);
  }

  /// The choice that was made, for what only some of them can: `f(choice)`.
  template <class F>
  decltype(auto) visit(F&& f) const {
    return std::visit(std::forward<F>(f), choice_);
  }

 private:
  std::variant<Choices...> choice_;
};

}  // namespace persense
