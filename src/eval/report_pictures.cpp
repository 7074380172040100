#include "report_pictures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "io/base64.hpp"
#include "io/jpeg.hpp"
#include "io/outlines.hpp"
#include "persense/detail/label_masks.hpp"
#include "persense/io/figure.hpp"
#include "persense/io/images.hpp"

namespace persense::eval::detail {

namespace {

// as wide as a card has room for on a dense screen; as a viewer shows it; as its text stays legible
constexpr int thumbnail_side = 320, photo_side = 1024, figure_side = 1600;
constexpr int thumbnail_quality = 55, photo_quality = 60, figure_quality = 50;

std::string jpeg_text(const cv::Mat& rgb, int side, int quality) {
  return io::detail::to_base64(io::detail::encode_jpeg(io::detail::fitted(rgb, side), quality));
}

// States of what was found and of what is true.
enum class Found { matched, wrong, not_counted, unknown };
enum class True { found, missed, crowd };

/// The outline as an SVG path, whose corners lie within `tolerance` pixels of the mask's.
std::string path_of(const Mask& mask, double tolerance) {
  std::string path;
  for (const io::detail::Ring& ring : io::detail::outlines_of(mask)) {
    const io::detail::Ring corners = io::detail::simplified(ring, tolerance);
    Point at = corners.front();
    path += fmt::format("M{} {}l", at.x, at.y);
    for (std::size_t i = 1; i < corners.size(); ++i) {
      const Point step{corners[i].x - at.x, corners[i].y - at.y};
      if (i > 1 && step.x >= 0) path += ' ';  // a minus parts numbers as well
      path += std::to_string(step.x);
      if (step.y >= 0) path += ' ';
      path += std::to_string(step.y);
      at = corners[i];
    }
    path += 'z';
  }
  return path;
}

/// What is written of each shape: JSON arrays in an array.
class ShapeList {
 public:
  template <class... Values>
  void add(const std::string& path, int state, const Values&... values) {
    if (path.empty()) return;
    text_ += fmt::format("{}[\"{}\",{}", text_.empty() ? "" : ",", path, state);
    ((text_ += fmt::format(",{}", values)), ...);
    text_ += ']';
  }
  std::string text() const { return "[" + text_ + "]"; }

 private:
  std::string text_;
};

/// Labels of the instances that have a pixel in the label image that is scored: others are covered.
std::set<std::int32_t> seen_labels(const Result& result) {
  const cv::Mat labels = io::label_image(result.image_size, result.instances);
  std::set<std::int32_t> seen;
  std::int32_t last = 0;  // labels come in runs
  for (auto at = labels.begin<std::int32_t>(); at != labels.end<std::int32_t>(); ++at)
    if (*at != last) seen.insert(last = *at);
  return seen;
}

/// 255 where an instance is.
cv::Mat found_pixels(const Result& result) {
  return io::label_image(result.image_size, result.instances) > 0;
}

std::string found_shapes(const ReportedQuery& query, double tolerance) {
  const auto& matches = query.score.instances;
  std::map<std::int32_t, double> iou;
  std::set<std::int32_t> uncounted;
  if (matches) {
    for (std::size_t i = 0; i < matches->matched_found.size(); ++i)
      iou[matches->matched_found[i]] = matches->matched_iou[i];
    uncounted.insert(matches->in_crowds.begin(), matches->in_crowds.end());
  }
  const bool by_labels = matches && !query.truth.annotated;
  const std::set<std::int32_t> seen = by_labels ? seen_labels(query.result) : uncounted;
  ShapeList list;
  for (std::size_t i = 0; i < query.result.instances.size(); ++i) {
    const Instance& instance = query.result.instances[i];
    const auto label = static_cast<std::int32_t>(i + 1);
    const auto match = iou.find(label);
    Found state = Found::wrong;
    if (!matches)
      state = Found::unknown;
    else if (match != iou.end())
      state = Found::matched;
    else if (uncounted.contains(label) || (by_labels && !seen.contains(label)))
      state = Found::not_counted;
    list.add(path_of(instance.mask, tolerance), static_cast<int>(state),
             fmt::format("{:.3f}", instance.score), instance.mask.area(),
             match == iou.end() ? "null" : fmt::format("{:.3f}", match->second));
  }
  return list.text();
}

std::string true_shapes(const ReportedQuery& query, double tolerance) {
  const Truth& truth = query.truth;
  std::set<std::int32_t> matched;
  if (query.score.instances)
    matched.insert(query.score.instances->matched_truth.begin(),
                   query.score.instances->matched_truth.end());
  ShapeList list;
  const auto add = [&](const Mask& mask, True state) {
    list.add(path_of(mask, tolerance), static_cast<int>(state), mask.area());
  };
  const auto add_object = [&](const Mask& mask, std::int32_t label) {
    add(mask, matched.contains(label) ? True::found : True::missed);
  };
  if (!truth.labels.empty()) {
    for (const auto& [label, mask] : persense::detail::masks_of_labels(truth.labels))
      add_object(mask, label);
  } else if (truth.annotated) {
    for (const Mask& mask : truth.crowds) add(mask, True::crowd);
    for (std::size_t i = 0; i < truth.objects.size(); ++i)
      add_object(truth.objects[i], static_cast<std::int32_t>(i + 1));
  } else if (!truth.mask.empty()) {
    const cv::Mat found = found_pixels(query.result);
    add(crop_to_box(MaskView(truth.mask & found)), True::found);
    add(crop_to_box(MaskView(truth.mask & ~found)), True::missed);
  }
  return list.text();
}

/// Where only a union mask is true, what is right and false are pixels, not instances.
std::string found_regions(const ReportedQuery& query, double tolerance) {
  const cv::Mat found = found_pixels(query.result);
  ShapeList list;
  for (const Found state : {Found::matched, Found::wrong}) {
    const cv::Mat truth = state == Found::matched ? query.truth.mask : ~query.truth.mask;
    const Mask region = crop_to_box(MaskView(truth & found));
    list.add(path_of(region, tolerance), static_cast<int>(state), "null", region.area(), "null");
  }
  return list.text();
}

}  // namespace

QueryPictures pictures_of(const ReportedQuery& query) {
  const cv::Mat rgb = query.image.mat();
  QueryPictures pictures{jpeg_text(rgb, thumbnail_side, thumbnail_quality),
                         jpeg_text(rgb, photo_side, photo_quality), "", ""};
  if (!query.result.classes.empty() && query.result.trace())
    pictures.figure = jpeg_text(io::render_figure(query.image, query.support, query.result),
                                figure_side, figure_quality);
  const double shown = static_cast<double>(photo_side) / std::max(rgb.cols, rgb.rows);
  // less than a pixel of the photo, more than the corners of a diagonal edge stand out
  const double tolerance = 0.8 / std::min(1.0, shown);
  pictures.shapes = fmt::format(R"({{"found":{},"truth":{})", found_shapes(query, tolerance),
                                true_shapes(query, tolerance));
  if (!query.score.instances && !query.truth.mask.empty())
    pictures.shapes += R"(,"regions":)" + found_regions(query, tolerance);
  pictures.shapes += '}';
  return pictures;
}

}  // namespace persense::eval::detail
