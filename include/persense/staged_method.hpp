// persense/staged_method.hpp: what every method that is made of the stages shares: encoding,
// supports, several classes in one query, filters.
#pragma once

#include <algorithm>
#include <numbers>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "persense/detail/marking.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/example.hpp"
#include "persense/instances.hpp"
#include "persense/option_table.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/result.hpp"
#include "persense/run_options.hpp"
#include "persense/stages.hpp"

namespace persense {

/// @tparam Method  derives from this and has
///   `find(image, embedding, support, clock) -> detail::ClassFound`: what one support gives;
///   and, where it asks for more of a support, `static constexpr SupportUse support_use`.
/// @par Threads  All of it is const; one method may serve any number of threads.
template <class Method, ImageEncoder Encoder, DecoderFor<Encoder> Decoder>
class StagedMethod {
 public:
  using Prepared = Support<Encoder>;      ///< what `support` gives
  using Encoded = EncodedImage<Encoder>;  ///< what `encode` gives
  using Example = BasicExample<Encoded>;

  const Options& options() const { return options_; }

  /// Encodes an image once, to be asked about any number of supports, or to mark examples in. The
  /// pixels are copied.
  /// @throws InvalidArgument  an empty image.
  Encoded encode(ImageView image) const {
    detail::require_image(image, "image");
    return Encoded(Image::copy_of(image), encoder_.encode(image));
  }

  /// Everything that depends on the examples alone. Images are copied.
  /// @param label  class label, for detectors that read text; may be empty.
  /// @param phrase  what such a detector is asked for all of them, as a model that named the object
  ///   gave it (ClassLabel::phrase); empty: all_phrase() of the label.
  /// @throws InvalidArgument  no label where the detector reads text, no example that is not
  /// negative, a mark that marks nothing (the
  ///   message names it), a negative example that covers most of one that is not; see
  ///   check_support.
  Prepared support(std::span<const Example> examples, std::string label = {},
                   std::string phrase = {}) const {
    if (reads_text_ && label.find_first_not_of(" \t\n") == std::string::npos)
      throw InvalidArgument(
          "support: has no class label, which the detector looks for; give one, as in --label "
          "potato "
          "or label=\"potato\"");
    return detail::prepare_support(encoder_, decoder_, examples, std::move(label),
                                   std::move(phrase), options_, use());
  }
  /// The same of one mask: every part of it that is of like size is an example.
  Prepared support(ImageView image, MaskView mask, std::string label = {},
                   std::string phrase = {}) const {
    const Example example{image, mask};
    return support(std::span(&example, 1), std::move(label), std::move(phrase));
  }

  /// Finds every instance of the support's object in the query image. No instance is a result with
  /// count 0, not an error.
  /// @throws InvalidArgument  empty image, or a stage that broke its contract (NaN in a map, a map
  ///   of another size).
  /// @throws Cancelled        `run.stop` was requested.
  Result segment(const Prepared& support, ImageView image, const RunOptions& run = {}) const {
    const Prepared* const one = &support;
    return segment(std::span(&one, 1), image, run);
  }
  /// The same for an image that was encoded before.
  Result segment(const Encoded& query, const Prepared& support, const RunOptions& run = {}) const {
    const Prepared* const one = &support;
    return segment(query, std::span(&one, 1), run);
  }
  /// Several supports are several classes: `Result::classes` has one entry for each, instances say
  /// whose they are and compete for pixels (see persense::compete).
  Result segment(std::span<const Prepared* const> classes, ImageView image,
                 const RunOptions& run = {}) const {
    Result result = detail::begin_result(image, run);
    detail::StepClock clock{run, result.timings};
    const auto embedding = clock(Step::encode, [&] { return encoder_.encode(image); });
    find_all(image, embedding, classes, clock, result);
    return result;
  }
  Result segment(const Encoded& query, std::span<const Prepared* const> classes,
                 const RunOptions& run = {}) const {
    const ImageView image = query.image().view();
    Result result = detail::begin_result(image, run);
    detail::StepClock clock{run, result.timings};
    find_all(image, query.embedding(), classes, clock, result);
    return result;
  }
  Result segment(const Encoded& query, std::span<const Prepared> classes,
                 const RunOptions& run = {}) const {
    return segment(query, std::span<const Prepared* const>(detail::addresses_of(classes)), run);
  }

  /// The same for several queries, in order.
  std::vector<Result> segment(const Prepared& support, std::span<const ImageView> images,
                              const RunOptions& run = {}) const {
    std::vector<Result> results;
    results.reserve(images.size());
    for (const ImageView& image : images) results.push_back(segment(support, image, run));
    return results;
  }

 protected:
  /// @param reads_text  whether the method's detector does.
  StagedMethod(Encoder encoder, Decoder decoder, const Options& options, bool reads_text)
      : encoder_(std::move(encoder)),
        decoder_(std::move(decoder)),
        reads_text_(reads_text),
        options_(options) {
    validate(options_);
  }

  const Encoder& encoder() const { return encoder_; }
  const Decoder& decoder() const { return decoder_; }

 private:
  static constexpr SupportUse use() {
    if constexpr (requires { Method::support_use; })
      return Method::support_use;
    else
      return {};
  }

  void find_all(ImageView image, const typename Encoder::Embedding& embedding,
                std::span<const Prepared* const> classes, detail::StepClock& clock,
                Result& result) const {
    if (classes.empty()) throw InvalidArgument("supports: got none, expected at least one");
    std::vector<float> similarity;  // of each instance with its own support
    std::vector<double> areas;
    const bool several = classes.size() > 1;
    const FilterOptions& filter = clock.run.filter ? *clock.run.filter : options_.filter;
    for (std::size_t k = 0; k < classes.size(); ++k) {
      const Prepared& support = *classes[k];
      detail::ClassFound found =
          static_cast<const Method&>(*this).find(image, embedding, support, clock);
      for (const std::vector<std::string>* notes : {&support.notes, &std::as_const(found.notes)})
        for (const std::string& note : *notes)
          result.notes.push_back(detail::note_of(support.label, k, several, note));
      found.result.label = support.label;
      for (Instance& instance : found.instances) {
        if (instance.score < filter.min_score) continue;  // what is not wanted takes no pixel
        instance.class_index = k;
        if (several) similarity.push_back(mean_over(instance.mask, found.similarity));
        result.instances.push_back(std::move(instance));
      }
      result.classes.push_back(std::move(found.result));
      areas.push_back(std::numbers::pi / 4 * support.diameter * support.diameter);
    }
    result.instances = clock(Step::instances, [&] {
      std::vector<Instance> all = std::move(result.instances);
      if (several) all = compete(std::move(all), similarity, image.size(), options_.instances);
      return detail::reported(std::move(all), image.size(), options_, areas, clock.run);
    });
    for (const Instance& instance : result.instances) ++result.classes[instance.class_index].count;
  }

  Encoder encoder_;
  Decoder decoder_;
  bool reads_text_;

 protected:
  Options options_;
};

}  // namespace persense
