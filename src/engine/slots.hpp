// slots.hpp: what the names in Stages' slots mean.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "persense/engine.hpp"

namespace persense {

inline constexpr std::string_view weight_free = "classic", learned = "mini";
inline constexpr std::string_view users_custom = "(custom)", unused = "(unused)";

/// What is in the slots, in the order encoder, detector, dmg, decoder: `weight_free`, `learned`,
/// `users_custom` where a stage of the user's is, `unused` or an archive's path.
inline std::array<std::string_view, 4> slots_of(const Stages& stages) {
  const CustomStages& own = stages.custom;
  return {own.encode ? users_custom : stages.encoder, own.detect ? users_custom : stages.detector,
          own.density ? users_custom : stages.dmg, own.decode ? users_custom : stages.decoder};
}

inline bool is_archive(std::string_view slot) {
  return slot != weight_free && slot != learned && slot != users_custom && slot != unused;
}

/// Whether a slot's stage is part of a network.
inline bool is_network(std::string_view slot) { return slot == learned || is_archive(slot); }

/// Whether some stage is part of a network.
inline bool have_networks(const Stages& stages) {
  const auto slots = slots_of(stages);
  return std::any_of(slots.begin(), slots.end(), is_network);
}

/// Whether "mini" needs no LibTorch with this device and precision.
inline bool run_mini_natively(const Stages& stages) {
  return stages.device == "cpu" && stages.dtype == "fp32";
}

/// Whether every stage sees images of any size as they are.
inline bool take_any_size(const Stages& stages) {
  const auto slots = slots_of(stages);
  return std::all_of(slots.begin(), slots.end(), [](std::string_view slot) {
    return slot == weight_free || slot == learned || slot == unused;
  });
}

/// Whether detector, DMG or decoder are of this kind, and so ask for its encoder.
inline bool ask_for(std::string_view kind, const Stages& stages) {
  const auto slots = slots_of(stages);
  return std::find(slots.begin() + 1, slots.end(), kind) != slots.end();
}

}  // namespace persense
