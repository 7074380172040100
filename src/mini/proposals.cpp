#include "proposals.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <opencv2/imgproc.hpp>

#include "colour_rule.hpp"
#include "level_geometry.hpp"
#include "level_images.hpp"
#include "mini_state.hpp"
#include "persense/mask.hpp"

namespace persense::mini {

Vectors embeddings_of(const std::vector<MiniExample>& examples) {
  Vectors rows(static_cast<Eigen::Index>(examples.size()), examples.front().embedding.size());
  Eigen::Index row = 0;
  for (const MiniExample& e : examples) rows.row(row++) = e.embedding;
  return rows;
}

std::vector<float> sizes_of(const std::vector<MiniExample>& examples) {
  std::vector<float> sizes;
  for (const MiniExample& e : examples) sizes.push_back(e.size);
  return sizes;
}

namespace {

/// What the maps are conditioned on. One after the other, so that the sum is the same everywhere.
Eigen::RowVectorXf mean_vector(const std::vector<MiniExample>& examples) {
  Eigen::RowVectorXf sum = examples.front().vector;
  for (std::size_t i = 1; i < examples.size(); ++i) sum += examples[i].vector;
  return sum / static_cast<float>(examples.size());
}

void append(Vectors& to, const Vectors& rows) {
  Vectors both(to.rows() + rows.rows(), rows.cols());
  if (to.rows() > 0) both.topRows(to.rows()) = to;
  both.bottomRows(rows.rows()) = rows;
  to = std::move(both);
}

constexpr int tile_core = 72;  // of a tile's pixels, those that are no other tile's

bool is_tile(const MappedLevel& mapped) { return !mapped.core.empty(); }

/// Whether a place, in pixels of the image, is this level's, or tile's.
bool holds_place(const MappedLevel& mapped, cv::Point2d place) {
  return !is_tile(mapped) || mapped.core.contains(place);
}

/// Whether a candidate's region holds a place of the image.
bool covers(const Proposals& proposals, const Candidate& c, cv::Point2d at) {
  const cv::Point2d there = transformed(inverse(proposals.levels[c.level].level->to_image), at);
  return holds(c.region,
               {static_cast<int>(std::lround(there.x)), static_cast<int>(std::lround(there.y))});
}

}  // namespace

std::vector<std::size_t> distinct(const Classified& classified) {
  const Proposals& proposals = *classified.proposals;
  const std::vector<Candidate>& candidates = proposals.candidates;
  std::vector<std::size_t> order(candidates.size()), kept;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return classified.score(a) > classified.score(b);
  });
  const auto are_one = [&](const Candidate& a, const Candidate& b) {
    const cv::Point2d away = a.at - b.at;
    const double distance = away.dot(away), near = std::max(a.near, b.near);
    if (distance < near * near) return true;
    constexpr double far = 4;  // peaks of one object are no further apart than it is wide
    return distance < far * far * near * near && covers(proposals, a, b.at) &&
           covers(proposals, b, a.at);
  };
  for (const std::size_t i : order)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](std::size_t other) { return are_one(candidates[i], candidates[other]); }))
      kept.push_back(i);
  return kept;
}

Proposer::Proposer(const MiniEmbedding::State& image, const MiniPrototype& prototype,
                   const std::vector<MiniExample>& examples)
    : image_(image),
      prototype_(prototype),
      conditioning_(image.network->conditioning(mean_vector(examples))) {}

Proposals Proposer::first() && {
  const LevelRange range = levels_for(prototype_.diameter, image_.pyramid.size());
  if (range.whole < range.wanted) {
    add_likely_places(range);
    return std::move(made_);
  }
  for (int k = range.coarsest; k <= range.whole; ++k) add_level(k);
  for (int k = range.whole + 1; k <= range.finest; ++k)
    if (!add_finer_level(k)) break;
  return std::move(made_);
}

Proposals Proposer::again(const Classified& first) && {
  const Proposals& before = *first.proposals;
  std::vector<char> wanted(before.levels.size(), 0);
  for (std::size_t i = 0; i < before.candidates.size(); ++i)
    if (first.probabilities.same_class[i] >= prototype_.thresholds.same_alone)
      wanted[before.candidates[i].level] = 1;
  std::vector<std::shared_ptr<const Level>> tiles;
  std::vector<cv::Rect2d> cores;
  for (std::size_t i = 0; i < before.levels.size(); ++i) {
    if (!wanted[i]) continue;
    if (is_tile(before.levels[i])) {
      tiles.push_back(before.levels[i].level);
      cores.push_back(before.levels[i].core);
    } else {
      add_level(before.levels[i].level->k);
    }
  }
  add_tiles(tiles, cores);
  return std::move(made_);
}

