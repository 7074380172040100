#include "candidates.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>
#include <opencv2/imgproc.hpp>

#include "persense/image.hpp"

namespace persense::mini {

namespace {

using Cell = cv::Vec<float, map_channels>;

double equivalent_diameter(double area) { return std::sqrt(4 * area / std::numbers::pi); }

float logit(double probability) {
  return static_cast<float>(std::log(probability / (1 - probability)));
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// Where the peaks lie, hashed so that those near a place are found at once.
class NearestPeak {
 public:
  NearestPeak(std::span<const cv::Point> cells, cv::Size grid, double reach)
      : reach_(reach),
        columns_(1 + static_cast<int>(grid.width * map_stride / reach)),
        rows_(1 + static_cast<int>(grid.height * map_stride / reach)),
        first_(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_) + 1, 0) {
    std::vector<int> bucket;
    for (const cv::Point& cell : cells) {
      places_.push_back({static_cast<float>(map_stride * cell.x) + 0.5f,
                         static_cast<float>(map_stride * cell.y) + 0.5f});
      bucket.push_back(bucket_of(places_.back()));
      ++first_[static_cast<std::size_t>(bucket.back()) + 1];
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    std::vector<int> next(first_.begin(), first_.end() - 1);
    sorted_.resize(places_.size());
    for (std::size_t i = 0; i < places_.size(); ++i)
      sorted_[static_cast<std::size_t>(next[static_cast<std::size_t>(bucket[i])]++)] =
          static_cast<int>(i);
  }

  const std::vector<cv::Point2f>& places() const { return places_; }

  /// The index of the nearest within reach, the first of equally near ones; -1 without any.
  int of(cv::Point2f p) const {
    int nearest = -1;
    float least = static_cast<float>(reach_ * reach_);
    const int column = static_cast<int>(std::floor(p.x / reach_));
    const int row = static_cast<int>(std::floor(p.y / reach_));
    for (int y = std::max(row - 1, 0); y <= std::min(row + 1, rows_ - 1); ++y)
      for (int x = std::max(column - 1, 0); x <= std::min(column + 1, columns_ - 1); ++x) {
        const auto b = static_cast<std::size_t>(y * columns_ + x);
        for (int i = first_[b]; i < first_[b + 1]; ++i) {
          const int peak = sorted_[static_cast<std::size_t>(i)];
          const cv::Point2f d = places_[static_cast<std::size_t>(peak)] - p;
          const float away = d.dot(d);
          if (away < least || (away == least && peak < nearest)) nearest = peak, least = away;
        }
      }
    return nearest;
  }

 private:
  int bucket_of(cv::Point2f p) const {
    return static_cast<int>(p.y / reach_) * columns_ + static_cast<int>(p.x / reach_);
  }

  double reach_;
  int columns_, rows_;
  std::vector<cv::Point2f> places_;
  std::vector<int> first_, sorted_;
};

/// Cells whose density is higher than the least and nowhere lower than about it.
std::vector<cv::Point> peaks_of(const cv::Mat& maps, cv::Size within, double least) {
  std::vector<cv::Point> peaks;
  const float lowest = logit(least);
  for (int y = 0; y < within.height; ++y) {
    const Cell* row = maps.ptr<Cell>(y);
    for (int x = 0; x < within.width; ++x) {
      const float own = row[x][peaks_map];
      if (!(own > lowest)) continue;
      bool highest = true;
      for (int v = std::max(y - 1, 0); highest && v <= std::min(y + 1, maps.rows - 1); ++v)
        for (int u = std::max(x - 1, 0); u <= std::min(x + 1, maps.cols - 1); ++u)
          highest = highest && maps.at<Cell>(v, u)[peaks_map] <= own;
      if (highest) peaks.push_back({x, y});
    }
  }
  return peaks;
}

/// The density about each peak, every cell's added to the nearest peak's.
std::vector<double> masses_of(const cv::Mat& maps, const NearestPeak& nearest) {
  constexpr int reach = 4;  // cells: the deviation of an object's density is one
  std::vector<double> masses(nearest.places().size(), 0.0);
  for (std::size_t i = 0; i < masses.size(); ++i) {
    const auto& at = nearest.places()[i];
    const int x = static_cast<int>(at.x) / map_stride, y = static_cast<int>(at.y) / map_stride;
    for (int v = std::max(y - reach, 0); v <= std::min(y + reach, maps.rows - 1); ++v)
      for (int u = std::max(x - reach, 0); u <= std::min(x + reach, maps.cols - 1); ++u) {
        const cv::Point2f cell(static_cast<float>(map_stride * u) + 0.5f,
                               static_cast<float>(map_stride * v) + 0.5f);
        if (nearest.of(cell) == static_cast<int>(i))
          masses[i] += sigmoid(maps.at<Cell>(v, u)[peaks_map]) * peak_density;
      }
  }
  return masses;
}

/// The cells of each peak: foreground whose offsets lead to it.
std::vector<std::vector<cv::Point>> cells_of(const cv::Mat& maps, const NearestPeak& nearest,
                                             double foreground) {
  std::vector<std::vector<cv::Point>> cells(nearest.places().size());
  const float lowest = logit(foreground);
  for (int y = 0; y < maps.rows; ++y) {
    const Cell* row = maps.ptr<Cell>(y);
    for (int x = 0; x < maps.cols; ++x) {
      if (!(row[x][target_map] > lowest)) continue;
      const auto unit = static_cast<float>(offset_unit);
      const cv::Point2f to(static_cast<float>(map_stride * x) + 0.5f + unit * row[x][offset_x_map],
                           static_cast<float>(map_stride * y) + 0.5f + unit * row[x][offset_y_map]);
      const int peak = nearest.of(to);
      if (peak >= 0) cells[static_cast<std::size_t>(peak)].push_back({x, y});
    }
  }
  return cells;
}

/// The cells' pixels inside of the level.
Region region_of(std::span<const cv::Point> cells, cv::Size size) {
  Region region;
  int x0 = size.width, y0 = size.height, x1 = 0, y1 = 0;
  for (const cv::Point& c : cells) {
    x0 = std::min(x0, map_stride * c.x), y0 = std::min(y0, map_stride * c.y);
    x1 = std::max(x1, map_stride * (c.x + 1)), y1 = std::max(y1, map_stride * (c.y + 1));
  }
  region.box = cv::Rect(cv::Point(x0, y0), cv::Point(std::min(x1, size.width),  //
                                                     std::min(y1, size.height)));
  if (region.box.width <= 0 || region.box.height <= 0) return {};
  region.mask = cv::Mat::zeros(region.box.size(), CV_8UC1);
  for (const cv::Point& c : cells) {
    const cv::Rect pixels =
        cv::Rect(map_stride * c.x - x0, map_stride * c.y - y0, map_stride, map_stride) &
        cv::Rect({}, region.box.size());
    if (!pixels.empty()) region.mask(pixels).setTo(1);
  }
  return region;
}

}  // namespace

int home_octave(double diameter) {
  return static_cast<int>(std::ceil(std::log2(band_low / diameter) - 1e-9));
}

LevelRange levels_for(double diameter, cv::Size image) {
  constexpr int octaves = 2, most_enlarged = 2;
  constexpr double least_side = 32;      // pixels
  constexpr double most_pixels = 1.6e7;  // time and memory stay bounded
  const double pixels = static_cast<double>(image.width) * image.height;
  const auto total = [&](int coarsest, int finest) {
    double sum = 0;
    for (int k = coarsest; k <= finest; ++k) sum += std::exp2(2 * k) * pixels;
    return sum;
  };
  const double halvings = std::max(std::min(image.width, image.height) / least_side, 1.0);
  const int smallest = -static_cast<int>(std::log2(halvings)), home = home_octave(diameter);
  LevelRange range{};
  range.coarsest = std::clamp(home - octaves, smallest, most_enlarged);
  while (range.coarsest > smallest && total(range.coarsest, range.coarsest) > most_pixels)
    --range.coarsest;
  const int most = std::max(range.coarsest, most_enlarged);
  range.wanted = std::clamp(home, range.coarsest, most);
  range.whole = range.wanted;
  while (range.whole > range.coarsest && total(range.coarsest, range.whole) > most_pixels)
    --range.whole;
  range.finest = std::clamp(home + octaves, range.wanted, most);
  return range;
}

ColourRule colour_rule(const Pyramid& pyramid, const Mask& mask) {
  const cv::Mat image = pyramid.halved(0);
  const PixelBox& box = mask.box;
  const int wide = std::max(2, static_cast<int>(equivalent_diameter(mask.area()) / 2));
  const cv::Rect inner(box.x0, box.y0, box.width(), box.height());
  const cv::Rect near =
      cv::Rect(inner.x - wide, inner.y - wide, inner.width + 2 * wide, inner.height + 2 * wide) &
      cv::Rect({}, image.size());
  cv::Mat inside = cv::Mat::zeros(near.size(), CV_8UC1), close, far;
  cv::Mat(box.height(), box.width(), CV_8UC1, const_cast<std::uint8_t*>(mask.bits.data()))
      .copyTo(inside(inner - near.tl()));
  cv::dilate(inside, close, cv::Mat::ones(3, 3, CV_8UC1));
  cv::dilate(inside, far, cv::Mat::ones(2 * wide + 1, 2 * wide + 1, CV_8UC1));
  cv::Mat seen;
  cv::LUT(image(near), pyramid.stretch(), seen);
  cv::Vec3d sums[2];
  cv::Matx33d squares[2];
  double counts[2] = {0, 0};
  for (int y = 0; y < near.height; ++y)
    for (int x = 0; x < near.width; ++x) {
      const bool in = inside.at<std::uint8_t>(y, x) != 0;
      if (!in && (close.at<std::uint8_t>(y, x) != 0 || far.at<std::uint8_t>(y, x) == 0)) continue;
      const cv::Vec3d v = seen.at<cv::Vec3f>(y, x);
      sums[in] += v;
      squares[in] += v * v.t();
      ++counts[in];
    }
  if (counts[0] == 0 || counts[1] == 0) return {};
  const cv::Vec3d own = sums[1] / counts[1], around = sums[0] / counts[0];
  cv::Matx33d spread = cv::Matx33d::eye() * 1e-3;  // of what has no noise at all
  for (int i = 0; i < 2; ++i) {
    const cv::Vec3d mean = sums[i] / counts[i];
    spread += 0.5 * (squares[i] * (1 / counts[i]) - mean * mean.t());
  }
  const cv::Vec3d weights = spread.inv() * (own - around);
  return {static_cast<float>(weights[0]), static_cast<float>(weights[1]),
          static_cast<float>(weights[2]), static_cast<float>(-weights.dot(0.5 * (own + around)))};
}

namespace {

/// CV_8UC1: where a rule holds of an image.
cv::Mat holds_of(const ColourRule& rule, const Pyramid& pyramid) {
  const cv::Mat image = pyramid.halved(0), stretch = pyramid.stretch();
  std::array<std::array<float, 256>, 3> part{};
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t v = 0; v < 256; ++v)
      part[c][v] = rule[c] * stretch.at<float>(static_cast<int>(v));
  cv::Mat out(image.size(), CV_8UC1);
  cv::parallel_for_(cv::Range(0, image.rows), [&](const cv::Range& rows) {
    for (int y = rows.start; y < rows.end; ++y) {
      const auto* pixel = image.ptr<cv::Vec3b>(y);
      for (int x = 0; x < image.cols; ++x)
        out.at<std::uint8_t>(y, x) =
            part[0][pixel[x][0]] + part[1][pixel[x][1]] + part[2][pixel[x][2]] + rule[3] > 0 ? 255
                                                                                             : 0;
    }
  });
  return out;
}

/// Whether any pixel of a part is set.
bool any(const cv::Mat& mask, const cv::Rect& part) { return cv::countNonZero(mask(part)) > 0; }

}  // namespace

std::vector<cv::Point> places_like(const Pyramid& pyramid, std::span<const ColourRule> rules,
                                   double diameter, int reach, std::size_t most) {
  constexpr double smallest = 0.25, opened = 0.3;  // in diameters
  cv::Mat like = cv::Mat::zeros(pyramid.size(), CV_8UC1), ids, stats, centres;
  for (const ColourRule& rule : rules) like |= holds_of(rule, pyramid);
  const int wide = std::max(1, static_cast<int>(std::lround(opened * diameter)));
  cv::morphologyEx(like, like, cv::MORPH_OPEN, cv::Mat::ones(wide, wide, CV_8UC1));
  const int count = cv::connectedComponentsWithStats(like, ids, stats, centres);
  const double area = std::numbers::pi / 4 * diameter * diameter;
  std::vector<std::pair<double, cv::Point>> found;  // how unlike in size, where
  for (int i = 1; i < count; ++i) {
    const int* of = stats.ptr<int>(i);
    if (of[cv::CC_STAT_AREA] < smallest * smallest * area) continue;
    const double unlike = std::abs(std::log(of[cv::CC_STAT_AREA] / area));
    const cv::Rect box(of[cv::CC_STAT_LEFT], of[cv::CC_STAT_TOP], of[cv::CC_STAT_WIDTH],
                       of[cv::CC_STAT_HEIGHT]);
    if (std::max(box.width, box.height) <= reach) {
      found.emplace_back(unlike, (box.tl() + box.br()) / 2);
      continue;
    }
    for (int y = box.y; y < box.y + box.height; y += reach)
      for (int x = box.x; x < box.x + box.width; x += reach) {
        const cv::Rect part = cv::Rect(x, y, reach, reach) & box;
        if (any(like, part)) found.emplace_back(unlike, (part.tl() + part.br()) / 2);
      }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<cv::Point> places;
  for (const auto& [unlike, at] : found) {
    const bool is_near = std::any_of(places.begin(), places.end(), [&](const cv::Point& p) {
      return std::max(std::abs(p.x - at.x), std::abs(p.y - at.y)) <= reach / 3;
    });
    if (!is_near) places.push_back(at);
    if (places.size() == most) break;
  }
  return places;
}

Outline outline_of(const cv::Mat& mask) {
  const cv::Moments moments = cv::moments(mask, /*binaryImage=*/true);
  const double area = std::max(moments.m00, 1.0);
  const double xx = moments.mu20 / area + 1.0 / 12, yy = moments.mu02 / area + 1.0 / 12;
  const double xy = moments.mu11 / area;
  const double root = std::sqrt((xx - yy) * (xx - yy) / 4 + xy * xy);
  const double ratio = std::sqrt(std::max((xx + yy) / 2 - root, 0.0) / ((xx + yy) / 2 + root));
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(mask, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  std::vector<cv::Point> points, hull;
  double perimeter = 0, filled = 0;
  for (const auto& outline : outlines) {
    points.insert(points.end(), outline.begin(), outline.end());
    const double length = cv::arcLength(outline, true);
    perimeter += length;
    // outlines run through the middles of pixels: half a pixel is missing all round
    filled += cv::contourArea(outline) + length / 2 + 1;
  }
  cv::convexHull(points, hull);
  const cv::Size2f least = cv::minAreaRect(points).size;
  const double numbers[shape_length] = {
      1 - ratio,
      area / (cv::contourArea(hull) + cv::arcLength(hull, true) / 2 + 1),
      area / ((double{least.width} + 1) * (double{least.height} + 1)),
      std::min(4 * std::numbers::pi * filled / std::pow(perimeter + std::numbers::pi, 2), 1.0),
      std::max(0.0, 1 - area / filled),
      std::log2(equivalent_diameter(area) / 20)};
  Outline outline{{}, area};
  std::transform(numbers, numbers + shape_length, outline.numbers.begin(),
                 [](double n) { return static_cast<float>(n); });
  return outline;
}

Description describe(const Region& region, const Pyramid& pyramid, const cv::Matx23d& to_image) {
  const cv::Rect& box = region.box;
  const Outline outline = outline_of(region.mask);
  const double side = 1.2 * std::max(box.width, box.height) + 2;
  const double x = box.x + (box.width - 1) / 2.0, y = box.y + (box.height - 1) / 2.0;
  Description out;
  out.square = {static_cast<float>(x), static_cast<float>(y), static_cast<float>(side), 1.0f, 0.0f};
  out.shape = outline.numbers;
  const double scale = std::sqrt(to_image(0, 0) * to_image(1, 1));
  out.size =
      static_cast<float>(std::log2(std::max(equivalent_diameter(outline.area) * scale, 0.5)));
  const double step = static_cast<double>(out.square[2]) / crop_side;
  const double first = step * (crop_side - 1) / 2.0;
  const cv::Matx23d to_level(step, 0, x - first, 0, step, y - first);
  out.crop = pyramid.view(crop_side, composed(to_image, to_level));
  cv::Matx23d to_mask = to_level;
  to_mask(0, 2) -= box.x;
  to_mask(1, 2) -= box.y;
  cv::warpAffine(region.mask * 255, out.cover, to_mask, {crop_side, crop_side},
                 cv::INTER_LINEAR | cv::WARP_INVERSE_MAP);
  return out;
}

std::vector<Region> find_regions(const cv::Mat& maps, cv::Size size,
                                 const FindingOptions& options) {
  const cv::Size within = size / map_stride;
  const std::vector<cv::Point> peaks = peaks_of(maps, within, options.least_peak);
  std::vector<Region> regions;
  if (peaks.empty()) return regions;
  const NearestPeak nearest(peaks, maps.size(), options.reach);
  const std::vector<double> masses = masses_of(maps, nearest);
  const double slack = std::exp2(band_overlap);
  const double smallest = 0.9 * band_low / slack, largest = 1.1 * band_high * slack;
  std::vector<double> known(peaks.size(), 0);  // cells of the last region of each peak
  const auto all = cells_of(maps, nearest, *std::ranges::min_element(options.foreground));
  for (const double foreground : options.foreground) {
    const float lowest = logit(foreground);
    for (std::size_t i = 0; i < peaks.size(); ++i) {
      std::vector<cv::Point> cells;
      std::ranges::copy_if(all[i], std::back_inserter(cells), [&](const cv::Point& c) {
        return maps.at<Cell>(c)[target_map] > lowest;
      });
      const auto count = static_cast<double>(cells.size());
      const double diameter = equivalent_diameter(map_stride * map_stride * std::max(count, 1.0));
      if (known[i] > options.as_large * count || diameter < smallest || diameter > largest)
        continue;
      Region region = region_of(cells, size);
      if (region.mask.empty() || cv::countNonZero(region.mask) < options.least_area) continue;
      region.peak = nearest.places()[i];
      region.mass = masses[i];
      regions.push_back(std::move(region));
      known[i] = count;
    }
  }
  return regions;
}

}  // namespace persense::mini
