// persense/io/support_drawing.hpp: the support examples drawn over their images.
#pragma once

#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <vector>

#include "persense/stages.hpp"

namespace persense::io {

/// Shows which masks were taken of the user's marks: one image for each support image, in the
/// order of the first examples on them. What is looked for is green, negative examples are red, the
/// numbers are the examples' places in `examples`.
/// @param label  of the class; shown where it is not empty.
/// @return  CV_8UC3, RGB, of the images' sizes.
/// @throws InvalidArgument  an empty image.
std::vector<cv::Mat> render_support(std::span<const SupportExample> examples,
                                    const std::string& label = {});

}  // namespace persense::io
