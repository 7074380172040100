#include "persense/io/measurements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <numbers>
#include <utility>

#include "cell.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"

namespace persense::io {

namespace {

/// A corner in half pixels: pixel (x, y) has its middle at (2 x, 2 y).
struct Corner {
  std::int64_t x, y;
  bool operator==(const Corner&) const = default;
};

/// Above 0 where a, b, c turn to the left (y up).
std::int64_t turn(const Corner& a, const Corner& b, const Corner& c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/// First and last pixel of a row.
struct Span {
  int y, first, last;
};

/// The convex hull of the middles of the edges of the spans' pixels, as scikit-image has it, by
/// Andrew's monotone chain.
std::vector<Corner> hull_of(const std::vector<Span>& spans) {
  std::vector<Corner> points;
  for (const auto& [y, first, last] : spans)
    for (const std::int64_t d : {-1, 1}) {
      points.push_back({2 * (d < 0 ? first : last) + d, 2 * y});
      points.push_back({2 * first, 2 * y + d});
      points.push_back({2 * last, 2 * y + d});
    }
  std::sort(points.begin(), points.end(), [](const Corner& a, const Corner& b) {
    return std::pair(a.x, a.y) < std::pair(b.x, b.y);
  });
  std::vector<Corner> hull;
  for (const bool upper : {false, true}) {
    const std::size_t least = hull.size() + 1;
    for (const Corner& p : points) {
      while (hull.size() > least && turn(hull[hull.size() - 2], hull.back(), p) <= 0)
        hull.pop_back();
      hull.push_back(p);
    }
    hull.pop_back();  // the other half begins with it
    if (!upper) std::reverse(points.begin(), points.end());
  }
  return hull;
}

/// The pixels of each row whose middles are in a hull, or on its border.
std::vector<Span> spans_in(const std::vector<Corner>& hull, const PixelBox& box) {
  constexpr double exact = 1e-9;
  std::vector<Span> spans;
  for (int y = box.y0; y < box.y1; ++y) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (std::size_t i = 0; i < hull.size(); ++i) {
      const Corner &a = hull[i], &b = hull[(i + 1) % hull.size()];
      if (std::min(a.y, b.y) > 2 * y || std::max(a.y, b.y) < 2 * y || a.y == b.y) continue;
      const double x = static_cast<double>(a.x) + static_cast<double>(b.x - a.x) *
                                                      static_cast<double>(2 * y - a.y) /
                                                      static_cast<double>(b.y - a.y);
      low = std::min(low, x);
      high = std::max(high, x);
    }
    const int first = static_cast<int>(std::ceil(low / 2 - exact));
    const int last = static_cast<int>(std::floor(high / 2 + exact));
    if (first <= last) spans.push_back({y, first, last});
  }
  return spans;
}

std::vector<Span> spans_of(const Mask& mask) {
  std::vector<Span> spans;
  const int width = mask.box.width();
  for (int y = mask.box.y0; y < mask.box.y1; ++y) {
    const std::uint8_t* row = mask.row(y);
    const auto* first = std::find_if(row, row + width, [](auto v) { return v != 0; });
    if (first == row + width) continue;
    int last = width - 1;
    while (row[last] == 0) --last;
    spans.push_back({y, mask.box.x0 + static_cast<int>(first - row), mask.box.x0 + last});
  }
  return spans;
}

double distance(const Corner& a, const Corner& b) {
  return std::hypot(static_cast<double>(a.x - b.x), static_cast<double>(a.y - b.y)) / 2;
}

double largest_distance(const std::vector<Corner>& hull) {
  double most = 0;
  for (std::size_t i = 0; i < hull.size(); ++i)
    for (std::size_t j = i + 1; j < hull.size(); ++j)
      most = std::max(most, distance(hull[i], hull[j]));
  return most;
}

/// Of two parallel lines around the hull, one of which lies along an edge.
double least_width(const std::vector<Corner>& hull) {
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < hull.size(); ++i) {
    const Corner &a = hull[i], &b = hull[(i + 1) % hull.size()];
    std::int64_t most = 0;
    for (const Corner& c : hull) most = std::max(most, std::abs(turn(a, b, c)));
    least = std::min(least, static_cast<double>(most) / distance(a, b) / 4);
  }
  return least;
}

/// The length of all borders: an estimate from how border pixels meet.
/// @par Source  K. Benkrid, D. Crookes, Design and FPGA Implementation of a Perimeter Estimator
///   (2000), with 4 neighbours, as in scikit-image's `perimeter`.
double perimeter_of(const Mask& mask) {
  const int width = mask.box.width(), height = mask.box.height();
  const auto inside = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < width && y < height &&
           mask.bits[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                     static_cast<std::size_t>(x)] != 0;
  };
  const auto border = [&](int x, int y) {
    return inside(x, y) &&
           !(inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1));
  };
  double length = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      if (!border(x, y)) continue;
      const int beside = border(x - 1, y) + border(x + 1, y) + border(x, y - 1) + border(x, y + 1);
      const int across =
          border(x - 1, y - 1) + border(x + 1, y - 1) + border(x - 1, y + 1) + border(x + 1, y + 1);
      switch (1 + 2 * beside + 10 * across) {
        case 5:
        case 7:
        case 15:
        case 17:
        case 25:
        case 27:
          length += 1;
          break;
        case 21:
        case 33:
          length += std::numbers::sqrt2;
          break;
        case 13:
        case 23:
          length += (1 + std::numbers::sqrt2) / 2;
          break;
        default:
          break;
      }
    }
  return length;
}

