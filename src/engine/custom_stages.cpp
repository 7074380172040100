#include "custom_stages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "persense/detail/support_mask.hpp"
#include "persense/resize.hpp"

namespace persense {

FeatureGrid CustomEncoder::encode(ImageView image) const {
  FeatureGrid grid = encode_(image);
  if (grid.size.width < 1 || grid.size.height < 1 || grid.features.rows() < 1 ||
      grid.features.cols() != grid.size.pixels())
    throw InvalidArgument(
        fmt::format("encoder: features of {} x {} (channels x cells) for a grid of {} cells; "
                    "expected at least one channel and cell, and a column a cell",
                    grid.features.rows(), grid.features.cols(), to_string(grid.size)));
  require_finite(grid.features, "encoder: features");
  return grid;
}

namespace {

FeaturePrototype prototype_of(const EncodedExample<FeatureGrid>& example) {
  const FeatureGrid& grid = *example.embedding;
  cv::Mat inside, cover;
  to_frame(*example.mask, example.image).convertTo(inside, CV_32FC1, 1.0 / 255);
  cv::resize(inside, cover, {grid.size.width, grid.size.height}, 0, 0, cv::INTER_AREA);
  FloatMap covered = as_map(cover);
  const float most = covered.maxCoeff();
  covered -= most > 0.5f ? 0.5f : std::nextafter(most, 0.0f);
  return feature_prototype(grid.features, covered);
}

}  // namespace

Eigen::RowVectorXf CustomEncoder::describe(const FeatureGrid& grid, const Mask& mask,
                                           Size size) const {
  return prototype_of({&grid, &mask, size}).mean.transpose();
}

CustomPrototype CustomEncoder::prototype(
    std::span<const EncodedExample<FeatureGrid>> examples) const {
  std::vector<FeaturePrototype> wanted, negative;
  for (const auto& e : examples) (e.negative ? negative : wanted).push_back(prototype_of(e));
  CustomPrototype prototype{mean_of(wanted), {}};
  if (!negative.empty()) prototype.negative = mean_of(negative);
  return prototype;
}

FloatMap CustomEncoder::similarity(const FeatureGrid& grid, const CustomPrototype& prototype,
                                   Size size) const {
  if (grid.features.rows() != prototype.wanted.unit.size())
    throw InvalidArgument(fmt::format("encoder: {} channels for the query, {} for the support",
                                      grid.features.rows(), prototype.wanted.unit.size()));
  FloatMap cells = feature_similarity(grid.features, grid.size, prototype.wanted);
  if (prototype.negative)
    cells = cells.binaryExpr(feature_similarity(grid.features, grid.size, *prototype.negative),
                             &against);
  return resize_bilinear(cells, size).max(-1.0f).min(1.0f);
}

StageQuery stage_query(const Query<AnyEncoder>& query) {
  return {query.image,
          query.similarity,
          query.support.image.view(),
          query.support.mask_view(),
          query.support.label,
          query.support.phrase,
          query.exemplars,
          query.embedding.parts.find<FeatureGrid>()};
}

void check_custom(const Detections& detections) {
  for (const auto* list : {&detections.label, &detections.phrase})
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto& [box, confidence] = (*list)[i];
      const bool finite = std::isfinite(box.x0) && std::isfinite(box.y0) && std::isfinite(box.x1) &&
                          std::isfinite(box.y1);
      if (!finite || !(box.x0 < box.x1 && box.y0 < box.y1))
        throw InvalidArgument(
            fmt::format("detector: box {} is ({}, {}, {}, {}); expected finite x0 < x1 and y0 < y1",
                        i, box.x0, box.y0, box.x1, box.y1));
      if (!(confidence >= 0 && confidence <= 1))
        throw InvalidArgument(
            fmt::format("detector: confidence {} is {}; expected 0 to 1", i, confidence));
    }
}

void check_custom(const DensityMap& density) {
  if (density.size() == 0)
    throw InvalidArgument(
        fmt::format("density map: size {}, expected at least 1 x 1", to_string(size_of(density))));
  require_finite(density, "density map");
  if (density.minCoeff() < 0)
    throw InvalidArgument(
        fmt::format("density map: lowest value {}, expected none below 0", density.minCoeff()));
}

void check_custom(std::span<const ScoredMask> masks, std::size_t prompts, Size image) {
  if (masks.size() != prompts)
    throw InvalidArgument(
        fmt::format("decoder: {} masks for {} prompts, expected one each", masks.size(), prompts));
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const auto& [mask, score] = masks[i];
    require_mask(mask, image, fmt::format("decoder: mask {}", i));
    if (!std::isfinite(score))
      throw InvalidArgument(
          fmt::format("decoder: score {} is {}, expected a finite number", i, score));
  }
}

}  // namespace persense
