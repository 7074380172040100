// Pictures for pages: small files, where PNG would be large.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

namespace persense::io::detail {

/// CV_8UC3 (R, G, B) as the bytes of a JPEG file, the same on every run.
/// @param quality  1 to 100.
/// @throws InvalidArgument  empty, or another type. @throws Unwritable  larger than JPEG holds.
std::vector<std::uint8_t> encode_jpeg(const cv::Mat& rgb, int quality);

/// The picture so small that neither side is longer than `side`; as it is where it fits.
cv::Mat fitted(const cv::Mat& rgb, int side);

}  // namespace persense::io::detail
