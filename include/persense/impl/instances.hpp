// persense/impl/instances.hpp: bodies of instances.hpp, which includes it unless they are compiled
// elsewhere.
#pragma once

#include <algorithm>
#include <functional>
#include <numeric>
#include <opencv2/core/mat.hpp>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "persense/instances.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"
#include "persense/stages.hpp"

namespace persense {

PERSENSE_DECL std::vector<Instance> make_instances(std::span<const Prompt> prompts,
                                                   std::vector<ScoredMask> masks,
                                                   const InstanceOptions& options) {
  std::vector<std::int64_t> area(masks.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < masks.size(); ++i)
    if ((area[i] = masks[i].mask.area()) > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return masks[a].score > masks[b].score; });
  std::vector<std::size_t> kept;
  for (const std::size_t i : order) {
    const bool repeat = std::any_of(kept.begin(), kept.end(), [&](std::size_t j) {
      if (intersection(masks[i].mask.box, masks[j].mask.box).empty()) return false;
      const auto shared = static_cast<float>(intersection_area(masks[i].mask, masks[j].mask));
      return shared > options.duplicate_overlap * static_cast<float>(std::min(area[i], area[j]));
    });
    if (!repeat) kept.push_back(i);
  }
  std::sort(kept.begin(), kept.end());
  std::vector<Instance> instances;
  instances.reserve(kept.size());
  for (const std::size_t i : kept) {
    const auto box = static_cast<Box>(masks[i].mask.box);
    instances.push_back({std::move(masks[i].mask), box, prompts[i].point, masks[i].score});
  }
  return instances;
}

PERSENSE_DECL float mean_over(const Mask& mask, const FloatMapView& map) {
  double sum = 0;
  std::int64_t count = 0;
  for (int y = mask.box.y0; y < mask.box.y1; ++y) {
    const std::uint8_t* row = mask.row(y);
    for (int x = mask.box.x0; x < mask.box.x1; ++x)
      if (row[x - mask.box.x0] != 0) sum += map(y, x), ++count;
  }
  return static_cast<float>(sum / static_cast<double>(std::max<std::int64_t>(count, 1)));
}

PERSENSE_DECL std::vector<Instance> compete(std::vector<Instance> instances,
                                            std::span<const float> similarity, Size image,
                                            const InstanceOptions& options) {
  const float most_lost = std::min(options.duplicate_overlap, 0.5f);
  std::vector<std::size_t> order(instances.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto key = [&](std::size_t i) {
      return std::tuple(-similarity[i], -instances[i].score, instances[i].class_index);
    };
    return key(a) < key(b);
  });
  cv::Mat owner(image.height, image.width, CV_16UC1, cv::Scalar(0));  // class index + 1
  std::vector<bool> kept(instances.size(), false);
  for (const std::size_t i : order) {
    Mask& mask = instances[i].mask;
    const auto own = static_cast<std::uint16_t>(instances[i].class_index + 1);
    const std::int64_t before = mask.area();
    std::int64_t lost = 0;
    for (int y = mask.box.y0; y < mask.box.y1; ++y) {
      std::uint8_t* bits = mask.row(y);
      const auto* taken = owner.ptr<std::uint16_t>(y) + mask.box.x0;
      for (int x = 0; x < mask.box.width(); ++x)
        if (bits[x] != 0 && taken[x] != 0 && taken[x] != own) bits[x] = 0, ++lost;
    }
    if (static_cast<float>(lost) > most_lost * static_cast<float>(before)) continue;
    if (lost > 0) {
      const cv::Mat view(mask.box.height(), mask.box.width(), CV_8UC1, mask.bits.data());
      mask = crop_to_box(MaskView(view), {mask.box.x0, mask.box.y0});
      instances[i].box = static_cast<Box>(mask.box);
    }
    for (int y = mask.box.y0; y < mask.box.y1; ++y)
      for (int x = mask.box.x0; x < mask.box.x1; ++x)
        if (mask.row(y)[x - mask.box.x0] != 0) owner.at<std::uint16_t>(y, x) = own;
    kept[i] = true;
  }
  std::vector<Instance> left;
  for (std::size_t i = 0; i < instances.size(); ++i)
    if (kept[i]) left.push_back(std::move(instances[i]));
  return left;
}

PERSENSE_DECL std::vector<Instance> filtered(std::vector<Instance> instances,
                                             const FilterOptions& filter,
                                             std::span<const double> support_areas,
                                             MaskView region) {
  const auto pixels_in_region = [&](const Mask& mask) {
    std::int64_t count = 0;
    for (int y = mask.box.y0; y < mask.box.y1; ++y)
      for (int x = mask.box.x0; x < mask.box.x1; ++x)
        count += mask.row(y)[x - mask.box.x0] != 0 && region.row(y)[x] != 0;
    return count;
  };
  std::erase_if(instances, [&](const Instance& i) {
    const std::int64_t pixels = i.mask.area();
    const auto area = static_cast<double>(pixels);
    const double support = support_areas[i.class_index];
    return i.score < filter.min_score || pixels < filter.min_area ||
           (filter.max_area > 0 && pixels > filter.max_area) ||
           area < filter.min_area_ratio * support ||
           (filter.max_area_ratio > 0 && area > filter.max_area_ratio * support) ||
           (filter.border == Border::drop && i.touches_border) ||
           (!region.empty() && 2 * pixels_in_region(i.mask) <= pixels);
  });
  const auto most = static_cast<std::size_t>(filter.max_instances);
  if (most == 0 || instances.size() <= most) return instances;
  std::vector<float> scores;
  for (const Instance& i : instances) scores.push_back(i.score);
  std::nth_element(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(most) - 1,
                   scores.end(), std::greater<>());
  const float lowest = scores[most - 1];
  std::size_t equal = most - static_cast<std::size_t>(std::count_if(
                                 instances.begin(), instances.end(),
                                 [&](const Instance& i) { return i.score > lowest; }));
  std::erase_if(instances, [&](const Instance& i) {  // of equal ones, the first stay
    if (i.score != lowest) return i.score < lowest;
    return equal == 0 || (--equal, false);
  });
  return instances;
}

PERSENSE_DECL void sort_in_reading_order(std::vector<Instance>& instances) {
  if (instances.empty()) return;
  const auto middle = [](const Instance& i) { return 0.5f * (i.box.y0 + i.box.y1); };
  const auto key = [&](const Instance& i) { return std::tuple(middle(i), i.box.x0, i.box.x1); };
  std::stable_sort(instances.begin(), instances.end(),
                   [&](const Instance& a, const Instance& b) { return key(a) < key(b); });
  std::vector<float> heights;
  for (const Instance& i : instances) heights.push_back(i.box.height());
  const auto half = static_cast<std::ptrdiff_t>(heights.size() / 2);
  std::nth_element(heights.begin(), heights.begin() + half, heights.end());
  const float line = 0.5f * heights[static_cast<std::size_t>(half)];
  for (auto begin = instances.begin(); begin != instances.end();) {
    const auto end = std::find_if(begin, instances.end(), [&](const Instance& i) {
      return middle(i) > middle(*begin) + line;
    });
    std::stable_sort(begin, end, [](const Instance& a, const Instance& b) {
      return a.box.x0 + a.box.x1 < b.box.x0 + b.box.x1;
    });
    begin = end;
  }
}

}  // namespace persense
