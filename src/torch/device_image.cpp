#include "device_image.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "persense/detail/resampling.hpp"
#include "persense/resize.hpp"

namespace persense::torchscript {

namespace {

at::Tensor upload_bytes(const std::uint8_t* data, at::IntArrayRef sizes, std::int64_t stride,
                        at::Device device) {
  // the view borrows the caller's memory, so it is never written through
  return at::from_blob(const_cast<std::uint8_t*>(data), sizes, {stride, sizes[2], 1}, at::kByte)
      .to(device);
}

/// Tap k of every output, as rows of two tensors: where it reads, and its fixed-point weight.
struct DeviceTaps {
  at::Tensor source, weight;  // (taps, to) int64 and int32

  DeviceTaps(const persense::detail::PillowTaps& taps, at::Device device) {
    const auto to = static_cast<std::int64_t>(taps.first.size());
    std::size_t longest = 0;
    for (const auto& weights : taps.weights) longest = std::max(longest, weights.size());
    source = at::empty({static_cast<std::int64_t>(longest), to}, at::kLong);
    weight = at::zeros({static_cast<std::int64_t>(longest), to}, at::kInt);
    auto from = source.accessor<std::int64_t, 2>();
    auto factor = weight.accessor<std::int32_t, 2>();
    for (std::int64_t i = 0; i < to; ++i) {
      const auto n = static_cast<std::size_t>(i);
      const std::vector<int>& own = taps.weights[n];
      for (std::size_t k = 0; k < longest; ++k) {
        const auto tap = static_cast<std::int64_t>(k);
        from[tap][i] = taps.first[n] + static_cast<std::int64_t>(std::min(k, own.size() - 1));
        if (k < own.size()) factor[tap][i] = own[k];
      }
    }
    source = source.to(device);
    weight = weight.to(device);
  }
};

/// Resamples the rows of (from, columns) uint8.
at::Tensor resample_rows(const at::Tensor& rows, int to) {
  using persense::detail::PillowTaps;
  const DeviceTaps taps(PillowTaps(static_cast<int>(rows.size(0)), to), rows.device());
  at::Tensor sum = at::full({to, rows.size(1)}, PillowTaps::half, rows.options().dtype(at::kInt));
  for (std::int64_t k = 0; k < taps.source.size(0); ++k)
    sum.addcmul_(rows.index_select(0, taps.source[k]), taps.weight[k].unsqueeze(1));
  return sum.bitwise_right_shift_(PillowTaps::precision_bits).clamp_(0, 255).to(at::kByte);
}

/// How much of cell i (row) pixel j (column) fills: (cells, pixels) float32. The image's pixels
/// cover `inner` pixels of the network's input.
at::Tensor cell_shares(int cells, int stride, int pixels, int inner) {
  at::Tensor shares = at::zeros({cells, pixels}, at::kFloat);
  auto share = shares.accessor<float, 2>();
  const double step = static_cast<double>(stride) * pixels / inner;  // pixels a cell
  for (int i = 0; i < cells; ++i) {
    const double begin = i * step, end = std::min<double>(pixels, begin + step);
    for (int j = static_cast<int>(begin); j < end; ++j)
      share[i][j] =
          static_cast<float>((std::min(end, j + 1.0) - std::max<double>(begin, j)) / step);
  }
  return shares;
}

}  // namespace

at::Tensor upload(ImageView image, at::Device device) {
  return upload_bytes(image.data, {image.height, image.width, 3}, image.stride, device);
}

at::Tensor upload(MaskView mask, at::Device device) {
  return upload_bytes(mask.data, {mask.height, mask.width, 1}, mask.stride, device)
      .ne(0)
      .to(at::kByte)
      .mul_(255);
}

at::Tensor resize_antialiased(const at::Tensor& image, Size size) {
  const auto channels = static_cast<int>(image.size(2));
  const auto rows = static_cast<int>(image.size(0)), columns = static_cast<int>(image.size(1));
  if (size == Size{columns, rows}) return image;
  if (!image.device().is_cpu()) return resize_by_gathering(image, size);
  const cv::Mat pixels(rows, columns, CV_8UC(channels), image.data_ptr(),
                       static_cast<std::size_t>(image.stride(0)));
  at::Tensor out = at::empty({size.height, size.width, channels}, at::kByte);
  cv::Mat written(size.height, size.width, CV_8UC(channels), out.data_ptr());
  persense::resize_antialiased(pixels, size).copyTo(written);
  return out;
}

at::Tensor resize_by_gathering(const at::Tensor& image, Size size) {
  // whole rows are the unit of both passes: the first one works on the transposed image
  const std::int64_t channels = image.size(2);
  at::Tensor out = image;
  if (size.width != out.size(1)) {
    const at::Tensor columns = out.transpose(0, 1).reshape({out.size(1), -1});
    out = resample_rows(columns, size.width).view({size.width, -1, channels}).transpose(0, 1);
  }
  if (size.height != out.size(0))
    out = resample_rows(out.reshape({out.size(0), -1}), size.height)
              .view({size.height, size.width, channels});
  return out;
}

at::Tensor resize_bilinear(const at::Tensor& maps, Size size) {
  return at::upsample_bilinear2d(maps, {size.height, size.width}, /*align_corners=*/false);
}

at::Tensor cells_inside(const at::Tensor& mask, const InputFrame& frame) {
  constexpr float mean = 123.675f;  // only the sign matters, so the deviation is left out
  const at::Tensor level =
      resize_antialiased(mask, frame.inner).squeeze(2).to(at::kFloat).sub(mean);
  const at::Tensor padded = at::constant_pad_nd(
      level,
      {0, frame.padded.width - frame.inner.width, 0, frame.padded.height - frame.inner.height});
  return resize_bilinear(padded.unsqueeze(0).unsqueeze(0), frame.grid())[0][0].gt(0).to(at::kFloat);
}

at::Tensor coverage(const at::Tensor& mask, const InputFrame& frame) {
  const Size grid = frame.grid();
  const auto shares = [&](int cells, int pixels, int inner) {
    return cell_shares(cells, frame.stride, pixels, inner).to(mask.device());
  };
  const at::Tensor down = shares(grid.height, frame.image.height, frame.inner.height);
  const at::Tensor across = shares(grid.width, frame.image.width, frame.inner.width);
  return down.matmul(mask.squeeze(2).to(at::kFloat).div_(255)).matmul(across.t());
}

}  // namespace persense::torchscript
