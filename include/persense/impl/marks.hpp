// persense/impl/marks.hpp: bodies of detail/marks.hpp, which includes it unless they are compiled
// elsewhere.
#pragma once

#include <fmt/core.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <opencv2/core.hpp>
#include <set>
#include <string>
#include <vector>

#include "persense/detail/joined.hpp"
#include "persense/detail/marks.hpp"
#include "persense/detail/turned_hint.hpp"
#include "persense/error.hpp"
#include "persense/example.hpp"
#include "persense/geometry.hpp"

namespace persense::detail {

PERSENSE_DECL std::string to_string(const Box& b) {
  return fmt::format("({:g}, {:g}, {:g}, {:g})", b.x0, b.y0, b.x1, b.y1);
}

PERSENSE_DECL void check_box(const Box& box, Size image) {
  const bool is_box = box.x0 < box.x1 && box.y0 < box.y1 && std::isfinite(box.area());
  if (!is_box)
    throw InvalidArgument(
        fmt::format("support box: got {}, expected finite x0 < x1 and y0 < y1", to_string(box)));
  if (box.x1 <= 0 || box.y1 <= 0 || box.x0 >= static_cast<float>(image.width) ||
      box.y0 >= static_cast<float>(image.height))
    throw InvalidArgument(fmt::format("support box: {} lies outside of the image of {}",
                                      to_string(box), persense::to_string(image)));
}

PERSENSE_DECL void check_point(Point point, Size image) {
  if (!PixelBox{0, 0, image.width, image.height}.contains(point))
    throw InvalidArgument(fmt::format("support point: ({}, {}) lies outside of the image of {}",
                                      point.x, point.y, persense::to_string(image)));
}

PERSENSE_DECL void check_vertices(const Polygon& polygon, const char* name) {
  const auto& vertices = polygon.vertices;
  for (std::size_t i = 0; i < vertices.size(); ++i)
    if (!(std::abs(vertices[i].x) < 1e6f && std::abs(vertices[i].y) < 1e6f))
      throw InvalidArgument(
          fmt::format("{}: vertex {} is ({:g}, {:g}), expected finite pixel coordinates", name,
                      i + 1, vertices[i].x, vertices[i].y));
}

PERSENSE_DECL cv::Mat filled(const Polygon& polygon, Size image) {
  const auto& vertices = polygon.vertices;
  cv::Mat mask = cv::Mat::zeros(image.height, image.width, CV_8UC1);
  std::vector<float> crossings;
  for (int y = 0; y < image.height; ++y) {
    const float at = static_cast<float>(y) + 0.5f;
    crossings.clear();
    for (std::size_t i = 0; i < vertices.size(); ++i) {
      const Vertex &a = vertices[i], &b = vertices[(i + 1) % vertices.size()];
      if ((a.y <= at) != (b.y <= at))
        crossings.push_back(a.x + (at - a.y) / (b.y - a.y) * (b.x - a.x));
    }
    std::sort(crossings.begin(), crossings.end());
    for (std::size_t i = 0; i + 1 < crossings.size(); i += 2) {
      const auto column = [&](float x) {
        return static_cast<int>(
            std::clamp(std::ceil(x - 0.5f), 0.0f, static_cast<float>(image.width)));
      };
      const int x0 = column(crossings[i]), x1 = column(crossings[i + 1]);
      std::fill(mask.ptr(y) + x0, mask.ptr(y) + std::max(x0, x1), std::uint8_t{255});
    }
  }
  return mask;
}

PERSENSE_DECL cv::Mat mask_of(const Polygon& polygon, Size image) {
  const std::size_t count = polygon.vertices.size();
  if (count < 3)
    throw InvalidArgument(
        fmt::format("support polygon: got {} vertices, expected at least 3", count));
  check_vertices(polygon, "support polygon");
  cv::Mat mask = filled(polygon, image);
  if (cv::countNonZero(mask) == 0)
    throw InvalidArgument(fmt::format("support polygon: covers no pixel of the image of {}",
                                      persense::to_string(image)));
  return mask;
}

PERSENSE_DECL cv::Mat mask_of(const LabelId& mark, Size image) {
  const cv::Mat& labels = mark.labels;
  if (labels.empty()) throw InvalidArgument("support labels: the label image is empty");
  if (labels.type() != CV_32SC1)
    throw InvalidArgument(
        fmt::format("support labels: got {} channels of {} bytes, expected 1 of int32",
                    labels.channels(), labels.elemSize1()));
  if (labels.cols != image.width || labels.rows != image.height)
    throw InvalidArgument(fmt::format("support labels: size {} x {}, expected the image's {}{}",
                                      labels.cols, labels.rows, persense::to_string(image),
                                      turned_hint({labels.cols, labels.rows}, image)));
  if (mark.id == 0)
    throw InvalidArgument("support labels: got id 0, which is the background; expected an object");
  cv::Mat mask = labels == mark.id;
  if (cv::countNonZero(mask) > 0) return mask;
  std::set<std::int32_t> ids;
  for (int y = 0; y < labels.rows; ++y)
    ids.insert(labels.ptr<std::int32_t>(y), labels.ptr<std::int32_t>(y) + labels.cols);
  ids.erase(0);
  constexpr std::size_t shown = 10;
  std::vector<std::int32_t> some(ids.begin(), ids.end());
  const char* const more = some.size() > shown ? ", ..." : "";
  some.resize(std::min(some.size(), shown));
  throw InvalidArgument(fmt::format("support labels: no pixel has the id {}; the image has {}{}",
                                    mark.id, some.empty() ? "only background" : joined(some, ", "),
                                    more));
}

PERSENSE_DECL cv::Mat ellipse_in(const Box& box, Size image) {
  cv::Mat mask = cv::Mat::zeros(image.height, image.width, CV_8UC1);
  const float cx = 0.5f * (box.x0 + box.x1), cy = 0.5f * (box.y0 + box.y1);
  const float rx = 0.5f * box.width(), ry = 0.5f * box.height();
  const auto first = [](float v, int most) {
    return static_cast<int>(std::clamp(std::floor(v), 0.0f, static_cast<float>(most)));
  };
  for (int y = first(box.y0, image.height); y < first(box.y1 + 1, image.height); ++y)
    for (int x = first(box.x0, image.width); x < first(box.x1 + 1, image.width); ++x) {
      const float u = (static_cast<float>(x) + 0.5f - cx) / rx;
      const float v = (static_cast<float>(y) + 0.5f - cy) / ry;
      if (u * u + v * v <= 1) mask.at<std::uint8_t>(y, x) = 255;
    }
  if (cv::countNonZero(mask) == 0)  // thinner than a pixel
    mask.at<std::uint8_t>(std::min(first(cy, image.height), image.height - 1),
                          std::min(first(cx, image.width), image.width - 1)) = 255;
  return mask;
}

}  // namespace persense::detail
