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
using namespace mini;

const TorchEmbedding& torch_embedding(const AnyEmbedding& e) {
  return e.parts.get<TorchEmbedding>();
}
const TorchPrototype& torch_prototype(const AnyPrototype& p) {
  return p.parts.get<TorchPrototype>();
}
const MiniEmbedding& mini_embedding(const AnyEmbedding& e) { return e.parts.get<MiniEmbedding>(); }
const MiniPrototype& mini_prototype(const AnyPrototype& p) { return p.parts.get<MiniPrototype>(); }
static_assert(HoldsMiniEncoder<AnyEncoder> && HoldsTorchEncoder<AnyEncoder>);

namespace {

MiniEncoder mini_of(const Stages& stages, const Placement& where, const MiniOptions& options) {
  return MiniEncoder(
      stages.mini.empty() ? mini_network(mini_archive(), where) : mini_network(stages.mini, where),
      options);
}

/// The encoder's slot, and what the other slots ask for beside it.
AnyEncoder encoders_of(const Stages& stages, const Placement& where, const MiniOptions& options) {
  AnyEncoder encoder = encoder_of(stages, [&] {
    if (stages.encoder == learned) return AnyEncoder(mini_of(stages, where, options));
    return AnyEncoder(TorchEncoder(stages.encoder, where));
  });
  if (ask_for(learned, stages) && encoder.find<MiniEncoder>() == nullptr)
    encoder.add(mini_of(stages, where, options));
  return encoder;
}

AnyDetector torch_detector(const Stages& stages, const Placement& where,
                           const DetectorOptions& options) {
  if (stages.detector == learned) return AnyDetector(MiniDetector{});
  return AnyDetector(
      GroundingDetector(Module(stages.detector, Stage::detector, where), options.captions));
}

AnyDmg torch_dmg(const Stages& stages, const Placement& where, Rules rules) {
  if (stages.dmg == learned) return AnyDmg(MiniDmg{});
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
  if (stages.decoder == learned) return AnyDecoder(MiniDecoder(options.calibration));
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

std::shared_ptr<const EngineParts::Model> model_of(const Stages& stages, const Options& options) {
  validate(options);
  const Placement where = placement(stages.device, stages.dtype);
  set_threads(stages.threads);
  const auto make_detector = [&] {
    return detector_of(stages, [&] { return torch_detector(stages, where, options.detector); });
  };
  AnyEncoder encoder = encoders_of(stages, where, options.mini);
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
                                            &persense::torchscript::inspect,
                                            &persense::mini::mini_archive};
  return &stages;
}
