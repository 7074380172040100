#include "mini_network.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "mini_tensors.hpp"
#include "persense/error.hpp"
#include "persense/progress.hpp"

namespace persense::torchscript {

namespace {

using mini::crop_side;
using mini::level_multiple;
using mini::refine_side;

/// Calls body(part) for parts that cover a level, and reports how far it is.
template <class Body>
void each_part(cv::Size level, Body&& body) {
  const std::vector<SeenPart> parts = parts_of(level);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    report_progress(static_cast<double>(i) / static_cast<double>(parts.size()));
    body(parts[i]);
  }
}

/// Crops and covers (N, 4, side, side), squares (N, 5) and shapes (N, SHAPE) of regions.
struct Inputs {
  at::Tensor crops, squares, shapes;

  explicit Inputs(std::int64_t n)
      : crops(at::empty({n, crop_side, crop_side, 4})),
        squares(at::empty({n, 5})),
        shapes(at::empty({n, mini::shape_length})) {}
};

/// @param i  the region's row.
void put(const mini::Description& region, const cv::Mat& stretch, Inputs& in, std::int64_t i) {
  float* out = in.crops[i].data_ptr<float>();
  for (int y = 0; y < crop_side; ++y)
    for (int x = 0; x < crop_side; ++x, out += 4) {
      const auto& rgb = region.crop.at<cv::Vec3b>(y, x);
      for (int c = 0; c < 3; ++c) out[c] = stretch.at<float>(rgb[c]);
      out[3] = static_cast<float>(region.cover.at<std::uint8_t>(y, x)) / 255.0f;
    }
  std::copy(region.square.begin(), region.square.end(), in.squares[i].data_ptr<float>());
  std::copy(region.shape.begin(), region.shape.end(), in.shapes[i].data_ptr<float>());
}

/// @param tensor  (1, map_channels, h, w) float32, channels last.
MiniMaps with_mat(at::Tensor tensor) {
  const at::Tensor rows = tensor.permute({0, 2, 3, 1}).cpu().contiguous();
  const cv::Mat view(static_cast<int>(rows.size(1)), static_cast<int>(rows.size(2)),
                     CV_MAKETYPE(CV_32F, mini::map_channels), rows.data_ptr<float>());
  MiniMaps maps{std::move(tensor), {}};
  maps.mat = rows.data_ptr() == maps.tensor.data_ptr() ? view : view.clone();
  return maps;
}

at::Tensor row_of(std::span<const float> values) {
  const at::Tensor row = at::empty({1, static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), row.data_ptr<float>());
  return row;
}

}  // namespace

cv::Mat MiniLevel::stretched(const cv::Rect& part) const {
  cv::Mat out;
  cv::LUT(pixels(part), stretch, out);
  return out;
}

MiniNetwork::MiniNetwork(Module module) : module_(std::move(module)) {
  try {
    module_.require_methods({"trunk", "pool", "conditioning", "maps", "sample", "evidence", "embed",
                             "decide", "refine"});
  } catch (const BadModel&) {
    throw BadModel(
        fmt::format("{}: the network of another version of persense, expected one that "
                    "python -m persense_export mini writes",
                    module_.file().string()));
  }
}

std::vector<at::Tensor> MiniNetwork::trunk(const cv::Mat& seen) const {
  return module_.call("trunk", {tensor_of(seen, module_.placement())});
}

at::ScalarType MiniNetwork::kept_as(double pixels) const {
  constexpr double large = 1e6;
  return pixels > large ? at::kHalf : module_.placement().dtype;
}