/// Axes and orientation of the ellipse with the mask's second moments, in pixels.
void measure_ellipse(const Mask& mask, double area, Measurements& m) {
  double sum_x = 0, sum_y = 0, xx = 0, yy = 0, xy = 0;
  const auto each = [&](auto&& body) {
    for (int y = 0; y < mask.box.height(); ++y)
      for (int x = 0; x < mask.box.width(); ++x)
        if (mask.row(y + mask.box.y0)[x] != 0) body(x, y);
  };
  each([&](double x, double y) { sum_x += x, sum_y += y; });
  const double mid_x = sum_x / area, mid_y = sum_y / area;
  each([&](double x, double y) {
    xx += (x - mid_x) * (x - mid_x);
    yy += (y - mid_y) * (y - mid_y);
    xy += (x - mid_x) * (y - mid_y);
  });
  xx /= area, yy /= area, xy /= area;
  const double half = (xx + yy) / 2, root = std::hypot((xx - yy) / 2, xy);
  m.major_axis = 4 * std::sqrt(half + root);
  m.minor_axis = 4 * std::sqrt(std::max(0.0, half - root));
  // seen with y upwards, the direction of the major axis is that of the larger eigenvalue
  const double angle = 0.5 * std::atan2(-2 * xy, xx - yy) * 180 / std::numbers::pi;
  m.orientation = angle <= -90 ? angle + 180 : angle;
}

std::vector<Measurements::Intensity> intensities_of(const Mask& mask, double area,
                                                    const ImageView& image) {
  std::vector<Measurements::Intensity> channels(3, {0, 255, 0});
  for (int y = mask.box.y0; y < mask.box.y1; ++y) {
    const std::uint8_t* bits = mask.row(y);
    const std::uint8_t* pixel = image.row(y) + 3 * std::ptrdiff_t{mask.box.x0};
    for (int x = 0; x < mask.box.width(); ++x, pixel += 3) {
      if (bits[x] == 0) continue;
      for (std::size_t c = 0; c < 3; ++c) {
        channels[c].mean += pixel[c];
        channels[c].min = std::min<int>(channels[c].min, pixel[c]);
        channels[c].max = std::max<int>(channels[c].max, pixel[c]);
      }
    }
  }
  for (auto& channel : channels) channel.mean /= area;
  return channels;
}

}  // namespace

