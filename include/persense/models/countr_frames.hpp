// persense/models/countr_frames.hpp: what CounTR does around its network.
//
// From an image and exemplar boxes to windows and crops, and from the network's responses back to
// a density map. The network itself is a parameter, so nothing here knows LibTorch.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <span>
#include <utility>
#include <vector>

#include "persense/exemplar.hpp"
#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/maps.hpp"
#include "persense/models/planes.hpp"
#include "persense/options.hpp"
#include "persense/resize.hpp"

namespace persense::countr {

inline constexpr int side = 384;          ///< height of every frame; height and width of a window
inline constexpr int step = 128;          ///< columns from one window to the next
inline constexpr int exemplar_side = 64;  ///< of an exemplar crop
inline constexpr int tiny = 10;  ///< an exemplar this small both ways calls for a closer look
inline constexpr double doubled = 1.8;  ///< an exemplar answered by more objects is several parts
inline constexpr double widest_aspect = 64;  ///< of an image: 24576 columns, 190 windows

/// @par Rules  Rules::reference differs from the paper in these points, and reproduces them:
///   - exemplar boxes in an image narrower than high are not moved by the padding, so their crops
///     lie too far left;
///   - where windows overlap, each new one is averaged with what is there, so earlier windows count
///     ever less, instead of all equally;
///   - of an image looked at in nine parts the map is that of the last part, stretched over all of
///     it, instead of the nine side by side;
///   - the response inside the exemplars is divided by 3 however many there are;
///   - a negative response lowers all others instead of being no object.
struct Options {
  Rules rules = Rules::paper;
  bool antialias = true;   ///< shrink exemplars with a filter (torchvision >= 0.17) or by sampling
  PixelScaling scaling{};  ///< default: to 0..1
  float unit = 60;         ///< response that stands for one object
  int batch = 0;  ///< windows the network is given at once, at most; 0: one, or what suits a device
};

/// An image and its exemplars as CounTR sees them.
struct Frame {
  Size inner;                       ///< of the image inside the padding
  int padding = 0;                  ///< columns of zeros on either side
  Planes image;                     ///< [1, 3, 384, width], width >= 384
  std::vector<PixelBox> exemplars;  ///< in the frame
  Planes crops;                     ///< [K, 3, 64, 64]: what the exemplars show
};

/// A network: `network(windows, crops)` with windows [B, 3, 384, 384] and crops [K, 3, 64, 64]
/// (K may be 0) gives the responses, one window below the other: B * 384 rows of 384.
template <class N>
concept Network = requires(N& network, const Planes& windows, const Planes& crops) {
  { network(windows, crops) } -> std::convertible_to<FloatMap>;
};

namespace detail {

/// The size an image is brought to: 384 high, the width a multiple of 16 that is not above the
/// aspect's.
/// @throws InvalidArgument  an empty image, or one more than 64 times as wide as high.
inline Size inner_size(Size image) {
  if (image.width <= 0 || image.height <= 0)
    throw InvalidArgument(
        fmt::format("countr: image of {}, expected at least 1 x 1", to_string(image)));
  const double aspect = static_cast<double>(image.width) / image.height;
  if (aspect > widest_aspect)
    throw InvalidArgument(
        fmt::format("countr: image of {}, expected at most {} times as wide as "
                    "high",
                    to_string(image), widest_aspect));
  constexpr int multiple = 16;
  return {std::max(1, static_cast<int>(aspect * side / multiple)) * multiple, side};
}

/// The part of a frame that an exemplar covers.
inline PixelBox in_frame(const ExemplarCorners& corners, Size image, const Frame& frame,
                         Rules rules) {
  const double across = static_cast<double>(frame.inner.width) / image.width;
  const double down = static_cast<double>(frame.inner.height) / image.height;
  const int shift = rules == Rules::paper ? frame.padding : 0;
  return {static_cast<int>(corners.first_x * across) + shift,
          static_cast<int>(corners.first_y * down),
          static_cast<int>(corners.last_x * across) + shift + 1,
          static_cast<int>(corners.last_y * down) + 1};
}

/// What a box of the frame shows, resized to 64 x 64.
inline void put_crop(const Planes& image, const PixelBox& box, bool antialias, Planes& crops,
                     int index) {
  constexpr Size size{exemplar_side, exemplar_side};
  for (int c = 0; c < image.channels; ++c) {
    const auto crop = image.map(0, c).block(box.y0, box.x0, box.height(), box.width());
    crops.map(index, c) = antialias ? resize_antialiased(crop, size) : resize_bilinear(crop, size);
  }
}

/// Left edges of the windows that together cover a frame; the last one is flush right.
inline std::vector<int> window_starts(int width) {
  std::vector<int> starts{0};
  while (starts.back() + side < width)
    starts.push_back(std::min(starts.back() + step, width - side));
  return starts;
}

/// The parts of a frame that are looked at in turn: all of it at once, or, when an exemplar is
/// tiny, three by three parts.
inline std::vector<PixelBox> parts_of(const Frame& frame, Rules rules) {
  const auto is_tiny = [](const PixelBox& box) {
    return box.width() <= tiny && box.height() <= tiny;
  };
  const int width = frame.image.width, height = frame.image.height;
  if (std::none_of(frame.exemplars.begin(), frame.exemplars.end(), is_tiny))
    return {{0, 0, width, height}};
  const auto edge = [](int k, int length) { return k * length / 3; };
  const auto end = [&](int k, int length) {
    return rules == Rules::reference ? edge(k, length) + length / 3 : edge(k + 1, length);
  };
  std::vector<PixelBox> parts;
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 3; ++column)
      parts.push_back(
          {edge(column, width), edge(row, height), end(column, width), end(row, height)});
  return parts;
}

/// A part of an image, enlarged to the image's size.
inline Planes enlarged(const Planes& image, const PixelBox& part) {
  if (Size{part.width(), part.height()} == image.size()) return image;
  Planes large(1, image.channels, image.size());
  for (int c = 0; c < image.channels; ++c)
    large.map(0, c) = resize_bilinear(
        image.map(0, c).block(part.y0, part.x0, part.height(), part.width()), image.size());
  return large;
}

/// Joins the responses of overlapping windows, from left to right.
class Blend {
 public:
  Blend(int width, Rules rules) : map_(FloatMap::Zero(side, width)), rules_(rules) {}

