#include "persense/torch/decoder.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "mask_upsampling.hpp"
#include "module_errors.hpp"
#include "persense/error.hpp"
#include "sam_prompts.hpp"

namespace persense::torchscript {

namespace {

constexpr int logits_per_cell = 4;  // on each axis: the archive's low-resolution logits

std::int64_t bytes_of(const DecoderOptions& options) {
  return std::int64_t{options.chunk_megabytes} << 20;
}

c10::IValue optional(const at::Tensor& tensor) {
  return tensor.defined() ? c10::IValue(tensor) : c10::IValue();
}

/// Cuts [0, count) into chunks of about the same length, none above `most`: body(begin, length).
template <class Body>
void in_chunks(std::int64_t count, std::int64_t most, Body&& body) {
  const std::int64_t chunks = (count + most - 1) / most;
  for (std::int64_t i = 0; i < chunks; ++i) {
    const std::int64_t begin = count * i / chunks;
    body(begin, count * (i + 1) / chunks - begin);
  }
}

std::string describe(const std::string& name, const Manifest& m) {
  return fmt::format("\"{}\" (input {}, {} channels, stride {})", name, m.input.size,
                     m.output.channels, m.output.stride);
}

}  // namespace

/// Everything on the device; undefined tensors are absent. Boxes and coordinates are float32
/// whatever the network's precision: half precision cannot tell pixels above 512 apart.
struct SamDecoder::Input {
  at::Tensor coords;  // (N, P, 2), pixels of the network's input
  at::Tensor labels;  // (N, P)
  at::Tensor boxes, masks, attention, target;

