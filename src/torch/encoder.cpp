#include "persense/torch/encoder.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "device_image.hpp"
#include "module_errors.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/error.hpp"
#include "persense/mask.hpp"

namespace persense::torchscript {

namespace {

Size padded_size(const Manifest::Input& input, Size inner) {
  const int multiple = input.pad_multiple;
  if (multiple == 0) return {input.size, input.size};
  const auto up = [multiple](int side) { return (side + multiple - 1) / multiple * multiple; };
  return {up(inner.width), up(inner.height)};
}

/// (1, C, h, w) of any dtype as (C, h * w) float32.
at::Tensor cells(const at::Tensor& features) { return features[0].flatten(1).to(at::kFloat); }

/// Cosine of every cell with a unit vector: (1, 1, h, w); 0 where a cell has no feature.
at::Tensor cell_similarity(const at::Tensor& features, const at::Tensor& unit) {
  const at::NoTF32Guard full_precision;
  const at::Tensor vectors = cells(features);
  const at::Tensor lengths = vectors.norm(2, 0);
  const at::Tensor cosine = unit.unsqueeze(0).matmul(vectors)[0] / lengths;
  return cosine.masked_fill(lengths.eq(0), 0).view({1, 1, features.size(2), features.size(3)});
}

/// The surroundings of an object, CV_8UC1, 0 or 255, of the image's size.
cv::Mat ring_around(const cv::Mat& mask, const InputFrame& frame) {
  constexpr double gap = 2, narrowest = 4;  // pixels of the network's input
  const double scale = static_cast<double>(frame.inner.width) / frame.image.width;
  const double radius = std::sqrt(cv::countNonZero(mask) / std::numbers::pi);
  const double inner = gap / scale, outer = inner + std::max(narrowest / scale, radius);

  cv::Mat ring = cv::Mat::zeros(mask.size(), CV_8UC1);
  const int margin = static_cast<int>(outer) + 1;
  const PixelBox box = tight_box(MaskView(mask));
  const cv::Rect around = cv::Rect(cv::Point(box.x0 - margin, box.y0 - margin),
                                   cv::Point(box.x1 + margin, box.y1 + margin)) &
                          cv::Rect(0, 0, mask.cols, mask.rows);
  cv::Mat distance;
  cv::distanceTransform(mask(around) == 0, distance, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  ring(around) = (distance > inner) & (distance <= outer);
  // an object that fills the image: whatever there is beside it
  if (cv::countNonZero(ring) == 0) ring = mask == 0;
  return ring;
}

/// Mean of the feature vectors, (C).
at::Tensor weighted_mean(const at::Tensor& features, const at::Tensor& weights) {
  const at::NoTF32Guard full_precision;
  const at::Tensor flat = weights.flatten();
  return cells(features).matmul(flat.unsqueeze(1)).squeeze(1) / flat.sum();
}

/// The mean over the cells inside, or else over those the object touches.
TorchPrototype cell_mean(const TorchEmbedding& embedding, const cv::Mat& mask) {
  const InputFrame& frame = embedding.frame();
  const at::Tensor on_device = upload(MaskView(mask), embedding.features().device());
  at::Tensor weights = cells_inside(on_device, frame);
  TorchPrototype prototype;
  if (weights.sum().item<float>() == 0) {
    weights = coverage(on_device, frame);
    prototype.notes.push_back(
        fmt::format("support mask: the object of {} pixels covers no cell of the encoder's {} x {} "
                    "grid, so the "
                    "cells it touches are used",
                    cv::countNonZero(mask), frame.grid().width, frame.grid().height));
  }
  prototype.mean = weighted_mean(embedding.features(), weights);
  return prototype;
}

TorchPrototype ring_contrast(const TorchEmbedding& embedding, const cv::Mat& mask) {
  const auto mean = [&](const cv::Mat& part) {
    const at::Tensor on_device = upload(MaskView(part), embedding.features().device());
    return weighted_mean(embedding.features(), coverage(on_device, embedding.frame()));
  };
  TorchPrototype prototype;
  prototype.mean = mean(mask) - mean(ring_around(mask, embedding.frame()));
  return prototype;
}

}  // namespace

InputFrame::InputFrame(const Manifest& encoder, Size image_size)
    : image(image_size),
      inner(LongestSide{image_size, encoder.input.size}.input()),
      padded(padded_size(encoder.input, inner)),
      stride(encoder.output.stride),
      square(encoder.input.pad_multiple == 0) {}

struct TorchEmbedding::Memo {
  std::mutex mutex;
  at::Tensor prototype;  // held, so that its address stays its own
  at::Tensor attention;
};

TorchEmbedding::TorchEmbedding(at::Tensor features, const InputFrame& frame,
                               std::shared_ptr<const Manifest> encoder)
    : features_(std::move(features)),
      frame_(frame),
      encoder_(std::move(encoder)),
      memo_(std::make_shared<Memo>()) {}

at::Tensor TorchEmbedding::similarity(const TorchPrototype& prototype, Size size) const {
  const c10::InferenceMode no_gradients;
  at::Tensor grid = cell_similarity(features_, prototype.unit);
  if (prototype.negative.defined()) {  // see persense::against
    const at::Tensor other = cell_similarity(features_, prototype.negative);
    grid = at::where(other > grid, other.clamp_min(0).neg(), grid);
  }
  if (!frame_.square) {
    // cells lie on the padded input, which is more than the image: the scale says how much more
    const auto scale = [this](int out, int inner) {
      return static_cast<double>(frame_.stride) * out / inner;
    };
    return at::upsample_bilinear2d(grid, {size.height, size.width}, false,
                                   scale(size.height, frame_.inner.height),
                                   scale(size.width, frame_.inner.width))
        .clamp_(-1, 1)[0][0];
  }
  const Size cells = frame_.grid();
  const at::Tensor low = resize_bilinear(grid, {4 * cells.width, 4 * cells.height});
  const at::Tensor inner = resize_bilinear(low, frame_.padded)
                               .narrow(2, 0, frame_.inner.height)
                               .narrow(3, 0, frame_.inner.width);
  return resize_bilinear(inner, size).clamp_(-1, 1)[0][0];
}

at::Tensor TorchEmbedding::attention(const TorchPrototype& prototype) const {
  const c10::InferenceMode no_gradients;
  const std::lock_guard lock(memo_->mutex);
  if (!memo_->prototype.is_same(prototype.unit)) {
    const at::Tensor map = similarity(prototype, frame_.image);
    const at::Tensor standard = (map - map.mean()) / map.std(/*unbiased=*/true);
    memo_->attention =
        resize_bilinear(standard.unsqueeze(0).unsqueeze(0), frame_.grid()).sigmoid_().flatten(1);
    memo_->prototype = prototype.unit;
  }
  return memo_->attention;
}

TorchEncoder::TorchEncoder(const std::filesystem::path& file, Placement placement)
    : module_(file, Stage::encoder, placement),
      manifest_(std::make_shared<const Manifest>(module_.manifest())) {
  const auto& input = manifest_->input;
  const int side = input.pad_multiple > 0 ? input.pad_multiple : input.size;
  if (side % manifest_->output.stride != 0)
    throw BadModel(fmt::format("{}: persense.json: output.stride: got {}, expected a divisor of {}",
                               file.string(), manifest_->output.stride, side));
  const auto colour = [&](std::array<float, 3> values) {
    return at::tensor(at::ArrayRef<float>(values)).view({3, 1, 1}).to(placement.device);
  };
  mean_ = colour(input.mean);
  deviation_ = colour(input.deviation);
  dry_run();
}

void TorchEncoder::dry_run() const {
  constexpr int cheap = 512;
  const auto& input = manifest_->input;
  const bool free_size = input.pad_multiple > 0;
  if (!free_size && input.size > cheap && placement().device.is_cpu()) return;
  // neither side equal, so that an exchange of the two is seen
  Size size{input.size, input.size};
  if (free_size) size = {2 * input.pad_multiple, input.pad_multiple};
  InputFrame frame;
  frame.image = frame.inner = frame.padded = size;
  frame.stride = manifest_->output.stride;
  const c10::InferenceMode no_gradients;
  translate(module_, "dry run", [&] {
    run(at::zeros({1, 3, size.height, size.width},
                  at::device(placement().device).dtype(placement().dtype)),
        frame);
  });
}

TorchEmbedding TorchEncoder::run(const at::Tensor& input, const InputFrame& frame) const {
  const at::Tensor features = module_({input}).at(0);
  const Size grid = frame.grid();
  module_.require_shape(features, {1, manifest_->output.channels, grid.height, grid.width},
                        "embedding");
  return {features, frame, manifest_};
}

void TorchEncoder::require_finite(const at::Tensor& values, std::string_view what) const {
  if (!values.isfinite().all().item<bool>()) throw not_finite(module_, what);
}

at::Tensor TorchEncoder::input(ImageView image) const {
  const c10::InferenceMode no_gradients;
  if (image.empty())
    throw InvalidArgument(
        fmt::format("image: size {}, expected at least 1 x 1", to_string(image.size())));
  const InputFrame frame(*manifest_, image.size());
  return translate(module_, "prepare an image", [&] {
    const at::Tensor pixels =
        resize_antialiased(upload(image, placement().device), frame.inner).permute({2, 0, 1});
    const at::Tensor normal = pixels.to(at::kFloat).sub_(mean_).div_(deviation_);
    return at::constant_pad_nd(normal, {0, frame.padded.width - frame.inner.width, 0,
                                        frame.padded.height - frame.inner.height})
        .unsqueeze(0)
        .to(placement().dtype)
        .contiguous();
  });
}

TorchEmbedding TorchEncoder::encode(ImageView image) const {
  return run(input(image), InputFrame(*manifest_, image.size()));
}

TorchPrototype TorchEncoder::prototype(const Embedding& embedding, MaskView mask) const {
  const c10::InferenceMode no_gradients;
  const InputFrame& frame = embedding.frame();
  if (mask.empty() || mask.size() != frame.image)
    throw InvalidArgument(fmt::format("support mask: size {}, expected the image's {}",
                                      to_string(mask.size()), to_string(frame.image)));
  return translate(module_, "make a prototype", [&] {
    TorchPrototype prototype = of_one(embedding, mask.mat() != 0);
    prototype.unit = prototype.mean / prototype.mean.norm().clamp_min(1e-12);
    return prototype;
  });
}

TorchPrototype TorchEncoder::prototype(std::span<const EncodedExample<Embedding>> examples) const {
  const c10::InferenceMode no_gradients;
  return translate(module_, "make a prototype", [&] {
    TorchPrototype prototype;
    std::vector<at::Tensor> wanted, negative;
    for (const auto& e : examples) {
      TorchPrototype one = of_one(*e.embedding, to_frame(*e.mask, e.image));
      (e.negative ? negative : wanted).push_back(one.mean);
      prototype.notes.insert(prototype.notes.end(), one.notes.begin(), one.notes.end());
    }
    const auto mean = [](const std::vector<at::Tensor>& means) {
      return means.size() == 1 ? means[0] : at::stack(means).mean(0);
    };
    const auto unit = [](const at::Tensor& vector) {
      return vector / vector.norm().clamp_min(1e-12);
    };
    prototype.mean = mean(wanted);
    prototype.unit = unit(prototype.mean);
    if (!negative.empty()) prototype.negative = unit(mean(negative));
    return prototype;
  });
}

/// The mean of one example. @param mask  CV_8UC1, 0 or 255, of the image's size.
TorchPrototype TorchEncoder::of_one(const Embedding& embedding, const cv::Mat& mask) const {
  const int pixels = cv::countNonZero(mask);
  if (pixels == 0)
    throw InvalidArgument("support mask: no pixel is set, expected the pixels of one object");
  const bool contrast = manifest_->prototype == "ring_contrast";
  if (contrast && pixels == embedding.frame().image.pixels())
    throw InvalidArgument("support mask: covers the whole image, expected background around it");
  TorchPrototype prototype = contrast ? ring_contrast(embedding, mask) : cell_mean(embedding, mask);
  require_finite(prototype.mean, "prototype");
  return prototype;
}

FloatMap TorchEncoder::similarity(const Embedding& embedding, const Prototype& prototype,
                                  Size size) const {
  const c10::InferenceMode no_gradients;
  return translate(module_, "compare with the prototype", [&] {
    const at::Tensor map = embedding.similarity(prototype, size);
    require_finite(map, "similarity");
    FloatMap host(size.height, size.width);
    at::from_blob(host.data(), {size.height, size.width}, at::kFloat).copy_(map);
    return host;
  });
}

Eigen::RowVectorXf TorchEncoder::describe(const Embedding& embedding, const Mask& mask,
                                          Size size) const {
  const c10::InferenceMode no_gradients;
  const InputFrame& frame = embedding.frame();
  const Size grid = frame.grid();
  // first cell and number of cells that [begin, end) of `image` pixels touches
  const auto cells = [&](int begin, int end, int inner, int image, int most) {
    const double scale = static_cast<double>(inner) / image / frame.stride;
    const int first = std::clamp(static_cast<int>(std::floor(begin * scale)), 0, most - 1);
    const int last = std::clamp(static_cast<int>(std::ceil(end * scale)), first + 1, most);
    return std::pair<int, int>(first, last - first);
  };
  const auto [x, width] =
      cells(mask.box.x0, mask.box.x1, frame.inner.width, size.width, grid.width);
  const auto [y, height] =
      cells(mask.box.y0, mask.box.y1, frame.inner.height, size.height, grid.height);
  return translate(module_, "describe an object", [&] {
    const at::Tensor mean = embedding.features()
                                .narrow(2, y, height)
                                .narrow(3, x, width)
                                .to(at::kFloat)
                                .mean({0, 2, 3})
                                .cpu();
    require_finite(mean, "embedding");
    return Eigen::RowVectorXf(
        Eigen::Map<const Eigen::RowVectorXf>(mean.data_ptr<float>(), mean.numel()));
  });
}

}  // namespace persense::torchscript
