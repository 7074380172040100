// What a model archive says of itself.
#include "models/manifest.hpp"

#include <cmath>

#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

namespace {

bool is_part(float value) { return value >= 0 && value <= 1; }

void check(const Manifest& manifest) {
  require(manifest.format == Manifest::newest_format, "the format is known");
  require(!manifest.name.empty(), "a network has a name");
  const auto& [size, short_side, long_side, mean, deviation, pad, exemplar] = manifest.input;
  for (const int side : {size, short_side, long_side, pad, exemplar})
    require(side >= 0 && side <= 1 << 14, "sides are those of images");
  for (std::size_t i = 0; i < 3; ++i)
    require(std::isfinite(mean[i]) && std::isfinite(deviation[i]) && deviation[i] > 0,
            "colours can be normalised");
  require(std::isfinite(manifest.output.scale) && manifest.output.scale > 0, "a scale is one");
  require(manifest.output.channels >= 0 && manifest.output.stride >= 0 &&
              manifest.output.masks >= 0 && manifest.output.queries >= 0,
          "counts are not below 0");
  if (manifest.stage == Stage::encoder || manifest.stage == Stage::decoder)
    require(size > 0 && manifest.output.channels > 0 && manifest.output.stride > 0,
            "an embedding has a size");
  if (manifest.stage == Stage::detector)
    require(!manifest.text.vocabulary.empty() && manifest.text.max_tokens >= 4,
            "a detector has a vocabulary");
  const auto& calibration = manifest.calibration;
  require(is_part(calibration.same) && is_part(calibration.quality) &&
              is_part(calibration.same_alone) && is_part(calibration.present),
          "probabilities are from 0 to 1");
  for (std::size_t i = 1; i < calibration.scores.size(); ++i)
    require(calibration.scores[i - 1].raw < calibration.scores[i].raw &&
                calibration.scores[i - 1].right < calibration.scores[i].right,
            "calibrated scores ascend");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(text_of({data, size}));
  accepts([&] { check(parse_manifest(text, "archive")); });
  return 0;
}
