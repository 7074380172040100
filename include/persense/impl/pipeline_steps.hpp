// persense/impl/pipeline_steps.hpp: bodies of pipeline_steps.hpp, which includes it unless they are
// compiled elsewhere.
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
#include "persense/detail/marking.hpp"
#include "persense/detail/median.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/detail/turned_hint.hpp"
#include "persense/example.hpp"
#include "persense/instances.hpp"
#include "persense/option_table.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/progress.hpp"
#include "persense/result.hpp"
#include "persense/run_options.hpp"
#include "persense/similarity_boxes.hpp"
#include "persense/stages.hpp"

namespace persense::detail {

PERSENSE_DECL void require_image(ImageView image, const char* name) {
  if (image.empty())
    throw InvalidArgument(
        fmt::format("{}: size {}, expected at least 1 x 1", name, to_string(image.size())));
}

PERSENSE_DECL float median_diameter(std::span<const SupportExample> examples) {
  std::vector<double> diameters;
  for (const SupportExample& e : examples)
    if (!e.negative) diameters.push_back(e.diameter);
  return static_cast<float>(median(std::move(diameters)));
}

PERSENSE_DECL void check_negatives(std::span<const SupportExample> examples) {
  for (const SupportExample& negative : examples)
    for (const SupportExample& wanted : examples) {
      if (!negative.negative || wanted.negative ||
          !same_pixels(negative.image.view(), wanted.image.view()))
        continue;
      const auto smaller = std::min(negative.mask.area(), wanted.mask.area());
      if (2 * intersection_area(negative.mask, wanted.mask) > smaller)
        throw InvalidArgument(fmt::format(
            "negative example: covers the object at {} that is looked for; expected another object",
            to_string(static_cast<Box>(wanted.mask.box))));
    }
}

PERSENSE_DECL const SupportExample& first_wanted(std::span<const SupportExample> examples) {
  const auto first = std::find_if(examples.begin(), examples.end(),
                                  [](const SupportExample& e) { return !e.negative; });
  if (first == examples.end())
    throw InvalidArgument(examples.empty()
                              ? "support: got no example, expected at least one"
                              : "support: all examples are negative, expected one of what is "
                                "looked for");
  return *first;
}

PERSENSE_DECL cv::Mat mask_on(const Image& image, std::span<const SupportExample> examples) {
  cv::Mat mask = cv::Mat::zeros(image.mat().size(), CV_8UC1);
  for (const SupportExample& e : examples)
    if (!e.negative && e.image.mat().data == image.mat().data) paint(e.mask, mask);
  return mask;
}

PERSENSE_DECL Result begin_result(ImageView image, const RunOptions& run) {
  require_image(image, "query image");
  if (!run.region.empty() && run.region.size() != image.size())
    throw InvalidArgument(fmt::format("region: size {}, expected the query image's {}{}",
                                      to_string(run.region.size()), to_string(image.size()),
                                      turned_hint(run.region.size(), image.size())));
  if (run.filter) {
    Options checked;
    checked.filter = *run.filter;
    validate(checked);
  }
  Result result;
  result.image_size = image.size();
  return result;
}

PERSENSE_DECL std::vector<Instance> reported(std::vector<Instance> all, Size image,
                                             const Options& options, std::span<const double> areas,
                                             const RunOptions& run) {
  for (Instance& instance : all) instance.touches_border = touches_border(instance.mask, image);
  all = filtered(std::move(all), run.filter ? *run.filter : options.filter, areas, run.region);
  sort_in_reading_order(all);
  return all;
}

PERSENSE_DECL std::string note_of(const std::string& label, std::size_t index, bool several,
                                  const std::string& note) {
  if (!several) return note;
  return (label.empty() ? fmt::format("class {}", index + 1) : label) + ": " + note;
}

PERSENSE_DECL std::string no_detection(const Detections& found, const Options& options) {
  const bool of_either = found.label.empty() && found.phrase.empty();
  const char* of_what = of_either ? "" : found.label.empty() ? " of the label" : " of the phrase";
  return fmt::format("no detection{} above confidence {}", of_what, options.detection.threshold);
}

PERSENSE_DECL void note_small_object(std::optional<int> input_side, float diameter, Size image,
                                     std::vector<std::string>& notes) {
  constexpr float cell = 16;  // pixels: of SAM's encoders
  const int side = std::max(image.width, image.height);
  if (!input_side || side <= *input_side) return;
  const float seen = diameter * static_cast<float>(*input_side) / static_cast<float>(side);
  if (seen < cell)
    notes.push_back(
        fmt::format("the support object is {:.0f} pixels wide in what the encoder sees, {} pixels "
                    "of {}; in tiles it is larger (tiles.size -1, or --tile auto)",
                    seen, *input_side, side));
}

PERSENSE_DECL void note_lost_prompts(std::size_t prompts, std::size_t masks, std::size_t instances,
                                     std::vector<std::string>& notes) {
  if (prompts > 0 && masks == 0)
    notes.push_back("no instance: the mask of every point prompt is empty");
  else if (masks > instances)
    notes.push_back(fmt::format("{} of {} point prompts ended in an object that another has",
                                masks - instances, prompts));
}

PERSENSE_DECL void note_counts(std::size_t instances, double estimated,
                               std::vector<std::string>& notes) {
  constexpr double much = 0.2;  // of the larger count
  const double found = static_cast<double>(instances), there = std::round(estimated);
  if (instances > 0 && std::abs(found - there) > much * std::max(found, there))
    notes.push_back(
        fmt::format("found {} objects where the density map's sum is {:.1f}: "
                    "the counts differ by more than {:.0f} %",
                    instances, estimated, 100 * much));
}

PERSENSE_DECL double diameter_of(std::span<const Exemplar> exemplars) {
  std::vector<double> sides;
  for (const Exemplar& e : exemplars) sides.push_back(std::sqrt(e.box.area()));
  if (sides.empty()) return 0;
  std::sort(sides.begin(), sides.end());
  return sides[sides.size() / 2];
}

PERSENSE_DECL std::vector<Exemplar> with_masks(std::span<const Box> boxes,
                                               std::span<const ScoredMask> masks,
                                               const ScoredMask& first) {
  std::vector<Exemplar> exemplars;
  for (const Box& box : boxes) {
    const ScoredMask* shown = nullptr;
    for (const ScoredMask& m : masks)
      if (static_cast<Box>(m.mask.box) == box && (shown == nullptr || m.score > shown->score))
        shown = &m;
    if (shown == nullptr && !first.mask.empty() && static_cast<Box>(first.mask.box) == box)
      shown = &first;
    exemplars.push_back(shown == nullptr ? Exemplar{box}
                                         : Exemplar{box, &shown->mask, shown->score});
  }
  return exemplars;
}

}  // namespace persense::detail
