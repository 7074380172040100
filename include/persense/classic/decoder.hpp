// persense/classic/decoder.hpp: masks for point prompts.
#pragma once

#include <span>
#include <vector>

#include "persense/classic/encoder.hpp"
#include "persense/options.hpp"

namespace persense::classic {

/// The region under each prompt. Prompts compete: of several in one region the most interior one
/// gets it and the others get an empty mask, so masks never overlap. Prompts on background get an
/// empty mask.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library.
class ClassicDecoder {
 public:
  /// @param calibration  on: a score is the part of masks with that score that are right.
  explicit ClassicDecoder(Switch calibration = Switch::on) : calibration_(calibration) {}

  template <HoldsClassicEncoder E>
  std::vector<ScoredMask> decode(const Query<E>& query, std::span<const Prompt> prompts) const {
    return decode_prompts(ClassicQuery(query), prompts);
  }

 private:
  std::vector<ScoredMask> decode_prompts(const ClassicQuery& query,
                                         std::span<const Prompt> prompts) const;

  Switch calibration_;
};

}  // namespace persense::classic