  void add(int start, const FloatMapView& window) {
    const int overlap = std::max(0, covered_ - start);
    auto old = map_.middleCols(start, overlap);
    if (rules_ == Rules::reference)
      old = old / 2 + window.leftCols(overlap) / 2;
    else
      old += window.leftCols(overlap);
    map_.middleCols(start + overlap, side - overlap) = window.rightCols(side - overlap);
    covered_ = start + side;
    starts_.push_back(start);
  }

  FloatMap finish() && {
    if (rules_ == Rules::paper)
      for (int x = 0; x < map_.cols(); ++x)
        map_.col(x) /=
            static_cast<float>(std::count_if(starts_.begin(), starts_.end(), [x](int start) {
              return start <= x && x < start + side;
            }));
    return std::move(map_);
  }

 private:
  FloatMap map_;
  Rules rules_;
  int covered_ = 0;  // columns that have a response
  std::vector<int> starts_;
};

/// The network's response to every part of the frame, each at the frame's size.
template <Network N>
std::vector<FloatMap> responses(const Frame& frame, std::span<const PixelBox> parts,
                                const Options& options, N&& network) {
  const std::vector<int> starts = window_starts(frame.image.width);
  std::vector<Blend> blends(parts.size(), Blend(frame.image.width, options.rules));
  const auto windows_a_part = starts.size(), total = parts.size() * windows_a_part;
  const auto batch = static_cast<std::size_t>(std::max(1, options.batch));
  Planes part;
  for (std::size_t first = 0; first < total; first += batch) {
    const auto n = static_cast<int>(std::min(batch, total - first));
    Planes windows(n, frame.image.channels, {side, side});
    for (int i = 0; i < n; ++i) {
      const auto job = first + static_cast<std::size_t>(i);
      if (job % windows_a_part == 0) part = enlarged(frame.image, parts[job / windows_a_part]);
      for (int c = 0; c < windows.channels; ++c)
        windows.map(i, c) = part.map(0, c).middleCols(starts[job % windows_a_part], side);
    }
    const FloatMap answer = network(std::as_const(windows), frame.crops);
    for (int i = 0; i < n; ++i) {
      const auto job = first + static_cast<std::size_t>(i);
      blends[job / windows_a_part].add(starts[job % windows_a_part],
                                       answer.middleRows(i * side, side));
    }
  }
  std::vector<FloatMap> maps;
  for (Blend& blend : blends) maps.push_back(std::move(blend).finish());
  return maps;
}

/// Nine maps side by side, three a row.
inline FloatMap stitched(std::span<const FloatMap> maps) {
  const auto rows = maps[0].rows(), columns = maps[0].cols();
  FloatMap all(3 * rows, 3 * columns);
  for (int i = 0; i < 9; ++i) all.block(i / 3 * rows, i % 3 * columns, rows, columns) = maps[i];
  return all;
}

inline double sum_of(const FloatMapView& map) { return map.cast<double>().sum(); }

/// Objects that the response puts into one exemplar, on average; 0 without exemplars.
/// @param zoom  pixels of the response a pixel of the frame.
inline double objects_an_exemplar(const FloatMapView& response, const Frame& frame, int zoom,
                                  const Options& options) {
  if (frame.exemplars.empty()) return 0;
  double sum = 0;
  for (const PixelBox& box : frame.exemplars)
    sum += sum_of(
        response.block(box.y0 * zoom, box.x0 * zoom, box.height() * zoom, box.width() * zoom));
  const auto exemplars = static_cast<double>(frame.exemplars.size());
  return sum / options.unit / (options.rules == Rules::reference ? 3.0 : exemplars);
}

/// A response as a density map: nowhere negative, with `count` as its sum. A response without
/// contrast, where nothing says where the objects are, becomes a constant map.
inline DensityMap as_density(FloatMap response, double count, Rules rules) {
  count = std::max(0.0, count);
  if (rules == Rules::reference)
    response -= std::min(0.0f, response.minCoeff());
  else
    response = response.max(0.0f);
  const double sum = sum_of(response);
  if (sum == 0 || response.minCoeff() == response.maxCoeff())
    return DensityMap::Constant(response.rows(), response.cols(),
                                static_cast<float>(count / static_cast<double>(response.size())));
  // in double: the factor of a faint response is out of float's range
  return (response.cast<double>() * (count / sum)).cast<float>();
}

}  // namespace detail

