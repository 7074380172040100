// persense/impl/mask.hpp: bodies of mask.hpp, which includes it unless they are compiled elsewhere.
#pragma once

#include <fmt/core.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/mask.hpp"

namespace persense {

PERSENSE_DECL void require_mask(const Mask& mask, Size image, std::string_view name) {
  const PixelBox& box = mask.box;
  if (box.area() != static_cast<std::int64_t>(mask.bits.size()))
    throw InvalidArgument(
        fmt::format("{} has {} values for a box of {} pixels", name, mask.bits.size(), box.area()));
  if (!mask.empty() && (box.x0 < 0 || box.y0 < 0 || box.x1 > image.width || box.y1 > image.height))
    throw InvalidArgument(fmt::format("{} covers ({}, {}, {}, {}), expected a box inside of {}",
                                      name, box.x0, box.y0, box.x1, box.y1, to_string(image)));
}

PERSENSE_DECL PixelBox tight_box(MaskView mask) {
  PixelBox box{mask.width, mask.height, 0, 0};
  for (int y = 0; y < mask.height; ++y) {
    const std::uint8_t* row = mask.row(y);
    const auto* first = std::find_if(row, row + mask.width, [](auto v) { return v != 0; });
    if (first == row + mask.width) continue;
    int last = mask.width - 1;
    while (row[last] == 0) --last;
    box.x0 = std::min(box.x0, static_cast<int>(first - row));
    box.x1 = std::max(box.x1, last + 1);
    box.y0 = std::min(box.y0, y);
    box.y1 = y + 1;
  }
  return box.empty() ? PixelBox{} : box;
}

PERSENSE_DECL Mask crop_to_box(MaskView view, Point origin) {
  const PixelBox local = tight_box(view);
  Mask mask;
  if (local.empty()) return mask;
  mask.box = {local.x0 + origin.x, local.y0 + origin.y, local.x1 + origin.x, local.y1 + origin.y};
  mask.bits.resize(static_cast<std::size_t>(local.area()));
  for (int y = local.y0; y < local.y1; ++y)
    std::transform(view.row(y) + local.x0, view.row(y) + local.x1, mask.row(y + origin.y),
                   [](std::uint8_t v) { return static_cast<std::uint8_t>(v != 0); });
  return mask;
}

PERSENSE_DECL std::int64_t intersection_area(const Mask& a, const Mask& b) {
  const PixelBox common = intersection(a.box, b.box);
  std::int64_t pixels = 0;
  for (int y = common.y0; y < common.y1; ++y) {
    const std::uint8_t* pa = a.row(y) + (common.x0 - a.box.x0);
    const std::uint8_t* pb = b.row(y) + (common.x0 - b.box.x0);
    for (int x = 0; x < common.width(); ++x) pixels += pa[x] & pb[x];
  }
  return pixels;
}

}  // namespace persense
