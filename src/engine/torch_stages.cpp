// Pipelines with networks, which LibTorch runs, in some of their slots.
#include <utility>

#include "any_stages.hpp"
#include "archive_stages.hpp"
#include "joined_encoder.hpp"
#include "mini_archive.hpp"
#include "own_stages.hpp"
#include "persense/classic/classic.hpp"
#include "persense/mini/mini.hpp"
#include "persense/torch/countr.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/dsalvanet.hpp"
#include "persense/torch/encoder.hpp"
#include "persense/torch/grounding.hpp"
#include "slots.hpp"

namespace persense {

using namespace torchscript;
using namespace classic;

template <class... Encoders>
const TorchEmbedding& torch_embedding(const JoinedEmbedding<Encoders...>& e) {
  return e.template part<TorchEmbedding>();
}
template <class... Encoders>
const TorchPrototype& torch_prototype(const JoinedPrototype<Encoders...>& p) {
  return p.template part<TorchPrototype>();
}
template <class... Encoders>
const MiniEmbedding& mini_embedding(const JoinedEmbedding<Encoders...>& e) {
  return e.template part<MiniEmbedding>();
}
template <class... Encoders>
const MiniPrototype& mini_prototype(const JoinedPrototype<Encoders...>& p) {
  return p.template part<MiniPrototype>();
}
namespace {

using Encoder = JoinedEncoder<ClassicEncoder, MiniEncoder, TorchEncoder, OwnEncoder>;
using Detector = AnyOf<ClassicDetector, MiniDetector, GroundingDetector, OwnDetector>;
using Dmg = AnyOf<ClassicDmg, MiniDmg, CountrDmg, DsalvanetDmg, OwnDmg>;
using Decoder = AnyOf<ClassicDecoder, MiniDecoder, SamDecoder, OwnDecoder>;
static_assert(HoldsClassicEncoder<Encoder> && HoldsMiniEncoder<Encoder> &&
              HoldsTorchEncoder<Encoder>);

MiniEncoder mini_of(const Stages& stages, const Placement& where, const MiniOptions& options) {
  return stages.mini.empty() ? MiniEncoder(where, options)
                             : MiniEncoder(stages.mini, where, options);
}

/// The encoder's slot, and what the other slots ask for beside it.
Encoder encoder_of(const Stages& stages, const Placement& where, const MiniOptions& options) {
  Encoder encoder = [&] {
    if (stages.own.encode) return Encoder(OwnEncoder(stages.own.encode));
    if (stages.encoder == weight_free) return Encoder(ClassicEncoder{});
    if (stages.encoder == learned) return Encoder(mini_of(stages, where, options));
    return Encoder(TorchEncoder(stages.encoder, where));
  }();
  if (ask_for(weight_free, stages)) encoder.add(ClassicEncoder{});
  if (ask_for(learned, stages) && !encoder.has<MiniEncoder>())
    encoder.add(mini_of(stages, where, options));
  return encoder;
}

Detector detector_of(const Stages& stages, const Placement& placement,
                     const DetectorOptions& options) {
  if (stages.own.detect) return Detector(OwnDetector(stages.own.detect));
  if (stages.detector == weight_free) return Detector(ClassicDetector{});
  if (stages.detector == learned) return Detector(MiniDetector{});
  return Detector(
      GroundingDetector(Module(stages.detector, Stage::detector, placement), options.captions));
}

Dmg dmg_of(const Stages& stages, const Placement& placement, Rules rules) {
  if (stages.own.density) return Dmg(OwnDmg(stages.own.density));
  if (stages.dmg == weight_free) return Dmg(ClassicDmg{});
  if (stages.dmg == learned) return Dmg(MiniDmg{});
  const std::string name = read_manifest(stages.dmg).name;
  if (name == "countr")
    return Dmg(CountrDmg(Module(stages.dmg, Stage::dmg, placement), {.rules = rules}));
  if (name == "dsalvanet")
    return Dmg(DsalvanetDmg(Module(stages.dmg, Stage::dmg, placement), {.rules = rules}));
  throw BadModel(fmt::format(
      "{}: density map generator \"{}\", expected \"countr\" or \"dsalvanet\"", stages.dmg, name));
}

Decoder decoder_of(const Stages& stages, const Encoder& encoder,
                   const persense::DecoderOptions& options) {
  if (stages.own.decode) return Decoder(OwnDecoder(stages.own.decode));
  if (stages.decoder == weight_free) return Decoder(ClassicDecoder(options.calibration));
  if (stages.decoder == learned) return Decoder(MiniDecoder(options.calibration));
  if (!encoder.has<TorchEncoder>())
    throw InvalidArgument(fmt::format(
        "decoder {}: needs the encoder archive that it was trained with (\"{}\"), got {}",
        stages.decoder, read_manifest(stages.decoder).encoder,
        stages.own.encode ? "an encoder of your own" : fmt::format("\"{}\"", stages.encoder)));
  return Decoder(SamDecoder(stages.decoder, encoder.part<TorchEncoder>(),
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
  Detector detector = detector_of(stages, where, options.detector);
  Encoder encoder = encoder_of(stages, where, options.mini);
  Decoder decoder = decoder_of(stages, encoder, options.decoder);
  const auto make_dmg = [&] { return dmg_of(stages, where, options.dmg.rules); };
  return EngineParts::model(std::move(encoder), std::move(detector), make_dmg, std::move(decoder),
                            options);
}

}  // namespace

}  // namespace persense

const persense::ArchiveStages* persense_archive_stages() {
  static const persense::ArchiveStages stages{PERSENSE_VERSION, &persense::model_of,
                                              &persense::adapt, &persense::torchscript::inspect,
                                              &persense::torchscript::mini_archive};
  return &stages;
}
