#include "persense/io/yolo.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "json_text.hpp"
#include "outlines.hpp"
#include "persense/io/files.hpp"

namespace persense::io {

namespace {

using detail::Ring;

std::int64_t squared_distance(Point a, Point b) {
  const std::int64_t x = a.x - b.x, y = a.y - b.y;
  return x * x + y * y;
}

/// The places of the two corners of two rings that are nearest to each other.
std::pair<std::size_t, std::size_t> nearest_corners(const Ring& a, const Ring& b) {
  std::pair<std::size_t, std::size_t> nearest;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b.size(); ++j)
      if (const std::int64_t apart = squared_distance(a[i], b[j]); apart < least)
        least = apart, nearest = {i, j};
  return nearest;
}

/// The mask and its holes, so that no part lies within another.
Mask without_holes(Mask mask) {
  constexpr int outside = 2, four_connected = 4;
  cv::Mat1b bits(mask.box.height(), mask.box.width(), mask.bits.data()), around;
  cv::copyMakeBorder(bits, around, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::floodFill(around, cv::Point(0, 0), cv::Scalar(outside), nullptr, cv::Scalar(), cv::Scalar(),
                four_connected);
  bits.setTo(1, around(cv::Rect(1, 1, bits.cols, bits.rows)) != outside);
  return mask;
}

/// One ring of several: around the one of most corners, with a detour to each of the others from
/// the corner that is nearest to it.
Ring joined(const std::vector<Ring>& rings) {
  const auto fewer_corners = [](const Ring& a, const Ring& b) { return a.size() < b.size(); };
  const auto main = std::max_element(rings.begin(), rings.end(), fewer_corners);
  std::vector<Ring> detours(main->size());
  for (auto ring = rings.begin(); ring != rings.end(); ++ring) {
    if (ring == main) continue;
    const auto [from, to] = nearest_corners(*main, *ring);
    const auto first = ring->begin() + static_cast<std::ptrdiff_t>(to);
    Ring& detour = detours[from];
    detour.insert(detour.end(), first, ring->end());
    detour.insert(detour.end(), ring->begin(), first + 1);
    detour.push_back((*main)[from]);
  }
  Ring all;
  for (std::size_t i = 0; i < main->size(); ++i) {
    all.push_back((*main)[i]);
    all.insert(all.end(), detours[i].begin(), detours[i].end());
  }
  return all;
}

std::string box_text(const PixelBox& box, Size size) {
  const double width = size.width, height = size.height;
  return fmt::format(" {:.6f} {:.6f} {:.6f} {:.6f}", (box.x0 + box.x1) / (2 * width),
                     (box.y0 + box.y1) / (2 * height), box.width() / width, box.height() / height);
}

std::string polygon_text(const Mask& mask, double tolerance, Size size) {
  std::string text;
  for (const Point p : joined(detail::polygons_of(without_holes(mask), tolerance)))
    text += fmt::format(" {:.6f} {:.6f}", p.x / double(size.width), p.y / double(size.height));
  return text;
}

}  // namespace

std::string to_yolo(const Result& result, const YoloOptions& options) {
  std::string text;
  for (const Instance& instance : result.instances) {
    if (instance.mask.empty()) continue;
    text += fmt::format("{}", instance.class_index);
    text += options.shapes == YoloShapes::boxes
                ? box_text(instance.mask.box, result.image_size)
                : polygon_text(instance.mask, options.tolerance, result.image_size);
    text += '\n';
  }
  return text;
}

void write_yolo(const std::filesystem::path& path, const Result& result,
                const YoloOptions& options) {
  write_file(path, to_yolo(result, options));
}

std::string yolo_data(std::span<const std::string> classes, std::span<const std::string> images) {
  std::string folders;
  for (const std::string& folder : images)
    folders += (folders.empty() ? "" : ", ") + persense::detail::json_text(folder);
  std::string text = fmt::format(
      "# The labels of DIR/images/NAME.jpg are in DIR/labels/NAME.txt, those of other images in\n"
      "# NAME.txt beside them.\n"
      "train: [{0}]\n"
      "val: [{0}]  # the same images: choose others\n"
      "names:\n",
      folders);
  for (std::size_t k = 0; k < classes.size(); ++k)
    text += fmt::format("  {}: {}\n", k, persense::detail::json_text(classes[k]));
  return text;
}

}  // namespace persense::io
