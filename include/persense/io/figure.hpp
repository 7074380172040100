// persense/io/figure.hpp: the stages of one query side by side.
#pragma once

#include <opencv2/core.hpp>
#include <span>

#include "persense/image.hpp"
#include "persense/result.hpp"
#include "persense/stages.hpp"

namespace persense::io {

/// One image of everything in the trace of a result's first class (`of_class` makes a result of
/// any), in the order of the method: the support with its examples (those that are negative are
/// red), the similarity map, the detections with location prior and exemplar, then for every pass
/// its exemplars, density map with candidates, prompts (rejected candidates shown as crosses) and
/// masks; the last masks are the instances with their count. Panels have titles; the image's size
/// does not depend on the query's.
/// @param support  the image of the first example that is not negative is shown; none: that panel
///   is left out.
/// @return  CV_8UC3, RGB.
/// @throws InvalidArgument  a result without a trace, empty images, sizes that do not fit, negative
///   examples alone.
/// @par Source  PerSense, figure 7.
cv::Mat render_figure(ImageView query, std::span<const SupportExample> support,
                      const Result& result);

/// The same with one mask for all examples.
cv::Mat render_figure(ImageView query, ImageView support, MaskView support_mask,
                      const Result& result);

}  // namespace persense::io
