#include "ask_label.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "persense/detail/support_mask.hpp"

namespace persense::cli {

ClassLabel ask_label(const LabelFlags& flags, const MarkedClass& marked,
                     const EncodedMarks& encoded, const Engine& engine,
                     const std::stop_token& stop) {
  const auto first = std::find_if(marked.marks.begin(), marked.marks.end(),
                                  [](const PlacedMark& m) { return !m.negative; });
  const auto ask = [&](ImageView image, const cv::Mat& mask) {
    LabelSettings settings = flags.settings;
    settings.rules = engine.options().label.rules;
    return ClassLabelExtractor(std::move(settings)).extract(image, MaskView(mask), [&] {
      return stop.stop_requested();
    });
  };
  if (const auto* mask = std::get_if<cv::Mat>(&first->shape))
    return ask(encoded.images[first->image].view(), *mask);
  // a mark that is no mask is made one; any name does for that
  const EngineSupport support = support_of(marked, encoded, engine, "object");
  const auto& examples = support.info().examples;
  const auto example = std::find_if(examples.begin(), examples.end(),
                                    [](const SupportExample& e) { return !e.negative; });
  return ask(example->image.view(), to_frame(example->mask, example->image.size()));
}

}  // namespace persense::cli
