// persense/option_table.hpp: the one table of all options, with help, range and the source of each
// default, and options as text, as --set and settings files have them.
#pragma once

#include <fmt/core.h>

#include <charconv>
#include <string>
#include <string_view>
#include <type_traits>

#include "persense/detail/decl.hpp"
#include "persense/detail/joined.hpp"
#include "persense/error.hpp"
#include "persense/options.hpp"

namespace persense {

/// Calls `visit(key, field, lowest, highest, help)` for every option, in a fixed order: the one
/// table behind `--set`, the C ABI, Python and the documentation. Enumerations have no range (0,
/// 0).
template <class O, class Visit>
requires std::is_same_v<std::remove_const_t<O>, Options>
void for_each_option(O& o, Visit&& visit) {
  visit(
      "method", o.method, 0, 0,
      "persense (default), or one to compare it with: grounded_sam (a mask for each of the "
      "detector's boxes), persam (a mask at the most similar point, until nothing is similar), "
      "persam_f (the same with a SAM decoder whose three masks are weighed as fits the support), "
      "matcher (patches that match both ways), everything (a grid of points, filtered by "
      "similarity) or otsu (threshold and watershed; no stage is asked). None of them has a use "
      "for a density map generator and the options of location_prior, dmg, idm, ppsm and feedback, "
      "all but grounded_sam none for a detector");
  visit("label.rules", o.label.rules, 0, 0,
        "paper (default: English plurals) or reference: see all_phrase()");
  visit("detection.threshold", o.detection.threshold, 0.0, 1.0,
        "a detection is kept when its confidence is above this (default 0.15: paper 5.1, released "
        "code)");
  visit("detector.captions", o.detector.captions, 0, 0,
        "of a detector that reads text: separate (default: released code) or joint: label and "
        "phrase in one caption");
  visit("detector.fallback", o.detector.fallback, 0, 0,
        "of a detector that does not itself look at the similarity and finds nothing: similarity "
        "(default: this library): boxes around what is most similar; or off (released code): none");
  visit("location_prior", o.location_prior, 0, 0,
        "similarity (default: eq. 2) or box_center (released code)");
  visit("dmg.rules", o.dmg.rules, 0, 0,
        "of density networks: paper (default) or reference: see countr::Options and "
        "dsalvanet::Options");
  visit("idm.mode", o.idm.mode, 0, 0,
        "contour (default: algorithm 2), peaks (to see what they are worth) or hybrid (PerSense++; "
        "default with mini): contours and peaks");
  visit(
      "idm.threshold", o.idm.threshold, 0, 255,
      "binarisation level on the 0..255 density map (default 30: algorithm 2; 20 for CounTR maps)");
  visit("idm.rules", o.idm.rules, 0, 0, "paper (default) or reference: see idm()");
  visit("idm.split", o.idm.split, 0, 0,
        "on (default: algorithm 2) or off, to see what it is worth: a composite contour gives one "
        "point, not one for each of its parts, too");
  visit("ppsm.norm_const", o.ppsm.norm_const, 1e-3, 1e3,
        "normalisation constant of the similarity threshold (default sqrt 2: eq. 6)");
  visit("ppsm.count_rounding", o.ppsm.count_rounding, 0, 0,
        "none (default: eq. 6; released code with CounTR) or ceil (released code with DSALVANet)");
  visit("ppsm.rules", o.ppsm.rules, 0, 0, "paper (default) or reference: see ppsm()");
  visit(
      "ppsm.selection", o.ppsm.selection, 0, 0,
      "on (default: algorithm 3); boxes (PerSense++): no threshold of similarity, only a detection "
      "around it; or off, to see what it is worth: every candidate is a prompt");
  visit(
      "decoder.calibration", o.decoder.calibration, 0, 0,
      "of mini and classic: on (default: this library): a score is the part of instances with that "
      "score that are right; or off: as it is computed");
  visit("decoder.guidance", o.decoder.guidance, 0, 0,
        "of a SAM decoder: off or on (default: released code): the first decode of an exemplar and "
        "of the first pass sees the support object");
  visit("decoder.refinement", o.decoder.refinement, 0, 0,
        "of a SAM decoder: off or on (default: released code): exemplar and first pass are decoded "
        "again from their own mask");
  visit("decoder.chunk_megabytes", o.decoder.chunk_megabytes, 1, 1 << 20,
        "of a SAM decoder: working memory of the prompts decoded at once; more prompts are decoded "
        "in chunks (default 1024: this library)");
  visit("mini.same", o.mini.same, -1.0, 1.0,
        "of mini: least probability of being of the support's class that an instance has; below 0 "
        "(default), the calibrated one of the archive");
  visit("mini.quality", o.mini.quality, -1.0, 1.0,
        "of mini: least overlap (IoU) with a whole object that is expected of an instance; below 0 "
        "(default), the calibrated one of the archive");
  visit("mini.same_alone", o.mini.same_alone, -1.0, 1.0,
        "of mini: least probability of being of the support's class before exemplars of the query "
        "are known; below 0 (default), the calibrated one of the archive");
  visit("mini.present", o.mini.present, -1.0, 1.0,
        "of mini: probability of being of the support's class that one candidate has at least "
        "before exemplars of the query are known, or nothing is found; below 0 (default), the "
        "calibrated one of the archive");
  visit(
      "feedback.shots", o.feedback.shots, 1, 64,
      "exemplars handed back to the density map generator (default 4: section 3.4; with mini 7: as "
      "many as it was trained with)");
  visit("feedback.iterations", o.feedback.iterations, 0, 16,
        "feedback rounds; 0 = none (default 1: table 4)");
  visit("feedback.rules", o.feedback.rules, 0, 0, "paper (default) or reference: see feedback()");
  visit(
      "feedback.selection", o.feedback.selection, 0, 0,
      "top (default: eq. 7: the highest scores) or diverse (PerSense++: typical masks of different "
      "sizes first): see diverse_exemplars()");
  visit("rejection.mode", o.rejection.mode, 0, 0,
        "off (default) or imrm (PerSense++): masks far larger than most, that no detection is the "
        "box "
        "of, are no instances");
  visit("rejection.rules", o.rejection.rules, 0, 0, "paper (default) or reference: see imrm()");
  visit("instances.duplicate_overlap", o.instances.duplicate_overlap, 0.0, 1.0,
        "of two masks sharing more than this part of the smaller one, the lower score is dropped; "
        "1 keeps both (default 0.7: this library, the paper merges all masks)");
  visit(
      "support.parts", o.support.parts, 0, 0,
      "separate parts of a support mask: examples (default: this library): those of like size are "
      "one example each; or largest: the largest alone");
  visit("tiles.size", o.tiles.size, -1, 1 << 20,
        "side of the tiles in which networks of one input size see a larger image, pixels; 0 = off "
        "(default: the paper: the image is shrunk), -1 = as the support object's size asks for "
        "(this library); mini and classic see images of any size as they are");
  visit("filter.min_score", o.filter.min_score, 0.0, 1.0,
        "instances below this score are left out (default 0: this library, as all of filter)");
  visit("filter.min_area", o.filter.min_area, 0, 1 << 30,
        "smallest area of an instance, pixels (default 0)");
  visit("filter.max_area", o.filter.max_area, 0, 1 << 30,
        "largest area of an instance, pixels; 0 = any (default 0)");
  visit("filter.min_area_ratio", o.filter.min_area_ratio, 0.0, 1e6,
        "smallest area of an instance, times the support object's (default 0)");
  visit("filter.max_area_ratio", o.filter.max_area_ratio, 0.0, 1e6,
        "largest area of an instance, times the support object's; 0 = any (default 0)");
  visit("filter.max_instances", o.filter.max_instances, 0, 1 << 30,
        "at most so many instances, those with the highest scores; 0 = all (default 0)");
  visit("filter.border", o.filter.border, 0, 0,
        "instances that touch the image's border: keep (default) or drop");
  visit("baselines.similarity", o.baselines.similarity, 0.0, 1.0,
        "of the methods persam and everything: least similarity of a point, or of a mask on "
        "average, times that of the support object itself (default 0.5: this library)");
  visit("baselines.grid", o.baselines.grid, 1, 256,
        "of the method everything: points on each side of the grid (default 32: SAM)");
}

namespace detail {

template <class T>
struct EnumNames;

template <>
struct EnumNames<Rules> {
  static constexpr const char* names[] = {"paper", "reference"};
};

template <>
struct EnumNames<PromptSelection> {
  static constexpr const char* names[] = {"off", "on", "boxes"};
};

template <>
struct EnumNames<ExemplarSelection> {
  static constexpr const char* names[] = {"top", "diverse"};
};

template <>
struct EnumNames<Rejection> {
  static constexpr const char* names[] = {"off", "imrm"};
};

template <>
struct EnumNames<IdmMode> {
  static constexpr const char* names[] = {"contour", "peaks", "hybrid"};
};

template <>
struct EnumNames<Switch> {
  static constexpr const char* names[] = {"off", "on"};
};

template <>
struct EnumNames<Method> {
  static constexpr const char* names[] = {"persense", "grounded_sam", "persam", "persam_f",
                                          "matcher",  "everything",   "otsu"};
};

template <>
struct EnumNames<Captions> {
  static constexpr const char* names[] = {"separate", "joint"};
};

template <>
struct EnumNames<Fallback> {
  static constexpr const char* names[] = {"off", "similarity"};
};

template <>
struct EnumNames<CountRounding> {
  static constexpr const char* names[] = {"none", "ceil"};
};

template <>
struct EnumNames<Parts> {
  static constexpr const char* names[] = {"examples", "largest"};
};

template <>
struct EnumNames<Border> {
  static constexpr const char* names[] = {"keep", "drop"};
};

template <>
struct EnumNames<LocationPrior> {
  static constexpr const char* names[] = {"similarity", "box_center"};
};

template <class T>
void require_in_range(std::string_view key, T value, double lowest, double highest) {
  const double v = static_cast<double>(value);
  if (!(v >= lowest && v <= highest))
    throw InvalidArgument(
        fmt::format("option {}: got {}, expected {} to {}", key, value, lowest, highest));
}

template <class T>
T parse_number(std::string_view key, std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);  // whatever the locale
  if (read.ec == std::errc() && read.ptr == end) return value;
  throw InvalidArgument(fmt::format("option {}: got \"{}\", expected {}", key, text,
                                    std::is_integral_v<T> ? "a whole number" : "a number"));
}

template <class T>
T parse_value(std::string_view key, std::string_view text) {
  if constexpr (std::is_enum_v<T>) {
    int index = 0;
    for (const char* name : EnumNames<T>::names) {
      if (text == name) return static_cast<T>(index);
      ++index;
    }
    throw InvalidArgument(fmt::format("option {}: got \"{}\", expected {}", key, text,
                                      joined(EnumNames<T>::names, " or ")));
  } else {
    return parse_number<T>(key, text);
  }
}

}  // namespace detail

