// persense/classic/classic.hpp: the weight-free stages.
#pragma once

#include "persense/classic/decoder.hpp"
#include "persense/classic/detector.hpp"
#include "persense/classic/dmg.hpp"
#include "persense/classic/encoder.hpp"
#include "persense/stages.hpp"

namespace persense::classic {

static_assert(ImageEncoder<ClassicEncoder>);
static_assert(DetectorFor<ClassicDetector, ClassicEncoder>);
static_assert(DmgFor<ClassicDmg, ClassicEncoder>);
static_assert(DecoderFor<ClassicDecoder, ClassicEncoder>);

}  // namespace persense::classic
