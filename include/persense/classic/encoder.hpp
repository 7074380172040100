// persense/classic/encoder.hpp: the weight-free encoder.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <span>
#include <utility>
#include <vector>

#include "persense/classic/features.hpp"
#include "persense/classic/landscape.hpp"
#include "persense/classic/layers.hpp"
#include "persense/classic/look.hpp"
#include "persense/detail/memo.hpp"
#include "persense/mask.hpp"
#include "persense/stages.hpp"
#include "persense/support.hpp"

namespace persense::classic {

/// The diameter at which objects are looked at, pixels: shapes are clear, and more pixels add time
/// alone.
inline constexpr double work_diameter = 32;

/// Pieces below this score are not objects.
inline constexpr double lowest_piece_score = 0.1;

/// What the support object looks like, at working resolution.
struct ClassicPrototype {
  persense::detail::Identity identity;
  double scale = 1;  ///< of the working resolution: pixels there in one of the image, by length
  FeatureSpace space;
  Eigen::VectorXf direction;  ///< in that space: along it objects stand out
  References references;
  std::vector<Look> looks, negative_looks;  ///< of the examples
};

/// An image at one working resolution.
class ClassicLevel {
 public:
  /// @param work_rgb  CV_8UC3, R G B.
  explicit ClassicLevel(cv::Mat work_rgb) : rgb_(std::move(work_rgb)), lab_(lab_of(rgb_)) {}

  cv::Size size() const { return rgb_.size(); }
  const cv::Mat& rgb() const { return rgb_; }
  const cv::Mat& lab() const { return lab_; }
  cv::Mat features(const FeatureSpace& space, double radius) const {
    return features_of(rgb_, lab_, space, radius);
  }

  /// The landscape that a prototype sees here.
  Landscape landscape(const ClassicPrototype& prototype) const {
    const cv::Mat height =
        height_map(features(prototype.space, prototype.references.radius()), prototype.direction);
    return Landscape(height, constants::max_area * prototype.references.area);
  }

 private:
  cv::Mat rgb_, lab_;
};

/// An image, with what was derived from it: by working scale, and for the prototypes that asked
/// last, as detector, DMG and decoder ask for the same.
/// @par Threads  Safe; what is derived is computed once.
class ClassicEmbedding {
 public:
  using Scale = double;

  /// @param rgb  CV_8UC3, R G B; is copied.
  explicit ClassicEmbedding(const cv::Mat& rgb)
      : rgb_(rgb.clone()), derived_(std::make_unique<Derived>()) {}

