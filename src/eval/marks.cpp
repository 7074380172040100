#include "persense/eval/marks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "persense/detail/support_mask.hpp"

namespace persense::eval {

namespace {

/// Follows the border a quarter of a pixel inside, so that it has the centre of every pixel in it
/// however thin the object is.
Polygon outline(const cv::Mat& part) {
  cv::Mat fine;
  cv::resize(part, fine, {}, 2, 2, cv::INTER_NEAREST);
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(fine, contours, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_SIMPLE);
  Polygon polygon;
  for (const cv::Point& p : contours.front())
    polygon.vertices.push_back(
        {(static_cast<float>(p.x) + 0.5f) / 2, (static_cast<float>(p.y) + 0.5f) / 2});
  return polygon;
}

}  // namespace

MarkKind mark_kind(std::string_view name) {
  if (name == "mask") return MarkKind::mask;
  if (name == "box") return MarkKind::box;
  if (name == "filled-box") return MarkKind::filled_box;
  if (name == "point") return MarkKind::point;
  if (name == "polygon") return MarkKind::polygon;
  throw InvalidArgument(
      fmt::format("mark: got \"{}\", expected mask, box, filled-box, point or polygon", name));
}

MadeMark make_mark(MaskView mask, MarkKind kind) {
  if (kind == MarkKind::mask) return {{}, mask};
  const Mask largest = parts_of(mask, Parts::largest).parts[0];
  const cv::Mat part = to_frame(largest, mask.size());
  if (kind == MarkKind::point) return {{}, most_interior(largest)};
  if (kind == MarkKind::polygon) return {{}, outline(part)};
  const PixelBox& box = largest.box;
  if (kind == MarkKind::box) return {{}, static_cast<Box>(box)};
  cv::Mat filled = cv::Mat::zeros(part.size(), CV_8UC1);
  filled(cv::Rect(box.x0, box.y0, box.width(), box.height())) = 255;
  return {filled, MaskView(filled)};
}

std::vector<cv::Mat> typical_objects(const cv::Mat& labels, int count) {
  struct Seen {
    int area = 0;
    bool cut_off = false;
  };
  std::map<int, Seen> objects;
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x) {
      const int label = labels.at<int>(y, x);
      if (label == 0) continue;
      Seen& seen = objects[label];
      ++seen.area;
      seen.cut_off |= x == 0 || y == 0 || x == labels.cols - 1 || y == labels.rows - 1;
    }
  const bool any_whole =
      std::any_of(objects.begin(), objects.end(), [](const auto& o) { return !o.second.cut_off; });
  std::vector<std::pair<int, int>> by_area;  // and label
  for (const auto& [label, seen] : objects)
    if (!any_whole || !seen.cut_off) by_area.emplace_back(seen.area, label);
  std::sort(by_area.begin(), by_area.end());
  std::vector<cv::Mat> masks;
  const auto last = static_cast<double>(by_area.size()) - 1;
  std::size_t next = 0;  // none twice
  for (int i = 1; i <= count && next < by_area.size(); ++i) {
    const auto wanted = static_cast<std::size_t>(std::lround(last * i / (count + 1)));
    const std::size_t at = std::min(std::max(wanted, next), by_area.size() - 1);
    masks.push_back(labels == by_area[at].second);
    next = at + 1;
  }
  return masks;
}

}  // namespace persense::eval
