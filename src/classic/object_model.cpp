#include "object_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "filters.hpp"
#include "persense/detail/median.hpp"
#include "persense/detail/parallel.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/mask.hpp"

namespace persense::classic {

namespace {

using Examples = std::span<const EncodedExample<ClassicEmbedding>>;

/// How high the surroundings of an object are. @param mask  of the object. @param height  of its
/// image. @param own  the object's mean height.
double background_around(const cv::Mat& mask, const cv::Mat& height, double radius, double own) {
  const cv::Mat distance = distance_to(mask);
  cv::Mat ring = (distance > std::max(1.0, 0.2 * radius)) & (distance <= std::max(3.0, radius));
  if (cv::countNonZero(ring) == 0) ring = mask == 0;
  cv::Mat around(1, 0, CV_32FC1);
  for (int y = 0; y < ring.rows; ++y)
    for (int x = 0; x < ring.cols; ++x)
      if (ring.at<std::uint8_t>(y, x)) around.push_back(height.at<float>(y, x));
  // an object that does not stand out from its ring still gets a background below itself
  return around.empty() ? 0.0 : std::min<double>(percentile(around, 50), 0.8 * own);
}

/// How well a model finds its own support objects again: the best overlap (intersection over union)
/// of a region with each mask, mean over them.
double recovery(const ScaledImage& image, const ObjectModel& model,
                const std::vector<cv::Mat>& masks) {
  const Segmentation found = image.height_map(model).segment(model.expected);
  double sum = 0;
  for (const cv::Mat& mask : masks) {
    std::vector<int> shared(found.regions.size() + 1, 0);
    for (int y = 0; y < mask.rows; ++y)
      for (int x = 0; x < mask.cols; ++x)
        if (mask.at<std::uint8_t>(y, x))
          ++shared[static_cast<std::size_t>(found.labels.at<int>(y, x))];
    const double area = cv::countNonZero(mask);
    double best = 0;
    for (std::size_t i = 1; i < shared.size(); ++i)
      best = std::max(best, shared[i] / (area + found.regions[i - 1].area - shared[i]));
    sum += best;
  }
  return sum / static_cast<double>(masks.size());
}

/// Images at working resolution that are put side by side, so that one direction can be learned
/// from the examples on all of them.
struct MarkedExamples {
  ScaledImage image;
  std::vector<cv::Mat> masks, negative_masks;  ///< one for each example
};

ScaledImage side_by_side(const std::vector<std::shared_ptr<const ScaledImage>>& images,
                         const std::vector<cv::Rect>& places, cv::Size all) {
  if (images.size() == 1) return *images[0];
  cv::Mat rgb(all, CV_8UC3);
  for (std::size_t i = 0; i < images.size(); ++i)
    cv::copyMakeBorder(images[i]->rgb(), rgb(cv::Rect(places[i].x, 0, places[i].width, all.height)),
                       0, all.height - places[i].height, 0, 0, cv::BORDER_REPLICATE);
  return ScaledImage(rgb);
}

MarkedExamples mark_examples(Examples examples, double scale) {
  std::vector<const ClassicEmbedding*> embeddings;
  for (const auto& e : examples)
    if (std::find(embeddings.begin(), embeddings.end(), e.embedding) == embeddings.end())
      embeddings.push_back(e.embedding);
  std::vector<std::shared_ptr<const ScaledImage>> images;
  std::vector<cv::Rect> places;
  cv::Size all(0, 0);
  for (const ClassicEmbedding* embedding : embeddings) {
    images.push_back(embedding->images().at_scale(scale));
    const cv::Size size = images.back()->size();
    places.emplace_back(all.width, 0, size.width, size.height);
    all = {all.width + size.width, std::max(all.height, size.height)};
  }
  MarkedExamples marked{side_by_side(images, places, all), {}, {}};
  for (const auto& e : examples) {
    const auto i = static_cast<std::size_t>(
        std::find(embeddings.begin(), embeddings.end(), e.embedding) - embeddings.begin());
    cv::Mat mask = cv::Mat::zeros(all, CV_8UC1);
    mask_at(to_frame(*e.mask, e.image), places[i].size()).copyTo(mask(places[i]));
    (e.negative ? marked.negative_masks : marked.masks).push_back(mask);
  }
  return marked;
}

std::vector<regions::ColourDescriptor> colours_of(const ScaledImage& image,
                                                  const std::vector<cv::Mat>& masks) {
  std::vector<regions::ColourDescriptor> colours;
  for (const cv::Mat& mask : masks) {
    cv::Mat label;
    mask.convertTo(label, CV_32SC1, 1.0 / 255);
    colours.push_back(regions::describe_colours(label, 1, image.lab())[0]);
  }
  return colours;
}

/// The working scale for objects of the examples' size.
double working_scale(Examples examples) {
  std::vector<double> areas;
  for (const auto& e : examples)
    if (!e.negative) areas.push_back(static_cast<double>(e.mask->area()));
  std::sort(areas.begin(), areas.end());
  const double diameter = equivalent_diameter(areas[areas.size() / 2]);
  return std::min(1.0, persense::detail::quantised_scale(work_diameter / diameter));
}

/// The model in the first of six feature spaces in which the objects are recovered about as well as
/// in any: RGB where that does, Lab or texture where they are clearly better.
ObjectModel model_in_best_space(const MarkedExamples& marked) {
  constexpr double clearly_better = 0.05;
  static constexpr std::array spaces = {
      FeatureSpace{false, false, 0.1}, FeatureSpace{true, false, 0.1},
      FeatureSpace{true, false, 0.02}, FeatureSpace{true, true, 0.1},
      FeatureSpace{true, true, 0.3},   FeatureSpace{false, true, 0.1}};
  cv::Mat objects = marked.masks[0].clone();
  std::vector<double> areas;
  for (const cv::Mat& mask : marked.masks) {
    objects |= mask;
    areas.push_back(cv::countNonZero(mask));
  }
  const double area = persense::detail::median(areas);
  std::array<ObjectModel, spaces.size()> models;
  std::array<double, spaces.size()> recoveries{};
  persense::detail::parallel_for(spaces.size(), [&](std::size_t i) {
    models[i] = model_in(spaces[i], marked.image, objects, area);
    recoveries[i] = recovery(marked.image, models[i], marked.masks);
  });
  std::size_t best = 0;
  for (std::size_t i = 1; i < spaces.size(); ++i)
    if (recoveries[i] > recoveries[best] + clearly_better) best = i;
  return std::move(models[best]);
}

}  // namespace

ObjectModel model_in(const FeatureSpace& space, const ScaledImage& image, const cv::Mat& mask,
                     double area) {
  ObjectModel model;
  model.space = space;
  ExpectedObject& expected = model.expected;
  expected.area = area;
  const double radius = expected.radius();
  const cv::Mat features = image.features(space, radius);
  model.direction = discriminant_direction(features, mask, radius, space.ridge);
  const cv::Mat height = project_features(features, model.direction);
  expected.height = cv::mean(height, mask)[0];
  expected.contrast = cv::mean(local_contrast(height, expected.contrast_size()), mask)[0];
  expected.background = background_around(mask, height, radius, expected.height);
  return model;
}

ObjectModel learn_model(Examples examples) {
  const double scale = working_scale(examples);
  const MarkedExamples marked = mark_examples(examples, scale);
  ObjectModel model = model_in_best_space(marked);
  model.scale = scale;
  model.colours = colours_of(marked.image, marked.masks);
  model.negative_colours = colours_of(marked.image, marked.negative_masks);
  return model;
}

cv::Mat mask_at(const cv::Mat& mask, cv::Size work) {
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

}  // namespace persense::classic
