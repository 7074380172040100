#include "persense/mini/mini.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "mini_archive.hpp"
#include "mini_network.hpp"
#include "module_errors.hpp"
#include "persense/classic/classic.hpp"
#include "persense/example.hpp"
#include "persense/mask.hpp"
#include "persense/support.hpp"

namespace persense::torchscript {

namespace {

using mini::Description;
using mini::look_side;
using mini::map_stride;
using mini::Region;

constexpr std::size_t fewest_for_maps = 2;  // exemplars that the maps are conditioned on

constexpr int own_side = 72;          // of a window's pixels, those that are no other's
constexpr float most_covered = 0.5f;  // part of a mask that better ones may cover

at::Tensor joined(const std::vector<MiniExample>& examples, at::Tensor MiniExample::*what) {
  std::vector<at::Tensor> rows;
  for (const MiniExample& e : examples) rows.push_back(e.*what);
  return at::cat(rows);
}

std::vector<float> sizes_of(const std::vector<MiniExample>& examples) {
  std::vector<float> sizes;
  for (const MiniExample& e : examples) sizes.push_back(e.size);
  return sizes;
}

/// A candidate of the image.
struct Candidate {
  std::size_t level;  // index into the reading's
  Region region;
  cv::Point2d at;  // the peak, pixels of the image
  double near;     // from where a prompt means it, be it beside the region: pixels of the image
  PixelBox box;    // pixels of the image that the region may touch
};

/// What the maps say for one prototype.
struct Reading {
  std::vector<ReadLevel> levels;  // those of one scale side by side, the coarsest first
  std::vector<Candidate> candidates;
  std::vector<float> sizes;
  MiniRegions regions;
};

/// What it comes to with exemplars.
struct Judgement {
  std::shared_ptr<const Reading> reading;
  MiniVerdict verdict;

  float score(std::size_t i) const { return verdict.same[i] * verdict.quality[i]; }
};

/// Of exemplars that have masks.
struct Key {
  persense::detail::Identity prototype;
  std::vector<Mask> masks;

  bool operator==(const Key& other) const {
    return prototype == other.prototype &&
           std::equal(
               masks.begin(), masks.end(), other.masks.begin(), other.masks.end(),
               [](const Mask& a, const Mask& b) { return a.box == b.box && a.bits == b.bits; });
  }
};

cv::Point2d moved(const cv::Matx23d& map, cv::Point2d p) {
  return {map(0, 0) * p.x + map(0, 1) * p.y + map(0, 2),
          map(1, 0) * p.x + map(1, 1) * p.y + map(1, 2)};
}

bool holds(const Region& region, cv::Point at) {
  return region.box.contains(at) && region.mask.at<std::uint8_t>(at - region.box.tl()) != 0;
}

cv::Matx23d inverse(const cv::Matx23d& map) {
  cv::Matx23d out;
  cv::invertAffineTransform(map, out);
  return out;
}

/// The pixels of the image that pixels of a level touch.
PixelBox image_box(const cv::Rect& of, const cv::Matx23d& to_image, cv::Size image) {
  const cv::Point2d first = moved(to_image, {of.x - 0.5, of.y - 0.5});
  const cv::Point2d last = moved(to_image, {of.x + of.width - 0.5, of.y + of.height - 0.5});
  const auto side = [](double v, int most) {
    return std::clamp(static_cast<int>(std::floor(v)), 0, most);
  };
  return {side(first.x + 0.5, image.width), side(first.y + 0.5, image.height),
          side(std::ceil(last.x + 0.5), image.width), side(std::ceil(last.y + 0.5), image.height)};
}

/// A mask of a level's pixels; without any, an empty region.
Region region_of(const Mask& mask) {
  Region region;
  if (mask.empty()) return region;
  region.box = cv::Rect(mask.box.x0, mask.box.y0, mask.box.width(), mask.box.height());
  region.mask =
      cv::Mat(region.box.size(), CV_8UC1, const_cast<std::uint8_t*>(mask.bits.data())).clone();
  return region;
}

/// The mask on another grid, nearest pixels; of an object that falls through it, its middle.
Region resampled(const Mask& mask, const cv::Matx23d& to_image, const cv::Rect& within) {
  const cv::Matx23d to_grid = inverse(to_image);
  const auto& b = mask.box;
  const cv::Point2d first = moved(to_grid, {b.x0 - 0.5, b.y0 - 0.5});
  const cv::Point2d last = moved(to_grid, {b.x1 - 0.5, b.y1 - 0.5});
  const cv::Rect near = cv::Rect(cv::Point(static_cast<int>(std::floor(first.x)),
                                           static_cast<int>(std::floor(first.y))),
                                 cv::Point(static_cast<int>(std::ceil(last.x)) + 1,
                                           static_cast<int>(std::ceil(last.y)) + 1)) &
                        within;
  Region region;
  const cv::Mat bits(b.height(), b.width(), CV_8UC1, const_cast<std::uint8_t*>(mask.bits.data()));
  if (!near.empty()) {
    cv::Matx23d to_bits = mini::composed(to_image, {1, 0, double(near.x), 0, 1, double(near.y)});
    to_bits(0, 2) -= b.x0;
    to_bits(1, 2) -= b.y0;
    cv::Mat seen;
    cv::warpAffine(bits, seen, to_bits, near.size(), cv::INTER_NEAREST | cv::WARP_INVERSE_MAP);
    region = region_of(crop_to_box(MaskView(seen), {near.x, near.y}));
    if (!region.mask.empty()) return region;
  }
  const cv::Point2d middle = moved(to_grid, {(b.x0 + b.x1 - 1) / 2.0, (b.y0 + b.y1 - 1) / 2.0});
  region.box = cv::Rect(
      std::clamp(static_cast<int>(std::lround(middle.x)), within.x, within.x + within.width - 1),
      std::clamp(static_cast<int>(std::lround(middle.y)), within.y, within.y + within.height - 1),
      1, 1);
  region.mask = cv::Mat::ones(1, 1, CV_8UC1);
  return region;
}

/// A part of a level about a region, on the grid of its coarsest features.
cv::Rect patch_about(const Region& region, cv::Size level) {
  constexpr int side = mini::patch_side, step = 8;
  const auto corner = [](double middle, int length) {
    const int at = static_cast<int>(std::lrint((middle - side / 2.0) / step)) * step;
    return std::clamp(at, 0, std::max(length - side, 0) / step * step);
  };
  const cv::Rect& b = region.box;
  const int x = corner(b.x + (b.width - 1) / 2.0, level.width);
  const int y = corner(b.y + (b.height - 1) / 2.0, level.height);
  return {x, y, std::min(side, level.width - x), std::min(side, level.height - y)};
}

cv::Mat mask_in(const Region& region, const cv::Rect& part) {
  cv::Mat mask = cv::Mat::zeros(part.size(), CV_8UC1);
  const cv::Rect common = region.box & part;
  if (!common.empty()) region.mask(common - region.box.tl()).copyTo(mask(common - part.tl()));
  return mask;
}

bool is_window(const ReadLevel& read) { return !read.kept.empty(); }

/// Whether a place, in pixels of the image, is this level's, or window's.
bool keeps(const ReadLevel& read, cv::Point2d place) {
  return !is_window(read) || read.kept.contains(place);
}

/// Whether a place is this one's and not that of one of its level before it.
/// @param from  the first of them.
bool is_own(const Reading& reading, std::size_t from, std::size_t at, cv::Point2d place) {
  const auto begin = reading.levels.begin();
  return keeps(reading.levels[at], place) &&
         std::none_of(begin + static_cast<std::ptrdiff_t>(from),
                      begin + static_cast<std::ptrdiff_t>(at), [&](const ReadLevel& other) {
                        return other.level->k == reading.levels[at].level->k && keeps(other, place);
                      });
}

/// Whether a candidate's region holds a place of the image.
bool covers(const Reading& reading, const Candidate& c, cv::Point2d at) {
  const cv::Point2d there = moved(inverse(reading.levels[c.level].level->to_image), at);
  return holds(c.region,
               {static_cast<int>(std::lround(there.x)), static_cast<int>(std::lround(there.y))});
}

/// The candidates that stand for an object each, the best first: none that means the same as a
/// better one, be it of another level or foreground.
std::vector<std::size_t> distinct(const Judgement& judgement) {
  const Reading& reading = *judgement.reading;
  const std::vector<Candidate>& candidates = reading.candidates;
  std::vector<std::size_t> order(candidates.size()), kept;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return judgement.score(a) > judgement.score(b);
  });
  const auto are_one = [&](const Candidate& a, const Candidate& b) {
    const cv::Point2d away = a.at - b.at;
    const double distance = away.dot(away), near = std::max(a.near, b.near);
    if (distance < near * near) return true;
    constexpr double far = 4;  // peaks of one object are no further apart than it is wide
    return distance < far * far * near * near && covers(reading, a, b.at) &&
           covers(reading, b, a.at);
  };
  for (const std::size_t i : order)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](std::size_t other) { return are_one(candidates[i], candidates[other]); }))
      kept.push_back(i);
  return kept;
}

