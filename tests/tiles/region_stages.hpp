// Stages that see exactly what an image shows of each object, for tests of tiles: an object is a
// connected region of one colour, and what a tile cuts off is not seen.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <span>
#include <vector>

#include "../core/inputs.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/exemplar.hpp"
#include "persense/stages.hpp"

namespace persense::testing {

inline const cv::Vec3b ground{20, 20, 20};

/// Connected (4) regions of one colour that is not the ground's.
struct Regions {
  cv::Mat labels;  ///< CV_32SC1: -1 ground, else an index
  std::vector<Mask> masks;
  std::vector<cv::Vec3f> colours;

  explicit Regions(ImageView image) : labels(image.height, image.width, CV_32SC1, cv::Scalar(-1)) {
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) add(image.mat(), {x, y});
  }
  int at(Point p) const { return labels.at<int>(p.y, p.x); }
  /// The region with most pixels in a box; -1 where there is none.
  int most_common_in(const Box& box) const {
    const PixelBox pixels = pixels_of(box, {labels.cols, labels.rows});
    std::map<int, int> counts{{-1, 0}};
    for (int y = pixels.y0; y < pixels.y1; ++y)
      for (int x = pixels.x0; x < pixels.x1; ++x)
        if (const int label = at({x, y}); label >= 0) ++counts[label];
    return std::max_element(counts.begin(), counts.end(),
                            [](auto& a, auto& b) { return a.second < b.second; })
        ->first;
  }

 private:
  void add(const cv::Mat& image, Point seed) {
    const cv::Vec3b colour = image.at<cv::Vec3b>(seed.y, seed.x);
    if (colour == ground || at(seed) >= 0) return;
    const int label = static_cast<int>(masks.size());
    std::vector<Point> region{seed};
    labels.at<int>(seed.y, seed.x) = label;
    PixelBox box{seed.x, seed.y, seed.x + 1, seed.y + 1};
    for (std::size_t i = 0; i < region.size(); ++i) {
      const Point p = region[i];
      box = {std::min(box.x0, p.x), std::min(box.y0, p.y), std::max(box.x1, p.x + 1),
             std::max(box.y1, p.y + 1)};
      for (const Point next :
           {Point{p.x - 1, p.y}, Point{p.x + 1, p.y}, Point{p.x, p.y - 1}, Point{p.x, p.y + 1}}) {
        if (next.x < 0 || next.y < 0 || next.x >= image.cols || next.y >= image.rows) continue;
        if (at(next) >= 0 || image.at<cv::Vec3b>(next.y, next.x) != colour) continue;
        labels.at<int>(next.y, next.x) = label;
        region.push_back(next);
      }
    }
    Mask mask{box, std::vector<std::uint8_t>(static_cast<std::size_t>(box.area()))};
    for (const Point p : region) mask.row(p.y)[p.x - box.x0] = 1;
    masks.push_back(std::move(mask));
    colours.emplace_back(colour);
  }
};

/// What the stages were shown.
struct Shown {
  std::mutex mutex;
  std::vector<Size> images;
  std::size_t densities = 0;
};

struct RegionEncoder {
  using Embedding = Regions;
  using Prototype = cv::Vec3f;
  Shown* shown;
  int side = 0;  ///< 0: not known

  std::optional<int> input_side() const { return side == 0 ? std::nullopt : std::optional(side); }
  Regions encode(ImageView image) const {
    const std::lock_guard lock(shown->mutex);
    shown->images.push_back(image.size());
    return Regions(image);
  }
  cv::Vec3f prototype(std::span<const EncodedExample<Regions>> examples) const {
    const auto& e = examples.front();
    return e.embedding->colours.at(
        static_cast<std::size_t>(e.embedding->at(most_interior(*e.mask))));
  }
  static float alike(const cv::Vec3f& a, const cv::Vec3f& b) {
    return std::clamp(1 - static_cast<float>(cv::norm(a - b)) / 100, -1.0f, 1.0f);
  }
  FloatMap similarity(const Regions& regions, const cv::Vec3f& colour, Size size) const {
    FloatMap map = FloatMap::Constant(size.height, size.width, -1.0f);
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x)
        if (const int label = regions.at({x, y}); label >= 0)
          map(y, x) = alike(regions.colours[static_cast<std::size_t>(label)], colour);
    return map;
  }
};
using RegionQuery = Query<RegionEncoder>;

struct RegionDetector {
  Detections detect(const RegionQuery& query) const {
    Detections found;
    for (const Mask& mask : query.embedding.masks) {
      const Point p = most_interior(mask);
      if (query.similarity(p.y, p.x) > 0.5f)
        found.label.push_back({static_cast<Box>(mask.box), query.similarity(p.y, p.x)});
    }
    found.phrase = found.label;
    return found;
  }
};

/// Counts the regions of about the first exemplar's colour, each as a square of 5 x 5 in its
/// middle.
struct RegionDmg {
  Shown* shown;
  DensityMap density(const RegionQuery& query) const {
    {
      const std::lock_guard lock(shown->mutex);
      ++shown->densities;
    }
    const Size size = query.image.size();
    DensityMap map = DensityMap::Zero(size.height, size.width);
    const Exemplar& shown_first = query.exemplars.front();
    const int label = shown_first.mask != nullptr
                          ? query.embedding.at(most_interior(*shown_first.mask))
                          : query.embedding.most_common_in(shown_first.box);
    if (label < 0) return map;
    const cv::Vec3f& colour = query.embedding.colours[static_cast<std::size_t>(label)];
    for (std::size_t i = 0; i < query.embedding.masks.size(); ++i) {
      if (RegionEncoder::alike(query.embedding.colours[i], colour) < 0.5f) continue;
      const Point p = most_interior(query.embedding.masks[i]);
      const PixelBox square =
          intersection({p.x - 2, p.y - 2, p.x + 3, p.y + 3}, {0, 0, size.width, size.height});
      map.block(square.y0, square.x0, square.height(), square.width()) += 0.04f;
    }
    return map;
  }
};

struct RegionDecoder {
  std::vector<ScoredMask> decode(const RegionQuery& query, std::span<const Prompt> prompts) const {
    std::vector<ScoredMask> masks;
    for (const Prompt& prompt : prompts) {
      const int label = query.embedding.at(prompt.point);
      if (label < 0)
        masks.emplace_back();
      else
        masks.push_back({query.embedding.masks[static_cast<std::size_t>(label)], 0.9f});
    }
    return masks;
  }
};

/// The n-th colour of a class: no two of neighbouring numbers are the same.
inline cv::Vec3b red(int n) {
  return {200, static_cast<std::uint8_t>(60 + n % 7), static_cast<std::uint8_t>(60 + n % 5)};
}
inline cv::Vec3b blue(int n) {
  return {60, static_cast<std::uint8_t>(60 + n % 7), static_cast<std::uint8_t>(200 + n % 5)};
}

}  // namespace persense::testing
