#include "persense/io/overlay.hpp"

#include <algorithm>

#include "drawing.hpp"
#include "persense/io/class_names.hpp"

namespace persense::io {

namespace {

void require_range(const char* name, float value, float lowest, float highest) {
  if (!(value >= lowest && value <= highest))
    throw InvalidArgument(
        fmt::format("overlay {}: got {}, expected {} to {}", name, value, lowest, highest));
}

}  // namespace

cv::Mat render_overlay(ImageView image, const Result& result, const OverlayOptions& options) {
  if (image.empty()) throw InvalidArgument("overlay: the image is empty");
  if (image.size() != result.image_size)
    throw InvalidArgument(fmt::format("overlay: image of {}, expected the result's {}",
                                      to_string(image.size()), to_string(result.image_size)));
  require_range("fill", options.fill, 0, 1);
  require_range("line_width", options.line_width, 0, 100);
  OverlayOptions resolved = options;
  if (resolved.line_width == 0)  // as thick at 12 megapixels, seen as a whole, as at one
    resolved.line_width =
        std::clamp(static_cast<float>(std::max(image.width, image.height)) / 700.0f, 1.5f, 6.0f);
  cv::Mat rgb = image.mat().clone();
  const auto families = detail::class_families(result.classes.size());
  detail::draw_instances(rgb, result.instances, resolved, families);
  if (result.classes.size() < 2 || !resolved.legend) return rgb;
  const auto names = class_names(result);
  std::vector<detail::LegendLine> lines;
  for (std::size_t k = 0; k < names.size(); ++k)
    lines.push_back(
        {families[k].front(), fmt::format("{}: {}", names[k], result.classes[k].count)});
  detail::draw_legend(rgb, lines, result.instances);
  return rgb;
}

}  // namespace persense::io
