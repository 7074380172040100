// Pipelines with networks, which LibTorch runs, in some of their slots.
#include <utility>

#include "persense/mini/mini.hpp"
#include "persense/option_table.hpp"
#include "persense/torch/countr.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/dsalvanet.hpp"
#include "persense/torch/encoder.hpp"
#include "persense/torch/grounding.hpp"
#include "persense/torch/mini.hpp"
#include "persense/version.hpp"
#include "slot_stages.hpp"
#include "torch_plugin.hpp"

namespace persense {

using namespace torchscript;

const TorchEmbedding& torch_embedding(const AnyEmbedding& e) {
  return e.parts.get<TorchEmbedding>();
}
const TorchPrototype& torch_prototype(const AnyPrototype& p) {
  return p.parts.get<TorchPrototype>();
}
static_assert(HoldsTorchEncoder<AnyEncoder>);

namespace {

/// @param built_in  what "mini" is where the stages name no other.
mini::MiniEncoder mini_of(const Stages& stages, const Placement& where,
                          const EmbeddedArchive& built_in, const MiniOptions& options) {
  if (run_mini_natively(stages)) return native_mini(stages, built_in, options);
  return mini::MiniEncoder(
      stages.mini.empty() ? mini_network(built_in, where) : mini_network(stages.mini, where),
      options);
}

AnyDetector torch_detector(const Stages& stages, const Placement& where,
                           const DetectorOptions& options) {
  return AnyDetector(
      GroundingDetector(Module(stages.detector, Stage::detector, where), options.captions));
}

AnyDmg torch_dmg(const Stages& stages, const Placement& where, Rules rules) {
  const std::string name = read_manifest(stages.dmg).name;
  if (name == "countr")
    return AnyDmg(CountrDmg(Module(stages.dmg, Stage::dmg, where), {.rules = rules}));
  if (name == "dsalvanet")
    return AnyDmg(DsalvanetDmg(Module(stages.dmg, Stage::dmg, where), {.rules = rules}));
  throw BadModel(fmt::format(
      "{}: density map generator \"{}\", expected \"countr\" or \"dsalvanet\"", stages.dmg, name));
}

AnyDecoder torch_decoder(const Stages& stages, const AnyEncoder& encoder,
                         const persense::DecoderOptions& options) {
  const auto* const of = encoder.find<TorchEncoder>();
  if (of == nullptr)
    throw InvalidArgument(fmt::format(
        "decoder {}: needs the encoder archive that it was trained with (\"{}\"), got {}",
        stages.decoder, read_manifest(stages.decoder).encoder,
        stages.custom.encode ? "an encoder of your own" : fmt::format("\"{}\"", stages.encoder)));
  return AnyDecoder(SamDecoder(stages.decoder, *of,
                               {.guidance = options.guidance == Switch::on,
                                .refinement = options.refinement == Switch::on,
                                .chunk_megabytes = options.chunk_megabytes}));
}

Options adapt(const Stages& stages, Options preset) {
  constexpr int countr_threshold = 20;  // released code: its maps have blunter peaks
  if (read_manifest(stages.dmg).name == "countr") {
    preset.idm.threshold = countr_threshold;
    preset.ppsm.count_rounding = CountRounding::none;
  }
  return preset;
}

std::shared_ptr<const EngineParts::Model> model_of(const Stages& stages, const Options& options,
                                                   const EmbeddedArchive& built_in) {
  validate(options);
  const Placement where = placement(stages.device, stages.dtype);
  set_threads(stages.threads);
  const auto make_detector = [&] {
    return detector_of(stages, [&] { return torch_detector(stages, where, options.detector); });
  };
  AnyEncoder encoder = encoder_of(
      stages, [&] { return mini_of(stages, where, built_in, options.mini); },
      [&] { return AnyEncoder(TorchEncoder(stages.encoder, where)); });
  AnyDecoder decoder = decoder_of(stages, options.decoder,
                                  [&] { return torch_decoder(stages, encoder, options.decoder); });
  const auto make_dmg = [&] {
    return dmg_of(stages, [&] { return torch_dmg(stages, where, options.dmg.rules); });
  };
  return EngineParts::model(stages, std::move(encoder), make_detector, make_dmg, std::move(decoder),
                            options);
}

}  // namespace

}  // namespace persense

const persense::TorchPlugin* persense_torch_plugin() {
  static const persense::TorchPlugin stages{PERSENSE_VERSION, &persense::model_of, &persense::adapt,
                                            &persense::torchscript::inspect};
  return &stages;
}