/// The part of the image that a level, or window, shows.
PixelBox shown(const MiniLevel& level, cv::Size image) {
  return image_box(cv::Rect({}, level.size), level.to_image, image);
}

/// Clears cells (CV_8UC1 at stride 2) of one level where a region of another one lies, or beside.
void clear(cv::Mat& cells, const MiniLevel& level, const Region& region, const MiniLevel& other) {
  const cv::Matx23d there = mini::composed(inverse(other.to_image), level.to_image);
  const cv::Matx23d here = inverse(there);
  constexpr int beside = map_stride;
  const cv::Point2d first = moved(here, cv::Point2d(region.box.tl()));
  const cv::Point2d last = moved(here, cv::Point2d(region.box.br()));
  const auto cell = [](double at) { return static_cast<int>(std::floor(at / map_stride)); };
  const cv::Rect near = cv::Rect(cv::Point(cell(first.x) - 1, cell(first.y) - 1),
                                 cv::Point(cell(last.x) + 2, cell(last.y) + 2)) &
                        cv::Rect({}, cells.size());
  const auto is_in = [&](double x, double y) {
    const cv::Point2d p = moved(there, {x, y});
    return holds(region, {static_cast<int>(std::lround(p.x)), static_cast<int>(std::lround(p.y))});
  };
  for (int y = near.y; y < near.y + near.height; ++y)
    for (int x = near.x; x < near.x + near.width; ++x)
      for (int i = 0; i < 9; ++i)
        if (is_in(map_stride * x + 0.5 + beside * (i % 3 - 1),
                  map_stride * y + 0.5 + beside * (i / 3 - 1)))
          cells.at<std::uint8_t>(y, x) = 0;
}

/// A region and the window in which its outline is refined.
RefinedRegion to_refine(const ReadLevel& read, const Region& region) {
  const cv::Size size = read.level->pixels.size();
  const auto corner = [](int begin, int length, int most) {
    const double middle = begin + (length - 1) / 2.0;
    const int even = static_cast<int>(std::lrint((middle - mini::window_side / 2.0) / 2)) * 2;
    return std::clamp(even, 0, most - mini::window_side);
  };
  return {&read, &region,
          cv::Point(corner(region.box.x, region.box.width, size.width),
                    corner(region.box.y, region.box.height, size.height))};
}

}  // namespace

struct MiniEmbedding::State {
  MiniNetwork network;
  mini::Pyramid pyramid;
  mutable persense::detail::Memo<int, MiniLevel> levels{8};
  mutable persense::detail::Memo<Key, Reading> readings{3};
  mutable persense::detail::Memo<Key, Judgement> judgements{6};

  State(const MiniNetwork& of, ImageView image) : network(of), pyramid(image) {}

  /// Calls body, with LibTorch's errors in our words.
  template <class Body>
  auto guarded(const char* doing, Body&& body) const {
    return translate(network.module(), doing, std::forward<Body>(body));
  }

  cv::Size level_size(int k) const {
    return {static_cast<int>(std::ldexp(pyramid.size().width, k)),
            static_cast<int>(std::ldexp(pyramid.size().height, k))};
  }
  std::shared_ptr<const MiniLevel> level(int k) const {
    return levels.get(k, [&] { return network.level(pyramid, k); });
  }
  std::shared_ptr<const MiniLevel> around(cv::Point2d middle, int k, int side) const;
  MiniExample example_of(const std::shared_ptr<const MiniLevel>& level, const Region& region) const;
  MiniExample example(const Mask& mask) const;
  std::vector<MiniExample> with_exemplars(const MiniPrototype& prototype,
                                          std::span<const Mask> masks) const;

