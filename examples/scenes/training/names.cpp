#include <array>

#include "episode.hpp"

namespace persense::scenes::training {

namespace {

/// As many names as enumerators.
template <auto last, std::size_t count>
constexpr std::array<std::string_view, count> up_to(const std::string_view (&names)[count]) {
  static_assert(static_cast<std::size_t>(last) + 1 == count);
  return std::to_array(names);
}

template <class Enum>
constexpr int table = 0;
template <>
constexpr auto table<Family> = up_to<Family::insect>(
    {"ellipse",  "superellipse", "egg",     "kidney",     "polygon",   "rounded_polygon", "crystal",
     "star",     "gear",         "clover",  "shell",      "splat",     "tree_crown",      "blob",
     "bubble",   "ring",         "hex_nut", "hex_bolt",   "disc_cell", "crescent",        "drop",
     "leaf",     "diatom",       "boat",    "bottle",     "can",       "screw",           "pear",
     "spindle",  "rod",          "capsule", "curved_rod", "fibre",     "spiral",          "budding",
     "dumbbell", "branch",       "car",     "plane",      "animal",    "person",          "packet",
     "insect"});
template <>
constexpr auto table<Material> = up_to<Material::membrane>({"flat", "matte", "glossy", "metal",
                                                            "translucent", "membrane"});
template <>
constexpr auto table<Pattern> = up_to<Pattern::patches>({"plain", "mottled", "marbled", "two_tone",
                                                         "gradient", "stripes", "rings", "spots",
                                                         "nucleus", "letters", "patches"});
template <>
constexpr auto table<Background> = up_to<Background::haze>(
    {"plain", "gradient", "paper", "wood", "cloth", "soil", "sand", "gravel", "grass", "tissue",
     "water", "asphalt", "tiles", "printed", "metal", "foliage", "haze"});
template <>
constexpr auto table<Imaging> = up_to<Imaging::xray>({"photo", "scan", "aerial", "bright_field",
                                                      "stained", "dark_field", "fluorescence",
                                                      "phase_contrast", "electron", "transmission",
                                                      "xray"});
template <>
constexpr auto table<Layout> = up_to<Layout::packed>({"scattered", "touching", "heaped", "rows",
                                                      "clusters", "chains", "packed"});

}  // namespace

template <class Enum>
std::span<const std::string_view> names() {
  return table<Enum>;
}
template std::span<const std::string_view> names<Family>();
template std::span<const std::string_view> names<Material>();
template std::span<const std::string_view> names<Pattern>();
template std::span<const std::string_view> names<Background>();
template std::span<const std::string_view> names<Imaging>();
template std::span<const std::string_view> names<Layout>();

}  // namespace persense::scenes::training
