#include "persense/io/support_drawing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "drawing.hpp"

namespace persense::io {

namespace {

/// @param numbers  of the instances, in their order.
cv::Mat picture_of(const Image& image, const std::vector<Instance>& instances,
                   const std::vector<std::size_t>& numbers, const std::string& label) {
  OverlayOptions options;
  options.numbers = options.points = false;
  options.fill = 0.35f;
  const double side = std::max(image.size().width, image.size().height);
  options.line_width = static_cast<float>(std::clamp(side / 400.0, 1.5, 8.0));
  const auto families = detail::support_families();
  cv::Mat rgb = image.mat().clone();
  detail::draw_instances(rgb, instances, options, families);

  std::vector<detail::LegendLine> lines;
  if (!label.empty()) lines.push_back({{}, label});
  for (const std::size_t sign : {0u, 1u}) {
    std::string list;
    for (std::size_t i = 0; i < instances.size(); ++i)
      if (instances[i].class_index == sign)
        list += fmt::format("{}{}", list.empty() ? "" : ", ", numbers[i]);
    if (list.empty()) continue;
    const bool several = list.find(',') != list.npos;
    lines.push_back({families[sign].front(), fmt::format("{} {}",
                                                         sign == 1 ? "not this:"
                                                         : several ? "examples"
                                                                   : "example",
                                                         list)});
  }
  detail::draw_legend(rgb, lines, instances);
  const double height = std::clamp(side / 60.0, 8.0, 48.0);
  for (std::size_t i = 0; i < instances.size(); ++i) {
    if (instances.size() < 2) break;  // nothing to tell apart
    const cv::Mat text = detail::text_coverage(fmt::format("{}", numbers[i]), height);
    const PixelBox& box = instances[i].mask.box;
    const int x = (box.x0 + box.x1 - text.cols) / 2, y = (box.y0 + box.y1 - text.rows) / 2;
    detail::draw_label(rgb, {x, y, x + text.cols, y + text.rows}, text);
  }
  return rgb;
}

}  // namespace

std::vector<cv::Mat> render_support(std::span<const SupportExample> examples,
                                    const std::string& label) {
  std::vector<cv::Mat> pictures;
  std::vector<const void*> shown;
  for (const SupportExample& first : examples) {
    if (first.image.empty()) throw InvalidArgument("support drawing: an image is empty");
    const void* const pixels = first.image.mat().data;
    if (std::find(shown.begin(), shown.end(), pixels) != shown.end()) continue;
    shown.push_back(pixels);
    std::vector<Instance> instances;
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      if (examples[i].image.mat().data != pixels || examples[i].mask.empty()) continue;
      Instance instance;
      instance.mask = examples[i].mask;
      instance.class_index = examples[i].negative ? 1 : 0;
      instances.push_back(std::move(instance));
      numbers.push_back(i + 1);
    }
    pictures.push_back(picture_of(first.image, instances, numbers, label));
  }
  return pictures;
}

}  // namespace persense::io