  /// The image at a scale of at most 1.
  std::shared_ptr<const ClassicLevel> level(Scale scale) const {
    return derived_->levels.get(scale, [&] { return at_scale(scale); });
  }
  /// The same, of any scale, not kept.
  ClassicLevel at_scale(Scale scale) const {
    if (scale == 1) return ClassicLevel(rgb_);
    const auto side = [scale](int length) {
      return std::max(1, static_cast<int>(std::lround(length * scale)));
    };
    cv::Mat work;
    cv::resize(rgb_, work, {side(rgb_.cols), side(rgb_.rows)}, 0, 0,
               scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    return ClassicLevel(work);
  }

  std::shared_ptr<const Landscape> landscape(const ClassicPrototype& prototype) const {
    return derived_->landscapes.get(prototype.identity,
                                    [&] { return level(prototype.scale)->landscape(prototype); });
  }

  /// The cut for these exemplars (none: the support's own), made by `make()` on first use.
  template <class Make>
  std::shared_ptr<const Cut> cut(const ClassicPrototype& prototype, std::vector<Box> exemplars,
                                 Make&& make) const {
    return derived_->cuts.get({prototype.identity, std::move(exemplars)}, std::forward<Make>(make));
  }

 private:
  struct CutKey {
    persense::detail::Identity prototype;
    std::vector<Box> exemplars;
    bool operator==(const CutKey&) const = default;
  };
  struct Derived {
    persense::detail::Memo<Scale, ClassicLevel> levels{4};
    persense::detail::Memo<persense::detail::Identity, Landscape> landscapes{2};
    persense::detail::Memo<CutKey, Cut> cuts{4};
  };
  cv::Mat rgb_;
  std::unique_ptr<Derived> derived_;
};

namespace detail {

/// Cuts at working resolution for objects of about the exemplar's size, and at half of it for
/// larger ones, whose inner texture would shatter them at full resolution.
inline Cut cut_at_two_scales(const Landscape& landscape, const References& wanted) {
  constexpr double coarse_weight = 0.7;  // what both find is better outlined by the finer cut
  constexpr int smallest = 32;           // below, half resolution shows nothing
  const cv::Mat& height = landscape.height();
  if (std::min(height.rows, height.cols) < smallest) return landscape.cut(wanted);
  std::vector<Layer> layers(2);
  cv::parallel_for_(cv::Range(0, 2), [&](const cv::Range& range) {
    for (int i = range.start; i < range.end; ++i) {
      if (i == 0) {
        layers[0] = {landscape.cut(wanted), 1.0};
        continue;
      }
      cv::Mat half;
      cv::resize(height, half, {height.cols / 2, height.rows / 2}, 0, 0, cv::INTER_AREA);
      const Landscape coarse(half, constants::max_area * wanted.area);
      layers[1] = {resampled(coarse.cut(wanted), height.size()), coarse_weight};
    }
  });
  return join(layers);
}

inline Cut cut_for(const ClassicLevel& level, const Landscape& landscape,
                   const ClassicPrototype& prototype) {
  Cut cut = cut_at_two_scales(landscape, prototype.references);
  compare_looks(cut, level.lab(), prototype.looks, prototype.negative_looks, lowest_piece_score);
  return cut;
}

/// The prototype of some marked objects in a given feature space.
/// @param mask  CV_8UC1 at working resolution, at least one pixel. @param area  of one object,
/// pixels.
inline ClassicPrototype prototype_in(const FeatureSpace& space, const ClassicLevel& level,
                                     const cv::Mat& mask, double area) {
  ClassicPrototype prototype;
  prototype.space = space;
  References& wanted = prototype.references;
  wanted.area = area;
  const double radius = wanted.radius();
  const cv::Mat features = level.features(space, radius);
  prototype.direction = discriminant_direction(features, mask, radius, space.ridge);
  const cv::Mat height = height_map(features, prototype.direction);
  wanted.value = cv::mean(height, mask)[0];
  wanted.contrast = cv::mean(local_contrast(height, wanted.contrast_size()), mask)[0];

  const cv::Mat distance = distance_to(mask);
  cv::Mat ring = (distance > std::max(1.0, 0.2 * radius)) & (distance <= std::max(3.0, radius));
  if (cv::countNonZero(ring) == 0) ring = mask == 0;
  cv::Mat around(1, 0, CV_32FC1);
  for (int y = 0; y < ring.rows; ++y)
    for (int x = 0; x < ring.cols; ++x)
      if (ring.at<std::uint8_t>(y, x)) around.push_back(height.at<float>(y, x));
  // an object that does not stand out from its ring still gets a background below itself
  wanted.background =
      around.empty() ? 0.0 : std::min<double>(percentile(around, 50), 0.8 * wanted.value);
  return prototype;
}

/// How well a prototype finds its own support objects again: the best overlap (intersection over
/// union) of a piece with each mask, mean over them.
inline double recovery(const ClassicLevel& level, const ClassicPrototype& prototype,
                       const std::vector<cv::Mat>& masks) {
  const Cut cut = level.landscape(prototype).cut(prototype.references);
  double sum = 0;
  for (const cv::Mat& mask : masks) {
    std::vector<int> shared(cut.pieces.size() + 1, 0);
    for (int y = 0; y < mask.rows; ++y)
      for (int x = 0; x < mask.cols; ++x)
        if (mask.at<std::uint8_t>(y, x))
          ++shared[static_cast<std::size_t>(cut.labels.at<int>(y, x))];
    const double area = cv::countNonZero(mask);
    double best = 0;
    for (std::size_t i = 1; i < shared.size(); ++i)
      best = std::max(best, shared[i] / (area + cut.pieces[i - 1].area - shared[i]));
    sum += best;
  }
  return sum / static_cast<double>(masks.size());
}

/// A mask at working resolution; never without a pixel.
inline cv::Mat mask_at(const cv::Mat& mask, cv::Size work) {
  cv::Mat small;
  cv::resize(mask, small, work, 0, 0, cv::INTER_AREA);
  small = small > 127;
  if (cv::countNonZero(small) > 0) return small;
  const PixelBox box = tight_box(MaskView(mask));
  const auto scaled = [](int begin, int length, int from, int to) {
    return std::min(to - 1, static_cast<int>((begin + 0.5 * length) * to / from));
  };
  small.at<std::uint8_t>(scaled(box.y0, box.height(), mask.rows, work.height),
                         scaled(box.x0, box.width(), mask.cols, work.width)) = 255;
  return small;
}

/// Marked objects in working pictures that are put side by side, so that one direction can be
/// learned from all of them.
struct MarkedLevel {
  ClassicLevel level;
  std::vector<cv::Mat> masks, negative_masks;  ///< one for each example
};

inline MarkedLevel marked_level(std::span<const EncodedExample<ClassicEmbedding>> examples,
                                double scale) {
  std::vector<const ClassicEmbedding*> images;
  for (const auto& e : examples)
    if (std::find(images.begin(), images.end(), e.embedding) == images.end())
      images.push_back(e.embedding);
  std::vector<std::shared_ptr<const ClassicLevel>> levels;
  std::vector<cv::Rect> places;
  cv::Size all(0, 0);
  for (const ClassicEmbedding* image : images) {
    levels.push_back(image->level(scale));
    const cv::Size size = levels.back()->size();
    places.emplace_back(all.width, 0, size.width, size.height);
    all = {all.width + size.width, std::max(all.height, size.height)};
  }
  const auto side_by_side = [&] {
    if (images.size() == 1) return *levels[0];
    cv::Mat rgb(all, CV_8UC3);
    for (std::size_t i = 0; i < images.size(); ++i)
      cv::copyMakeBorder(levels[i]->rgb(),
                         rgb(cv::Rect(places[i].x, 0, places[i].width, all.height)), 0,
                         all.height - places[i].height, 0, 0, cv::BORDER_REPLICATE);
    return ClassicLevel(rgb);
  };
  MarkedLevel marked{side_by_side(), {}, {}};
  for (const auto& e : examples) {
    const auto i = static_cast<std::size_t>(std::find(images.begin(), images.end(), e.embedding) -
                                            images.begin());
    cv::Mat mask = cv::Mat::zeros(all, CV_8UC1);
    mask_at(to_frame(*e.mask, e.image), places[i].size()).copyTo(mask(places[i]));
    (e.negative ? marked.negative_masks : marked.masks).push_back(mask);
  }
  return marked;
}

inline std::vector<Look> looks_of_masks(const ClassicLevel& level,
                                        const std::vector<cv::Mat>& masks) {
  std::vector<Look> looks;
  for (const cv::Mat& mask : masks) {
    cv::Mat label;
    mask.convertTo(label, CV_32SC1, 1.0 / 255);
    looks.push_back(looks_of(label, 1, [&](int y, const cv::Range& columns) {
      return level.lab()(cv::Range(y, y + 1), columns);
    })[0]);
  }
  return looks;
}

/// The working scale for objects of the examples' size.
inline double working_scale(std::span<const EncodedExample<ClassicEmbedding>> examples) {
  std::vector<double> areas;
  for (const auto& e : examples)
    if (!e.negative) areas.push_back(static_cast<double>(e.mask->area()));
  std::sort(areas.begin(), areas.end());
  const double diameter = equivalent_diameter(areas[areas.size() / 2]);
  return std::min(1.0, persense::detail::quantised_scale(work_diameter / diameter));
}

}  // namespace detail

/// A weight-free encoder: colours (and texture) along the direction in which the support object
/// stands out from what surrounds it.
///
/// Of six feature spaces it takes the first in which the support object is recovered about as well
/// as in any: RGB where that does, Lab or texture where they are clearly better.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library.
class ClassicEncoder {
 public:
  using Embedding = ClassicEmbedding;
  using Prototype = ClassicPrototype;

