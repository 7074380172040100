#include "map_decoder.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <span>

namespace persense::mini {

namespace {

using Cell = cv::Vec<float, map_channels>;

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

/// Where a cell's offset leads, pixels of the level.
cv::Point2f led(const Cell& cell, int x, int y) {
  const auto unit = static_cast<float>(offset_unit);
  return {static_cast<float>(map_stride * x) + 0.5f + unit * cell[offset_x_map],
          static_cast<float>(map_stride * y) + 0.5f + unit * cell[offset_y_map]};
}

/// The cells of each peak: those whose offsets lead to it.
/// @param channel  of the maps, in which they have this probability at least.
std::vector<std::vector<cv::Point>> cells_of(const cv::Mat& maps, cv::Size within, int channel,
                                             double least, const NearestPeak& nearest) {
  std::vector<std::vector<cv::Point>> cells(nearest.places().size());
  const float lowest = logit(least);
  for (int y = 0; y < within.height; ++y) {
    const Cell* row = maps.ptr<Cell>(y);
    for (int x = 0; x < within.width; ++x) {
      if (!(row[x][channel] > lowest)) continue;
      const int peak = nearest.of(led(row[x], x, y));
      if (peak >= 0) cells[static_cast<std::size_t>(peak)].push_back({x, y});
    }
  }
  return cells;
}

/// Cells to which the offsets of more cells of objects lead than to any about them: of equal ones
/// side by side, the first.
std::vector<cv::Point> object_peaks(const cv::Mat& maps, cv::Size within,
                                    const FindingOptions& options) {
  cv::Mat votes = cv::Mat::zeros(within, CV_64FC1);
  const float lowest = logit(options.object);
  for (int y = 0; y < within.height; ++y) {
    const Cell* row = maps.ptr<Cell>(y);
    for (int x = 0; x < within.width; ++x) {
      if (!(row[x][object_map] > lowest)) continue;
      const cv::Point2f to = led(row[x], x, y);
      const auto cell = [](float place, int length) {
        return std::clamp(cvRound((place - 0.5f) / map_stride), 0, length - 1);
      };
      votes.at<double>(cell(to.y, within.height), cell(to.x, within.width)) += 1;
    }
  }
  const cv::Matx<double, 5, 1> bell(1.0 / 16, 4.0 / 16, 6.0 / 16, 4.0 / 16, 1.0 / 16);
  cv::sepFilter2D(votes, votes, CV_64F, bell, bell, {-1, -1}, 0, cv::BORDER_CONSTANT);
  std::vector<cv::Point> peaks;
  for (int y = 0; y < within.height; ++y)
    for (int x = 0; x < within.width; ++x) {
      const double own = votes.at<double>(y, x);
      bool highest = own > options.votes;
      for (int v = std::max(y - 1, 0); highest && v <= std::min(y + 1, within.height - 1); ++v)
        for (int u = std::max(x - 1, 0); u <= std::min(x + 1, within.width - 1); ++u) {
          const bool is_before = v < y || (v == y && u < x);
          const double other = votes.at<double>(v, u);
          highest = highest && (is_before ? other < own : other <= own);
        }
      if (highest) peaks.push_back({x, y});
    }
  return peaks;
}

/// Regions that do not overlap, to compare others with.
class Known {
 public:
  explicit Known(cv::Size grid) : owners_(grid, CV_32SC1, cv::Scalar(-1)) {}

  void add(std::span<const cv::Point> cells) {
    for (const cv::Point& c : cells) owners_.at<int>(c) = static_cast<int>(counts_.size());
    counts_.push_back(cells.size());
  }

