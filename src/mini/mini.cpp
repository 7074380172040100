#include "persense/mini/mini.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <set>
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
using mini::Region;

constexpr double large_pixels = 1e6;  // of a level, beyond which its features are kept in fp16
constexpr std::size_t fewest_for_maps = 2;  // exemplars that the maps are conditioned on

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

struct ReadLevel {
  std::shared_ptr<const MiniLevel> level;
  MiniMaps maps;
};

/// What the maps say for one prototype.
struct Reading {
  std::vector<ReadLevel> levels;
  std::vector<Candidate> candidates;
  std::vector<float> sizes;
  MiniRegions regions;
  std::vector<std::pair<cv::Point2d, double>> lone;  // mass of peaks without a region
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
    const Mask tight = crop_to_box(MaskView(seen), {near.x, near.y});
    if (!tight.empty()) {
      region.box = cv::Rect(tight.box.x0, tight.box.y0, tight.box.width(), tight.box.height());
      region.mask =
          cv::Mat(region.box.size(), CV_8UC1, const_cast<std::uint8_t*>(tight.bits.data())).clone();
      return region;
    }
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

  double pixels(int k) const {
    return std::exp2(2 * k) * static_cast<double>(pyramid.size().area());
  }
  std::shared_ptr<const MiniLevel> level(int k) const {
    return levels.get(k, [&] { return network.level(pyramid, k, pixels(k) > large_pixels); });
  }
  MiniLevel around(cv::Point2d middle, int k, int side) const;
  MiniExample example_of(const MiniLevel& level, const Region& region) const;
  MiniExample example_on(const MiniLevel& level, const Mask& mask) const;
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
  bool has_small_objects(const Reading& reading, const std::vector<MiniExample>& examples) const;
  void read_level(Reading& reading, int k, const std::vector<at::Tensor>& conditioning) const;
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
  std::vector<cv::Mat> refined(const ReadLevel& level, std::span<const Region* const> regions,
                               std::vector<cv::Point>& corners) const;

  Mask mask_of(const ReadLevel& level, const Region& region, const cv::Mat& refined,
               cv::Point corner) const;
};

/// A square of the image at a level's scale, on the level's grid. Halves are rounded to even
/// numbers, here and below, as training does.
MiniLevel MiniEmbedding::State::around(cv::Point2d middle, int k, int side) const {
  const double scale = std::exp2(k);
  const auto first = [&](double at) {
    const double corner = at - 0.5 * (side - 1) / scale;
    return (std::nearbyint((corner + 0.5) * scale - 0.5) + 0.5) / scale - 0.5;
  };
  MiniLevel square;
  square.k = k;
  square.to_image = {1 / scale, 0, first(middle.x), 0, 1 / scale, first(middle.y)};
  square.pixels = pyramid.view(side, square.to_image);
  square.size = square.pixels.size();
  square.stretch = pyramid.stretch();
  const auto features = network.trunk(square.seen(cv::Rect({}, square.size)));
  std::copy_n(features.begin(), square.features.size(), square.features.begin());
  return square;
}

MiniExample MiniEmbedding::State::example_of(const MiniLevel& level, const Region& region) const {
  const cv::Rect part = patch_about(region, level.pixels.size());
  const Description described = mini::describe(region, pyramid, level.to_image);
  return {network.pool(level, part, mask_in(region, part)),
          network.embed(level, std::span(&described, 1)), described.size};
}

MiniExample MiniEmbedding::State::example_on(const MiniLevel& level, const Mask& mask) const {
  return example_of(level, resampled(mask, level.to_image, cv::Rect({}, level.pixels.size())));
}

/// In an image of which nothing else is asked: only the surroundings are looked at.
MiniExample MiniEmbedding::State::example(const Mask& mask) const {
  const c10::InferenceMode no_gradients;
  const double diameter = equivalent_diameter(static_cast<double>(mask.area()));
  const auto& b = mask.box;
  const cv::Point2d middle((b.x0 + b.x1 - 1) / 2.0, (b.y0 + b.y1 - 1) / 2.0);
  return example_on(around(middle, mini::home_octave(diameter), mini::patch_side), mask);
}

std::vector<MiniExample> MiniEmbedding::State::with_exemplars(const MiniPrototype& prototype,
                                                              std::span<const Mask> masks) const {
  std::vector<MiniExample> all = prototype.examples;
  const auto [coarsest, last] = mini::levels_for(prototype.diameter, pyramid.size());
  for (const Mask& mask : masks) {
    const int home = mini::home_octave(equivalent_diameter(static_cast<double>(mask.area())));
    all.push_back(example_on(*level(std::clamp(home, coarsest, last)), mask));
  }
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
  const auto [coarsest, last] = mini::levels_for(prototype.diameter, pyramid.size());
  const int home = mini::home_octave(prototype.diameter);
  Reading reading;
  for (int k = coarsest; k <= last; ++k) {
    // each level costs four times as much as the one before it, and sizes lie side by side
    if (k > std::max(home, coarsest) && !has_small_objects(reading, prototype.examples)) break;
    read_level(reading, k, conditioning);
  }
  return reading;
}

