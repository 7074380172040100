#include "torch_network.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "mini_tensors.hpp"
#include "module_errors.hpp"
#include "persense/error.hpp"
#include "persense/progress.hpp"
#include "persense/torch/mini.hpp"

namespace persense::torchscript {

using mini::batch;
using mini::crop_side;
using mini::Level;
using mini::map_channels;
using mini::refine_side;

namespace {

constexpr std::size_t scales = 3;

int stride_of(std::size_t scale) { return 2 << scale; }

struct TensorFeatures final : mini::Features {
  std::array<at::Tensor, scales> tensors;  ///< (1, C, h, w) at strides 2, 4, 8, channels last
};

struct MapTensor final : mini::Features {
  explicit MapTensor(at::Tensor maps) : tensor(std::move(maps)) {}
  at::Tensor tensor;  ///< (1, map_channels, h, w) in single precision, channels last
};

struct TensorConditioning final : mini::Conditioning {
  explicit TensorConditioning(std::vector<at::Tensor> made) : tensors(std::move(made)) {}
  std::vector<at::Tensor> tensors;
};

// What a network gets back is what it gave: levels and prototypes belong to the embedding and the
// encoder that hold it.
const std::array<at::Tensor, scales>& tensors_of(const Level& level) {
  return static_cast<const TensorFeatures&>(*level.features).tensors;
}
const at::Tensor& tensor_of(const mini::Maps& maps) {
  return static_cast<const MapTensor&>(*maps.kept).tensor;
}
const std::vector<at::Tensor>& tensors_of(const mini::Conditioning& conditioning) {
  return static_cast<const TensorConditioning&>(conditioning).tensors;
}

/// @param tensor  (1, map_channels, h, w) in single precision, channels last.
mini::Maps maps_of(at::Tensor tensor) {
  const at::Tensor rows = tensor.permute({0, 2, 3, 1}).cpu().contiguous();
  const cv::Mat view(static_cast<int>(rows.size(1)), static_cast<int>(rows.size(2)),
                     CV_MAKETYPE(CV_32F, map_channels), rows.data_ptr<float>());
  const bool is_shared = rows.data_ptr() == tensor.data_ptr();
  return {is_shared ? view : view.clone(), std::make_shared<MapTensor>(std::move(tensor))};
}

at::Tensor row_of(std::span<const float> values) {
  const at::Tensor row = at::empty({1, static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), row.data_ptr<float>());
  return row;
}

}  // namespace

TorchNetwork::TorchNetwork(Module module) : module_(std::move(module)) {
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

void TorchNetwork::guarded(const char* doing, const std::function<void()>& body) const {
  translate(module_, doing, body);
}

at::ScalarType TorchNetwork::kept_as(double pixels) const {
  constexpr double large = 1e6;
  return pixels > large ? at::kHalf : module_.placement().dtype;
}

at::Tensor TorchNetwork::placed(const mini::Vectors& rows) const {
  const Placement& where = module_.placement();
  return view_of(rows).to(where.device, where.dtype, /*non_blocking=*/false, /*copy=*/true);
}

std::shared_ptr<const mini::Features> TorchNetwork::features(const Level& level) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  const cv::Size size = level.pixels.size();
  const auto options =
      at::TensorOptions(where.device).dtype(kept_as(static_cast<double>(size.area())));
  auto kept = std::make_shared<TensorFeatures>();
  mini::each_part(size, [&](const mini::SeenPart& part) {
    const auto found = module_.call("trunk", {tensor_of(level.stretched(part.seen), where)});
    for (std::size_t f = 0; f < scales; ++f) {
      at::Tensor& whole = kept->tensors[f];
      if (!whole.defined()) whole = room(found[f].size(1), size, stride_of(f), options);
      put(found[f], part, stride_of(f), whole);
    }
  });
  return kept;
}

std::vector<std::shared_ptr<const mini::Features>> TorchNetwork::features(
    std::span<const Level* const> windows) const {
  const c10::InferenceMode no_gradients;
  std::vector<std::shared_ptr<const mini::Features>> all;
  if (windows.empty()) return all;
  const auto area = static_cast<double>(windows.front()->pixels.size().area());
  const at::ScalarType dtype = kept_as(static_cast<double>(windows.size()) * area);
  for (std::size_t from = 0; from < windows.size(); from += batch) {
    const auto some = windows.subspan(from, std::min<std::size_t>(batch, windows.size() - from));
    std::vector<at::Tensor> images;
    for (const Level* one : some)
      images.push_back(
          tensor_of(one->stretched(cv::Rect({}, one->pixels.size())), module_.placement()));
    const auto found = module_.call("trunk", {at::cat(images)});
    for (std::size_t i = 0; i < some.size(); ++i) {
      auto kept = std::make_shared<TensorFeatures>();
      for (std::size_t f = 0; f < scales; ++f)
        kept->tensors[f] = found[f].narrow(0, static_cast<std::int64_t>(i), 1).to(dtype);
      all.push_back(std::move(kept));
    }
    report_progress(static_cast<double>(all.size()) / static_cast<double>(windows.size()));
  }
  return all;
}

Eigen::RowVectorXf TorchNetwork::pool(const Level& level, const cv::Rect& part,
                                      const cv::Mat& mask) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  const cv::Mat whole = mask.isContinuous() ? mask : mask.clone();
  const at::Tensor inside =
      at::from_blob(whole.data, {1, 1, whole.rows, whole.cols}, at::kByte)
          .to(where.device, where.dtype, /*non_blocking=*/false, /*copy=*/true);
  std::vector<c10::IValue> inputs;
  for (std::size_t f = 0; f < scales; ++f)
    inputs.emplace_back(part_of(tensors_of(level)[f], part, stride_of(f)).to(where.dtype));
  inputs.emplace_back(inside);
  return rows_of(module_.call("pool", std::move(inputs))[0]);
}