  /// The IoU of a region with that which it shares the most cells with.
  double overlap(std::span<const cv::Point> cells) const {
    std::vector<int> owners;  // sorted, as a level may have thousands of regions
    for (const cv::Point& c : cells)
      if (const int owner = owners_.at<int>(c); owner >= 0) owners.push_back(owner);
    std::ranges::sort(owners);
    std::size_t shared = 0, other = 0;
    for (auto first = owners.begin(); first != owners.end();) {
      const auto last = std::upper_bound(first, owners.end(), *first);
      if (const auto count = static_cast<std::size_t>(last - first); count > shared) {
        shared = count;
        other = counts_[static_cast<std::size_t>(*first)];
      }
      first = last;
    }
    return static_cast<double>(shared) / static_cast<double>(cells.size() + other - shared);
  }

 private:
  cv::Mat owners_;
  std::vector<std::size_t> counts_;  // of cells
};

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

/// Whether so many cells may be an object of the level.
bool fits(std::size_t count) {
  const double slack = std::exp2(band_overlap);
  const double diameter = equivalent_diameter(static_cast<double>(map_stride * map_stride) *
                                              static_cast<double>(count));
  return diameter >= 0.9 * band_low / slack && diameter <= 1.1 * band_high * slack;
}

/// Adds a region, unless it has no pixels in the level worth the name.
void add(std::vector<Region>& regions, std::span<const cv::Point> cells, cv::Size size,
         cv::Point2f peak, double mass, const FindingOptions& options) {
  Region region = region_of(cells, size);
  if (region.mask.empty() || cv::countNonZero(region.mask) < options.least_area) return;
  region.peak = peak;
  region.mass = std::max(mass, 1.0);  // a region holds one object at least
  regions.push_back(std::move(region));
}

/// Adds the targets' regions. @return them, by foreground.
std::vector<Known> add_targets(std::vector<Region>& regions, const cv::Mat& maps, cv::Size size,
                               const FindingOptions& options) {
  std::vector<Known> by_foreground;
  for (std::size_t f = 0; f < options.foreground.size(); ++f)
    by_foreground.emplace_back(maps.size());
  const auto peaks = peaks_of(maps, size / map_stride, options.least_peak);
  if (peaks.empty()) return by_foreground;
  const NearestPeak nearest(peaks, maps.size(), options.reach);
  const std::vector<double> masses = masses_of(maps, nearest);
  std::vector<double> known(peaks.size(), 0);  // cells of the last region of each peak
  const auto all = cells_of(maps, maps.size(), target_map,
                            *std::ranges::min_element(options.foreground), nearest);
  for (std::size_t f = 0; f < by_foreground.size(); ++f) {
    const float lowest = logit(options.foreground[f]);
    for (std::size_t i = 0; i < peaks.size(); ++i) {
      std::vector<cv::Point> cells;
      std::ranges::copy_if(all[i], std::back_inserter(cells), [&](const cv::Point& c) {
        return maps.at<Cell>(c)[target_map] > lowest;
      });
      const auto count = static_cast<double>(cells.size());
      if (known[i] > options.as_large * count || !fits(cells.size())) continue;
      add(regions, cells, size, nearest.places()[i], masses[i], options);
      by_foreground[f].add(cells);
      known[i] = count;
    }
  }
  return by_foreground;
}

}  // namespace

std::vector<Region> find_regions(const cv::Mat& maps, cv::Size size,
                                 const FindingOptions& options) {
  std::vector<Region> regions;
  const std::vector<Known> targets = add_targets(regions, maps, size, options);
  const cv::Size within = size / map_stride;
  const auto peaks = object_peaks(maps, within, options);
  if (peaks.empty()) return regions;
  const NearestPeak nearest(peaks, maps.size(), options.reach);
  const auto cells = cells_of(maps, within, object_map, options.object, nearest);
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    const auto is_it = [&](const Known& known) { return known.overlap(cells[i]) > options.alike; };
    if (fits(cells[i].size()) && std::ranges::none_of(targets, is_it))
      add(regions, cells[i], size, nearest.places()[i], /*mass=*/1, options);
  }
  return regions;
}

}  // namespace persense::mini