/// Brings an image and its exemplars into CounTR's frame.
/// @param exemplars  boxes in the image's pixels; may be none (CounTR then looks for what repeats).
/// @throws InvalidArgument  an empty image, one more than 64 times as wide as high, or an exemplar
///   outside the image.
/// @par Threads  Pure function.
/// @par Source  CounTR (arXiv:2208.13721), `FSC_test_cross(few-shot).py`; released code, CounTR
///   wrapper.
inline Frame make_frame(ImageView image, std::span<const Box> exemplars,
                        const Options& options = {}) {
  Frame frame;
  frame.inner = detail::inner_size(image.size());
  const int width = std::max(side, frame.inner.width);
  frame.padding = (width - frame.inner.width) / 2;
  frame.image = Planes(1, 3, {width, side});
  put_pixels(resize_antialiased(image.mat(), frame.inner), options.scaling, frame.image, 0,
             frame.padding);
  frame.crops = Planes(static_cast<int>(exemplars.size()), 3, {exemplar_side, exemplar_side});
  for (const Box& box : exemplars) {
    const auto corners = exemplar_corners(box, image.size());
    frame.exemplars.push_back(detail::in_frame(corners, image.size(), frame, options.rules));
    detail::put_crop(frame.image, frame.exemplars.back(), options.antialias, frame.crops,
                     static_cast<int>(frame.exemplars.size()) - 1);
  }
  return frame;
}

/// Runs a network over a frame.
/// @return  the density over the image without its padding, at the frame's resolution (three times
///   that when the frame was looked at in nine parts). Its sum is the count: the response / 60,
///   less where the exemplars themselves are answered by more than 1.8 objects each. A count below
///   0 is 0.
/// @par Rules  see Options.
/// @par Source  CounTR, as make_frame.
template <Network N>
DensityMap density(const Frame& frame, const Options& options, N&& network) {
  const auto parts = detail::parts_of(frame, options.rules);
  auto maps = detail::responses(frame, parts, options, network);
  double count = 0;
  for (const FloatMap& map : maps) count += detail::sum_of(map) / options.unit;
  const bool side_by_side = maps.size() > 1 && options.rules == Rules::paper;
  const int zoom = side_by_side ? 3 : 1;
  const FloatMap response = side_by_side ? detail::stitched(maps) : std::move(maps.back());
  const double each = detail::objects_an_exemplar(response, frame, zoom, options);
  if (each > doubled) count /= each;
  return detail::as_density(response.middleCols(frame.padding * zoom, frame.inner.width * zoom),
                            count, options.rules);
}

}  // namespace persense::countr