  std::shared_ptr<const Reading> read(const MiniPrototype& prototype,
                                      const std::vector<Mask>& masks,
                                      const std::vector<MiniExample>& examples) const;
  Reading read_alone(const MiniPrototype& prototype) const;
  Reading read_again(const MiniPrototype& prototype,
                     const std::vector<MiniExample>& examples) const;
  std::vector<at::Tensor> conditioning_on(const std::vector<MiniExample>& examples) const;
  std::vector<std::size_t> accepted(const Reading& reading,
                                    const std::vector<MiniExample>& examples) const;
  void read_whole(Reading& reading, int k, const std::vector<at::Tensor>& conditioning) const;
  void read_windows(Reading& reading, std::span<const std::shared_ptr<const MiniLevel>> windows,
                    std::span<const cv::Rect2d> kept,
                    const std::vector<at::Tensor>& conditioning) const;
  bool read_finer(Reading& reading, int k, const MiniPrototype& prototype,
                  const std::vector<at::Tensor>& conditioning) const;
  bool may_be_finer(const Reading& reading, int k, std::span<const std::size_t> found,
                    const MiniPrototype& prototype) const;
  std::map<std::pair<int, int>, int> unexplained(const Reading& reading, int k,
                                                 std::span<const std::size_t> found,
                                                 const std::vector<at::Tensor>& conditioning) const;
  void read_squares(Reading& reading, int k, std::span<const cv::Point> squares,
                    const std::vector<at::Tensor>& conditioning) const;
  void read_places(Reading& reading, const mini::LevelRange& range, const MiniPrototype& prototype,
                   const std::vector<at::Tensor>& conditioning) const;
  void add_candidates(Reading& reading, std::size_t from) const;
  std::shared_ptr<const Judgement> judge(const MiniPrototype& prototype,
                                         std::span<const Exemplar> exemplars) const;
  Judgement make_judgement(const MiniPrototype& prototype, const std::vector<Mask>& masks) const;

  /// What a hypothesis about a mark leads to: a region, and how far it is to be trusted.
  struct Marked {
    ReadLevel level;
    Region region;
    float score = 0;
  };
  Marked marked_on(int k, const Prompt& mark) const;

  /// A refined outline: logits of a window of a level.
  struct Outline {
    cv::Mat logits;
    cv::Point corner;
  };
  std::vector<Outline> refined(std::span<const RefinedRegion> regions) const;

  Mask mask_of(const ReadLevel& level, const Region& region, const cv::Mat& refined,
               cv::Point corner) const;
};

/// A square of the image at a level's scale, on the level's grid. Halves are rounded to even
/// numbers, here and below, as training does.
std::shared_ptr<const MiniLevel> MiniEmbedding::State::around(cv::Point2d middle, int k,
                                                              int side) const {
  const double scale = std::exp2(k);
  const auto first = [&](double at) {
    const double corner = at - 0.5 * (side - 1) / scale;
    return (std::nearbyint((corner + 0.5) * scale - 0.5) + 0.5) / scale - 0.5;
  };
  auto made = std::make_shared<MiniLevel>();
  MiniLevel& square = *made;
  square.k = k;
  square.to_image = {1 / scale, 0, first(middle.x), 0, 1 / scale, first(middle.y)};
  square.pixels = pyramid.view(side, square.to_image);
  square.size = square.pixels.size();
  square.stretch = pyramid.stretch();
  const auto features = network.trunk(square.seen(cv::Rect({}, square.size)));
  std::copy_n(features.begin(), square.features.size(), square.features.begin());
  return made;
}

MiniExample MiniEmbedding::State::example_of(const std::shared_ptr<const MiniLevel>& level,
                                             const Region& region) const {
  const cv::Rect part = patch_about(region, level->pixels.size());
  const Description described = mini::describe(region, pyramid, level->to_image);
  return {network.pool(*level, part, mask_in(region, part)),
          network.embed(level, described),
          described.size,
          {}};
}

/// Only the surroundings are looked at, on the level where the object lies in the band.
MiniExample MiniEmbedding::State::example(const Mask& mask) const {
  const c10::InferenceMode no_gradients;
  const double diameter = equivalent_diameter(static_cast<double>(mask.area()));
  const auto& b = mask.box;
  const cv::Point2d middle((b.x0 + b.x1 - 1) / 2.0, (b.y0 + b.y1 - 1) / 2.0);
  const auto level = around(middle, mini::home_octave(diameter), mini::patch_side);
  return example_of(level, resampled(mask, level->to_image, cv::Rect({}, level->pixels.size())));
}

std::vector<MiniExample> MiniEmbedding::State::with_exemplars(const MiniPrototype& prototype,
                                                              std::span<const Mask> masks) const {
  std::vector<MiniExample> all = prototype.examples;
  for (const Mask& mask : masks) all.push_back(example(mask));
  return all;
}

/// @param examples  the prototype's and what `masks` show.
std::shared_ptr<const Reading> MiniEmbedding::State::read(
    const MiniPrototype& prototype, const std::vector<Mask>& masks,
    const std::vector<MiniExample>& examples) const {
  if (masks.size() < fewest_for_maps)
    return readings.get({prototype.identity, {}}, [&] { return read_alone(prototype); });
  return readings.get({prototype.identity, masks}, [&] { return read_again(prototype, examples); });
}

/// What the maps say for the support's examples alone.
Reading MiniEmbedding::State::read_alone(const MiniPrototype& prototype) const {
  const auto conditioning = conditioning_on(prototype.examples);
  const mini::LevelRange range = mini::levels_for(prototype.diameter, pyramid.size());
  Reading reading;
  if (range.whole < range.wanted) {
    read_places(reading, range, prototype, conditioning);
    return reading;
  }
  for (int k = range.coarsest; k <= range.whole; ++k) read_whole(reading, k, conditioning);
  for (int k = range.whole + 1; k <= range.finest; ++k)
    if (!read_finer(reading, k, prototype, conditioning)) break;
  return reading;
}

/// What they say once there are exemplars: only where something was found for the support alone.
Reading MiniEmbedding::State::read_again(const MiniPrototype& prototype,
                                         const std::vector<MiniExample>& examples) const {
  const auto alone = judge(prototype, {});
  const Reading& before = *alone->reading;
  std::vector<char> wanted(before.levels.size(), 0);
  for (std::size_t i = 0; i < before.candidates.size(); ++i)
    if (alone->verdict.same[i] >= network.calibration().same_alone)
      wanted[before.candidates[i].level] = 1;
  const auto conditioning = conditioning_on(examples);
  Reading reading;
  std::vector<std::shared_ptr<const MiniLevel>> windows;
  std::vector<cv::Rect2d> kept;
  for (std::size_t i = 0; i < before.levels.size(); ++i) {
    if (!wanted[i]) continue;
    if (is_window(before.levels[i])) {
      windows.push_back(before.levels[i].level);
      kept.push_back(before.levels[i].kept);
    } else {
      read_whole(reading, before.levels[i].level->k, conditioning);
    }
  }
  read_windows(reading, windows, kept, conditioning);
  return reading;
}

