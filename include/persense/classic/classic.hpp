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

    const Landscape& landscape(const Prototype& prototype) const {
      const std::lock_guard lock(memo_->mutex);
      if (!memo_->landscape)
        memo_->landscape.emplace(project(features_of(colors, prototype.space, prototype.radius), prototype.direction), prototype.references.area);
      return *memo_->landscape;
    }
    const Proposals& proposals(const Prototype& prototype, const References& wanted) const {
      const Landscape& land = landscape(prototype);
      const std::lock_guard lock(memo_->mutex);
      for (const auto& [known, proposals] : memo_->proposals)
        if (known == wanted) return *proposals;
      memo_->proposals.emplace_back(wanted, std::make_unique<Proposals>(land.propose(wanted)));
      return *memo_->proposals.back().second;
    }

    cv::Mat colors;  ///< CV_32FC3, working resolution
    Size image;

   private:
    struct Memo {
      std::mutex mutex;
      std::optional<Landscape> landscape;
      std::vector<std::pair<References, std::unique_ptr<Proposals>>> proposals;
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
  static Prototype prototype_in(const FeatureSpace& space, const Embedding& embedding, const cv::Mat& work) {
    Prototype p;
    p.space = space;
    const double area = std::max(1, cv::countNonZero(work)), radius = std::sqrt(area / std::numbers::pi);
    p.radius = radius;
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
    cv::resize(embedding.landscape(prototype).height, map, {size.width, size.height}, 0, 0,
               cv::INTER_LINEAR);
    return ((as_map(map) - static_cast<float>(neutral)) / static_cast<float>(reach))
        .max(-1.0f)
        .min(1.0f);
  }
};

using ClassicQuery = Query<ClassicEncoder>;

inline References references_from(const ClassicQuery& query, std::span<const Box> exemplars) {
  const auto& prototype = query.support.prototype;
  References wanted = prototype.references;
  if (exemplars.size() < 3) return wanted;
  const Proposals& base = query.embedding.proposals(prototype, prototype.references);
  const Landscape& land = query.embedding.landscape(prototype);
  const cv::Mat contrast = local_contrast(
      land.height, 2 * static_cast<int>(std::round(tuning.contrast_size * wanted.radius())) + 1);
  std::vector<double> areas, values, contrasts;
  const double sx = query.embedding.scale_x(), sy = query.embedding.scale_y();
  for (const Box& box : exemplars) {
    const double cx = 0.5 * (box.x0 + box.x1) * sx, cy = 0.5 * (box.y0 + box.y1) * sy,
                 rx = 0.5 * box.width() * sx, ry = 0.5 * box.height() * sy;
    double n = 0, v = 0, c = 0;
    for (int y = std::max(0, int(cy - ry)); y < std::min<int>(land.height.rows, int(cy + ry) + 1);
         ++y)
      for (int x = std::max(0, int(cx - rx)); x < std::min<int>(land.height.cols, int(cx + rx) + 1);
           ++x) {
        const double u = (x + 0.5 - cx) / rx, w = (y + 0.5 - cy) / ry;
        if (u * u + w * w > 1 || !base.foreground.at<std::uint8_t>(y, x)) continue;
        n += 1, v += land.height.at<float>(y, x), c += contrast.at<float>(y, x);
      }
    if (n < 1) continue;
    areas.push_back(n), values.push_back(v / n), contrasts.push_back(c / n);
  }
  if (areas.empty()) return wanted;
  const auto median = [](std::vector<double> s) {
    std::sort(s.begin(), s.end());
    return 0.5 * (s[(s.size() - 1) / 2] + s[s.size() / 2]);
  };
  wanted.area = median(areas);
  wanted.value = std::min(wanted.value, median(values));
  wanted.contrast = std::min(wanted.contrast, median(contrasts));
  wanted.background = std::min(wanted.background, 0.8 * wanted.value);
  return wanted;
}

inline const Proposals& proposals_of(const ClassicQuery& query, std::span<const Box> exemplars) {
  return query.embedding.proposals(query.support.prototype, references_from(query, exemplars));
}

class ClassicDetector {
 public:
  Detections detect(const ClassicQuery& query) const {
    const Proposals& found = proposals_of(query, {});
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
    const References wanted = references_from(query, exemplars);
    const Proposals& found = query.embedding.proposals(query.support.prototype, wanted);
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
    const Proposals& found = proposals_of(query, query.exemplars);
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