PixelSize parse_pixel_size(std::string_view text, std::string_view name) {
  PixelSize size;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size.length);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (error != std::errc{} || !std::isfinite(size.length) || size.length <= 0 || unit.size() > 12 ||
      unit.find_first_of(",\"\r\n\t") != unit.npos)
    throw InvalidArgument(
        fmt::format("{}: got \"{}\", expected a number above 0 and a unit, as 0.12mm", name, text));
  if (!unit.empty()) size.unit = unit;
  return size;
}

Measurements measure(const Mask& mask, std::optional<ImageView> image, const PixelSize& pixel) {
  if (mask.empty()) throw InvalidArgument("mask to be measured: has no pixel");
  if (image) require_mask(mask, image->size(), "mask to be measured");
  Measurements m;
  const auto pixels = static_cast<double>(mask.area());
  const std::vector<Corner> hull = hull_of(spans_of(mask));
  const std::vector<Span> convex = spans_in(hull, mask.box);
  double convex_area = 0;
  for (const Span& span : convex) convex_area += span.last - span.first + 1;
  m.perimeter = perimeter_of(mask);
  measure_ellipse(mask, pixels, m);
  m.length = largest_distance(hull_of(convex));
  m.width = least_width(hull);
  m.solidity = pixels / convex_area;
  m.circularity = m.perimeter > 0
                      ? std::min(1.0, 4 * std::numbers::pi * pixels / (m.perimeter * m.perimeter))
                      : 1;
  if (image) m.intensity = intensities_of(mask, pixels, *image);
  const double length = pixel.length;
  m.area = pixels * length * length;
  m.equivalent_diameter = 2 * std::sqrt(pixels / std::numbers::pi) * length;
  for (double* value : {&m.perimeter, &m.major_axis, &m.minor_axis, &m.length, &m.width})
    *value *= length;
  return m;
}

std::vector<std::pair<std::string, double>> named_values(const Measurements& m,
                                                         const PixelSize& pixel) {
  const std::string unit = pixel.unit == "px" ? "" : "_" + pixel.unit;
  std::vector<std::pair<std::string, double>> values{
      {unit.empty() ? "area" : "area" + unit + "2", m.area},
      {"equivalent_diameter" + unit, m.equivalent_diameter},
      {"perimeter" + unit, m.perimeter},
      {"major_axis" + unit, m.major_axis},
      {"minor_axis" + unit, m.minor_axis},
      {"orientation", m.orientation},
      {"length" + unit, m.length},
      {"width" + unit, m.width},
      {"circularity", m.circularity},
      {"solidity", m.solidity}};
  constexpr const char* channels[] = {"red", "green", "blue"};
  for (std::size_t c = 0; c < m.intensity.size(); ++c) {
    const std::string channel = channels[c];
    values.emplace_back(channel + "_mean", m.intensity[c].mean);
    values.emplace_back(channel + "_min", m.intensity[c].min);
    values.emplace_back(channel + "_max", m.intensity[c].max);
  }
  return values;
}

std::string measurements_to_csv(const Result& result, ImageView image, const PixelSize& pixel) {
  std::string text = "id,x,y,score,class,touches_border";
  Measurements none;
  none.intensity.resize(3);
  for (const auto& [name, value] : named_values(none, pixel))
    text.append(",").append(cell_of(name));
  text += "\n";
  std::vector<std::string> names = class_names(result);
  for (std::string& name : names) name = cell_of(name);
  std::size_t id = 0;
  for (const Instance& i : result.instances) {
    text += fmt::format("{},{},{},{:.4f},{},{}", ++id, i.point.x, i.point.y, i.score,
                        names.at(i.class_index), i.touches_border ? 1 : 0);
    for (const auto& [name, value] : named_values(measure(i.mask, image, pixel), pixel))
      text += fmt::format(",{:.6g}", value);
    text += "\n";
  }
  return text;
}

void write_measurements(const std::filesystem::path& path, const Result& result, ImageView image,
                        const PixelSize& pixel) {
  write_file(path, measurements_to_csv(result, image, pixel));
}

}  // namespace persense::io
