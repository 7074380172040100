#include "persense/eval/truth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "persense/detail/label_masks.hpp"
#include "persense/detail/turned_hint.hpp"
#include "persense/error.hpp"
#include "persense/io/images.hpp"

namespace persense::eval {

namespace {

/// Every object of a label image, in the order of their labels.
std::vector<Mask> masks_of(const cv::Mat& labels) {
  std::vector<Mask> masks;
  for (auto& [label, mask] : persense::detail::masks_of_labels(labels))
    masks.push_back(std::move(mask));
  return masks;
}

MatchedImage matched(const std::vector<Mask>& truth, const std::vector<Mask>& crowds,
                     const Result& result, std::size_t most) {
  std::vector<ScoredObject> objects, found;
  for (const Mask& mask : truth) objects.push_back({&mask, 0, false});
  for (const Mask& mask : crowds) objects.push_back({&mask, 0, true});
  for (const Instance& i : result.instances) found.push_back({&i.mask, double{i.score}, false});
  return match_image(objects, found, most);
}

void require_size(const Truth& truth, Size got, Size image) {
  if (got != image)
    throw InvalidArgument(fmt::format("{}: got {}, expected {} as the image has{}", truth.source,
                                      to_string(got), to_string(image),
                                      persense::detail::turned_hint(got, image)));
}

ImageScore score_annotated(const Truth& truth, const Result& result) {
  if (truth.annotated_size) require_size(truth, *truth.annotated_size, result.image_size);
  std::vector<Mask> found;
  for (const Instance& i : result.instances) found.push_back(i.mask);
  return score_masks(truth.objects, truth.crowds, found, result.image_size);
}

}  // namespace

Truth read_truth(const DatasetQuery& query) {
  Truth truth;
  truth.count = query.count;
  if (query.instances) {
    truth.source = query.instances->string();
    truth.labels = io::read_labels(*query.instances);
  } else if (query.annotated.file) {
    const AnnotationFile& file = *query.annotated.file;
    truth.annotated = true;
    truth.source = fmt::format("{}: {}", file.path().string(), query.image.filename().string());
    for (const std::uint32_t i : query.annotated.objects) {
      const auto& annotation = file.annotations()[i];
      truth.annotated_size = file.images()[annotation.image].size;
      Mask mask = file.mask(annotation);
      if (mask.empty()) continue;
      (annotation.crowd ? truth.crowds : truth.objects).push_back(std::move(mask));
    }
  } else if (query.mask) {
    truth.source = query.mask->string();
    truth.mask = io::read_mask(*query.mask);
  }
  return truth;
}

cv::Mat support_mask(const DatasetSupport& support) {
  if (support.mask) return io::read_mask(*support.mask);
  if (support.labelled) return io::read_labels(support.labelled->labels) == support.labelled->label;
  if (!support.annotated.file) return {};
  const AnnotationFile& file = *support.annotated.file;
  cv::Mat mask;
  for (const std::uint32_t i : support.annotated.objects) {
    const auto& annotation = file.annotations()[i];
    const Size size = file.images()[annotation.image].size;
    if (mask.empty()) mask = cv::Mat::zeros(size.height, size.width, CV_8UC1);
    const Mask object = file.mask(annotation);
    for (int y = object.box.y0; y < object.box.y1; ++y)
      for (int x = 0; x < object.box.width(); ++x)
        if (object.row(y)[x] != 0) mask.at<std::uint8_t>(y, object.box.x0 + x) = 255;
  }
  if (mask.empty() || cv::countNonZero(mask) == 0)
    throw InvalidArgument(fmt::format("{}: what marks the support {} has no pixel",
                                      file.path().string(), support.image.filename().string()));
  return mask;
}

ImageScore score(const Truth& truth, const Result& result, std::size_t most) {
  ImageScore score;
  if (!truth.labels.empty()) {
    require_size(truth, {truth.labels.cols, truth.labels.rows}, result.image_size);
    score = score_labels(truth.labels, io::label_image(result.image_size, result.instances));
    score.matched =
        std::make_shared<MatchedImage>(matched(masks_of(truth.labels), {}, result, most));
  } else if (truth.annotated) {
    score = score_annotated(truth, result);
    score.matched =
        std::make_shared<MatchedImage>(matched(truth.objects, truth.crowds, result, most));
  } else if (!truth.mask.empty()) {
    require_size(truth, {truth.mask.cols, truth.mask.rows}, result.image_size);
    score = score_union(MaskView(truth.mask), io::label_image(result.image_size, result.instances));
  }
  if (truth.count) score.count = {*truth.count, static_cast<double>(result.instances.size())};
  return score;
}

}  // namespace persense::eval