std::vector<at::Tensor> MiniEmbedding::State::conditioning_on(
    const std::vector<MiniExample>& examples) const {
  return network.conditioning(joined(examples, &MiniExample::vector).mean(0, /*keepdim=*/true));
}

/// The candidates that may be instances once there are exemplars, judged by these examples.
std::vector<std::size_t> MiniEmbedding::State::accepted(
    const Reading& reading, const std::vector<MiniExample>& examples) const {
  std::vector<std::size_t> found;
  if (reading.candidates.empty()) return found;
  const MiniVerdict verdict =
      network.decide(reading.regions, reading.sizes, joined(examples, &MiniExample::embedding),
                     sizes_of(examples));
  for (std::size_t i = 0; i < reading.candidates.size(); ++i)
    if (verdict.same[i] >= network.calibration().same_alone &&
        verdict.quality[i] >= network.calibration().quality)
      found.push_back(i);
  return found;
}

/// Adds what the maps of a level say.
void MiniEmbedding::State::read_whole(Reading& reading, int k,
                                      const std::vector<at::Tensor>& conditioning) const {
  const auto of = level(k);
  reading.levels.push_back({of, network.maps(*of, conditioning), {}});
  add_candidates(reading, reading.levels.size() - 1);
}

/// Adds what the maps of windows say about objects whose peaks lie where the window is kept.
void MiniEmbedding::State::read_windows(Reading& reading,
                                        std::span<const std::shared_ptr<const MiniLevel>> windows,
                                        std::span<const cv::Rect2d> kept,
                                        const std::vector<at::Tensor>& conditioning) const {
  const std::size_t first = reading.levels.size();
  std::vector<MiniMaps> maps = network.maps(windows, conditioning);
  for (std::size_t i = 0; i < windows.size(); ++i)
    reading.levels.push_back({windows[i], std::move(maps[i]), kept[i]});
  add_candidates(reading, first);
}

/// Whether smaller objects than those of the last level are to be expected: where an example or a
/// twentieth of what was found is small there, or nothing was found.
bool MiniEmbedding::State::may_be_finer(const Reading& reading, int k,
                                        std::span<const std::size_t> found,
                                        const MiniPrototype& prototype) const {
  constexpr double small = 18;  // of the band from 14 to 28 pixels: .36 of an octave
  constexpr double part = 0.05;
  const auto is_small = [&](float size) { return std::exp2(size + k - 1) < small; };
  const auto count = std::count_if(found.begin(), found.end(), [&](std::size_t i) {
    return reading.levels[reading.candidates[i].level].level->k == k - 1 &&
           is_small(reading.sizes[i]);
  });
  return static_cast<double>(count) >= part * static_cast<double>(found.size()) ||
         std::any_of(prototype.examples.begin(), prototype.examples.end(),
                     [&](const MiniExample& e) { return is_small(e.size); });
}

/// Rows and columns of windows of a level, and how many cells of the level before are there that
/// are like the support and accounted for by nothing that was found.
std::map<std::pair<int, int>, int> MiniEmbedding::State::unexplained(
    const Reading& reading, int k, std::span<const std::size_t> found,
    const std::vector<at::Tensor>& conditioning) const {
  const cv::Size size = level_size(k);
  const double scale = std::ldexp(1.0, k);
  std::map<std::pair<int, int>, int> places;
  for (const ReadLevel& before : reading.levels) {
    if (before.level->k != k - 1) continue;
    cv::Mat like = network.likeness(*before.level, conditioning) > 0;
    const PixelBox here = shown(*before.level, pyramid.size());
    for (const std::size_t i : found) {
      const Candidate& c = reading.candidates[i];
      if (!intersection(here, c.box).empty())
        clear(like, *before.level, c.region, *reading.levels[c.level].level);
    }
    // outlines of what was found are thinner than any object
    if (!found.empty()) cv::morphologyEx(like, like, cv::MORPH_OPEN, cv::Mat::ones(2, 2, CV_8UC1));
    for (int y = 0; y < like.rows; ++y)
      for (int x = 0; x < like.cols; ++x) {
        const cv::Point2f at(map_stride * x + 0.5f, map_stride * y + 0.5f);
        if (like.at<std::uint8_t>(y, x) == 0) continue;
        const cv::Point2d there = moved(before.level->to_image, at);
        if (!keeps(before, there)) continue;
        const int column = static_cast<int>((there.x + 0.5) * scale) / own_side;
        const int row = static_cast<int>((there.y + 0.5) * scale) / own_side;
        if (column >= 0 && row >= 0 && column * own_side < size.width &&
            row * own_side < size.height)
          ++places[{row, column}];
      }
  }
  return places;
}

/// Reads the next level, if smaller objects may be there: whole where it is small, else in windows,
/// those first where the most is unexplained. @return whether it was read.
bool MiniEmbedding::State::read_finer(Reading& reading, int k, const MiniPrototype& prototype,
                                      const std::vector<at::Tensor>& conditioning) const {
  constexpr double most_pixels = 2e6;  // of all finer levels
  constexpr double overhead = 0.8;
  const std::vector<std::size_t> found = accepted(reading, prototype.examples);
  if (!may_be_finer(reading, k, found, prototype)) return false;
  const auto places = unexplained(reading, k, found, conditioning);
  const cv::Size size = level_size(k);
  double whole = 0, read = 0;
  for (const ReadLevel& one : reading.levels)
    (one.level->k <= mini::home_octave(prototype.diameter) ? whole : read) +=
        one.level->pixels.size().area();
  const double least = found.empty() ? most_pixels : 5e5;
  const double most = std::clamp(whole, least, most_pixels) - read;
  const double area = look_side * look_side;
  const bool is_large = std::min(size.width, size.height) > look_side;
  if (!is_large || (area * places.size() > overhead * size.area() && size.area() <= most)) {
    read_whole(reading, k, conditioning);
    return true;
  }
  std::vector<std::pair<int, std::pair<int, int>>> chosen;
  for (const auto& [place, count] : places) chosen.emplace_back(-count, place);
  std::sort(chosen.begin(), chosen.end());
  chosen.resize(std::min(chosen.size(), static_cast<std::size_t>(std::max(most, 0.0) / area)));
  std::vector<cv::Point> owned;
  for (const auto& [count, place] : chosen)
    owned.emplace_back(own_side * place.second, own_side * place.first);
  read_squares(reading, k, owned, conditioning);
  return !chosen.empty();
}

