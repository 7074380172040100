#include "sam_prompts.hpp"

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace persense::torchscript {

SamPrompts point_prompts(std::span<const Prompt> all) {
  const auto count = static_cast<std::int64_t>(all.size());
  SamPrompts prompts{
      at::empty({count, 1, 2}, at::kDouble), at::ones({count, 1}, at::kLong), {}, {}};
  auto at = prompts.points.accessor<double, 3>();
  for (std::int64_t i = 0; i < count; ++i) {
    const Point point = all[static_cast<std::size_t>(i)].point;
    at[i][0][0] = point.x;
    at[i][0][1] = point.y;
  }
  return prompts;
}

SamPrompts box_prompts(std::span<const Prompt> all) {
  std::vector<double> corners;
  for (const Prompt& prompt : all)
    for (const float corner : {prompt.box->x0, prompt.box->y0, prompt.box->x1, prompt.box->y1})
      corners.push_back(corner);
  return {{}, {}, at::tensor(corners).view({-1, 4}), {}};
}

}  // namespace persense::torchscript