/// The candidates that may be instances once there are exemplars.
std::vector<std::size_t> Proposer::accepted() const {
  std::vector<std::size_t> accepted;
  if (made_.candidates.empty()) return accepted;
  const std::vector<MiniExample>& examples = prototype_.examples;
  const Probabilities probabilities = image_.network->classify(
      made_.descriptors, made_.sizes, embeddings_of(examples), sizes_of(examples));
  const MiniOptions& thresholds = prototype_.thresholds;
  for (std::size_t i = 0; i < made_.candidates.size(); ++i)
    if (probabilities.same_class[i] >= thresholds.same_alone &&
        probabilities.quality[i] >= thresholds.quality)
      accepted.push_back(i);
  return accepted;
}

void Proposer::add_level(int k) {
  const auto level = image_.level(k);
  made_.levels.push_back({level, image_.network->maps(*level, *conditioning_), {}});
  add_candidates(made_.levels.size() - 1);
}

/// @param cores  where peaks are a tile's own, pixels of the image.
void Proposer::add_tiles(std::span<const std::shared_ptr<const Level>> tiles,
                         std::span<const cv::Rect2d> cores) {
  const std::size_t first = made_.levels.size();
  std::vector<Maps> maps = image_.network->maps(tiles, *conditioning_);
  for (std::size_t i = 0; i < tiles.size(); ++i)
    made_.levels.push_back({tiles[i], std::move(maps[i]), cores[i]});
  add_candidates(first);
}

/// Rows and columns of tiles of a level, and how many cells of the level before are there that
/// are like the support and accounted for by nothing that was found.
Proposer::Places Proposer::unexplained(int k, std::span<const std::size_t> accepted) const {
  const cv::Size size = image_.level_size(k);
  const double scale = std::ldexp(1.0, k);
  Places places;
  for (const MappedLevel& before : made_.levels) {
    if (before.level->k != k - 1) continue;
    cv::Mat like = image_.network->likeness(*before.level, *conditioning_) > 0;
    const PixelBox here = extent_of(*before.level, image_.pyramid.size());
    for (const std::size_t i : accepted) {
      const Candidate& c = made_.candidates[i];
      if (!intersection(here, c.box).empty())
        clear_region(like, *before.level, c.region, *made_.levels[c.level].level);
    }
    // outlines of what was found are thinner than any object
    if (!accepted.empty())
      cv::morphologyEx(like, like, cv::MORPH_OPEN, cv::Mat::ones(2, 2, CV_8UC1));
    for (int y = 0; y < like.rows; ++y)
      for (int x = 0; x < like.cols; ++x) {
        const cv::Point2f at(map_stride * x + 0.5f, map_stride * y + 0.5f);
        if (like.at<std::uint8_t>(y, x) == 0) continue;
        const cv::Point2d there = transformed(before.level->to_image, at);
        if (!holds_place(before, there)) continue;
        const int column = static_cast<int>((there.x + 0.5) * scale) / tile_core;
        const int row = static_cast<int>((there.y + 0.5) * scale) / tile_core;
        if (column >= 0 && row >= 0 && column * tile_core < size.width &&
            row * tile_core < size.height)
          ++places[{row, column}];
      }
  }
  return places;
}

/// Adds the next level: whole where it is small, else in tiles, those first where the most is
/// unexplained. @return whether any of it was added.
bool Proposer::add_finer_level(int k) {
  const std::vector<std::size_t> likely = accepted();
  const Places places = unexplained(k, likely);
  const cv::Size size = image_.level_size(k);
  const double left = pixels_left(likely.empty());
  const double area = tile_side * tile_side;
  const bool is_large = std::min(size.width, size.height) > tile_side;
  if (!is_large || size.area() <= left) {
    add_level(k);
    return true;
  }
  std::vector<std::pair<int, std::pair<int, int>>> chosen;
  for (const auto& [place, count] : places) chosen.emplace_back(-count, place);
  std::sort(chosen.begin(), chosen.end());
  chosen.resize(std::min(chosen.size(), static_cast<std::size_t>(std::max(left, 0.0) / area)));
  std::vector<cv::Point> corners;
  for (const auto& [count, place] : chosen)
    corners.emplace_back(tile_core * place.second, tile_core * place.first);
  add_tiles_at(k, corners);
  return !chosen.empty();
}

/// Pixels that may still be spent on levels finer than the support's own: as many as the others
/// have. More where nothing was found yet.
double Proposer::pixels_left(bool is_nothing_found) const {
  constexpr double least = 5e5, most = 2e6;
  double coarse = 0, fine = 0;
  for (const MappedLevel& one : made_.levels)
    (one.level->k <= home_octave(prototype_.diameter) ? coarse : fine) +=
        one.level->pixels.size().area();
  return std::clamp(coarse, is_nothing_found ? most : least, most) - fine;
}