  std::int64_t size() const { return coords.size(0); }
  Input part(std::int64_t begin, std::int64_t length) const {
    const auto cut = [&](const at::Tensor& t) {
      return t.defined() ? t.narrow(0, begin, length) : t;
    };
    return {cut(coords), cut(labels), cut(boxes), cut(masks), attention, target};
  }
};

struct SamDecoder::Best {
  at::Tensor low_res;  // (N, 4h, 4w)
  at::Tensor scores;   // (N)
};

SamDecoder::SamDecoder(const std::filesystem::path& file, Placement placement,
                       const DecoderOptions& options)
    : module_(file, Stage::decoder, placement), options_(options) {
  if (options.chunk_megabytes < 1)
    throw InvalidArgument(
        fmt::format("chunk_megabytes: {}, expected at least 1", options.chunk_megabytes));
  if (manifest().input.size % manifest().output.stride != 0)
    throw BadModel(fmt::format("{}: persense.json: output.stride: got {}, expected a divisor of {}",
                               file.string(), manifest().output.stride, manifest().input.size));
  translate(module_, "dry run", [this] { dry_run(); });
}

SamDecoder::SamDecoder(const std::filesystem::path& file, const TorchEncoder& encoder,
                       const DecoderOptions& options)
    : SamDecoder(file, encoder.placement(), options) {
  require_fit(encoder.manifest());
}

void SamDecoder::require_fit(const Manifest& encoder) const {
  const Manifest& own = manifest();
  if (own.encoder == encoder.name && own.input.size == encoder.input.size &&
      own.output.channels == encoder.output.channels &&
      own.output.stride == encoder.output.stride && encoder.input.pad_multiple == 0)
    return;
  throw BadModel(fmt::format("{}: decodes embeddings of {}, got those of {}{}",
                             module_.file().string(), describe(own.encoder, own),
                             describe(encoder.name, encoder),
                             encoder.input.pad_multiple > 0 ? ", not padded to a square" : ""));
}

std::int64_t SamDecoder::grid_side() const {
  return manifest().input.size / manifest().output.stride;
}

/// Prompts decoded at once: three quarters of the memory.
std::int64_t SamDecoder::chunk_size() const {
  // (tokens, channels) arrays that a prompt has at the worst moment: 5.4 measured on SAM's decoder
  constexpr std::int64_t arrays = 6;
  const auto element = static_cast<std::int64_t>(c10::elementSize(placement().dtype));
  const std::int64_t tokens = grid_side() * grid_side();
  const std::int64_t bytes = arrays * tokens * manifest().output.channels * element;
  return std::max<std::int64_t>(1, bytes_of(options_) / 4 * 3 / bytes);
}

/// Prompts whose chosen logits are kept until their masks are cut out: the last quarter.
std::int64_t SamDecoder::round_size() const {
  const auto element = static_cast<std::int64_t>(c10::elementSize(placement().dtype));
  const std::int64_t side = logits_per_cell * grid_side();
  return std::max<std::int64_t>(1, bytes_of(options_) / 4 / (2 * side * side * element));
}

void SamDecoder::dry_run() const {
  const c10::InferenceMode no_gradients;
  const auto like = [this](std::initializer_list<std::int64_t> shape) {
    return at::zeros(shape, at::device(placement().device).dtype(placement().dtype));
  };
  const auto float32 = at::device(placement().device).dtype(at::kFloat);
  const auto labels = [this](std::int64_t n, std::int64_t points) {
    return at::ones({n, points}, at::device(placement().device).dtype(at::kLong));
  };
  const std::int64_t side = grid_side(), low = logits_per_cell * side;
  const at::Tensor features = like({1, manifest().output.channels, side, side});
  const at::Tensor boxes = at::tensor({0.0f, 0.0f, 8.0f, 8.0f}, float32).repeat({2, 1});
  run(features, {at::zeros({1, 1, 2}, float32), labels(1, 1), {}, {}, {}, {}});
  run(features, {at::zeros({2, 0, 2}, float32), labels(2, 0), boxes, {}, {}, {}});
  run(features, {at::zeros({2, 1, 2}, float32), labels(2, 1), boxes, like({2, 1, low, low}),
                 like({1, side * side}), like({1, manifest().output.channels})});
}

at::Tensor SamDecoder::features_of(const TorchEmbedding& embedding) const {
  require_fit(embedding.encoder());
  return embedding.features().to(placement().device, placement().dtype);
}

SamPrediction SamDecoder::run(const at::Tensor& features, const Input& input) const {
  const auto answer =
      module_({features, input.coords, input.labels, optional(input.boxes), optional(input.masks),
               optional(input.attention), optional(input.target)});
  if (answer.size() != 2)
    throw BadModel(fmt::format("{}: forward gave {} tensors, expected 2: masks and scores",
                               module_.file().string(), answer.size()));
  const std::int64_t low = logits_per_cell * grid_side(), masks = manifest().output.masks;
  module_.require_shape(answer[0], {input.size(), masks, low, low}, "masks");
  module_.require_shape(answer[1], {input.size(), masks}, "scores");
  return {answer[0], answer[1]};
}

SamDecoder::Best SamDecoder::best_of(const SamPrediction& prediction) const {
  const at::Tensor best = prediction.scores.argmax(1);  // the first one of equals
  const at::Tensor first = at::arange(best.size(0), best.options()).mul_(prediction.scores.size(1));
  return {prediction.low_res.flatten(0, 1).index_select(0, first + best),
          prediction.scores.gather(1, best.unsqueeze(1)).squeeze(1)};
}

SamDecoder::Best SamDecoder::best_in_chunks(const at::Tensor& features, const Input& input,
                                            bool refine) const {
  std::vector<at::Tensor> low_res, scores;
  in_chunks(input.size(), chunk_size(), [&](std::int64_t begin, std::int64_t length) {
    Input part = input.part(begin, length);
    Best best = best_of(run(features, part));
    if (refine) {
      part.attention = part.target = at::Tensor();
      part.masks = best.low_res.unsqueeze(1);
      best = best_of(run(features, part));
    }
    low_res.push_back(best.low_res);
    scores.push_back(best.scores);
  });
  return {at::cat(low_res), at::cat(scores)};
}

std::vector<ScoredMask> SamDecoder::to_masks(const InputFrame& frame, const Best& best) const {
  const MaskUpsampling upsampling(frame.longest_side(), static_cast<int>(best.low_res.size(1)),
                                  placement().device, bytes_of(options_));
  auto [masks, scores] = upsampling(best.low_res, best.scores);
  std::vector<ScoredMask> scored;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    if (!std::isfinite(scores[i])) throw not_finite(module_, "scores");
    scored.push_back({std::move(masks[i]), scores[i]});
  }
  return scored;
}

