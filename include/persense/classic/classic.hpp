// persense/classic/classic.hpp: the weight-free stages.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "persense/classic/proposals.hpp"
#include "persense/stages.hpp"

namespace persense::classic {

class ClassicEncoder {
 public:
  /// What the support object looks like.
  struct Prototype {
    FeatureSpace space;
    double radius = 1;  ///< of the object at working resolution
    Eigen::VectorXf direction;
    cv::Vec<float, 6> look;
    References references;
    /// The height at which a pixel looks as much like the background as like the object.
    double neutral() const {
      return references.background +
             tuning.value_floor * (references.value - references.background);
    }
  };

  /// An image at working resolution; what is derived from it for a prototype is made once, on
  /// demand.
  class Embedding {
   public:
    Embedding(cv::Mat work_colors, Size image_size)
        : colors(std::move(work_colors)), image(image_size), memo_(std::make_unique<Memo>()) {}

    double scale_x() const { return static_cast<double>(colors.cols) / image.width; }
    double scale_y() const { return static_cast<double>(colors.rows) / image.height; }

    struct Cut {
      Prototype prototype;
      Landscape land;
      Proposals proposals;
    };
    /// Memoised per exemplars; `make` is called once.
    template <class Make>
    const Cut& cut(std::span<const Box> exemplars, Make&& make) const {
      for (const auto& [known, value] : memo_->cuts)
        if (std::equal(known.begin(), known.end(), exemplars.begin(), exemplars.end())) return *value;
      memo_->cuts.emplace_back(std::vector<Box>(exemplars.begin(), exemplars.end()), std::make_unique<Cut>(make()));
      return *memo_->cuts.back().second;
    }
    Cut cut_with(const Prototype& prototype) const {
      Cut c{prototype, Landscape(project(features_of(colors, prototype.space, prototype.radius), prototype.direction), prototype.references.area), {}};
      c.proposals = c.land.propose(prototype.references);
      if (tuning.coarse > 0 && std::min(c.land.height.rows, c.land.height.cols) >= 32) {
        cv::Mat half;
        cv::resize(c.land.height, half, {c.land.height.cols / 2, c.land.height.rows / 2}, 0, 0, cv::INTER_AREA);
        const Landscape coarse(half, prototype.references.area);
        const Proposals larger = enlarge(coarse.propose(prototype.references), c.land.height.size());
        c.proposals = lay({&c.proposals, &larger}, {1.0, tuning.coarse_weight});
      }
      auto& pieces = c.proposals.pieces;
      const auto looks = looks_of(colors, c.proposals.labels, int(pieces.size()));
      for (std::size_t k = 0; k < pieces.size(); ++k) pieces[k].look = looks[k + 1];
      drop_other_kind(pieces, prototype.look);
      return c;
    }
    const Cut& base(const Prototype& prototype) const {
      return cut({}, [&] { return cut_with(prototype); });
    }

    cv::Mat colors;  ///< CV_32FC3, working resolution
    Size image;

   private:
    struct Memo {
      std::mutex mutex;
      std::vector<std::pair<std::vector<Box>, std::unique_ptr<Cut>>> cuts;
    };
    std::unique_ptr<Memo> memo_;
  };

  Embedding encode(ImageView image, float hint) const {
    const double scale = hint > 0 ? std::min(1.0, tuning.work_diameter / hint) : 1.0;
    cv::Mat work = image.mat();
    if (scale < 1)
      cv::resize(image.mat(), work,
                 {std::max(1, static_cast<int>(std::lround(image.width * scale))),
                  std::max(1, static_cast<int>(std::lround(image.height * scale)))},
                 0, 0, cv::INTER_AREA);
    return Embedding(work.clone(), image.size());
  }