/// Adds tiles about squares of tile_core pixels of a level. @param cores  their corners.
void Proposer::add_tiles_at(int k, std::span<const cv::Point> cores) {
  const cv::Size size = image_.level_size(k);
  const double step = std::ldexp(1.0, -k);
  std::vector<cv::Point> corners;
  std::vector<cv::Rect2d> in_image;
  const auto corner = [](int core, int length) {
    return std::clamp(core - (tile_side - tile_core) / 2, 0, std::max(length - tile_side, 0));
  };
  for (const cv::Point& core : cores) {
    corners.emplace_back(corner(core.x, size.width), corner(core.y, size.height));
    in_image.emplace_back(core.x * step - 0.5, core.y * step - 0.5, tile_core * step,
                          tile_core * step);
  }
  add_tiles(tiles_of(*image_.network, image_.pyramid, k, corners), in_image);
}

/// Adds tiles of a level that is too large as a whole: where colours are like the support's. Where
/// that is nearly everywhere, the levels that are not too large are added, too.
void Proposer::add_likely_places(const LevelRange& range) {
  constexpr auto most = static_cast<std::size_t>(1.2e7 / tile_side / tile_side);
  std::vector<ColourRule> rules;
  for (const MiniExample& e : prototype_.examples) rules.push_back(e.colours);
  const double scale = std::ldexp(1.0, range.wanted);
  const auto places = places_like(image_.pyramid, rules, prototype_.diameter,
                                  static_cast<int>(tile_core / scale), most);
  if (places.size() == most)
    for (int k = range.coarsest; k <= range.whole; ++k) add_level(k);
  std::vector<cv::Point> cores;
  for (const cv::Point& place : places)
    cores.push_back(cv::Point(cv::Point2d(place) * scale) -
                    cv::Point(tile_core / 2, tile_core / 2));
  add_tiles_at(range.wanted, cores);
}

/// Whether a place is this level's, or tile's, and not that of one of its scale before it.
/// @param from  the first of them.
bool Proposer::owns(std::size_t from, std::size_t at, cv::Point2d place) const {
  const auto begin = made_.levels.begin();
  return holds_place(made_.levels[at], place) &&
         std::none_of(begin + static_cast<std::ptrdiff_t>(from),
                      begin + static_cast<std::ptrdiff_t>(at), [&](const MappedLevel& other) {
                        return other.level->k == made_.levels[at].level->k &&
                               holds_place(other, place);
                      });
}

/// Adds the candidates in the maps of levels, from this one on.
void Proposer::add_candidates(std::size_t from) {
  std::vector<std::vector<Region>> regions(made_.levels.size());
  std::vector<std::vector<Description>> described(made_.levels.size());
  std::vector<DescribedRegions> all;
  for (std::size_t l = from; l < made_.levels.size(); ++l) {
    const MappedLevel& mapped = made_.levels[l];
    regions[l] = find_regions(mapped.maps.mat, mapped.level->size, {});
    std::erase_if(regions[l], [&](const Region& r) {
      return !owns(from, l, transformed(mapped.level->to_image, r.peak));
    });
    described[l].resize(regions[l].size());
    cv::parallel_for_(
        cv::Range(0, static_cast<int>(described[l].size())), [&](const cv::Range& some) {
          for (int i = some.start; i < some.end; ++i)
            described[l][static_cast<std::size_t>(i)] = describe(
                regions[l][static_cast<std::size_t>(i)], image_.pyramid, mapped.level->to_image);
        });
    if (!described[l].empty()) all.push_back({&mapped, described[l]});
  }
  if (all.empty()) return;
  const Descriptors descriptors = image_.network->describe(all);
  append(made_.descriptors.embeddings, descriptors.embeddings);
  append(made_.descriptors.evidence, descriptors.evidence);
  for (std::size_t l = from; l < made_.levels.size(); ++l) {
    const cv::Matx23d& to_image = made_.levels[l].level->to_image;
    for (std::size_t i = 0; i < regions[l].size(); ++i) {
      Region& region = regions[l][i];
      made_.sizes.push_back(described[l][i].size);
      const cv::Point2d at = transformed(to_image, region.peak);
      const PixelBox box = image_box(region.box, to_image, image_.pyramid.size());
      const double near = 0.25 * std::exp2(described[l][i].size);
      made_.candidates.push_back({l, std::move(region), at, near, box});
    }
  }
}

}  // namespace persense::mini
