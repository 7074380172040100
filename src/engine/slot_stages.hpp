// slot_stages.hpp: the stage in each slot, where it is the user's, weight-free or the learned
// default's. `other` makes any other one.
#pragma once

#include "any_stages.hpp"
#include "custom_stages.hpp"
#include "persense/classic/classic.hpp"
#include "persense/mini/mini.hpp"
#include "slots.hpp"

namespace persense {

inline const classic::ClassicEmbedding& classic_embedding(const AnyEmbedding& e) {
  return e.parts.get<classic::ClassicEmbedding>();
}
inline const classic::ClassicPrototype& classic_prototype(const AnyPrototype& p) {
  return p.parts.get<classic::ClassicPrototype>();
}
inline const mini::MiniEmbedding& mini_embedding(const AnyEmbedding& e) {
  return e.parts.get<mini::MiniEmbedding>();
}
inline const mini::MiniPrototype& mini_prototype(const AnyPrototype& p) {
  return p.parts.get<mini::MiniPrototype>();
}
static_assert(classic::HoldsClassicEncoder<AnyEncoder> && mini::HoldsMiniEncoder<AnyEncoder>);

/// The encoder's slot, and beside it the encoders that other slots ask for.
/// @param make_mini  makes the learned default's.
template <class MakeMini, class Other>
AnyEncoder encoder_of(const Stages& stages, MakeMini&& make_mini, Other&& other) {
  using classic::ClassicEncoder;
  AnyEncoder encoder = stages.custom.encode ? AnyEncoder(CustomEncoder(stages.custom.encode))
                       : stages.encoder == weight_free ? AnyEncoder(ClassicEncoder{})
                       : stages.encoder == learned     ? AnyEncoder(make_mini())
                                                       : other();
  if (ask_for(weight_free, stages) && encoder.find<ClassicEncoder>() == nullptr)
    encoder.add(ClassicEncoder{});
  if (ask_for(learned, stages) && encoder.find<mini::MiniEncoder>() == nullptr)
    encoder.add(make_mini());
  return encoder;
}

template <class Other>
AnyDetector detector_of(const Stages& stages, Other&& other) {
  if (stages.custom.detect) return AnyDetector(CustomDetector(stages.custom.detect));
  if (stages.detector == weight_free) return AnyDetector(classic::ClassicDetector{});
  if (stages.detector == learned) return AnyDetector(mini::MiniDetector{});
  return other();
}

template <class Other>
AnyDmg dmg_of(const Stages& stages, Other&& other) {
  if (stages.custom.density) return AnyDmg(CustomDmg(stages.custom.density));
  if (stages.dmg == weight_free) return AnyDmg(classic::ClassicDmg{});
  if (stages.dmg == learned) return AnyDmg(mini::MiniDmg{});
  return other();
}

template <class Other>
AnyDecoder decoder_of(const Stages& stages, const DecoderOptions& options, Other&& other) {
  if (stages.custom.decode) return AnyDecoder(CustomDecoder(stages.custom.decode));
  if (stages.decoder == weight_free)
    return AnyDecoder(classic::ClassicDecoder(options.calibration));
  if (stages.decoder == learned) return AnyDecoder(mini::MiniDecoder(options.calibration));
  return other();
}

/// "mini" on the CPU, without LibTorch. @param built_in  what it is where the stages name no other.
inline mini::MiniEncoder native_mini(const Stages& stages, const EmbeddedArchive& built_in,
                                     const MiniOptions& options) {
  mini::set_threads(stages.threads);
  return stages.mini.empty() ? mini::MiniEncoder(built_in, options)
                             : mini::MiniEncoder(std::filesystem::path(stages.mini), options);
}

}  // namespace persense
