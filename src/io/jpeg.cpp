#include "jpeg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "persense/error.hpp"

namespace persense::io::detail {

std::vector<std::uint8_t> encode_jpeg(const cv::Mat& rgb, int quality) {
  if (rgb.empty() || rgb.type() != CV_8UC3)
    throw InvalidArgument(
        fmt::format("JPEG: {} channels of {} bytes, {} rows, {} columns; "
                    "expected an image of 3 x uint8",
                    rgb.channels(), rgb.elemSize1(), rgb.rows, rgb.cols));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  try {
    // progressive files are about a tenth smaller, and seen before they are there as a whole
    cv::imencode(".jpg", bgr, bytes,
                 {cv::IMWRITE_JPEG_QUALITY, quality, cv::IMWRITE_JPEG_OPTIMIZE, 1,
                  cv::IMWRITE_JPEG_PROGRESSIVE, 1});
  } catch (const cv::Exception& e) {
    throw Unwritable(fmt::format("an image of {} x {} cannot be encoded as JPEG ({})", rgb.cols,
                                 rgb.rows, e.err));
  }
  return bytes;
}

cv::Mat fitted(const cv::Mat& rgb, int side) {
  const int longest = std::max(rgb.cols, rgb.rows);
  if (longest <= side) return rgb;
  const double zoom = static_cast<double>(side) / longest;
  cv::Mat small;
  cv::resize(rgb, small,
             {std::max(1, cvRound(zoom * rgb.cols)), std::max(1, cvRound(zoom * rgb.rows))}, 0, 0,
             cv::INTER_AREA);
  return small;
}

}  // namespace persense::io::detail
