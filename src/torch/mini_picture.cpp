#include "mini_picture.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <opencv2/imgproc.hpp>

#include "persense/classic/stripes.hpp"

namespace persense::torchscript {

namespace {

constexpr float darkest = -0.25f, brightest = 1.5f;  // that a stretched picture holds

/// A packed picture is CV_16S from `darkest` to `brightest`.
constexpr double grain = (brightest - darkest) / 65535.0;
constexpr double middle = 0.5 * (brightest + darkest);

cv::Mat pack(const cv::Mat& stretched) {
  cv::Mat out;
  stretched.convertTo(out, CV_16S, 1 / grain, -middle / grain);
  return out;
}

// Above so many a GPU is given packed tiles: floats of the whole picture take 12 bytes a pixel and
// indices as many, a share 8 bytes.
constexpr double most_pixels = 3e7, most_shares = 4e7;

bool suits_products(cv::Size from, const std::vector<cv::Size>& sizes) {
  const auto fits = [&](cv::Size to) {
    return static_cast<double>(from.width) * to.width +
               static_cast<double>(from.height) * to.height <=
           most_shares;
  };
  return static_cast<double>(from.width) * from.height <= most_pixels &&
         std::all_of(sizes.begin(), sizes.end(), fits);
}

bool shrinks(int from_width, int to_width) { return to_width < from_width; }

/// How much of the places `from` each of the places `to` is made of: (to, from) float32.
at::Tensor shares(int from, int to, bool by_areas, at::Device device) {
  const auto places = [&](int count) {
    return at::arange(count, at::TensorOptions(at::kDouble).device(device));
  };
  const double step = static_cast<double>(from) / to;
  const at::Tensor pixel = places(from).unsqueeze(0);
  at::Tensor share;
  if (by_areas) {
    const at::Tensor begin = places(to).mul_(step).unsqueeze(1);
    share = at::minimum(begin + step, pixel + 1).sub_(at::maximum(begin, pixel)).div_(step);
  } else {
    const at::Tensor middles = places(to).add_(0.5).mul_(step).sub_(0.5).clamp_(0, from - 1);
    share = 1 - (pixel - middles.unsqueeze(1)).abs_();
  }
  return share.clamp_min_(0).to(at::kFloat);
}

/// Of a mirrored side, where its pixels `begin` and the following lie.
at::Tensor mirrored_places(int begin, int count, int length, at::Device device) {
  at::Tensor places = at::empty({count}, at::kLong);
  auto* place = places.data_ptr<std::int64_t>();
  for (int i = 0; i < count; ++i)
    place[i] = cv::borderInterpolate(begin + i, length, cv::BORDER_REFLECT_101);
  return places.to(device);
}

}  // namespace

cv::Mat stretching(const cv::Mat& rgb) {
  using Histogram = std::array<std::int64_t, 256>;
  classic::OfStripes<Histogram> stripes{};
  classic::each_stripe(rgb.rows, stripes, [&](Histogram& own, const cv::Range& rows) {
    for (int y = rows.start; y < rows.end; ++y) {
      const std::uint8_t* row = rgb.ptr(y);
      for (int i = 0; i < 3 * rgb.cols; ++i) ++own[row[i]];
    }
  });
  Histogram below{};
  for (const Histogram& own : stripes)
    for (std::size_t v = 0; v < below.size(); ++v) below[v] += own[v];
  std::partial_sum(below.begin(), below.end(), below.begin());
  const std::int64_t n = below.back();
  const auto least = [&](std::int64_t thousandths) {
    const auto fewer = [](std::int64_t count, std::int64_t asked) { return 1000 * count < asked; };
    const auto at = std::lower_bound(below.begin(), below.end(), thousandths * n, fewer);
    return static_cast<int>(at - below.begin());
  };
  const int low = least(5), high = least(998);
  cv::Mat table(1, 256, CV_32FC1);
  for (int v = 0; v < 256; ++v)
    table.at<float>(v) =
        std::clamp(static_cast<float>(v - low) / static_cast<float>(std::max(high - low, 8)),
                   darkest, brightest);
  return table;
}

cv::Mat resized(const cv::Mat& image, cv::Size size) {
  cv::Mat out;
  const auto how = shrinks(image.cols, size.width) ? cv::INTER_AREA : cv::INTER_LINEAR;
  cv::resize(image, out, size, 0, 0, how);
  return out;
}

at::Tensor resize_by_products(const at::Tensor& image, cv::Size size) {
  const auto rows = static_cast<int>(image.size(1)), columns = static_cast<int>(image.size(2));
  if (size == cv::Size(columns, rows)) return image;
  const bool by_areas = shrinks(columns, size.width);
  const at::Tensor down = shares(rows, size.height, by_areas, image.device());
  const at::Tensor across = shares(columns, size.width, by_areas, image.device());
  return at::matmul(at::matmul(down, image), across.t());
}

at::Tensor tensor_of(const cv::Mat& image, const Placement& placement) {
  const cv::Mat whole = image.isContinuous() ? image : image.clone();
  const bool is_packed = whole.depth() == CV_16S;
  const at::Tensor pixels =
      at::from_blob(whole.data, {1, whole.rows, whole.cols, 3}, is_packed ? at::kShort : at::kFloat)
          .to(placement.device)
          .permute({0, 3, 1, 2});
  at::Tensor values =
      pixels.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true, at::MemoryFormat::ChannelsLast);
  if (is_packed) values.mul_(grain).add_(middle);
  return values.to(placement.dtype);
}

cv::Size MiniPicture::size() const {
  if (!values_.defined()) return packed_.size();
  return {static_cast<int>(values_.size(2)), static_cast<int>(values_.size(1))};
}

at::Tensor MiniPicture::seen(const Tile& tile, const Placement& placement) const {
  if (!values_.defined()) return tensor_of(seen_of(packed_, tile), placement);
  const cv::Rect& seen = tile.seen;
  const auto places = [&](int begin, int count, int length) {
    return mirrored_places(begin - Tiling::border, count, length, values_.device());
  };
  return values_.index_select(1, places(seen.y, seen.height, size().height))
      .index_select(2, places(seen.x, seen.width, size().width))
      .unsqueeze(0)
      .to(placement.dtype, /*non_blocking=*/false, /*copy=*/false, at::MemoryFormat::ChannelsLast);
}

std::vector<MiniPicture> pictures_of(const cv::Mat& rgb, const cv::Mat& table,
                                     const std::vector<cv::Size>& sizes, at::Device device) {
  if (!device.is_cpu() && suits_products(rgb.size(), sizes))
    return pictures_by_products(rgb, table, sizes, device);
  cv::Mat whole;
  cv::LUT(rgb, pack(table), whole);
  std::vector<MiniPicture> pictures;
  for (const cv::Size& size : sizes) pictures.emplace_back(resized(whole, size));
  return pictures;
}

std::vector<MiniPicture> pictures_by_products(const cv::Mat& rgb, const cv::Mat& table,
                                              const std::vector<cv::Size>& sizes,
                                              at::Device device) {
  const at::Tensor values = at::from_blob(table.data, {256}, at::kFloat).to(device);
  const at::Tensor bytes =
      at::from_blob(rgb.data, {rgb.rows, rgb.cols, 3}, at::kByte).to(device).permute({2, 0, 1});
  const at::Tensor whole = values.index_select(0, bytes.flatten().to(at::kInt)).view(bytes.sizes());
  std::vector<MiniPicture> pictures;
  for (const cv::Size& size : sizes) pictures.emplace_back(resize_by_products(whole, size));
  return pictures;
}

}  // namespace persense::torchscript
