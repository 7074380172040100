// persense/classic/pieces.hpp: the object-like pieces of a query, which the detector, the DMG and
// the decoder share.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <span>
#include <vector>

#include "persense/classic/encoder.hpp"
#include "persense/support.hpp"

namespace persense::classic {

/// The part of a query that these stages work on.
struct ClassicQuery {
  ImageView image;
  const ClassicEmbedding& embedding;
  const ClassicPrototype& prototype;
  std::span<const Exemplar> exemplars;  ///< of the current pass

  template <HoldsClassicEncoder E>
  explicit ClassicQuery(const Query<E>& query)
      : image(query.image),
        embedding(classic_embedding(query.embedding)),
        prototype(classic_prototype(query.support.prototype)),
        exemplars(query.exemplars) {}
};

namespace detail {

/// A cut's resolution over the image's, per axis.
struct WorkScale {
  double x, y;
  WorkScale(const Cut& cut, Size image)
      : x(static_cast<double>(cut.labels.cols) / image.width),
        y(static_cast<double>(cut.labels.rows) / image.height) {}

  Box to_image(const PixelBox& b) const {
    return {static_cast<float>(b.x0 / x), static_cast<float>(b.y0 / y),
            static_cast<float>(b.x1 / x), static_cast<float>(b.y1 / y)};
  }
};

/// The indices of the pieces that the exemplars show. An exemplar that matches none is left out,
/// and one of an odd look: learning from another kind of object would lose the right one.
inline std::vector<std::size_t> pieces_shown(const Cut& cut, Size image,
                                             std::span<const Box> exemplars) {
  const WorkScale scale(cut, image);
  std::vector<std::size_t> shown;
  for (const Box& exemplar : exemplars) {
    float best = 0.5f;  // a box that overlaps less shows something else
    std::size_t which = cut.pieces.size();
    for (std::size_t i = 0; i < cut.pieces.size(); ++i) {
      const float overlap = iou(scale.to_image(cut.pieces[i].box), exemplar);
      if (overlap > best) best = overlap, which = i;
    }
    if (which < cut.pieces.size() && !cut.pieces[which].odd_look) shown.push_back(which);
  }
  return shown;
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

/// Some of a cut's pieces.
struct Marked {
  cv::Mat mask;     ///< CV_8UC1 at the cut's resolution
  double area = 0;  ///< median of theirs, pixels of the cut
};

inline Marked marked(const Cut& cut, const std::vector<std::size_t>& shown) {
  Marked result{cv::Mat::zeros(cut.labels.size(), CV_8UC1)};
  std::vector<double> areas;
  for (const std::size_t i : shown) {
    const cv::Rect box = rect_of(cut.pieces[i].box);
    result.mask(box).setTo(255, cut.labels(box) == static_cast<int>(i) + 1);
    areas.push_back(cut.pieces[i].area);
  }
  result.area = median(areas);
  return result;
}

/// The support's prototype, learned again on objects of the query itself: its light and background
/// are often not the support's. Kind and feature space stay the support's.
inline ClassicPrototype adapted(const ClassicLevel& level, const Marked& objects,
                                const ClassicPrototype& support) {
  const cv::Size work = level.size();
  const bool same_size = objects.mask.size() == work;
  const double growth = static_cast<double>(work.area()) / objects.mask.size().area();
  ClassicPrototype prototype =
      prototype_in(support.space, level, same_size ? objects.mask : mask_at(objects.mask, work),
                   growth * objects.area);
  prototype.looks = support.looks;
  prototype.negative_looks = support.negative_looks;
  return prototype;
}

/// The working resolution, in image pixels, for objects much smaller than the support object.
/// @return  0 when the cut's own is as good.
inline double finer_scale(const Cut& cut, Size image, double area) {
  constexpr double most = 1.5;         // finer than the image itself: room between neighbours
  constexpr double worth_it = 1.3;     // times the cut's own
  constexpr double most_pixels = 8e6;  // of the working image: time and memory stay bounded
  const WorkScale now(cut, image);
  const double diameter = equivalent_diameter(area / (now.x * now.y));
  const double bound = std::sqrt(most_pixels / static_cast<double>(image.pixels()));
  const double scale = std::min({most, work_diameter / diameter, bound});
  return scale > worth_it * now.x ? scale : 0.0;
}

}  // namespace detail

/// The pieces of a query, for the exemplars of the current pass. With fewer than three exemplars
/// (or none that matches a piece) they follow from the support alone; with more, from what the
/// exemplars look like in this query, at a finer resolution where they are small.
inline std::shared_ptr<const Cut> pieces_of(const ClassicQuery& query,
                                            std::span<const Exemplar> exemplars) {
  constexpr std::size_t enough = 3;  // fewer say little about how much objects vary
  const ClassicEmbedding& embedding = query.embedding;
  const ClassicPrototype& support = query.prototype;
  const auto level = embedding.level(support.scale);
  const auto base = embedding.cut(
      support, {}, [&] { return detail::cut_for(*level, *embedding.landscape(support), support); });
  if (exemplars.size() < enough) return base;
  std::vector<Box> boxes;
  for (const Exemplar& e : exemplars) boxes.push_back(e.box);
  const auto shown = detail::pieces_shown(*base, query.image.size(), boxes);
  if (shown.empty()) return base;
  return embedding.cut(support, boxes, [&] {
    const detail::Marked objects = detail::marked(*base, shown);
    const auto cut_again = [&](const ClassicLevel& at) {
      const ClassicPrototype prototype = detail::adapted(at, objects, support);
      return detail::cut_for(at, at.landscape(prototype), prototype);
    };
    const double scale = detail::finer_scale(*base, query.image.size(), objects.area);
    return scale > 0 ? cut_again(embedding.at_scale(scale)) : cut_again(*level);
  });
}

}  // namespace persense::classic