std::shared_ptr<const mini::Conditioning> TorchNetwork::conditioning(
    const Eigen::RowVectorXf& vector) const {
  const c10::InferenceMode no_gradients;
  return std::make_shared<TensorConditioning>(module_.call("conditioning", {placed(vector)}));
}

mini::Maps TorchNetwork::maps(const Level& level, const mini::Conditioning& conditioning) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  const cv::Size size = level.pixels.size();
  at::Tensor maps =
      room(map_channels, size, mini::map_stride, at::TensorOptions(where.device).dtype(at::kFloat));
  mini::each_part(size, [&](const mini::SeenPart& part) {
    std::vector<c10::IValue> inputs;
    for (std::size_t f = 0; f < scales; ++f)
      inputs.emplace_back(part_of(tensors_of(level)[f], part.seen, stride_of(f)).to(where.dtype));
    inputs.emplace_back(tensors_of(conditioning));
    put(module_.call("maps", std::move(inputs))[0], part, mini::map_stride, maps);
  });
  return maps_of(maps);
}

std::vector<mini::Maps> TorchNetwork::maps(std::span<const std::shared_ptr<const Level>> windows,
                                           const mini::Conditioning& conditioning) const {
  const c10::InferenceMode no_gradients;
  std::vector<mini::Maps> maps;
  for (std::size_t from = 0; from < windows.size(); from += batch) {
    const auto some = windows.subspan(from, std::min<std::size_t>(batch, windows.size() - from));
    std::vector<c10::IValue> inputs;
    for (std::size_t f = 0; f < scales; ++f) {
      std::vector<at::Tensor> features;
      for (const auto& window : some) features.push_back(tensors_of(*window)[f]);
      inputs.emplace_back(at::cat(features).to(module_.placement().dtype));
    }
    inputs.emplace_back(tensors_of(conditioning));
    const at::Tensor found = module_.call("maps", std::move(inputs))[0]
                                 .to(at::kFloat)
                                 .contiguous(at::MemoryFormat::ChannelsLast);
    for (std::size_t i = 0; i < some.size(); ++i)
      maps.push_back(maps_of(found.narrow(0, static_cast<std::int64_t>(i), 1)));
  }
  return maps;
}