/// Reads windows about squares of own_side pixels of a level, given by their corners.
void MiniEmbedding::State::read_squares(Reading& reading, int k, std::span<const cv::Point> squares,
                                        const std::vector<at::Tensor>& conditioning) const {
  const cv::Size size = level_size(k);
  const double step = std::ldexp(1.0, -k);
  std::vector<cv::Point> corners;
  std::vector<cv::Rect2d> kept;
  const auto corner = [](int own, int length) {
    return std::clamp(own - (look_side - own_side) / 2, 0, std::max(length - look_side, 0));
  };
  for (const cv::Point& own : squares) {
    corners.emplace_back(corner(own.x, size.width), corner(own.y, size.height));
    kept.emplace_back(own.x * step - 0.5, own.y * step - 0.5, own_side * step, own_side * step);
  }
  read_windows(reading, network.windows(pyramid, k, corners), kept, conditioning);
}

/// Reads a level that is too large to be read whole: where colours are like the support's. Where
/// that is nearly everywhere, what can be read whole is read, too.
void MiniEmbedding::State::read_places(Reading& reading, const mini::LevelRange& range,
                                       const MiniPrototype& prototype,
                                       const std::vector<at::Tensor>& conditioning) const {
  constexpr auto most = static_cast<std::size_t>(1.2e7 / look_side / look_side);
  std::vector<mini::ColourRule> rules;
  for (const MiniExample& e : prototype.examples) rules.push_back(e.colours);
  const double scale = std::ldexp(1.0, range.wanted);
  const auto places = mini::places_like(pyramid, rules, prototype.diameter,
                                        static_cast<int>(own_side / scale), most);
  if (places.size() == most)
    for (int k = range.coarsest; k <= range.whole; ++k) read_whole(reading, k, conditioning);
  std::vector<cv::Point> squares;
  for (const cv::Point& place : places)
    squares.push_back(cv::Point(cv::Point2d(place) * scale) -
                      cv::Point(own_side / 2, own_side / 2));
  read_squares(reading, range.wanted, squares, conditioning);
}

/// Adds what the maps of levels say, from this one on.
void MiniEmbedding::State::add_candidates(Reading& reading, std::size_t from) const {
  std::vector<std::vector<Region>> regions(reading.levels.size());
  std::vector<std::vector<Description>> described(reading.levels.size());
  std::vector<DescribedRegions> all;
  for (std::size_t l = from; l < reading.levels.size(); ++l) {
    const ReadLevel& read = reading.levels[l];
    regions[l] = mini::find_regions(read.maps.mat, read.level->size, {});
    std::erase_if(regions[l], [&](const Region& r) {
      return !is_own(reading, from, l, moved(read.level->to_image, r.peak));
    });
    described[l].resize(regions[l].size());
    cv::parallel_for_(
        cv::Range(0, static_cast<int>(described[l].size())), [&](const cv::Range& some) {
          for (int i = some.start; i < some.end; ++i)
            described[l][static_cast<std::size_t>(i)] = mini::describe(
                regions[l][static_cast<std::size_t>(i)], pyramid, read.level->to_image);
        });
    if (!described[l].empty()) all.push_back({&read, described[l]});
  }
  if (all.empty()) return;
  const MiniRegions compared = network.compare(all);
  MiniRegions& to = reading.regions;
  const bool is_first = !to.embeddings.defined();
  to.embeddings = is_first ? compared.embeddings : at::cat({to.embeddings, compared.embeddings});
  to.evidence = is_first ? compared.evidence : at::cat({to.evidence, compared.evidence});
  for (std::size_t l = from; l < reading.levels.size(); ++l) {
    const cv::Matx23d& to_image = reading.levels[l].level->to_image;
    for (std::size_t i = 0; i < regions[l].size(); ++i) {
      Region& region = regions[l][i];
      reading.sizes.push_back(described[l][i].size);
      const cv::Point2d at = moved(to_image, region.peak);
      const PixelBox box = image_box(region.box, to_image, pyramid.size());
      const double near = 0.25 * std::exp2(described[l][i].size);
      reading.candidates.push_back({l, std::move(region), at, near, box});
    }
  }
}

std::shared_ptr<const Judgement> MiniEmbedding::State::judge(
    const MiniPrototype& prototype, std::span<const Exemplar> exemplars) const {
  std::vector<Mask> masks;
  for (const Exemplar& e : exemplars)
    if (e.mask != nullptr && !e.mask->empty()) masks.push_back(*e.mask);
  return guarded("compare with a support", [&] {
    return judgements.get({prototype.identity, masks},
                          [&] { return make_judgement(prototype, masks); });
  });
}

Judgement MiniEmbedding::State::make_judgement(const MiniPrototype& prototype,
                                               const std::vector<Mask>& masks) const {
  const c10::InferenceMode no_gradients;
  const std::vector<MiniExample> shown = with_exemplars(prototype, masks);
  Judgement judgement{read(prototype, masks, shown), {}};
  const Reading& reading = *judgement.reading;
  if (reading.candidates.empty()) return judgement;
  const auto by = [&](const std::vector<MiniExample>& examples) {
    return network.decide(reading.regions, reading.sizes, joined(examples, &MiniExample::embedding),
                          sizes_of(examples));
  };
  judgement.verdict = by(shown);
  std::vector<float>& same = judgement.verdict.same;
  if (masks.empty() && *std::max_element(same.begin(), same.end()) < network.calibration().present)
    std::fill(same.begin(), same.end(), 0.0f);
  if (prototype.negatives.empty()) return judgement;
  const MiniVerdict negative = by(prototype.negatives);
  for (std::size_t i = 0; i < negative.same.size(); ++i)
    if (negative.same[i] > judgement.verdict.same[i]) judgement.verdict.same[i] = 0;
  return judgement;
}