SamGuidance SamDecoder::guidance(const TorchEmbedding& embedding,
                                 const TorchPrototype& prototype) const {
  const c10::InferenceMode no_gradients;
  return translate(module_, "prepare guidance", [&]() -> SamGuidance {
    const auto place = [this](const at::Tensor& t) {
      return t.to(placement().device, placement().dtype);
    };
    return {place(embedding.attention(prototype)), place(prototype.mean.unsqueeze(0))};
  });
}

SamDecoder::Input SamDecoder::network_input(const InputFrame& frame, const SamPrompts& prompts,
                                            const SamGuidance& guidance) const {
  const LongestSide side = frame.longest_side();
  const std::array scale{side.to_input_x(1), side.to_input_y(1)};
  // double until the last step, as the reference scales coordinates
  const auto scaled = [&](const at::Tensor& pairs) {
    const at::Tensor factor = at::tensor(at::ArrayRef<double>(scale)).to(pairs.device());
    return pairs.to(at::kDouble).mul(factor).to(at::kFloat).to(placement().device);
  };
  const auto place = [this](const at::Tensor& t) {
    return t.defined() ? t.to(placement().device, placement().dtype) : t;
  };
  Input input;
  if (prompts.points.defined()) {
    input.coords = scaled(prompts.points);
    input.labels = prompts.labels.to(placement().device, at::kLong);
  }
  if (prompts.boxes.defined()) {
    input.boxes = scaled(prompts.boxes.reshape({-1, 2, 2})).view({-1, 4});
    if (!prompts.points.defined()) {
      input.coords = at::empty({input.boxes.size(0), 0, 2}, input.boxes.options());
      input.labels = at::empty({input.boxes.size(0), 0}, input.boxes.options().dtype(at::kLong));
    }
  }
  input.masks = place(prompts.masks);
  input.attention = place(guidance.attention);
  input.target = place(guidance.target);
  return input;
}

std::vector<ScoredMask> SamDecoder::decode(const TorchEmbedding& embedding,
                                           const TorchPrototype& prototype,
                                           std::span<const Prompt> prompts) const {
  const c10::InferenceMode no_gradients;
  std::vector<ScoredMask> masks(prompts.size());
  const auto decode_those = [&](Prompt::Role role, auto&& belongs) {
    std::vector<Prompt> some;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < prompts.size(); ++i)
      if (belongs(prompts[i])) {
        some.push_back(prompts[i]);
        places.push_back(i);
      }
    if (some.empty()) return;
    const bool guided = options_.guidance && role != Prompt::Role::final_pass;
    auto decoded = translate(module_, "decode", [&] {
      return decode_alike(embedding, guided ? guidance(embedding, prototype) : SamGuidance{}, some,
                          role);
    });
    for (std::size_t i = 0; i < places.size(); ++i) masks[places[i]] = std::move(decoded[i]);
  };
  for (const auto role :
       {Prompt::Role::exemplar, Prompt::Role::first_pass, Prompt::Role::final_pass})
    decode_those(role, [role](const Prompt& p) { return !p.box && p.role == role; });
  decode_those(Prompt::Role::final_pass, [](const Prompt& p) { return p.box.has_value(); });
  return masks;
}

ScoredMask SamDecoder::decode_mark(const TorchEmbedding& embedding, const Prompt& prompt) const {
  const c10::InferenceMode no_gradients;
  return translate(module_, "decode", [&] {
    return decode_alike(embedding, {}, std::span(&prompt, 1), Prompt::Role::first_pass)[0];
  });
}

/// @param prompts  all of them with a box, or none. @param role  which of the decodes they get.
std::vector<ScoredMask> SamDecoder::decode_alike(const TorchEmbedding& embedding,
                                                 const SamGuidance& guidance,
                                                 std::span<const Prompt> prompts,
                                                 Prompt::Role role) const {
  const at::Tensor features = features_of(embedding);
  const bool refine = options_.refinement && role != Prompt::Role::final_pass;
  std::vector<ScoredMask> masks;
  in_chunks(static_cast<std::int64_t>(prompts.size()), round_size(),
            [&](std::int64_t begin, std::int64_t length) {
              const auto some = prompts.subspan(static_cast<std::size_t>(begin),
                                                static_cast<std::size_t>(length));
              const SamPrompts asked = some[0].box ? box_prompts(some) : point_prompts(some);
              const Input input = network_input(embedding.frame(), asked, guidance);
              const Best best = best_in_chunks(features, input, refine);
              auto round = to_masks(embedding.frame(), best);
              if (refine && role == Prompt::Role::exemplar) rescore(embedding, some, best, round);
              std::move(round.begin(), round.end(), std::back_inserter(masks));
            });
  return masks;
}

