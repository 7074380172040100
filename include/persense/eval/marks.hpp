// persense/eval/marks.hpp: the marks a user might have made of an object whose mask is known.
#pragma once

#include <opencv2/core.hpp>
#include <string_view>
#include <vector>

#include "persense/example.hpp"
#include "persense/image.hpp"

namespace persense::eval {

/// How an object is marked.
enum class MarkKind {
  mask,        ///< its mask
  box,         ///< the tight box, from which the pipeline makes a mask
  filled_box,  ///< the tight box as a mask
  point,       ///< the pixel that lies deepest inside
  polygon,     ///< the outer contour
};

/// By name: mask, box, filled-box, point or polygon. @throws InvalidArgument  another one.
MarkKind mark_kind(std::string_view name);

/// A mark and what it views.
struct MadeMark {
  cv::Mat mask;  ///< of filled_box
  Mark mark;
};

/// The mark of this kind of a mask's object: of several parts the largest, but for `mask`, which is
/// the mask as it is and must live as long as the mark.
/// @throws InvalidArgument  an empty mask, or one without any pixel.
MadeMark make_mark(MaskView mask, MarkKind kind);

/// Masks of objects that a user might have shown as further examples: of those that do not touch
/// the image's border, or of all where every one does, at even steps through their areas. Three
/// are those of a quarter, half and three quarters of the way from the smallest to the largest.
/// @param labels  CV_32SC1 instance labels, 0 = background.
/// @param count   at least 1.
/// @return  CV_8UC1 masks of 255 and 0, fewer than `count` where there are fewer objects.
std::vector<cv::Mat> typical_objects(const cv::Mat& labels, int count);

}  // namespace persense::eval