/// Twice: what is missing of a region is in the window of the second time.
std::vector<MiniEmbedding::State::Outline> MiniEmbedding::State::refined(
    std::span<const RefinedRegion> regions) const {
  const std::vector<cv::Mat> first = network.refine(regions);
  std::vector<Region> better(regions.size());
  std::vector<RefinedRegion> again;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const cv::Point corner = regions[i].corner;
    const cv::Mat inside = first[i] > 0;
    better[i] = region_of(crop_to_box(MaskView(inside), {corner.x, corner.y}));
    again.push_back(better[i].mask.empty() ? regions[i] : to_refine(*regions[i].of, better[i]));
  }
  std::vector<cv::Mat> second = network.refine(again);
  std::vector<Outline> outlines;
  for (std::size_t i = 0; i < regions.size(); ++i)
    outlines.push_back({std::move(second[i]), again[i].corner});
  return outlines;
}

/// In the image. @param refined  logits of a window at `corner`; empty: the region as it is.
Mask MiniEmbedding::State::mask_of(const ReadLevel& level, const Region& region,
                                   const cv::Mat& refined, cv::Point corner) const {
  constexpr int growth = 6;  // of an outline, pixels of the level
  constexpr float certain = 4;
  const cv::Rect whole = cv::Rect(region.box.tl() - cv::Point(growth, growth),
                                  region.box.size() + cv::Size(2 * growth, 2 * growth)) &
                         cv::Rect({}, level.level->pixels.size());
  cv::Mat logits(whole.size(), CV_32FC1, cv::Scalar(-certain));
  mask_in(region, whole).convertTo(logits, CV_32F, 2 * certain, -certain);
  if (!refined.empty()) {
    const cv::Rect window(corner, refined.size()), common = window & whole;
    refined(common - corner).copyTo(logits(common - whole.tl()));
  }
  const cv::Matx23d& to_image = level.level->to_image;
  const PixelBox box = image_box(whole, to_image, pyramid.size());
  if (box.empty()) return {};
  cv::Matx23d from =
      mini::composed(inverse(to_image), {1, 0, double(box.x0), 0, 1, double(box.y0)});
  from(0, 2) -= whole.x;
  from(1, 2) -= whole.y;
  cv::Mat seen;
  cv::warpAffine(logits, seen, from, {box.width(), box.height()},
                 cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_CONSTANT, -certain);
  const cv::Mat inside = seen > 0;
  return crop_to_box(MaskView(inside), {box.x0, box.y0});
}

// --- what the stages ask --------------------------------------------------------------------

MiniExample MiniEmbedding::example(const Mask& mask) const {
  MiniExample made = state_->guarded("describe an example", [&] { return state_->example(mask); });
  made.colours = mini::colour_rule(state_->pyramid, mask);
  return made;
}

FloatMap MiniEmbedding::similarity(const MiniPrototype& prototype, Size size) const {
  const auto judgement = state_->judge(prototype, {});
  const Reading& reading = *judgement->reading;
  const float least = std::clamp(state_->network.calibration().same_alone, 1e-3f, 0.999f);
  const cv::Size image = state_->pyramid.size();
  cv::Mat map(image, CV_32FC1, cv::Scalar(-1));
  std::vector<std::size_t> order(reading.candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return judgement->score(a) < judgement->score(b);
  });
  for (const std::size_t i : order) {
    const Candidate& c = reading.candidates[i];
    const float same = judgement->verdict.same[i];
    const float value = same >= least ? (same - least) / (1 - least) : same / least - 1;
    const Mask mask = state_->mask_of(reading.levels[c.level], c.region, {}, {});
    for (int y = mask.box.y0; y < mask.box.y1; ++y)
      for (int x = mask.box.x0; x < mask.box.x1; ++x)
        if (mask.row(y)[x - mask.box.x0] != 0) map.at<float>(y, x) = value;
  }
  FloatMap out(size.height, size.width);
  cv::Mat to = as_mat(out);
  cv::resize(map, to, to.size(), 0, 0, cv::INTER_NEAREST);
  return out;
}

std::vector<Detection> MiniEmbedding::detections(const MiniPrototype& prototype) const {
  const auto judgement = state_->judge(prototype, {});
  const Reading& reading = *judgement->reading;
  std::vector<Detection> found;
  for (std::size_t i = 0; i < reading.candidates.size(); ++i)
    if (judgement->verdict.same[i] >= state_->network.calibration().same_alone &&
        !reading.candidates[i].box.empty())
      found.push_back({static_cast<Box>(reading.candidates[i].box), judgement->score(i)});
  return found;
}

namespace {

/// A Gaussian of this mass, all of which lies on the map. Lengths in cells.
void add_bell(DensityMap& map, cv::Point2d at, double sigma, double mass) {
  const int reach = static_cast<int>(std::ceil(3 * sigma));
  const auto span = [&](double middle, Eigen::Index length) {
    const int last = static_cast<int>(length) - 1;
    const int centre = std::clamp(static_cast<int>(std::lround(middle)), 0, last);
    return std::pair(std::max(centre - reach, 0), std::min(centre + reach, last));
  };
  const auto [x0, x1] = span(at.x, map.cols());
  const auto [y0, y1] = span(at.y, map.rows());
  const auto bell = [&](int first, int last, double middle) {
    Eigen::ArrayXd values(last - first + 1);
    for (int i = first; i <= last; ++i)
      values(i - first) = std::exp(-0.5 * std::pow((i - middle) / sigma, 2));
    return Eigen::ArrayXd(values / std::max(values.sum(), 1e-12));
  };
  const Eigen::ArrayXd across = bell(x0, x1, at.x), down = bell(y0, y1, at.y);
  map.block(y0, x0, down.size(), across.size()) +=
      (mass * down.matrix() * across.matrix().transpose()).array().cast<float>();
}

}  // namespace