/// Decodes each mask that is not empty again: from the point, the mask's tight box (its last pixel,
/// not one beyond, is the corner) and its logits.
/// @param which  gets their numbers, of which the answer has one row each; none: it has none.
SamDecoder::Best SamDecoder::best_from_own(const TorchEmbedding& embedding,
                                           std::span<const Prompt> prompts, const Best& best,
                                           const std::vector<ScoredMask>& masks,
                                           std::vector<std::int64_t>& which) const {
  std::vector<Prompt> kept;
  std::vector<double> corners;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const PixelBox& box = masks[i].mask.box;
    if (masks[i].mask.empty()) continue;
    kept.push_back(prompts[i]);
    which.push_back(static_cast<std::int64_t>(i));
    for (const int corner : {box.x0, box.y0, box.x1 - 1, box.y1 - 1}) corners.push_back(corner);
  }
  if (kept.empty()) return {};
  SamPrompts asked = point_prompts(kept);
  asked.boxes = at::tensor(corners).view({-1, 4});
  asked.masks =
      best.low_res.index_select(0, at::tensor(which).to(best.low_res.device())).unsqueeze(1);
  const Input input = network_input(embedding.frame(), asked, {});
  return best_in_chunks(features_of(embedding), input, /*refine=*/false);
}

/// The third decode of an exemplar, for its score. An empty mask has no box and keeps its score.
void SamDecoder::rescore(const TorchEmbedding& embedding, std::span<const Prompt> prompts,
                         const Best& best, std::vector<ScoredMask>& masks) const {
  std::vector<std::int64_t> which;
  const Best again = best_from_own(embedding, prompts, best, masks, which);
  if (which.empty()) return;
  const at::Tensor scores = again.scores.to(at::kFloat).cpu();
  for (std::size_t i = 0; i < which.size(); ++i)
    masks[static_cast<std::size_t>(which[i])].score = scores.data_ptr<float>()[i];
}

/// Of points, not guided. @throws BadModel  another number of masks than three.
SamPrediction SamDecoder::three_scales(const TorchEmbedding& embedding,
                                       std::span<const Prompt> points) const {
  SamPrediction prediction = predict(embedding, point_prompts(points));
  if (prediction.scores.size(1) != static_cast<std::int64_t>(ScaleWeights{}.size()))
    throw BadModel(fmt::format("{}: gives {} masks for each prompt, expected 3",
                               module_.file().string(), prediction.scores.size(1)));
  return prediction;
}

ScaleLogits SamDecoder::scale_logits(const TorchEmbedding& embedding, Point point) const {
  const c10::InferenceMode no_gradients;
  const Prompt prompt{point};
  return translate(module_, "decode", [&] {
    const SamPrediction prediction = three_scales(embedding, std::span(&prompt, 1));
    const LongestSide side = embedding.frame().longest_side();
    // what lies in the padding is no part of the image
    const double scale = static_cast<double>(logits_per_cell * grid_side()) / side.target;
    const auto part = [&](int pixels) {
      return static_cast<std::int64_t>(std::ceil(pixels * scale));
    };
    const at::Tensor inside = prediction.low_res[0]
                                  .narrow(1, 0, part(side.input().height))
                                  .narrow(2, 0, part(side.input().width))
                                  .to(at::kCPU, at::kFloat)
                                  .contiguous();
    ScaleLogits logits;
    for (std::size_t k = 0; k < logits.size(); ++k)
      logits[k] = Eigen::Map<const FloatMap>(inside[static_cast<std::int64_t>(k)].data_ptr<float>(),
                                             inside.size(1), inside.size(2));
    return logits;
  });
}