MiniLevel MiniNetwork::level(const mini::Pyramid& pyramid, int k) const {
  const c10::InferenceMode no_gradients;
  MiniLevel level;
  level.k = k;
  cv::Mat pixels = pyramid.halved(std::max(-k, 0));
  if (k > 0) cv::resize(pixels, pixels, pixels.size() * (1 << k), 0, 0, cv::INTER_LINEAR);
  level.size = pixels.size();
  level.stretch = pyramid.stretch();
  level.to_image = mini::grid_to_grid(static_cast<double>(pixels.cols) / pyramid.size().width,
                                      static_cast<double>(pixels.rows) / pyramid.size().height);
  const auto side = [](int length) {
    return std::max((length + level_multiple - 1) / level_multiple * level_multiple, refine_side);
  };
  cv::copyMakeBorder(pixels, level.pixels, 0, side(pixels.rows) - pixels.rows, 0,
                     side(pixels.cols) - pixels.cols, cv::BORDER_REFLECT);
  const Placement& where = module_.placement();
  const auto options = at::TensorOptions(where.device)
                           .dtype(kept_as(static_cast<double>(level.pixels.size().area())));
  each_part(level.pixels.size(), [&](const SeenPart& part) {
    const auto found = trunk(level.stretched(part.seen));
    for (std::size_t i = 0; i < level.features.size(); ++i) {
      const int stride = 2 << i;
      if (!level.features[i].defined())
        level.features[i] = room(found[i].size(1), level.pixels.size(), stride, options);
      put(found[i], part, stride, level.features[i]);
    }
  });
  return level;
}

at::Tensor MiniNetwork::pool(const MiniLevel& level, const cv::Rect& part,
                             const cv::Mat& mask) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  const cv::Mat whole = mask.isContinuous() ? mask : mask.clone();
  const at::Tensor inside =
      at::from_blob(whole.data, {1, 1, whole.rows, whole.cols}, at::kByte)
          .to(where.device, where.dtype, /*non_blocking=*/false, /*copy=*/true);
  std::vector<c10::IValue> inputs;
  for (int i = 0; i < 3; ++i)
    inputs.emplace_back(
        part_of(level.features[static_cast<std::size_t>(i)], part, 2 << i).to(where.dtype));
  inputs.emplace_back(inside);
  return module_.call("pool", std::move(inputs))[0];
}

std::vector<at::Tensor> MiniNetwork::conditioning(const at::Tensor& vector) const {
  return module_.call("conditioning", {vector});
}

MiniMaps MiniNetwork::maps(const MiniLevel& level,
                           const std::vector<at::Tensor>& conditioning) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  const cv::Size size = level.pixels.size();
  at::Tensor maps = room(mini::map_channels, size, mini::map_stride,
                         at::TensorOptions(where.device).dtype(at::kFloat));
  each_part(size, [&](const SeenPart& part) {
    std::vector<c10::IValue> inputs;
    for (int i = 0; i < 3; ++i)
      inputs.emplace_back(
          part_of(level.features[static_cast<std::size_t>(i)], part.seen, 2 << i).to(where.dtype));
    inputs.emplace_back(conditioning);
    put(module_.call("maps", std::move(inputs))[0], part, mini::map_stride, maps);
  });
  return with_mat(maps);
}

std::vector<std::shared_ptr<const MiniLevel>> MiniNetwork::tiles(
    const mini::Pyramid& pyramid, int k, std::span<const cv::Point> corners) const {
  const c10::InferenceMode no_gradients;
  const double step = std::exp2(-k);
  const std::size_t pixels = corners.size() * mini::tile_side * mini::tile_side;
  const at::ScalarType dtype = kept_as(static_cast<double>(pixels));
  std::vector<std::shared_ptr<MiniLevel>> made;
  for (std::size_t from = 0; from < corners.size(); from += batch) {
    const std::size_t end = std::min(corners.size(), from + batch);
    std::vector<at::Tensor> images;
    for (std::size_t i = from; i < end; ++i) {
      MiniLevel& one = *made.emplace_back(std::make_shared<MiniLevel>());
      one.k = k;
      one.size = {mini::tile_side, mini::tile_side};
      one.to_image = {step, 0,    (corners[i].x + 0.5) * step - 0.5,
                      0,    step, (corners[i].y + 0.5) * step - 0.5};
      one.pixels = pyramid.view(mini::tile_side, one.to_image);
      one.stretch = pyramid.stretch();
      images.push_back(tensor_of(one.stretched(cv::Rect({}, one.size)), module_.placement()));
    }
    const auto found = module_.call("trunk", {at::cat(images)});
    for (std::size_t i = from; i < end; ++i)
      for (std::size_t f = 0; f < made[i]->features.size(); ++f)
        made[i]->features[f] = found[f].narrow(0, static_cast<std::int64_t>(i - from), 1).to(dtype);
    report_progress(static_cast<double>(end) / static_cast<double>(corners.size()));
  }
  return {made.begin(), made.end()};
}