/// All peaks are equally wide, whatever their level, so that they are equally high for IDM.
DensityMap MiniEmbedding::density(const MiniPrototype& prototype,
                                  std::span<const Exemplar> exemplars) const {
  constexpr double width = 0.2, cells = 1.5;  // sigma: of the smaller diameters; in cells
  constexpr double smaller = 0.1;             // of the candidates, by size
  const auto judgement = state_->judge(prototype, exemplars);
  const Reading& reading = *judgement->reading;
  std::vector<float> sizes;
  for (std::size_t i = 0; i < reading.candidates.size(); ++i)
    if (judgement->verdict.same[i] >= state_->network.calibration().same_alone)
      sizes.push_back(reading.sizes[i]);
  std::sort(sizes.begin(), sizes.end());
  const double diameter =
      sizes.empty() ? prototype.diameter
                    : std::exp2(sizes[static_cast<std::size_t>(smaller * (sizes.size() - 1))]);
  const cv::Size image = state_->pyramid.size();
  const double cell = std::max(width * diameter / cells, 0.5);
  const auto length = [&](int side) {
    return std::max(1, static_cast<int>(std::ceil(side / cell)));
  };
  DensityMap map = DensityMap::Zero(length(image.height), length(image.width));
  const double x_scale = static_cast<double>(map.cols()) / image.width;
  const double y_scale = static_cast<double>(map.rows()) / image.height;
  const auto add = [&](cv::Point2d at, double mass) {
    add_bell(map, {(at.x + 0.5) * x_scale - 0.5, (at.y + 0.5) * y_scale - 0.5}, cells, mass);
  };
  for (const std::size_t i : distinct(*judgement))
    add(reading.candidates[i].at, reading.candidates[i].region.mass * judgement->verdict.same[i]);
  return map;
}

namespace {

/// Whether a candidate is what a prompt means: its region holds the point, or its peak is near.
bool is_at(const Candidate& candidate, const ReadLevel& level, Point point) {
  const cv::Point2d away = candidate.at - cv::Point2d(point.x, point.y);
  if (away.dot(away) < candidate.near * candidate.near) return true;
  if (!candidate.box.contains(point)) return false;
  const cv::Point2d there = moved(inverse(level.level->to_image), cv::Point2d(point.x, point.y));
  const cv::Point at(static_cast<int>(std::lround(there.x)),
                     static_cast<int>(std::lround(there.y)));
  return holds(candidate.region, at);
}

/// The best candidate at each prompt, each candidate at one prompt alone: the nearest. -1: none.
std::vector<int> candidates_at(const Judgement& judgement, std::span<const Prompt> prompts) {
  const Reading& reading = *judgement.reading;
  const std::vector<Candidate>& candidates = reading.candidates;
  std::vector<int> chosen(prompts.size(), -1);
  std::map<int, std::pair<double, std::size_t>> taken;  // by whom, and how far from its peak
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    const Point point = prompts[p].point;
    int best = -1;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const Candidate& c = candidates[i];
      const float least = best < 0 ? -1.0f : judgement.score(static_cast<std::size_t>(best));
      if (judgement.score(i) > least && is_at(c, reading.levels[c.level], point))
        best = static_cast<int>(i);
    }
    if (best < 0) continue;
    const cv::Point2d away =
        candidates[static_cast<std::size_t>(best)].at - cv::Point2d(point.x, point.y);
    const double distance = away.dot(away);
    const auto [entry, is_first] = taken.try_emplace(best, distance, p);
    if (!is_first) {
      if (entry->second.first <= distance) continue;
      chosen[entry->second.second] = -1;
      entry->second = {distance, p};
    }
    chosen[p] = best;
  }
  return chosen;
}

/// Takes from masks what better ones cover, and the whole of one that is covered for the most part.
/// @param order  of the masks, the best first.
void compete(std::vector<ScoredMask>& masks, std::span<const std::size_t> order, cv::Size image) {
  cv::Mat taken = cv::Mat::zeros(image, CV_8UC1);
  for (const std::size_t p : order) {
    Mask& mask = masks[p].mask;
    if (mask.empty()) continue;
    const PixelBox b = mask.box;
    cv::Mat own(b.height(), b.width(), CV_8UC1, mask.bits.data());
    cv::Mat there = taken(cv::Rect(b.x0, b.y0, b.width(), b.height()));
    const int area = cv::countNonZero(own), covered = cv::countNonZero(own & there);
    if (static_cast<float>(covered) > most_covered * static_cast<float>(area)) {
      masks[p] = {};
      continue;
    }
    own.setTo(0, there);
    there.setTo(1, own);
    if (covered > 0) mask = crop_to_box(MaskView(own), {b.x0, b.y0});
  }
}

}  // namespace

std::vector<ScoredMask> MiniEmbedding::masks(const MiniPrototype& prototype,
                                             std::span<const Exemplar> exemplars,
                                             std::span<const Prompt> prompts,
                                             Switch calibration) const {
  const auto judgement = state_->judge(prototype, exemplars);
  const Reading& reading = *judgement->reading;
  const std::vector<int> chosen = candidates_at(*judgement, prompts);
  std::vector<ScoredMask> masks(prompts.size());
  std::vector<RefinedRegion> regions;  // of the final pass
  std::vector<std::size_t> owners;     // their prompts
  std::vector<std::size_t> order;
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    if (chosen[p] < 0) continue;
    const auto i = static_cast<std::size_t>(chosen[p]);
    const bool last = prompts[p].role == Prompt::Role::final_pass;
    if (last && (judgement->verdict.same[i] < state_->network.calibration().same ||
                 judgement->verdict.quality[i] < state_->network.calibration().quality))
      continue;
    order.push_back(p);
    masks[p].score = judgement->score(i);
    const ReadLevel& read = reading.levels[reading.candidates[i].level];
    const Region& region = reading.candidates[i].region;
    if (!last) {
      masks[p].mask = state_->mask_of(read, region, {}, {});
      continue;
    }
    regions.push_back(to_refine(read, region));
    owners.push_back(p);
  }
  const auto outlines =
      state_->guarded("refine outlines", [&] { return state_->refined(regions); });
  for (std::size_t i = 0; i < owners.size(); ++i)
    masks[owners[i]].mask =
        state_->mask_of(*regions[i].of, *regions[i].region, outlines[i].logits, outlines[i].corner);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return masks[a].score > masks[b].score; });
  compete(masks, order, state_->pyramid.size());
  const auto& scores = state_->network.calibration().scores;
  const std::span<const regions::ScoreKnot> knots =
      calibration == Switch::on ? std::span(scores) : std::span<const regions::ScoreKnot>();
  for (ScoredMask& m : masks) m.score = m.mask.empty() ? 0 : regions::calibrated(m.score, knots);
  return masks;
}

// --- a user's marks -------------------------------------------------------------------------

