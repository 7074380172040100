#include "persense/torch/grounding.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <utility>

#include "dmg_tensors.hpp"
#include "module_errors.hpp"
#include "persense/error.hpp"
#include "persense/exemplar.hpp"
#include "persense/models/grounding_frame.hpp"
#include "text_inputs.hpp"

namespace persense::torchscript {

namespace {

std::shared_ptr<const WordPiece> words_of(const Module& module) {
  const std::string& name = module.manifest().text.vocabulary;
  return std::make_shared<const WordPiece>(module.vocabulary(),
                                           fmt::format("{}: {}", module.file().string(), name));
}

at::Tensor network_image(ImageView image, const Module& module) {
  const Manifest::Input& input = module.manifest().input;
  const Planes frame =
      grounding::make_frame(image, input.short_side, input.long_side, pixel_scaling(module));
  return to_tensor(frame, module).clone();  // which may share the frame's memory
}

}  // namespace

/// Of the parts of some captions.
struct GroundingDetector::Answer {
  at::Tensor confidences;  // (parts, queries) float32, 0..1
  at::Tensor boxes;        // (captions, queries, 4) float32
};

GroundingDetector::GroundingDetector(Module module, Captions captions)
    : module_(std::move(module)), captions_(captions), words_(words_of(module_)) {
  constexpr int side = 384;  // has more places than any such network has queries
  const c10::InferenceMode no_gradients;
  translate(module_, "dry run", [&] {
    TextInputs text;
    text.ids = at::full({2, 3}, words_->full_stop(), at::kLong);
    text.positions = at::zeros({2, 3}, at::kLong);
    text.tokens = at::ones({2, 3}, at::kBool);
    text.attention = at::eye(3, at::kBool).repeat({2, 1, 1});
    text.parts = {{0, 0, 3}, {1, 0, 3}};
    const Answer answer = run(to_tensor(Planes(1, 3, {side, side}), module_).clone(), text);
    module_.require_shape(answer.boxes, {2, module_.manifest().output.queries, 4}, "boxes");
  });
}

Detections GroundingDetector::detect(ImageView image, std::string_view label,
                                     std::string_view phrase) const {
  const TextInputs text =
      text_inputs(*words_, {label, phrase}, captions_, module_.manifest().text.max_tokens);
  const c10::InferenceMode no_gradients;
  const Answer answer =
      translate(module_, "detect", [&] { return run(network_image(image, module_), text); });
  const auto part = [&](std::size_t index) {
    std::vector<Detection> found;
    const auto row = static_cast<std::int64_t>(index);
    const auto boxes = answer.boxes.accessor<float, 3>()[text.parts[index].row];
    const auto confidences = answer.confidences.accessor<float, 2>()[row];
    for (std::int64_t i = 0; i < confidences.size(0); ++i) {
      const auto b = boxes[i];
      const Box box = grounding::to_pixels({b[0], b[1], b[2], b[3]}, image.size());
      if (!pixels_of(box, image.size()).empty()) found.push_back({box, confidences[i]});
    }
    return found;
  };
  return {part(0), part(1)};
}

GroundingDetector::Answer GroundingDetector::run(const at::Tensor& image,
                                                 const TextInputs& text) const {
  const auto place = [this](const at::Tensor& t) { return t.to(module_.placement().device); };
  const auto out = module_(
      {image, place(text.ids), place(text.attention), place(text.positions), place(text.tokens)});
  if (out.size() != 2)
    throw BadModel(fmt::format("{}: forward gave {} tensors, expected 2: logits and boxes",
                               module_.file().string(), out.size()));
  // an image may have fewer places than a network has queries
  module_.require_shape(out[0], {text.captions(), -1, text.length()}, "logits");
  module_.require_shape(out[1], {text.captions(), out[0].size(1), 4}, "boxes");
  const at::Tensor logits = out[0].to(at::kCPU, at::kFloat);
  std::vector<at::Tensor> confidences;
  for (const TextInputs::Part& part : text.parts)
    confidences.push_back(
        logits[part.row].narrow(1, part.begin, part.end - part.begin).amax(1).sigmoid());
  Answer answer{at::stack(confidences), out[1].to(at::kCPU, at::kFloat).contiguous()};
  if (!at::isfinite(answer.confidences).all().item<bool>()) throw not_finite(module_, "logits");
  // times an image's side, too: as pixels they are to be numbers
  if (!at::isfinite(answer.boxes * double{1 << 24}).all().item<bool>())
    throw not_finite(module_, "boxes");
  return answer;
}

}  // namespace persense::torchscript
