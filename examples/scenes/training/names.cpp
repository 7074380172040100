#include <array>

#include "episode.hpp"

namespace persense::scenes::training {

namespace {

/// As many names as enumerators.
template <std::size_t count, class Enum>
constexpr bool up_to(Enum last) {
  return static_cast<std::size_t>(last) + 1 == count;
}

}  // namespace

std::span<const std::string_view> family_names() {
  static_assert(up_to<43>(Family::insect));
  static constexpr std::array<std::string_view, 43> names{
      "ellipse",    "superellipse", "egg",    "kidney", "polygon", "rounded_polygon",
      "crystal",    "star",         "gear",   "clover", "shell",   "splat",
      "tree_crown", "blob",         "bubble", "ring",   "hex_nut", "hex_bolt",
      "disc_cell",  "crescent",     "drop",   "leaf",   "diatom",  "boat",
      "bottle",     "can",          "screw",  "pear",   "spindle", "rod",
      "capsule",    "curved_rod",   "fibre",  "spiral", "budding", "dumbbell",
      "branch",     "car",          "plane",  "animal", "person",  "packet",
      "insect"};
  return names;
}

std::span<const std::string_view> material_names() {
  static_assert(up_to<6>(Material::membrane));
  static constexpr std::array<std::string_view, 6> names{"flat",  "matte",       "glossy",
                                                         "metal", "translucent", "membrane"};
  return names;
}

std::span<const std::string_view> pattern_names() {
  static_assert(up_to<11>(Pattern::patches));
  static constexpr std::array<std::string_view, 11> names{
      "plain", "mottled", "marbled", "two_tone", "gradient", "stripes",
      "rings", "spots",   "nucleus", "letters",  "patches"};
  return names;
}

std::span<const std::string_view> ground_names() {
  static_assert(up_to<17>(Ground::haze));
  static constexpr std::array<std::string_view, 17> names{
      "plain",  "gradient", "paper",   "wood",  "cloth",   "soil",  "sand",    "gravel", "grass",
      "tissue", "water",    "asphalt", "tiles", "printed", "metal", "foliage", "haze"};
  return names;
}

std::span<const std::string_view> imaging_names() {
  static_assert(up_to<11>(Imaging::xray));
  static constexpr std::array<std::string_view, 11> names{
      "photo",        "scan",           "aerial",   "bright_field", "stained", "dark_field",
      "fluorescence", "phase_contrast", "electron", "transmission", "xray"};
  return names;
}

std::span<const std::string_view> layout_names() {
  static_assert(up_to<7>(Layout::packed));
  static constexpr std::array<std::string_view, 7> names{"scattered", "touching", "heaped", "rows",
                                                         "clusters",  "chains",   "packed"};
  return names;
}

}  // namespace persense::scenes::training