  Embedding encode(ImageView image) const { return Embedding(image.mat()); }

  /// Larger objects than `work_diameter` are looked at in a smaller image, so that time depends on
  /// the number of objects rather than on pixels.
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    constexpr double clearly_better = 0.05;
    static constexpr std::array spaces = {
        FeatureSpace{false, false, 0.1}, FeatureSpace{true, false, 0.1},
        FeatureSpace{true, false, 0.02}, FeatureSpace{true, true, 0.1},
        FeatureSpace{true, true, 0.3},   FeatureSpace{false, true, 0.1}};
    const double scale = detail::working_scale(examples);
    const detail::MarkedLevel marked = detail::marked_level(examples, scale);
    cv::Mat objects = marked.masks[0].clone();
    std::vector<int> areas;
    for (const cv::Mat& mask : marked.masks) {
      objects |= mask;
      areas.push_back(cv::countNonZero(mask));
    }
    std::sort(areas.begin(), areas.end());
    const double area = 0.5 * (areas[(areas.size() - 1) / 2] + areas[areas.size() / 2]);
    std::array<Prototype, spaces.size()> prototypes;
    std::array<double, spaces.size()> recovery{};
    cv::parallel_for_(cv::Range(0, static_cast<int>(spaces.size())), [&](const cv::Range& range) {
      for (auto i = static_cast<std::size_t>(range.start); i < static_cast<std::size_t>(range.end);
           ++i) {
        prototypes[i] = detail::prototype_in(spaces[i], marked.level, objects, area);
        recovery[i] = detail::recovery(marked.level, prototypes[i], marked.masks);
      }
    });
    std::size_t best = 0;
    for (std::size_t i = 1; i < spaces.size(); ++i)
      if (recovery[i] > recovery[best] + clearly_better) best = i;
    Prototype& chosen = prototypes[best];
    chosen.scale = scale;
    chosen.looks = detail::looks_of_masks(marked.level, marked.masks);
    chosen.negative_looks = detail::looks_of_masks(marked.level, marked.negative_masks);
    return std::move(chosen);
  }