std::vector<MiniMaps> MiniNetwork::maps(std::span<const std::shared_ptr<const MiniLevel>> windows,
                                        const std::vector<at::Tensor>& conditioning) const {
  const c10::InferenceMode no_gradients;
  std::vector<MiniMaps> maps;
  for (std::size_t from = 0; from < windows.size(); from += batch) {
    const auto some = windows.subspan(from, std::min<std::size_t>(batch, windows.size() - from));
    std::vector<c10::IValue> inputs;
    for (std::size_t f = 0; f < 3; ++f) {
      std::vector<at::Tensor> features;
      for (const auto& window : some) features.push_back(window->features[f]);
      inputs.emplace_back(at::cat(features).to(module_.placement().dtype));
    }
    inputs.emplace_back(conditioning);
    const at::Tensor found = module_.call("maps", std::move(inputs))[0]
                                 .to(at::kFloat)
                                 .contiguous(at::MemoryFormat::ChannelsLast);
    for (std::size_t i = 0; i < some.size(); ++i)
      maps.push_back(with_mat(found.narrow(0, static_cast<std::int64_t>(i), 1)));
  }
  return maps;
}

cv::Mat MiniNetwork::likeness(const MiniLevel& level,
                              const std::vector<at::Tensor>& conditioning) const {
  const c10::InferenceMode no_gradients;
  constexpr std::int64_t rows = 64;  // at a time
  constexpr int way = 3;             // of the comparisons: from the surroundings to the object
  std::array<cv::Mat, 2> found;
  for (std::size_t f = 0; f < found.size(); ++f) {
    const at::Tensor features = level.features[f].permute({0, 2, 3, 1})[0];  // (h, w, C)
    const at::Tensor weights = conditioning[2 * f].to(at::kFloat)[0].select(1, way);
    const float shift = conditioning[2 * f + 1].reshape({-1})[way].item<float>();
    found[f].create(static_cast<int>(features.size(0)), static_cast<int>(features.size(1)),
                    CV_32FC1);
    for (std::int64_t y = 0; y < features.size(0); y += rows) {
      const std::int64_t count = std::min(rows, features.size(0) - y);
      const at::Tensor part =
          // products and sums, not a matrix product: the same on any number of threads
          ((features.narrow(0, y, count).to(at::kFloat) * weights).sum(-1) - shift)
              .cpu()
              .contiguous();
      std::copy_n(part.data_ptr<float>(), part.numel(), found[f].ptr<float>(static_cast<int>(y)));
    }
  }
  cv::Mat coarse;
  cv::resize(found[1], coarse, found[0].size(), 0, 0, cv::INTER_LINEAR);
  return found[0] + coarse;
}

at::Tensor MiniNetwork::embed(const std::shared_ptr<const MiniLevel>& level,
                              const mini::Description& region) const {
  const MappedLevel alone{level, {}, {}};
  const DescribedRegions described{&alone, std::span(&region, 1)};
  return describe(std::span(&described, 1)).embeddings;
}

MiniDescriptors MiniNetwork::describe(std::span<const DescribedRegions> levels) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  std::int64_t n = 0;
  for (const DescribedRegions& d : levels) n += static_cast<std::int64_t>(d.regions.size());
  Inputs in(n);
  std::vector<at::Tensor> grids, evidence;
  std::int64_t row = 0;
  for (const DescribedRegions& d : levels) {
    const auto count = static_cast<std::int64_t>(d.regions.size());
    for (std::int64_t i = 0; i < count; ++i)
      put(d.regions[static_cast<std::size_t>(i)], d.of->level->stretch, in, row + i);
    for (std::int64_t from = 0; from < count; from += batch) {
      const std::int64_t some = std::min(batch, count - from);
      const at::Tensor squares = in.squares.narrow(0, row + from, some).to(where.device);
      const at::Tensor owner = at::zeros({some}, at::TensorOptions(where.device).dtype(at::kLong));
      const auto& f = d.of->level->features;
      grids.push_back(
          module_.call("sample", {f[0], f[1], f[2], owner, squares})[0].to(where.dtype));
      if (!d.of->maps.tensor.defined()) continue;
      const at::Tensor covers =
          in.crops.narrow(0, row + from, some).narrow(3, 3, 1).permute({0, 3, 1, 2});
      evidence.push_back(
          module_.call("evidence", {d.of->maps.tensor, owner, squares, covers.to(where.device)})[0]
              .to(where.dtype));
    }
    row += count;
  }
  const at::Tensor crops = in.crops.permute({0, 3, 1, 2}), grid = at::cat(grids);
  MiniDescriptors found;
  found.embeddings = in_batches(n, [&](std::int64_t from, std::int64_t count) {
    const auto some = [&](const at::Tensor& of) {
      return filled(of.narrow(0, from, count)).to(where.device, where.dtype);
    };
    return module_.call("embed", {some(crops), some(grid), some(in.shapes)})[0];
  });
  if (!evidence.empty()) found.evidence = at::cat(evidence);
  return found;
}

