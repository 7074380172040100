// persense/classic/encoder.hpp: the weight-free encoder.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <memory>
#include <mutex>
#include <opencv2/imgproc.hpp>
#include <span>
#include <utility>
#include <vector>

#include "persense/classic/features.hpp"
#include "persense/classic/landscape.hpp"
#include "persense/classic/layers.hpp"
#include "persense/classic/look.hpp"
#include "persense/mask.hpp"
#include "persense/stages.hpp"

namespace persense::classic {

/// The diameter at which objects are looked at, pixels: shapes are clear, and more pixels add time
/// alone.
inline constexpr double work_diameter = 32;

/// Pieces below this score are not objects.
inline constexpr double lowest_piece_score = 0.1;

/// What the support object looks like, at working resolution.
struct ClassicPrototype {
  FeatureSpace space;
  Eigen::VectorXf direction;  ///< in that space: along it objects stand out
  References references;
  Look look{};
};

/// An image at working resolution. What is derived from it for a prototype is made on first use and
/// kept, as detector, DMG and decoder ask for the same.
/// @par Threads  Safe: the first of several threads that ask computes, the others wait.
class ClassicEmbedding {
 public:
  /// @param work_rgb  CV_8UC3, R G B. @param image  the size of the image it was made from.
  ClassicEmbedding(cv::Mat work_rgb, Size image)
      : rgb_(std::move(work_rgb)),
        lab_(lab_of(rgb_)),
        image_(image),
        memo_(std::make_unique<Memo>()) {}

  Size image_size() const { return image_; }
  cv::Size work_size() const { return rgb_.size(); }
  const cv::Mat& lab() const { return lab_; }
  cv::Mat features(const FeatureSpace& space, double radius) const {
    return features_of(rgb_, lab_, space, radius);
  }

  /// The landscape a prototype sees here.
  std::shared_ptr<const Landscape> landscape(const ClassicPrototype& prototype) const {
    const cv::Mat height =
        height_map(features(prototype.space, prototype.references.radius()), prototype.direction);
    return std::make_shared<const Landscape>(height,
                                             constants::max_area * prototype.references.area);
  }
  /// The same for the support's own prototype, kept.
  const Landscape& base_landscape(const ClassicPrototype& prototype) const {
    std::call_once(memo_->landscape_made, [&] { memo_->landscape = landscape(prototype); });
    return *memo_->landscape;
  }

  /// The cut for these exemplars (none: the support's own), made by `make()` on first use and kept.
  template <class Make>
  const Cut& cut(std::span<const Box> exemplars, Make&& make) const {
    const std::lock_guard lock(memo_->mutex);
    for (const auto& [known, cut] : memo_->cuts)
      if (std::equal(known.begin(), known.end(), exemplars.begin(), exemplars.end())) return *cut;
    auto made = std::make_unique<const Cut>(make());
    memo_->cuts.emplace_back(std::vector<Box>(exemplars.begin(), exemplars.end()), std::move(made));
    return *memo_->cuts.back().second;
  }