namespace {

constexpr int mark_side = 96;  // of what is looked at about a mark, pixels of a level

/// The place that a mark means.
cv::Point2d middle_of(const Prompt& mark) {
  if (!mark.box) return cv::Point2d(mark.point.x, mark.point.y);
  return {0.5 * (mark.box->x0 + mark.box->x1) - 0.5, 0.5 * (mark.box->y0 + mark.box->y1) - 0.5};
}

/// The box that a region has in the image.
Box box_of(const Region& region, const cv::Matx23d& to_image) {
  const cv::Rect& b = region.box;
  const cv::Point2d first = moved(to_image, {b.x - 0.5, b.y - 0.5});
  const cv::Point2d last = moved(to_image, {b.x + b.width - 0.5, b.y + b.height - 0.5});
  return {static_cast<float>(first.x + 0.5), static_cast<float>(first.y + 0.5),
          static_cast<float>(last.x + 0.5), static_cast<float>(last.y + 0.5)};
}

float overlap(const Region& a, const Region& b) {
  const cv::Rect common = a.box & b.box;
  const int shared =
      common.empty() ? 0
                     : cv::countNonZero(a.mask(common - a.box.tl()) & b.mask(common - b.box.tl()));
  const int both = cv::countNonZero(a.mask) + cv::countNonZero(b.mask) - shared;
  return static_cast<float>(shared) / static_cast<float>(std::max(both, 1));
}

/// An ellipse that fills a box of a level.
Region ellipse_region(const Box& box, cv::Size level) {
  const cv::Mat drawn = persense::detail::ellipse_in(box, {level.width, level.height});
  const PixelBox tight = tight_box(MaskView(drawn));
  Region region;
  region.box = {tight.x0, tight.y0, tight.width(), tight.height()};
  region.mask = drawn(region.box) / 255;
  return region;
}

}  // namespace

MiniEmbedding::State::Marked MiniEmbedding::State::marked_on(int k, const Prompt& mark) const {
  const c10::InferenceMode no_gradients;
  constexpr double disc = 20;  // diameter, pixels of the level: the middle of the band
  const auto level = around(middle_of(mark), k, mark_side);
  const cv::Matx23d to_level = inverse(level->to_image);
  const cv::Point2d middle = moved(to_level, middle_of(mark));
  const double scale = to_level(0, 0);
  const double half_width = 0.5 * (mark.box ? scale * mark.box->width() : disc);
  const double half_height = 0.5 * (mark.box ? scale * mark.box->height() : disc);
  const auto edge = [](double pixel) { return static_cast<float>(pixel + 0.5); };
  Marked found{{level, {}, {}},
               ellipse_region({edge(middle.x - half_width), edge(middle.y - half_height),
                               edge(middle.x + half_width), edge(middle.y + half_height)},
                              level->size)};
  const cv::Point at(static_cast<int>(std::lround(middle.x)),
                     static_cast<int>(std::lround(middle.y)));
  for (int round = 0; round < 2; ++round) {
    const MiniExample own = example_of(level, found.region);
    found.level.maps = network.maps(*level, network.conditioning(own.vector));
    std::vector<Region> regions = mini::find_regions(found.level.maps.mat, level->size, {});
    if (regions.empty()) return {};
    std::vector<Description> described;
    std::vector<float> sizes;
    for (const Region& region : regions) {
      described.push_back(mini::describe(region, pyramid, level->to_image));
      sizes.push_back(described.back().size);
    }
    const DescribedRegions all{&found.level, described};
    const MiniVerdict verdict =
        network.decide(network.compare({&all, 1}), sizes, own.embedding, {&own.size, 1});
    int best = -1;
    float most = 0;
    for (std::size_t i = 0; i < regions.size(); ++i) {
      const Region& region = regions[i];
      float score = verdict.same[i] * verdict.quality[i];
      if (mark.box)
        score *= iou(box_of(region, level->to_image), *mark.box);
      else if (!holds(region, at))
        continue;
      if (score > most) most = score, best = static_cast<int>(i);
    }
    if (best < 0) return {};
    Region& chosen = regions[static_cast<std::size_t>(best)];
    const float lasting = mark.box || round == 0 ? 1.0f : overlap(chosen, found.region);
    found.score = (round == 0 ? 1.0f : found.score) * most * lasting;
    found.region = std::move(chosen);
  }
  return found;
}

ScoredMask MiniEmbedding::marked(const Prompt& mark) const {
  constexpr double smallest = 6;  // diameter of an object at a point, pixels
  const cv::Size image = state_->pyramid.size();
  int coarsest = mini::home_octave(std::max(0.5 * std::min(image.width, image.height), smallest));
  int last = mini::home_octave(smallest);
  if (mark.box) {
    const double disc = std::sqrt(std::max(mark.box->area(), 1.0f));
    const int home = mini::home_octave(disc);
    coarsest = home - 1, last = home + 1;
  }
  return state_->guarded("segment what is marked", [&] {
    State::Marked best;
    for (int k = coarsest; k <= last; ++k) {
      State::Marked found = state_->marked_on(k, mark);
      if (found.score > best.score) best = std::move(found);
    }
    ScoredMask answer;
    if (best.score <= 0) return answer;
    const RefinedRegion one = to_refine(best.level, best.region);
    const auto outline = state_->refined(std::span(&one, 1));
    answer.mask = state_->mask_of(best.level, best.region, outline[0].logits, outline[0].corner);
    answer.score = answer.mask.empty() ? 0 : best.score;
    return answer;
  });
}

MiniEncoder::MiniEncoder(Placement placement, const MiniOptions& options)
    : MiniEncoder(Module(mini_archive(), Stage::all, placement), options) {}

MiniEncoder::MiniEncoder(const std::filesystem::path& archive, Placement placement,
                         const MiniOptions& options)
    : MiniEncoder(Module(archive, Stage::all, placement), options) {}

MiniEncoder::MiniEncoder(Module module, const MiniOptions& options)
    : network_(std::make_shared<const MiniNetwork>(std::move(module), options)) {}

MiniEmbedding MiniEncoder::encode(ImageView image) const {
  return MiniEmbedding(std::make_shared<const MiniEmbedding::State>(*network_, image));
}

MiniPrototype MiniEncoder::prototype(std::span<const EncodedExample<Embedding>> examples) const {
  MiniPrototype prototype;
  std::vector<double> diameters;
  for (const auto& e : examples) {
    (e.negative ? prototype.negatives : prototype.examples)
        .push_back(e.embedding->example(*e.mask));
    if (!e.negative) diameters.push_back(equivalent_diameter(static_cast<double>(e.mask->area())));
  }
  prototype.diameter = classic::detail::median(diameters);
  return prototype;
}

}  // namespace persense::torchscript
