// Reads the run lengths of COCO files back, as pycocotools does.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "persense/mask.hpp"

namespace persense::testing {

/// The runs that the compressed text in "counts" stands for: pycocotools' rleFrString.
inline std::vector<std::uint32_t> rle_from_string(std::string_view text) {
  std::vector<std::uint32_t> counts;
  for (std::size_t at = 0; at < text.size();) {
    std::int64_t value = 0;
    int shift = 0;
    for (bool more = true; more; shift += 5) {
      const int group = text.at(at++) - 48;
      value |= static_cast<std::int64_t>(group & 0x1f) << shift;
      more = (group & 0x20) != 0;
      if (!more && (group & 0x10) != 0) value -= std::int64_t{1} << (shift + 5);  // sign
    }
    if (counts.size() > 2) value += counts[counts.size() - 2];
    counts.push_back(static_cast<std::uint32_t>(value));
  }
  return counts;
}

/// The mask that runs of 0, 1, 0, 1... in column-major order are.
inline Mask mask_from_rle(const std::vector<std::uint32_t>& counts, Size size) {
  std::vector<std::uint8_t> pixels;
  for (std::size_t i = 0; i < counts.size(); ++i)
    pixels.insert(pixels.end(), counts[i], static_cast<std::uint8_t>(i % 2));
  if (static_cast<std::int64_t>(pixels.size()) != size.pixels())
    throw std::runtime_error("run lengths that are not as many as the image's pixels");
  const cv::Mat transposed(size.width, size.height, CV_8UC1, pixels.data());
  return crop_to_box(MaskView(cv::Mat(transposed.t())));
}

}  // namespace persense::testing