  Prototype prototype(const Embedding& embedding, MaskView mask) const {
    cv::Mat work;
    cv::resize(mask.mat(), work, embedding.colors.size(), 0, 0, cv::INTER_AREA);
    work = work > 127;
    if (cv::countNonZero(work) == 0) cv::resize(mask.mat(), work, embedding.colors.size(), 0, 0, cv::INTER_NEAREST);
    Prototype best; double best_iou = -1;
    for (const FeatureSpace& space : {FeatureSpace{}, FeatureSpace{true, false, 0.1}, FeatureSpace{true, false, 0.02}, FeatureSpace{true, true, 0.1}, FeatureSpace{true, true, 0.3}, FeatureSpace{false, true, 0.1}}) {
      if (extra < 0 && &space != nullptr && space.texture) continue;
      Prototype p = prototype_in(space, embedding, work);
      const double iou = recovers(embedding, p, work);
      if (std::getenv("V2")) std::fprintf(stderr, "%.2f ", iou);
      if (best_iou < 0 || iou > best_iou + sel_margin) best = p, best_iou = iou;
    }
    if (std::getenv("V2")) std::fprintf(stderr, " lab %d tex %d ridge %.2f\n", best.space.lab, best.space.texture, best.space.ridge);
    return best;
  }
  static double recovers(const Embedding& e, const Prototype& p, const cv::Mat& mask) {
    const Landscape land(project(features_of(e.colors, p.space, p.radius), p.direction), p.references.area);
    const Proposals found = land.propose(p.references);
    std::vector<int> shared(found.pieces.size() + 1, 0);
    for (int y = 0; y < mask.rows; ++y) for (int x = 0; x < mask.cols; ++x) if (mask.at<std::uint8_t>(y, x)) ++shared[found.labels.at<int>(y, x)];
    double best = 0; const double area = cv::countNonZero(mask);
    for (std::size_t i = 1; i < shared.size(); ++i) best = std::max(best, shared[i] / (area + found.pieces[i - 1].area - shared[i]));
    return best;
  }
  static Prototype prototype_in(const FeatureSpace& space, const Embedding& embedding, const cv::Mat& work, double radius = 0) {
    Prototype p;
    p.space = space;
    const double area = std::max(1, cv::countNonZero(work));
    if (radius == 0) radius = std::sqrt(area / std::numbers::pi);
    p.radius = radius;
    p.look = looks_of(embedding.colors, [&]{cv::Mat l; work.convertTo(l, CV_32SC1, 1/255.0); return l;}(), 1)[1];
    const cv::Mat features = features_of(embedding.colors, space, radius);
    p.direction = discriminant_direction(features, work, radius, space.ridge);
    const cv::Mat height = project(features, p.direction);
    const cv::Mat contrast = local_contrast(height, 2 * static_cast<int>(std::round(tuning.contrast_size * radius)) + 1);
    cv::Mat ring = dilate_disc(work, std::max(3.0, radius)) & ~dilate_disc(work, std::max(1.0, 0.2 * radius));
    if (cv::countNonZero(ring) == 0) ring = ~work;
    std::vector<float> around;
    for (int y = 0; y < ring.rows; ++y)
      for (int x = 0; x < ring.cols; ++x)
        if (ring.at<std::uint8_t>(y, x)) around.push_back(height.at<float>(y, x));
    std::nth_element(around.begin(), around.begin() + static_cast<std::ptrdiff_t>(around.size() / 2), around.end());
    p.references = {area, cv::mean(height, work)[0], cv::mean(contrast, work)[0], around.empty() ? 0.0 : around[around.size() / 2]};
    p.references.background = std::min(p.references.background, 0.8 * p.references.value);
    return p;
  }

  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    const double neutral = prototype.neutral(),
                 reach = std::max(prototype.references.value - neutral, 1e-3);
    cv::Mat map;
    cv::resize(embedding.base(prototype).land.height, map, {size.width, size.height}, 0, 0,
               cv::INTER_LINEAR);
    return ((as_map(map) - static_cast<float>(neutral)) / static_cast<float>(reach))
        .max(-1.0f)
        .min(1.0f);
  }
};

using ClassicQuery = Query<ClassicEncoder>;

inline double adapt_on = 1, adapt_min = 3;
inline const ClassicEncoder::Embedding::Cut& cut_of(const ClassicQuery& query, std::span<const Box> exemplars) {
  const auto& prototype = query.support.prototype;
  const auto& base = query.embedding.base(prototype);
  if (double(exemplars.size()) < adapt_min) return base;
  return query.embedding.cut(exemplars, [&] {
    cv::Mat mask = cv::Mat::zeros(base.land.height.size(), CV_8UC1);
    std::vector<double> areas, values, contrasts;
    const double sx = query.embedding.scale_x(), sy = query.embedding.scale_y();
    for (const Box& box : exemplars) {
      double best = 0; std::size_t which = 0;
      for (std::size_t k = 0; k < base.proposals.pieces.size(); ++k) {
        const auto& b = base.proposals.pieces[k].box;
        const Box q{float(b.x0 / sx), float(b.y0 / sy), float(b.x1 / sx), float(b.y1 / sy)};
        const double w = std::min(q.x1, box.x1) - std::max(q.x0, box.x0), h = std::min(q.y1, box.y1) - std::max(q.y0, box.y0);
        if (w <= 0 || h <= 0) continue;
        const double iou = w * h / (q.area() + box.area() - w * h);
        if (iou > best) best = iou, which = k;
      }
      if (best < 0.5) continue;
      const Piece& piece = base.proposals.pieces[which];
      mask |= base.proposals.labels == int(which) + 1;
      areas.push_back(piece.area), values.push_back(piece.value), contrasts.push_back(piece.contrast);
    }
    if (areas.empty()) return query.embedding.cut_with(prototype);
    const auto median = [](std::vector<double> v) {
      std::sort(v.begin(), v.end());
      return 0.5 * (v[(v.size() - 1) / 2] + v[v.size() / 2]);
    };
    ClassicEncoder::Prototype adapted = prototype;
    const double area = median(areas);
    if (adapt_on > 0) {
      adapted = ClassicEncoder::prototype_in(prototype.space, query.embedding, mask, std::sqrt(area / std::numbers::pi));
      adapted.look = prototype.look;
    } else {
      adapted.references.value = std::min(adapted.references.value, median(values));
      adapted.references.contrast = std::min(adapted.references.contrast, median(contrasts));
      adapted.references.background = std::min(adapted.references.background, 0.8 * adapted.references.value);
    }
    adapted.references.area = area;
    return query.embedding.cut_with(adapted);
  });
}