MiniProbabilities MiniNetwork::classify(const MiniDescriptors& candidates,
                                        std::span<const float> sizes, const at::Tensor& exemplars,
                                        std::span<const float> exemplar_sizes) const {
  const c10::InferenceMode no_gradients;
  const at::Device device = module_.placement().device;
  const auto all = [&](std::size_t n) {
    return at::ones({1, static_cast<std::int64_t>(n)}, at::TensorOptions(device).dtype(at::kBool));
  };
  const at::Tensor logits =
      module_
          .call("decide",
                {candidates.embeddings.unsqueeze(0), row_of(sizes).to(device),
                 candidates.evidence.unsqueeze(0), all(sizes.size()), exemplars.unsqueeze(0),
                 row_of(exemplar_sizes).to(device), all(exemplar_sizes.size())})[0]
          .to(at::kCPU, at::kFloat)
          .sigmoid()
          .contiguous();
  MiniProbabilities probabilities;
  const float* value = logits.data_ptr<float>();
  for (std::size_t i = 0; i < sizes.size(); ++i, value += 2) {
    probabilities.same_class.push_back(value[0]);
    probabilities.quality.push_back(value[1]);
  }
  return probabilities;
}

std::vector<cv::Mat> MiniNetwork::refine(std::span<const RefinedRegion> regions) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  const auto call = [&](std::int64_t from, std::int64_t count) {
    std::vector<at::Tensor> images, windows, features;
    const at::Tensor coarse = at::zeros({count, 1, refine_side, refine_side});
    const at::Tensor centres = at::empty({count, 2});
    for (std::int64_t i = 0; i < count; ++i) {
      const RefinedRegion& one = regions[static_cast<std::size_t>(from + i)];
      const MiniLevel& level = *one.of->level;
      const cv::Rect seen(one.corner, cv::Size(refine_side, refine_side));
      images.push_back(tensor_of(level.stretched(seen), where));
      windows.push_back(part_of(one.of->maps.tensor, seen, 2).to(where.dtype));
      features.push_back(part_of(level.features[0], seen, 2).to(where.dtype));
      const mini::Region& region = *one.region;
      const cv::Rect common = region.box & seen;
      cv::Mat own(refine_side, refine_side, CV_32FC1, coarse[i].data_ptr<float>());
      region.mask(common - region.box.tl()).convertTo(own(common - one.corner), CV_32F);
      const cv::Moments moments = cv::moments(own);
      centres[i][0] = moments.m10 / std::max(moments.m00, 1.0);
      centres[i][1] = moments.m01 / std::max(moments.m00, 1.0);
    }
    return module_.call(
        "refine",
        {filled(at::cat(images)), filled(coarse.to(where.device, where.dtype)),
         filled(at::cat(windows)), filled(at::cat(features)), filled(centres.to(where.device))})[0];
  };
  std::vector<cv::Mat> outlines;
  if (regions.empty()) return outlines;
  const at::Tensor logits = in_batches(static_cast<std::int64_t>(regions.size()), call)
                                .to(at::kCPU, at::kFloat)
                                .contiguous();
  for (std::int64_t i = 0; i < logits.size(0); ++i)
    outlines.push_back(
        cv::Mat(refine_side, refine_side, CV_32FC1, logits[i].data_ptr<float>()).clone());
  return outlines;
}

}  // namespace persense::torchscript
