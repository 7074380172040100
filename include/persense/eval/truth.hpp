// persense/eval/truth.hpp: what is true of a query, and the score of a result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <vector>

#include "persense/eval/dataset.hpp"
#include "persense/eval/metrics.hpp"
#include "persense/mask.hpp"
#include "persense/result.hpp"

namespace persense::eval {

/// The truth of one query, read or drawn: of the first kind that the query has.
struct Truth {
  std::string source;  ///< the file (and image) that it comes from, for messages
  cv::Mat labels;      ///< CV_32SC1, or empty
  cv::Mat mask;        ///< CV_8UC1 union mask, or empty
  bool annotated = false;
  std::vector<Mask> objects, crowds;   ///< where annotated; those without a pixel are left out
  std::optional<Size> annotated_size;  ///< of the image, as the annotation file has it
  std::optional<std::int64_t> count;
};

/// @throws FileNotFound, Unreadable.
Truth read_truth(const DatasetQuery& query);

/// The mask that marks a support, 255 or 0; empty where boxes do.
/// @throws FileNotFound, Unreadable; InvalidArgument  no pixel is marked.
cv::Mat support_mask(const DatasetSupport& support);

/// Scores a result. Against label images and union masks a pixel that several instances hold
/// belongs to the one of highest score; against annotations, and for the average precision, every
/// mask is taken as it is. Instances of all classes count.
/// @param most  see match_image.
/// @throws InvalidArgument  truth of another size than the image, naming its source.
ImageScore score(const Truth& truth, const Result& result, std::size_t most = 0);

}  // namespace persense::eval