 private:
  struct Memo {
    std::once_flag landscape_made;
    std::shared_ptr<const Landscape> landscape;
    std::mutex mutex;
    std::vector<std::pair<std::vector<Box>, std::unique_ptr<const Cut>>> cuts;
  };
  cv::Mat rgb_, lab_;
  Size image_;
  std::unique_ptr<Memo> memo_;
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

inline Cut cut_for(const ClassicEmbedding& embedding, const Landscape& landscape,
                   const ClassicPrototype& prototype) {
  Cut cut = cut_at_two_scales(landscape, prototype.references);
  compare_looks(cut, embedding.lab(), prototype.look, lowest_piece_score);
  return cut;
}

/// The prototype of some marked objects in a given feature space.
/// @param mask  CV_8UC1 at working resolution, at least one pixel. @param area  of one object,
/// pixels.
inline ClassicPrototype prototype_in(const FeatureSpace& space, const ClassicEmbedding& embedding,
                                     const cv::Mat& mask, double area) {
  ClassicPrototype prototype;
  prototype.space = space;
  References& wanted = prototype.references;
  wanted.area = area;
  const double radius = wanted.radius();
  const cv::Mat features = embedding.features(space, radius);
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

/// How well a prototype finds its own support object again: the best overlap (intersection over
/// union) of a piece with the mask.
inline double recovery(const ClassicEmbedding& embedding, const ClassicPrototype& prototype,
                       const cv::Mat& mask) {
  const Cut cut = embedding.landscape(prototype)->cut(prototype.references);
  std::vector<int> shared(cut.pieces.size() + 1, 0);
  for (int y = 0; y < mask.rows; ++y)
    for (int x = 0; x < mask.cols; ++x)
      if (mask.at<std::uint8_t>(y, x)) ++shared[static_cast<std::size_t>(cut.labels.at<int>(y, x))];
  const double area = cv::countNonZero(mask);
  double best = 0;
  for (std::size_t i = 1; i < shared.size(); ++i)
    best = std::max(best, shared[i] / (area + cut.pieces[i - 1].area - shared[i]));
  return best;
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

  /// @param hint  object diameter in pixels: larger objects than `work_diameter` are looked at in a
  ///   smaller image, so that time depends on the number of objects rather than on pixels.
  Embedding encode(ImageView image, float hint) const {
    return at_scale(image, hint > 0 ? std::min(1.0, work_diameter / hint) : 1.0);
  }

  /// The image at a working resolution of `scale` times its own.
  static Embedding at_scale(ImageView image, double scale) {
    const cv::Mat rgb = image.mat();
    if (scale == 1) return Embedding(rgb.clone(), image.size());
    const auto side = [scale](int length) {
      return std::max(1, static_cast<int>(std::lround(length * scale)));
    };
    cv::Mat work;
    cv::resize(rgb, work, {side(image.width), side(image.height)}, 0, 0,
               scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    return Embedding(work, image.size());
  }

  Prototype prototype(const Embedding& embedding, MaskView mask) const {
    constexpr double clearly_better = 0.05;
    static constexpr std::array spaces = {
        FeatureSpace{false, false, 0.1}, FeatureSpace{true, false, 0.1},
        FeatureSpace{true, false, 0.02}, FeatureSpace{true, true, 0.1},
        FeatureSpace{true, true, 0.3},   FeatureSpace{false, true, 0.1}};
    const cv::Mat work = detail::mask_at(mask.mat(), embedding.work_size());
    std::array<Prototype, spaces.size()> prototypes;
    std::array<double, spaces.size()> recovery{};
    cv::parallel_for_(cv::Range(0, static_cast<int>(spaces.size())), [&](const cv::Range& range) {
      for (auto i = static_cast<std::size_t>(range.start); i < static_cast<std::size_t>(range.end);
           ++i) {
        prototypes[i] = detail::prototype_in(spaces[i], embedding, work, cv::countNonZero(work));
        recovery[i] = detail::recovery(embedding, prototypes[i], work);
      }
    });
    std::size_t best = 0;
    for (std::size_t i = 1; i < spaces.size(); ++i)
      if (recovery[i] > recovery[best] + clearly_better) best = i;
    cv::Mat label;
    work.convertTo(label, CV_32SC1, 1.0 / 255);
    const auto lab_row = [&](int y, const cv::Range& columns) {
      return embedding.lab()(cv::Range(y, y + 1), columns);
    };
    prototypes[best].look = looks_of(label, 1, lab_row)[0];
    return prototypes[best];
  }

  /// 0 where a pixel looks as much like background as like the object, 1 where like the object.
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    const double neutral = prototype.references.neutral();
    const double reach = std::max(prototype.references.value - neutral, 1e-3);
    FloatMap map(size.height, size.width);
    cv::Mat out = as_mat(map);  // the map's own memory: written in place
    cv::resize(embedding.base_landscape(prototype).height(), out, out.size(), 0, 0,
               cv::INTER_LINEAR);
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