  /// 0 where a pixel looks as much like background as like the object, 1 where like the object.
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    const double neutral = prototype.references.neutral();
    const double reach = std::max(prototype.references.value - neutral, 1e-3);
    FloatMap map(size.height, size.width);
    cv::Mat out = as_mat(map);  // the map's own memory: written in place
    cv::resize(embedding.landscape(prototype)->height(), out, out.size(), 0, 0, cv::INTER_LINEAR);
    map = ((map - static_cast<float>(neutral)) / static_cast<float>(reach)).max(-1.0f).min(1.0f);
    return map;
  }
};

/// The classic part of an encoder's embedding and prototype. An encoder that joins this one with
/// another overloads both in the namespace of its own types.
inline const ClassicEmbedding& classic_embedding(const ClassicEmbedding& e) { return e; }
inline const ClassicPrototype& classic_prototype(const ClassicPrototype& p) { return p; }

/// An encoder whose embedding and prototype hold ClassicEncoder's.
template <class E>
concept HoldsClassicEncoder = requires(const typename E::Embedding& embedding,
                                       const typename E::Prototype& prototype) {
  { classic_embedding(embedding) } -> std::same_as<const ClassicEmbedding&>;
  { classic_prototype(prototype) } -> std::same_as<const ClassicPrototype&>;
};

}  // namespace persense::classic