/// What they say once there are exemplars: only where something was found for the support alone.
Reading MiniEmbedding::State::read_again(const MiniPrototype& prototype,
                                         const std::vector<MiniExample>& examples) const {
  const auto alone = judge(prototype, {});
  const Reading& before = *alone->reading;
  std::set<int> wanted;
  for (std::size_t i = 0; i < before.candidates.size(); ++i)
    if (alone->verdict.same[i] >= network.calibration().same_alone)
      wanted.insert(before.levels[before.candidates[i].level].level->k);
  const auto conditioning = conditioning_on(examples);
  Reading reading;
  for (const int k : wanted) read_level(reading, k, conditioning);
  return reading;
}

std::vector<at::Tensor> MiniEmbedding::State::conditioning_on(
    const std::vector<MiniExample>& examples) const {
  return network.conditioning(joined(examples, &MiniExample::vector).mean(0, /*keepdim=*/true));
}

/// Whether anything of the class, an example included, is so small on the last level read that
/// smaller ones may be on the next.
bool MiniEmbedding::State::has_small_objects(const Reading& reading,
                                             const std::vector<MiniExample>& examples) const {
  constexpr double small = 18;  // of the band from 14 to 28 pixels: .36 of an octave
  const std::size_t last = reading.levels.size() - 1;
  const auto is_small = [&](float size) {
    return std::exp2(size + static_cast<float>(reading.levels[last].level->k)) < small;
  };
  if (std::any_of(examples.begin(), examples.end(),
                  [&](const MiniExample& e) { return is_small(e.size); }))
    return true;
  if (reading.candidates.empty()) return false;
  const MiniVerdict verdict =
      network.decide(reading.regions, reading.sizes, joined(examples, &MiniExample::embedding),
                     sizes_of(examples));
  for (std::size_t i = 0; i < reading.candidates.size(); ++i)
    if (reading.candidates[i].level == last && is_small(reading.sizes[i]) &&
        verdict.same[i] >= network.calibration().same &&
        verdict.quality[i] >= network.calibration().quality)
      return true;
  return false;
}