std::vector<ScoredMask> SamDecoder::decode_weighted(const TorchEmbedding& embedding,
                                                    std::span<const Point> points,
                                                    const ScaleWeights& weights) const {
  const c10::InferenceMode no_gradients;
  if (points.empty()) return {};
  std::vector<Prompt> prompts;
  for (const Point point : points) prompts.push_back({point});
  return translate(module_, "decode", [&] {
    const SamPrediction scales = three_scales(embedding, prompts);
    const at::Tensor weight =
        at::tensor(at::ArrayRef<float>(weights)).view({1, -1, 1, 1}).to(scales.low_res);
    Best best{(scales.low_res * weight).sum(1), scales.scores.amax(1)};
    std::vector<ScoredMask> masks = to_masks(embedding.frame(), best);
    for (int round = 0; round < 2; ++round) {
      std::vector<std::int64_t> which;
      const Best again = best_from_own(embedding, prompts, best, masks, which);
      if (which.empty()) break;
      const at::Tensor rows = at::tensor(which).to(best.low_res.device());
      best.low_res = best.low_res.index_copy(0, rows, again.low_res);
      std::vector<ScoredMask> refined = to_masks(embedding.frame(), again);
      for (std::size_t i = 0; i < which.size(); ++i)
        masks[static_cast<std::size_t>(which[i])] = std::move(refined[i]);
    }
    return masks;
  });
}

void SamDecoder::require_prompts(const SamPrompts& prompts, const SamGuidance& guidance) const {
  if (!prompts.points.defined() && !prompts.boxes.defined())
    throw InvalidArgument("prompts: neither points nor boxes, expected at least one of them");
  const std::int64_t side = grid_side(), low = logits_per_cell * side;
  const at::Tensor& first = prompts.points.defined() ? prompts.points : prompts.boxes;
  const std::int64_t count = first.dim() > 0 ? first.size(0) : 0;
  const std::int64_t each =
      prompts.points.defined() && prompts.points.dim() == 3 ? prompts.points.size(1) : 0;
  const auto require = [](const at::Tensor& t, at::IntArrayRef shape, const char* name) {
    if (t.defined() && t.sizes() != shape)
      throw InvalidArgument(fmt::format("{}: shape [{}], expected [{}]", name,
                                        fmt::join(t.sizes(), ", "), fmt::join(shape, ", ")));
  };
  if (prompts.points.defined() != prompts.labels.defined())
    throw InvalidArgument("prompts: points and labels belong together, got one of them");
  require(prompts.points, {count, each, 2}, "prompts.points");
  require(prompts.labels, {count, each}, "prompts.labels");
  require(prompts.boxes, {count, 4}, "prompts.boxes");
  require(prompts.masks, {count, 1, low, low}, "prompts.masks");
  require(guidance.attention, {1, side * side}, "guidance.attention");
  require(guidance.target, {1, manifest().output.channels}, "guidance.target");
}

SamPrediction SamDecoder::predict(const TorchEmbedding& embedding, const SamPrompts& prompts,
                                  const SamGuidance& guidance) const {
  const c10::InferenceMode no_gradients;
  require_prompts(prompts, guidance);
  return translate(module_, "decode", [&]() -> SamPrediction {
    const at::Tensor features = features_of(embedding);
    const Input input = network_input(embedding.frame(), prompts, guidance);
    const std::int64_t low = logits_per_cell * grid_side(), masks = manifest().output.masks;
    std::vector<at::Tensor> low_res{at::empty({0, masks, low, low}, features.options())};
    std::vector<at::Tensor> scores{at::empty({0, masks}, features.options())};
    in_chunks(input.size(), chunk_size(), [&](std::int64_t begin, std::int64_t length) {
      const SamPrediction part = run(features, input.part(begin, length));
      low_res.push_back(part.low_res);
      scores.push_back(part.scores);
    });
    return {at::cat(low_res), at::cat(scores)};
  });
}

std::vector<ScoredMask> SamDecoder::best_masks(const TorchEmbedding& embedding,
                                               const SamPrediction& prediction) const {
  const c10::InferenceMode no_gradients;
  require_fit(embedding.encoder());
  if (prediction.scores.size(0) == 0) return {};
  return translate(module_, "cut out masks",
                   [&] { return to_masks(embedding.frame(), best_of(prediction)); });
}

}  // namespace persense::torchscript