class ClassicDetector {
 public:
  Detections detect(const ClassicQuery& query) const {
    const Proposals& found = cut_of(query, {}).proposals;
    const double sx = query.embedding.scale_x(), sy = query.embedding.scale_y();
    Detections d;
    for (const Piece& piece : found.pieces)
      if (piece.score >= tuning.detect_lowest)
        d.label.push_back(
            {{static_cast<float>(piece.box.x0 / sx), static_cast<float>(piece.box.y0 / sy),
              static_cast<float>(piece.box.x1 / sx), static_cast<float>(piece.box.y1 / sy)},
             static_cast<float>(std::sqrt(piece.score))});
    d.phrase = d.label;
    return d;
  }
};

class ClassicDmg {
 public:
  DensityMap density(const ClassicQuery& query, std::span<const Box> exemplars) const {
    const auto& [prototype, land, found] = cut_of(query, exemplars);
    const References& wanted = prototype.references;
    cv::Mat mass = cv::Mat::zeros(found.labels.size(), CV_32FC1);
    for (const Piece& piece : found.pieces)
      if (piece.score >= tuning.piece_lowest) mass.at<float>(piece.core.y, piece.core.x) += 1;
    cv::GaussianBlur(mass, mass, {}, std::max(0.8, tuning.density_width * wanted.radius()), 0,
                     cv::BORDER_REFLECT);
    return as_map(mass);
  }
};

class ClassicDecoder {
 public:
  std::vector<ScoredMask> decode(const ClassicQuery& query, std::span<const Prompt> prompts) const {
    const Proposals& found = cut_of(query, query.exemplars).proposals;
    const double sx = query.embedding.scale_x(), sy = query.embedding.scale_y();
    std::vector<int> owner(found.pieces.size(), -1);
    std::vector<float> depth(found.pieces.size(), -1);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const int x =
          std::clamp(static_cast<int>((prompts[i].point.x + 0.5) * sx), 0, found.labels.cols - 1);
      const int y =
          std::clamp(static_cast<int>((prompts[i].point.y + 0.5) * sy), 0, found.labels.rows - 1);
      const int l = found.labels.at<int>(y, x);
      if (l == 0 || found.interior.at<float>(y, x) <= depth[l - 1]) continue;
      depth[l - 1] = found.interior.at<float>(y, x);
      owner[l - 1] = static_cast<int>(i);
    }
    std::vector<ScoredMask> masks(prompts.size());
    cv::Mat full;
    cv::resize(found.labels, full, {query.image.width, query.image.height}, 0, 0,
               cv::INTER_NEAREST);
    for (std::size_t l = 0; l < owner.size(); ++l) {
      const Piece& piece = found.pieces[l];
      if (owner[l] < 0 || piece.score < tuning.piece_lowest) continue;
      const PixelBox& b = piece.box;
      const cv::Rect r = cv::Rect(cv::Point(int(b.x0 / sx) - 1, int(b.y0 / sy) - 1),
                                  cv::Point(int(b.x1 / sx) + 2, int(b.y1 / sy) + 2)) &
                         cv::Rect(0, 0, full.cols, full.rows);
      masks[owner[l]] = {crop_to_box(MaskView(cv::Mat(full(r) == int(l) + 1)), {r.x, r.y}),
                         float(piece.score)};
    }
    return masks;
  }
};

}  // namespace persense::classic