cv::Mat TorchNetwork::likeness(const Level& level, const mini::Conditioning& conditioning) const {
  const c10::InferenceMode no_gradients;
  constexpr std::int64_t rows = 64;  // at a time
  constexpr int way = 3;             // of the comparisons: from the surroundings to the object
  const std::vector<at::Tensor>& comparisons = tensors_of(conditioning);
  std::array<cv::Mat, 2> found;
  for (std::size_t f = 0; f < found.size(); ++f) {
    const at::Tensor features = tensors_of(level)[f].permute({0, 2, 3, 1})[0];  // (h, w, C)
    const at::Tensor weights = comparisons[2 * f].to(at::kFloat)[0].select(1, way);
    const float shift = comparisons[2 * f + 1].reshape({-1})[way].item<float>();
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

mini::Descriptors TorchNetwork::describe(std::span<const mini::DescribedRegions> levels) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  const mini::RegionInputs in = mini::region_inputs(levels);
  const at::Tensor crops =
      view_of(in.crops).view({-1, crop_side, crop_side, mini::crop_channels}).permute({0, 3, 1, 2});
  const at::Tensor squares = view_of(in.squares), shapes = view_of(in.shapes);
  std::vector<at::Tensor> grids, evidence;
  std::int64_t row = 0;
  for (const mini::DescribedRegions& d : levels) {
    const std::int64_t end = row + static_cast<std::int64_t>(d.regions.size());
    for (; row < end; row += std::min<std::int64_t>(batch, end - row)) {
      const std::int64_t some = std::min<std::int64_t>(batch, end - row);
      const at::Tensor own = squares.narrow(0, row, some).to(where.device);
      const at::Tensor owner = at::zeros({some}, at::TensorOptions(where.device).dtype(at::kLong));
      const auto& f = tensors_of(*d.of->level);
      grids.push_back(module_.call("sample", {f[0], f[1], f[2], owner, own})[0].to(where.dtype));
      if (!d.of->maps.kept) continue;
      const at::Tensor covers = crops.narrow(0, row, some).narrow(1, 3, 1).to(where.device);
      evidence.push_back(
          module_.call("evidence", {tensor_of(d.of->maps), owner, own, covers})[0].to(where.dtype));
    }
  }
  const at::Tensor grid = at::cat(grids);
  mini::Descriptors found;
  found.embeddings = rows_of(in_batches(crops.size(0), [&](std::int64_t from, std::int64_t count) {
    const auto some = [&](const at::Tensor& of) {
      return filled(of.narrow(0, from, count)).to(where.device, where.dtype);
    };
    return module_.call("embed", {some(crops), some(grid), some(shapes)})[0];
  }));
  if (!evidence.empty()) found.evidence = rows_of(at::cat(evidence));
  return found;
}

mini::Probabilities TorchNetwork::classify(const mini::Descriptors& candidates,
                                           std::span<const float> sizes,
                                           const mini::Vectors& exemplars,
                                           std::span<const float> exemplar_sizes) const {
  const c10::InferenceMode no_gradients;
  const at::Device device = module_.placement().device;
  const auto all = [&](std::size_t n) {
    return at::ones({1, static_cast<std::int64_t>(n)}, at::TensorOptions(device).dtype(at::kBool));
  };
  const at::Tensor logits =
      module_
          .call("decide", {placed(candidates.embeddings).unsqueeze(0), row_of(sizes).to(device),
                           placed(candidates.evidence).unsqueeze(0), all(sizes.size()),
                           placed(exemplars).unsqueeze(0), row_of(exemplar_sizes).to(device),
                           all(exemplar_sizes.size())})[0]
          .to(at::kCPU, at::kFloat)
          .sigmoid()
          .contiguous();
  mini::Probabilities probabilities;
  const float* value = logits.data_ptr<float>();
  for (std::size_t i = 0; i < sizes.size(); ++i, value += 2) {
    probabilities.same_class.push_back(value[0]);
    probabilities.quality.push_back(value[1]);
  }
  return probabilities;
}

std::vector<cv::Mat> TorchNetwork::refine(std::span<const mini::RefinedRegion> regions) const {
  const c10::InferenceMode no_gradients;
  const Placement& where = module_.placement();
  const auto call = [&](std::int64_t from, std::int64_t count) {
    std::vector<at::Tensor> images, maps, features;
    const at::Tensor coarse = at::empty({count, 1, refine_side, refine_side});
    const at::Tensor centres = at::empty({count, 2});
    for (std::int64_t i = 0; i < count; ++i) {
      const mini::RefinedRegion& one = regions[static_cast<std::size_t>(from + i)];
      const mini::RefinementInput in = mini::refinement_input(one);
      images.push_back(tensor_of(in.image, where));
      maps.push_back(part_of(tensor_of(one.of->maps), in.window, mini::map_stride).to(where.dtype));
      features.push_back(
          part_of(tensors_of(*one.of->level)[0], in.window, stride_of(0)).to(where.dtype));
      std::copy_n(in.coarse.ptr<float>(), in.coarse.total(), coarse[i].data_ptr<float>());
      centres[i][0] = in.centre.x;
      centres[i][1] = in.centre.y;
    }
    return module_.call(
        "refine",
        {filled(at::cat(images)), filled(coarse.to(where.device, where.dtype)),
         filled(at::cat(maps)), filled(at::cat(features)), filled(centres.to(where.device))})[0];
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

std::shared_ptr<const mini::Network> mini_network(const EmbeddedArchive& archive,
                                                  const Placement& placement) {
  return std::make_shared<const TorchNetwork>(Module(archive, Stage::all, placement));
}

std::shared_ptr<const mini::Network> mini_network(const std::filesystem::path& archive,
                                                  const Placement& placement) {
  return std::make_shared<const TorchNetwork>(Module(archive, Stage::all, placement));
}

}  // namespace persense::torchscript