/// Checks every field against its range. @throws InvalidArgument  naming the option.
PERSENSE_DECL void validate(const Options& options);

/// Sets one option from text, as in `idm.threshold` = `25`.
/// @throws InvalidArgument  unknown key, unreadable value, or out of range; `options` is unchanged.
PERSENSE_DECL void set_option(Options& options, std::string_view key, std::string_view text);

/// The same from "key=value".
/// @param who  where the text comes from, to name in an error: "--set", say.
/// @throws InvalidArgument  as set_option, or no "=".
PERSENSE_DECL void apply_setting(Options& options, std::string_view setting, std::string_view who);

/// The values an option may have, as text: "paper|reference", "0 to 255".
/// @param lowest, highest  as for_each_option gives them.
template <class Field>
std::string range_text(double lowest, double highest) {
  if constexpr (std::is_enum_v<Field>)
    return detail::joined(detail::EnumNames<Field>::names, "|");
  else
    return fmt::format("{} to {}", lowest, highest);
}

/// An option's value as text, in the form `set_option` reads.
template <class T>
std::string option_text(const T& field) {
  if constexpr (std::is_enum_v<T>)
    return detail::EnumNames<T>::names[static_cast<int>(field)];
  else
    return fmt::format("{}", field);
}

}  // namespace persense

#ifndef PERSENSE_SEPARATE_COMPILATION
#include "persense/impl/option_table.hpp"
#endif
