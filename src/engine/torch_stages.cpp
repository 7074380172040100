// Pipelines with TorchScript archives in some of their slots.
#include <optional>
#include <utility>
#include <variant>

#include "joined_encoder.hpp"
#include "model.hpp"
#include "persense/classic/classic.hpp"
#include "persense/torch/countr.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/dsalvanet.hpp"
#include "persense/torch/encoder.hpp"

namespace persense {

using namespace torchscript;
using namespace classic;

namespace {

constexpr const char* weight_free = "classic";

/// Any density map generator.
class AnyDmg {
 public:
  using Choice = std::variant<ClassicDmg, CountrDmg, DsalvanetDmg>;
  explicit AnyDmg(Choice choice) : choice_(std::move(choice)) {}

  template <HoldsClassicEncoder E>
  DensityMap density(const Query<E>& query, std::span<const Box> exemplars) const {
    return std::visit([&](const auto& dmg) { return dmg.density(query, exemplars); }, choice_);
  }

 private:
  Choice choice_;
};

/// Any decoder that goes with a TorchScript encoder.
class AnyDecoder {
 public:
  using Choice = std::variant<ClassicDecoder, SamDecoder>;
  explicit AnyDecoder(Choice choice) : choice_(std::move(choice)) {}

  std::vector<ScoredMask> decode(const Query<JoinedEncoder>& query,
                                 std::span<const Prompt> prompts) const {
    return std::visit([&](const auto& decoder) { return decoder.decode(query, prompts); }, choice_);
  }

 private:
  Choice choice_;
};

AnyDmg dmg_of(const Stages& stages, const Placement& placement, Rules rules) {
  if (stages.dmg == weight_free) return AnyDmg(ClassicDmg{});
  const std::string name = read_manifest(stages.dmg).name;
  if (name == "countr")
    return AnyDmg(CountrDmg(Module(stages.dmg, Stage::dmg, placement), {.rules = rules}));
  if (name == "dsalvanet")
    return AnyDmg(DsalvanetDmg(Module(stages.dmg, Stage::dmg, placement), {.rules = rules}));
  throw BadModel(fmt::format(
      "{}: density map generator \"{}\", expected \"countr\" or \"dsalvanet\"", stages.dmg, name));
}

AnyDecoder decoder_of(const Stages& stages, const TorchEncoder& encoder,
                      const persense::DecoderOptions& options) {
  if (stages.decoder == weight_free) return AnyDecoder(ClassicDecoder{});
  return AnyDecoder(SamDecoder(stages.decoder, encoder,
                               {.guidance = options.guidance == Switch::on,
                                .refinement = options.refinement == Switch::on,
                                .chunk_megabytes = options.chunk_megabytes}));
}

}  // namespace

bool Engine::has_torch() { return true; }

Options Stages::adapt(Options preset) const {
  constexpr int countr_threshold = 20;  // released code: its maps have blunter peaks
  if (dmg != weight_free && read_manifest(dmg).name == "countr") {
    preset.idm.threshold = countr_threshold;
    preset.ppsm.count_rounding = CountRounding::none;
  }
  return preset;
}

std::shared_ptr<const EngineParts::Model> EngineParts::with_archives(const Stages& stages,
                                                                     const Options& options) {
  validate(options);
  if (stages.detector != weight_free)
    throw InvalidArgument(fmt::format(
        "detector: got \"{}\", expected \"classic\": detector archives are not built yet",
        stages.detector));
  const Placement where = placement(stages.device, stages.dtype);
  set_threads(stages.threads);
  AnyDmg dmg = dmg_of(stages, where, options.dmg.rules);
  if (stages.encoder != weight_free) {
    TorchEncoder encoder(stages.encoder, where);
    AnyDecoder decoder = decoder_of(stages, encoder, options.decoder);
    return model(JoinedEncoder(std::move(encoder)), ClassicDetector{}, std::move(dmg),
                 std::move(decoder), options);
  }
  if (stages.decoder != weight_free)
    throw InvalidArgument(fmt::format(
        "decoder {}: needs the encoder archive that it was trained with (\"{}\"), got \"classic\"",
        stages.decoder, read_manifest(stages.decoder).encoder));
  return model(ClassicEncoder{}, ClassicDetector{}, std::move(dmg), ClassicDecoder{}, options);
}

}  // namespace persense
