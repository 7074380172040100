// Pipelines with TorchScript archives in some of their slots.
#include <utility>

#include "any_stages.hpp"
#include "archive_stages.hpp"
#include "joined_encoder.hpp"
#include "own_stages.hpp"
#include "persense/classic/classic.hpp"
#include "persense/torch/countr.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/dsalvanet.hpp"
#include "persense/torch/encoder.hpp"

namespace persense {

using namespace torchscript;
using namespace classic;

inline const TorchEmbedding& torch_embedding(const JoinedEmbedding<TorchEncoder>& e) {
  return e.main;
}
inline const TorchPrototype& torch_prototype(const JoinedPrototype<TorchEncoder>& p) {
  return p.main;
}
static_assert(HoldsTorchEncoder<JoinedEncoder<TorchEncoder>>);
static_assert(HoldsClassicEncoder<JoinedEncoder<TorchEncoder>>);

namespace {

constexpr const char* weight_free = "classic";

using Detector = AnyOf<ClassicDetector, OwnDetector>;
using Dmg = AnyOf<ClassicDmg, CountrDmg, DsalvanetDmg, OwnDmg>;
using Decoder = AnyOf<ClassicDecoder, OwnDecoder>;
using ArchiveDecoder = AnyOf<ClassicDecoder, OwnDecoder, SamDecoder>;

Detector detector_of(const Stages& stages) {
  if (stages.own.detect) return Detector(OwnDetector(stages.own.detect));
  if (stages.detector == weight_free) return Detector(ClassicDetector{});
  throw InvalidArgument(
      fmt::format("detector: got \"{}\", expected \"classic\": detector archives are not built yet",
                  stages.detector));
}

Dmg dmg_of(const Stages& stages, const Placement& placement, Rules rules) {
  if (stages.own.density) return Dmg(OwnDmg(stages.own.density));
  if (stages.dmg == weight_free) return Dmg(ClassicDmg{});
  const std::string name = read_manifest(stages.dmg).name;
  if (name == "countr")
    return Dmg(CountrDmg(Module(stages.dmg, Stage::dmg, placement), {.rules = rules}));
  if (name == "dsalvanet")
    return Dmg(DsalvanetDmg(Module(stages.dmg, Stage::dmg, placement), {.rules = rules}));
  throw BadModel(fmt::format(
      "{}: density map generator \"{}\", expected \"countr\" or \"dsalvanet\"", stages.dmg, name));
}

/// One that does without an encoder archive.
Decoder decoder_of(const Stages& stages) {
  if (stages.own.decode) return Decoder(OwnDecoder(stages.own.decode));
  if (stages.decoder == weight_free) return Decoder(ClassicDecoder{});
  throw InvalidArgument(
      fmt::format("decoder {}: needs the encoder archive that it was trained with (\"{}\"), got {}",
                  stages.decoder, read_manifest(stages.decoder).encoder,
                  stages.own.encode ? "an encoder of your own" : "\"classic\""));
}

ArchiveDecoder decoder_of(const Stages& stages, const TorchEncoder& encoder,
                          const persense::DecoderOptions& options) {
  if (stages.own.decode) return ArchiveDecoder(OwnDecoder(stages.own.decode));
  if (stages.decoder == weight_free) return ArchiveDecoder(ClassicDecoder{});
  return ArchiveDecoder(SamDecoder(stages.decoder, encoder,
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
  Detector detector = detector_of(stages);
  const Placement where = placement(stages.device, stages.dtype);
  set_threads(stages.threads);
  Dmg dmg = dmg_of(stages, where, options.dmg.rules);
  if (stages.encoder != weight_free) {
    TorchEncoder encoder(stages.encoder, where);
    ArchiveDecoder decoder = decoder_of(stages, encoder, options.decoder);
    return EngineParts::model(JoinedEncoder(std::move(encoder)), std::move(detector),
                              std::move(dmg), std::move(decoder), options);
  }
  Decoder decoder = decoder_of(stages);
  if (stages.own.encode)
    return EngineParts::model(JoinedEncoder(OwnEncoder(stages.own.encode)), std::move(detector),
                              std::move(dmg), std::move(decoder), options);
  return EngineParts::model(ClassicEncoder{}, std::move(detector), std::move(dmg),
                            std::move(decoder), options);
}

}  // namespace

}  // namespace persense

const persense::ArchiveStages* persense_archive_stages() {
  static const persense::ArchiveStages stages{PERSENSE_VERSION, &persense::model_of,
                                              &persense::adapt, &persense::torchscript::inspect};
  return &stages;
}
