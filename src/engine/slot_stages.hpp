// slot_stages.hpp: the stage in each slot, where it is the user's or weight-free. `other` makes any
// other one.
#pragma once

#include "any_stages.hpp"
#include "custom_stages.hpp"
#include "persense/classic/classic.hpp"
#include "slots.hpp"

namespace persense {

inline const classic::ClassicEmbedding& classic_embedding(const AnyEmbedding& e) {
  return e.parts.get<classic::ClassicEmbedding>();
}
inline const classic::ClassicPrototype& classic_prototype(const AnyPrototype& p) {
  return p.parts.get<classic::ClassicPrototype>();
}
static_assert(classic::HoldsClassicEncoder<AnyEncoder>);

/// The encoder's slot, and the weight-free encoder where other slots ask for it beside it.
template <class Other>
AnyEncoder encoder_of(const Stages& stages, Other&& other) {
  using classic::ClassicEncoder;
  AnyEncoder encoder = stages.custom.encode ? AnyEncoder(CustomEncoder(stages.custom.encode))
                       : stages.encoder == weight_free ? AnyEncoder(ClassicEncoder{})
                                                       : other();
  if (ask_for(weight_free, stages) && encoder.find<ClassicEncoder>() == nullptr)
    encoder.add(ClassicEncoder{});
  return encoder;
}

template <class Other>
AnyDetector detector_of(const Stages& stages, Other&& other) {
  if (stages.custom.detect) return AnyDetector(CustomDetector(stages.custom.detect));
  if (stages.detector == weight_free) return AnyDetector(classic::ClassicDetector{});
  return other();
}

template <class Other>
AnyDmg dmg_of(const Stages& stages, Other&& other) {
  if (stages.custom.density) return AnyDmg(CustomDmg(stages.custom.density));
  if (stages.dmg == weight_free) return AnyDmg(classic::ClassicDmg{});
  return other();
}

template <class Other>
AnyDecoder decoder_of(const Stages& stages, const DecoderOptions& options, Other&& other) {
  if (stages.custom.decode) return AnyDecoder(CustomDecoder(stages.custom.decode));
  if (stages.decoder == weight_free)
    return AnyDecoder(classic::ClassicDecoder(options.calibration));
  return other();
}

}  // namespace persense
