#include "segment_query.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "object_model.hpp"
#include "persense/detail/median.hpp"
#include "persense/detail/parallel.hpp"
#include "persense/detail/support_mask.hpp"
#include "regions/merge_scales.hpp"
#include "reject_other_classes.hpp"
#include "scaled_images.hpp"

namespace persense::classic {

namespace {

/// Segments at working resolution for objects of about the expected size, and at half of it for
/// larger ones, whose inner texture would shatter them at full resolution.
Segmentation segment_at_two_scales(const HeightMap& map, const ExpectedObject& expected) {
  constexpr double coarse_weight = 0.7;  // what both find has the better outline at the finer one
  constexpr int smallest = 32;           // below, half resolution shows nothing
  const cv::Mat& height = map.height();
  if (std::min(height.rows, height.cols) < smallest) return map.segment(expected);
  std::vector<regions::ScaleSegmentation> scales(2);
  persense::detail::parallel_for(2, [&](std::size_t i) {
    if (i == 0) {
      scales[0] = {map.segment(expected), 1.0};
      return;
    }
    cv::Mat half;
    cv::resize(height, half, {height.cols / 2, height.rows / 2}, 0, 0, cv::INTER_AREA);
    const HeightMap coarse(half, expected.area);
    scales[1] = {regions::resampled(coarse.segment(expected), height.size()), coarse_weight};
  });
  return regions::merge_scales(scales);
}

Segmentation segment(const ScaledImage& image, const HeightMap& map, const ObjectModel& model) {
  Segmentation result = segment_at_two_scales(map, model.expected);
  reject_other_classes(result, image.lab(), model.colours, model.negative_colours,
                       lowest_region_score);
  return result;
}

/// The indices of the regions that the exemplars show. An exemplar that matches none is left out,
/// and one of an odd colour: learning from another class of object would lose the right one.
std::vector<std::size_t> regions_shown(const Segmentation& segmentation, Size image,
                                       std::span<const Box> exemplars) {
  const WorkScale scale(segmentation, image);
  const std::vector<Region>& regions = segmentation.regions;
  std::vector<std::size_t> shown;
  for (const Box& exemplar : exemplars) {
    float best = 0.5f;  // a box that overlaps less shows something else
    std::size_t which = regions.size();
    for (std::size_t i = 0; i < regions.size(); ++i) {
      const float overlap = iou(scale.to_image(regions[i].box), exemplar);
      if (overlap > best) best = overlap, which = i;
    }
    if (which < regions.size() && !regions[which].odd_colour) shown.push_back(which);
  }
  return shown;
}

/// Some of a segmentation's regions.
struct MarkedRegions {
  cv::Mat mask;     ///< CV_8UC1 at the segmentation's resolution
  double area = 0;  ///< median of theirs, pixels there
};

MarkedRegions mark_regions(const Segmentation& segmentation,
                           const std::vector<std::size_t>& shown) {
  MarkedRegions result{cv::Mat::zeros(segmentation.labels.size(), CV_8UC1)};
  std::vector<double> areas;
  for (const std::size_t i : shown) {
    const PixelBox& b = segmentation.regions[i].box;
    const cv::Rect box(b.x0, b.y0, b.width(), b.height());
    result.mask(box).setTo(255, segmentation.labels(box) == static_cast<int>(i) + 1);
    areas.push_back(segmentation.regions[i].area);
  }
  result.area = persense::detail::median(areas);
  return result;
}

/// The support's model, learned again on objects of the query itself: its light and background are
/// often not the support's. Class and feature space stay the support's.
ObjectModel adapted(const ScaledImage& image, const MarkedRegions& objects,
                    const ObjectModel& support) {
  const cv::Size work = image.size();
  const bool same_size = objects.mask.size() == work;
  const double growth = static_cast<double>(work.area()) / objects.mask.size().area();
  ObjectModel model =
      model_in(support.space, image, same_size ? objects.mask : mask_at(objects.mask, work),
               growth * objects.area);
  model.colours = support.colours;
  model.negative_colours = support.negative_colours;
  return model;
}

/// The working resolution, in image pixels, for objects much smaller than the support object.
/// @return  0 when the segmentation's own is as good.
double finer_scale(const Segmentation& segmentation, Size image, double area) {
  constexpr double most = 1.5;         // finer than the image itself: room between neighbours
  constexpr double worth_it = 1.3;     // times the segmentation's own
  constexpr double most_pixels = 8e6;  // of the working image: time and memory stay bounded
  const WorkScale now(segmentation, image);
  const double diameter = equivalent_diameter(area / (now.x * now.y));
  const double bound = std::sqrt(most_pixels / static_cast<double>(image.pixels()));
  const double scale = std::min({most, work_diameter / diameter, bound});
  return scale > worth_it * now.x ? scale : 0.0;
}

}  // namespace

std::shared_ptr<const Segmentation> segment_query(const ClassicQuery& query,
                                                  std::span<const Exemplar> exemplars) {
  constexpr std::size_t enough = 3;  // fewer say little about how much objects vary
  const ScaledImages& images = query.embedding.images();
  const ObjectModel& support = query.prototype.model();
  const auto image = images.at_scale(support.scale);
  const auto base = images.segmentation(
      support, {}, [&] { return segment(*image, *images.height_map(support), support); });
  if (exemplars.size() < enough) return base;
  const std::vector<Box> boxes = boxes_of(exemplars);
  const auto shown = regions_shown(*base, query.image, boxes);
  if (shown.empty()) return base;
  return images.segmentation(support, boxes, [&] {
    const MarkedRegions objects = mark_regions(*base, shown);
    const auto segment_again = [&](const ScaledImage& at) {
      const ObjectModel model = adapted(at, objects, support);
      return segment(at, at.height_map(model), model);
    };
    const double scale = finer_scale(*base, query.image, objects.area);
    return scale > 0 ? segment_again(images.resized(scale)) : segment_again(*image);
  });
}

}  // namespace persense::classic
