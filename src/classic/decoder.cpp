#include "persense/classic/decoder.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <opencv2/core.hpp>
#include <utility>

#include "persense/detail/parallel.hpp"
#include "persense/detail/resampling.hpp"
#include "persense/mask.hpp"
#include "score_knots.hpp"
#include "segment_query.hpp"

namespace persense::classic {

namespace {

/// Per region: the prompt that gets it, or -1.
std::vector<int> assign_prompts(const Segmentation& segmentation, Size image,
                                std::span<const Prompt> prompts) {
  const WorkScale scale(segmentation, image);
  const cv::Mat &labels = segmentation.labels, &interior = segmentation.interior;
  std::vector<int> owner(segmentation.regions.size(), -1);
  std::vector<float> depth(segmentation.regions.size(), -1.0f);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Point p = prompts[i].point;
    const int x = std::clamp(static_cast<int>((p.x + 0.5) * scale.x), 0, labels.cols - 1);
    const int y = std::clamp(static_cast<int>((p.y + 0.5) * scale.y), 0, labels.rows - 1);
    const int label = labels.at<int>(y, x);
    if (label == 0) continue;
    const auto region = static_cast<std::size_t>(label - 1);
    if (interior.at<float>(y, x) <= depth[region]) continue;
    depth[region] = interior.at<float>(y, x);
    owner[region] = static_cast<int>(i);
  }
  return owner;
}

/// From working resolution to image resolution, one region at a time: a pixel belongs to the region
/// that holds more than half of its bilinear neighbourhood, so regions stay apart and outlines
/// smooth.
class Upsampling {
 public:
  Upsampling(const Segmentation& segmentation, Size image)
      : labels_(segmentation.labels),
        across_(persense::detail::pytorch_bilinear(labels_.cols, image.width)),
        down_(persense::detail::pytorch_bilinear(labels_.rows, image.height)) {}

  /// @param work  the region's box at working resolution.
  Mask mask_of(int label, const PixelBox& work) const {
    const auto [x0, x1] = readers(across_, work.x0, work.x1);
    const auto [y0, y1] = readers(down_, work.y0, work.y1);
    cv::Mat crop(y1 - y0, x1 - x0, CV_8UC1);
    for (int y = y0; y < y1; ++y) {
      const int* upper = labels_.ptr<int>(down_.first[y]);
      const int* lower = labels_.ptr<int>(down_.second[y]);
      const float v = down_.weight[y];
      std::uint8_t* row = crop.ptr(y - y0);
      for (int x = x0; x < x1; ++x) {
        const int a = across_.first[x], b = across_.second[x];
        const float u = across_.weight[x];
        const float share =
            (1 - v) * ((upper[a] == label ? 1 - u : 0) + (upper[b] == label ? u : 0)) +
            v * ((lower[a] == label ? 1 - u : 0) + (lower[b] == label ? u : 0));
        row[x - x0] = share > 0.5f;
      }
    }
    return crop_to_box(MaskView(crop), {x0, y0});
  }

 private:
  /// The output samples that read any of the input samples begin..end-1.
  static std::pair<int, int> readers(const persense::detail::LinearTaps& taps, int begin, int end) {
    const auto first = std::lower_bound(taps.second.begin(), taps.second.end(), begin);
    const auto last = std::lower_bound(taps.first.begin(), taps.first.end(), end);
    return {static_cast<int>(first - taps.second.begin()),
            static_cast<int>(last - taps.first.begin())};
  }

  const cv::Mat& labels_;
  persense::detail::LinearTaps across_, down_;
};

}  // namespace

std::vector<ScoredMask> ClassicDecoder::decode_prompts(const ClassicQuery& query,
                                                       std::span<const Prompt> prompts) const {
  const auto segmentation = segment_query(query, query.exemplars);
  const std::vector<int> owner = assign_prompts(*segmentation, query.image, prompts);
  const Upsampling upsampling(*segmentation, query.image);
  std::span<const regions::ScoreKnot> knots;
  if (calibration_ == Switch::on) knots = score_knots;
  std::vector<ScoredMask> masks(prompts.size());
  persense::detail::parallel_for(owner.size(), [&](std::size_t i) {
    const Region& region = segmentation->regions[i];
    if (owner[i] < 0 || region.score < lowest_region_score) return;
    masks[static_cast<std::size_t>(owner[i])] = {
        upsampling.mask_of(static_cast<int>(i) + 1, region.box),
        regions::calibrated(static_cast<float>(region.score), knots)};
  });
  return masks;
}

}  // namespace persense::classic