/// Adds what the maps of a level say.
void MiniEmbedding::State::read_level(Reading& reading, int k,
                                      const std::vector<at::Tensor>& conditioning) const {
  const auto of = level(k);
  reading.levels.push_back({of, network.maps(*of, conditioning)});
  const MiniMaps& maps = reading.levels.back().maps;
  mini::Finding finding = mini::find_regions(maps.mat, of->size, {});
  for (const mini::LonePeak& peak : finding.lone)
    reading.lone.emplace_back(moved(of->to_image, peak.at), peak.mass * peak.target);
  if (finding.regions.empty()) return;
  std::vector<Description> described(finding.regions.size());
  cv::parallel_for_(cv::Range(0, static_cast<int>(described.size())), [&](const cv::Range& some) {
    for (int i = some.start; i < some.end; ++i)
      described[static_cast<std::size_t>(i)] =
          mini::describe(finding.regions[static_cast<std::size_t>(i)], pyramid, of->to_image);
  });
  const MiniRegions compared = network.compare(*of, maps, described);
  MiniRegions& all = reading.regions;
  const bool is_first = !all.embeddings.defined();
  all.embeddings = is_first ? compared.embeddings : at::cat({all.embeddings, compared.embeddings});
  all.evidence = is_first ? compared.evidence : at::cat({all.evidence, compared.evidence});
  for (std::size_t i = 0; i < described.size(); ++i) {
    Region& region = finding.regions[i];
    reading.sizes.push_back(described[i].size);
    const cv::Point2d at = moved(of->to_image, region.peak);
    const PixelBox box = image_box(region.box, of->to_image, pyramid.size());
    const double near = 0.25 * std::exp2(described[i].size);
    reading.candidates.push_back({reading.levels.size() - 1, std::move(region), at, near, box});
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
  if (prototype.negatives.empty()) return judgement;
  const MiniVerdict negative = by(prototype.negatives);
  for (std::size_t i = 0; i < negative.same.size(); ++i)
    if (negative.same[i] > judgement.verdict.same[i]) judgement.verdict.same[i] = 0;
  return judgement;
}

/// Outlines of regions, refined in windows whose corners it gives.
std::vector<cv::Mat> MiniEmbedding::State::refined(const ReadLevel& level,
                                                   std::span<const Region* const> regions,
                                                   std::vector<cv::Point>& corners) const {
  const cv::Size size = level.level->pixels.size();
  const auto corner = [](int begin, int length, int most) {
    const double middle = begin + (length - 1) / 2.0;
    const int even = static_cast<int>(std::lrint((middle - mini::window_side / 2.0) / 2)) * 2;
    return std::clamp(even, 0, most - mini::window_side);
  };
  corners.clear();
  for (const Region* region : regions)
    corners.push_back({corner(region->box.x, region->box.width, size.width),
                       corner(region->box.y, region->box.height, size.height)});
  return network.refine(*level.level, level.maps, regions, corners);
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
  return state_->guarded("describe an example", [&] { return state_->example(mask); });
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
  for (std::size_t i = 0; i < reading.candidates.size(); ++i)
    add(reading.candidates[i].at, reading.candidates[i].region.mass * judgement->verdict.same[i]);
  for (const auto& [at, mass] : reading.lone) add(at, mass);
  return map;
}

namespace {

bool holds(const Region& region, cv::Point at) {
  return region.box.contains(at) && region.mask.at<std::uint8_t>(at - region.box.tl()) != 0;
}

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
  std::map<std::size_t, std::vector<std::size_t>> by_level;  // prompts
  std::vector<std::size_t> order;
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    if (chosen[p] < 0) continue;
    const auto i = static_cast<std::size_t>(chosen[p]);
    const bool last = prompts[p].role == Prompt::Role::final_pass;
    if (last && (judgement->verdict.same[i] < state_->network.calibration().same ||
                 judgement->verdict.quality[i] < state_->network.calibration().quality))
      continue;
    by_level[reading.candidates[i].level].push_back(p);
    order.push_back(p);
    masks[p].score = judgement->score(i);
  }
  for (const auto& [at, of] : by_level) {
    const ReadLevel& level = reading.levels[at];
    std::vector<const Region*> regions;
    std::vector<std::size_t> owners;
    for (const std::size_t p : of) {
      const Region& region = reading.candidates[static_cast<std::size_t>(chosen[p])].region;
      if (prompts[p].role != Prompt::Role::final_pass) {
        masks[p].mask = state_->mask_of(level, region, {}, {});
        continue;
      }
      regions.push_back(&region);
      owners.push_back(p);
    }
    std::vector<cv::Point> corners;
    const auto outlines = state_->guarded("refine outlines",
                                          [&] { return state_->refined(level, regions, corners); });
    for (std::size_t i = 0; i < owners.size(); ++i)
      masks[owners[i]].mask = state_->mask_of(level, *regions[i], outlines[i], corners[i]);
  }
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
  const auto level = std::make_shared<const MiniLevel>(around(middle_of(mark), k, mark_side));
  const cv::Matx23d to_level = inverse(level->to_image);
  const cv::Point2d middle = moved(to_level, middle_of(mark));
  const double scale = to_level(0, 0);
  const double half_width = 0.5 * (mark.box ? scale * mark.box->width() : disc);
  const double half_height = 0.5 * (mark.box ? scale * mark.box->height() : disc);
  const auto edge = [](double pixel) { return static_cast<float>(pixel + 0.5); };
  Marked found{{level, {}},
               ellipse_region({edge(middle.x - half_width), edge(middle.y - half_height),
                               edge(middle.x + half_width), edge(middle.y + half_height)},
                              level->size)};
  const cv::Point at(static_cast<int>(std::lround(middle.x)),
                     static_cast<int>(std::lround(middle.y)));
  for (int round = 0; round < 2; ++round) {
    const MiniExample own = example_of(*level, found.region);
    found.level.maps = network.maps(*level, network.conditioning(own.vector));
    mini::Finding finding = mini::find_regions(found.level.maps.mat, level->size, {});
    if (finding.regions.empty()) return {};
    std::vector<Description> described;
    std::vector<float> sizes;
    for (const Region& region : finding.regions) {
      described.push_back(mini::describe(region, pyramid, level->to_image));
      sizes.push_back(described.back().size);
    }
    const MiniVerdict verdict = network.decide(network.compare(*level, found.level.maps, described),
                                               sizes, own.embedding, {&own.size, 1});
    int best = -1;
    float most = 0;
    for (std::size_t i = 0; i < finding.regions.size(); ++i) {
      const Region& region = finding.regions[i];
      float score = verdict.same[i] * verdict.quality[i];
      if (mark.box)
        score *= iou(box_of(region, level->to_image), *mark.box);
      else if (!holds(region, at))
        continue;
      if (score > most) most = score, best = static_cast<int>(i);
    }
    if (best < 0) return {};
    Region& chosen = finding.regions[static_cast<std::size_t>(best)];
    found.score = round == 0 || mark.box ? most : most * overlap(chosen, found.region);
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
    const Region* const region = &best.region;
    std::vector<cv::Point> corners;
    const auto outline = state_->refined(best.level, std::span(&region, 1), corners);
    answer.mask = state_->mask_of(best.level, *region, outline[0], corners[0]);
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
