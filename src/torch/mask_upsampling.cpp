#include "mask_upsampling.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <algorithm>
#include <cstring>
#include <opencv2/core/utility.hpp>

#include "persense/detail/resampling.hpp"

namespace persense::torchscript {

namespace {

constexpr int block = AxisBlocks::block;

/// First and last true column of each row of (n, length) bool, and whether there is one: (n, 3)
/// float32.
at::Tensor true_range(const at::Tensor& rows) {
  const at::Tensor bytes = rows.to(at::kByte);  // arg-max takes the first one of equals
  const std::int64_t last = rows.size(1) - 1;
  return at::stack({rows.any(1).to(at::kFloat), bytes.argmax(1).to(at::kFloat),
                    bytes.flip(1).argmax(1).neg().add(last).to(at::kFloat)},
                   1);
}

/// Pixels begin..end-1 that read any of the samples from..to.
std::pair<int, int> readers(const AxisBlocks& axis, int from, int to) {
  const auto begin = std::lower_bound(axis.last.begin(), axis.last.end(), from);
  const auto end = std::upper_bound(axis.first.begin(), axis.first.end(), to);
  return {static_cast<int>(begin - axis.last.begin()), static_cast<int>(end - axis.first.begin())};
}

}  // namespace

AxisBlocks::AxisBlocks(int low, int target, int inner, int original, at::Device device) {
  const auto to_target = persense::detail::pytorch_bilinear(low, target);
  const auto to_original = persense::detail::pytorch_bilinear(inner, original);
  for (std::size_t i = 0; i < to_original.first.size(); ++i) {
    first.push_back(to_target.first[static_cast<std::size_t>(to_original.first[i])]);
    last.push_back(to_target.second[static_cast<std::size_t>(to_original.second[i])]);
  }

  const int blocks = (original + block - 1) / block;
  int longest = 1;
  for (int b = 0; b < blocks; ++b) {
    const int end = std::min((b + 1) * block, original) - 1;
    longest = std::max(longest, last[static_cast<std::size_t>(end)] -
                                    first[static_cast<std::size_t>(b * block)] + 1);
  }
  begin = at::empty({blocks}, at::kLong);
  weight = at::zeros({blocks, block, longest}, at::kFloat);
  auto starts = begin.accessor<std::int64_t, 1>();
  auto weights = weight.accessor<float, 3>();
  for (int b = 0; b < blocks; ++b)
    starts[b] = std::min(first[static_cast<std::size_t>(b * block)], low - longest);
  for (int i = 0; i < original; ++i) {
    const auto add = [&](int middle, float share) {
      const auto m = static_cast<std::size_t>(middle);
      auto row = weights[i / block][i % block];
      row[to_target.first[m] - starts[i / block]] += share * (1 - to_target.weight[m]);
      row[to_target.second[m] - starts[i / block]] += share * to_target.weight[m];
    };
    const auto n = static_cast<std::size_t>(i);
    add(to_original.first[n], 1 - to_original.weight[n]);
    add(to_original.second[n], to_original.weight[n]);
  }
  begin = begin.to(device);
  weight = weight.to(device);
}

MaskUpsampling::MaskUpsampling(const LongestSide& frame, int low, at::Device device,
                               std::int64_t budget)
    : low_(low),
      budget_(budget),
      across_(low, frame.target, frame.input().width, frame.original.width, device),
      down_(low, frame.target, frame.input().height, frame.original.height, device) {}

/// The pixels that can be inside: bilinear values are above zero only near a sample above zero.
MaskUpsampling::Region MaskUpsampling::region(std::size_t mask, const float* extent) const {
  Region region{mask, {}, {}};
  if (extent[0] == 0) return region;
  const auto sample = [&](int i) { return static_cast<int>(extent[i]); };
  const auto [x0, x1] = readers(across_, sample(4), sample(5));
  const auto [y0, y1] = readers(down_, sample(1), sample(2));
  region.pixels = {x0, y0, x1, y1};
  if (region.pixels.empty()) return region;  // all of it lies in the padding
  region.blocks = {x0 / block, y0 / block, (x1 - 1) / block + 1, (y1 - 1) / block + 1};
  return region;
}

std::int64_t MaskUpsampling::blocks_at_once() const {
  const std::int64_t m = down_.samples(), n = across_.samples();
  const std::int64_t floats =
      2 * m * n /* samples and their indices */ + block * (m + 2 * n) + 2 * block * block;
  constexpr std::int64_t most = 1 << 15;  // of one batched product, for older CUDA libraries
  const std::int64_t fit = budget_ / (floats * static_cast<std::int64_t>(sizeof(float)));
  return std::clamp<std::int64_t>(fit, 1, most);
}

/// (blocks, block, block) uint8 on the host, the regions' blocks one after another, row-major.
at::Tensor MaskUpsampling::evaluate(const at::Tensor& low_res, const std::vector<Region>& regions,
                                    std::int64_t blocks) const {
  const at::NoTF32Guard full_precision;
  at::Tensor list = at::empty({3, blocks}, at::kLong);
  auto entry = list.accessor<std::int64_t, 2>();
  std::int64_t at = 0;
  for (const Region& r : regions)
    for (int y = r.blocks.y0; y < r.blocks.y1; ++y)
      for (int x = r.blocks.x0; x < r.blocks.x1; ++x, ++at) {
        entry[0][at] = static_cast<std::int64_t>(r.mask);
        entry[1][at] = y;
        entry[2][at] = x;
      }
  list = list.to(low_res.device());
  const at::Tensor mask = list[0], row = list[1], column = list[2];
  const auto steps = [&](std::int64_t n) { return at::arange(n, list.options()); };
  const at::Tensor rows =
      (mask * low_ + down_.begin.index_select(0, row)).unsqueeze(1) + steps(down_.samples());
  const at::Tensor columns =
      across_.begin.index_select(0, column).unsqueeze(1) + steps(across_.samples());
  const at::Tensor where = (rows * low_).unsqueeze(2) + columns.unsqueeze(1);
  const at::Tensor samples =
      low_res.reshape({-1}).index_select(0, where.view({-1})).to(at::kFloat).view(where.sizes());
  return down_.weight.index_select(0, row)
      .bmm(samples)
      .bmm(across_.weight.index_select(0, column).transpose(1, 2))
      .gt(0)
      .to(at::kByte)
      .cpu();
}

void MaskUpsampling::fill(const at::Tensor& low_res, const std::vector<Region>& regions,
                          std::int64_t blocks, std::vector<Mask>& masks) const {
  const at::Tensor pixels = evaluate(low_res, regions, blocks);
  std::vector<const std::uint8_t*> start{pixels.data_ptr<std::uint8_t>()};
  for (const Region& r : regions) start.push_back(start.back() + r.blocks.area() * block * block);

  cv::parallel_for_(cv::Range(0, static_cast<int>(regions.size())), [&](const cv::Range& range) {
    for (auto i = static_cast<std::size_t>(range.start); i < static_cast<std::size_t>(range.end);
         ++i) {
      const PixelBox &box = regions[i].pixels, &tiles = regions[i].blocks;
      cv::Mat crop(box.height(), box.width(), CV_8UC1);
      for (int y = box.y0; y < box.y1; ++y)
        for (int tile = tiles.x0; tile < tiles.x1; ++tile) {
          const int x0 = std::max(box.x0, tile * block), x1 = std::min(box.x1, (tile + 1) * block);
          const std::int64_t n =
              std::int64_t{y / block - tiles.y0} * tiles.width() + (tile - tiles.x0);
          std::memcpy(crop.ptr(y - box.y0) + (x0 - box.x0),
                      start[i] + (n * block + y % block) * block + x0 % block,
                      static_cast<std::size_t>(x1 - x0));
        }
      masks[regions[i].mask] = crop_to_box(MaskView(crop), {box.x0, box.y0});
    }
  });
}

MaskUpsampling::Answer MaskUpsampling::operator()(const at::Tensor& low_res,
                                                  const at::Tensor& scores) const {
  const at::Tensor inside = low_res.gt(0);
  const at::Tensor summary = at::cat({true_range(inside.any(2)), true_range(inside.any(1)),
                                      scores.to(at::kFloat).unsqueeze(1)},
                                     1)
                                 .cpu();
  const auto count = static_cast<std::size_t>(low_res.size(0));
  Answer answer{std::vector<Mask>(count), std::vector<float>(count)};
  std::vector<Region> regions;
  std::int64_t blocks = 0;
  const auto flush = [&] {
    if (!regions.empty()) fill(low_res, regions, blocks, answer.masks);
    regions.clear();
    blocks = 0;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = summary.data_ptr<float>() + i * 7;
    answer.scores[i] = row[6];
    const Region r = region(i, row);
    if (r.pixels.empty()) continue;
    if (blocks + r.blocks.area() > blocks_at_once()) flush();
    regions.push_back(r);
    blocks += r.blocks.area();
  }
  flush();
  return answer;
}

}  // namespace persense::torchscript
