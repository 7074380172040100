#include "manifest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "json.hpp"
#include "persense/error.hpp"

namespace persense {

namespace {

using Json = nlohmann::json;

constexpr std::array stages{Stage::encoder, Stage::detector, Stage::dmg, Stage::decoder,
                            Stage::all};

std::string shortened(const Json& value) {
  constexpr std::size_t longest = 40;
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= longest ? text : text.substr(0, longest) + "...";
}

/// One object of the JSON text; its fields are named in messages by their path ("input.size").
class Fields {
 public:
  Fields(const Json& object, std::string where, std::string path)
      : object_(object), where_(std::move(where)), path_(std::move(path)) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const {
    const Json* value = find(key);
    throw BadModel(fmt::format("{}: persense.json: {}{}: got {}, expected {}", where_, path_, key,
                               value ? shortened(*value) : "nothing", expected));
  }

  Fields object(const std::string& key) const {
    const Json* value = find(key);
    if (!value || !value->is_object()) refuse(key, "an object");
    return {*value, where_, path_ + key + "."};
  }

  /// @param otherwise  what a missing field means; none: it must be there.
  int integer(const std::string& key, int low, int high, std::optional<int> otherwise = {}) const {
    const Json* value = find(key);
    if (!value && otherwise) return *otherwise;
    const auto expected = [&] { return fmt::format("an integer from {} to {}", low, high); };
    if (!value || !value->is_number_integer()) refuse(key, expected());
    // unsigned numbers beyond int64 would wrap, so the comparison is made in double
    const double number = value->get<double>();
    if (number < low || number > high) refuse(key, expected());
    return static_cast<int>(number);
  }

  std::string text(const std::string& key, std::optional<std::string> otherwise = {}) const {
    const Json* value = find(key);
    if (!value && otherwise) return *otherwise;
    if (!value || !value->is_string()) refuse(key, "a text");
    auto result = value->get<std::string>();
    if (!otherwise && result.empty()) refuse(key, "a text that is not empty");
    return result;
  }

  std::string one_of(const std::string& key, std::initializer_list<std::string_view> known,
                     std::string_view otherwise) const {
    auto result = text(key, std::string(otherwise));
    if (std::find(known.begin(), known.end(), result) == known.end())
      refuse(key, fmt::format("one of {}", fmt::join(known.begin(), known.end(), ", ")));
    return result;
  }

  /// @throws BadModel  unless the field is there and true.
  void require_true(const std::string& key) const {
    const Json* value = find(key);
    if (!value || *value != Json(true)) refuse(key, "true");
  }

  float positive(const std::string& key) const {
    const Json* value = find(key);
    const float number = value && value->is_number() ? value->get<float>() : 0.0f;
    if (!(number > 0) || !std::isfinite(number)) refuse(key, "a number above 0");
    return number;
  }

  bool has(const std::string& key) const { return find(key) != nullptr; }

  /// A number from 0 to 1.
  float part(const std::string& key, float otherwise) const {
    const Json* value = find(key);
    if (!value) return otherwise;
    const float number = value->is_number() ? value->get<float>() : -1.0f;
    if (!(number >= 0 && number <= 1)) refuse(key, "a number from 0 to 1");
    return number;
  }

  /// Pairs of a raw and a calibrated score, from (0, 0) to (1, 1), ascending; none without the key.
  std::vector<regions::ScoreKnot> knots(const std::string& key) const {
    std::vector<regions::ScoreKnot> result;
    const Json* value = find(key);
    if (!value) return result;
    constexpr const char* expected = "pairs of numbers that ascend from [0, 0] to [1, 1]";
    if (!value->is_array()) refuse(key, expected);
    for (const Json& pair : *value) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number())
        refuse(key, expected);
      const regions::ScoreKnot knot{pair[0].get<float>(), pair[1].get<float>()};
      if (!result.empty() && !(knot.raw > result.back().raw && knot.right > result.back().right))
        refuse(key, expected);
      result.push_back(knot);
    }
    const bool spans = result.size() >= 2 && result.front().raw == 0 && result.front().right == 0 &&
                       result.back().raw == 1 && result.back().right == 1;
    if (!spans) refuse(key, expected);
    return result;
  }

  /// Three numbers, R G B.
  std::array<float, 3> colour(const std::string& key, float low, const std::string& range) const {
    const Json* value = find(key);
    const std::string expected = "three numbers" + range;
    if (!value || !value->is_array() || value->size() != 3) refuse(key, expected);
    std::array<float, 3> result{};
    for (std::size_t i = 0; i < 3; ++i) {
      const Json& item = (*value)[i];
      if (!item.is_number()) refuse(key, expected);
      result[i] = item.get<float>();
      if (!std::isfinite(result[i]) || result[i] < low) refuse(key, expected);
    }
    return result;
  }

 private:
  const Json* find(const std::string& key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  const Json& object_;
  std::string where_, path_;
};

Stage stage_of(const Fields& fields) {
  const std::string text = fields.text("stage");
  for (const Stage stage : stages)
    if (text == name_of(stage)) return stage;
  fields.refuse("stage", "one of encoder, detector, dmg, decoder, all");
}

// Before any other field, which a newer format may have changed.
int format_of(const Fields& fields, const std::string& where) {
  const int format = fields.integer("format", 1, std::numeric_limits<int>::max());
  if (format > Manifest::newest_format)
    throw BadModel(
        fmt::format("{}: persense.json: format {}, this version reads up to {}; "
                    "a newer persense is needed",
                    where, format, Manifest::newest_format));
  return format;
}

constexpr int longest_side = 1 << 14;
constexpr float smallest_deviation = 1e-6f;

void read_colours(const Fields& input, Manifest::Input& to) {
  to.mean = input.colour("mean", std::numeric_limits<float>::lowest(), "");
  to.deviation = input.colour("std", smallest_deviation, " above 0");
}

void read_embedding(const Fields& output, Manifest::Output& to) {
  to.channels = output.integer("channels", 1, 1 << 16);
  to.stride = output.integer("stride", 1, 1 << 10);
}

void read_detector(const Fields& all, Manifest& manifest) {
  const Fields input = all.object("input"), text = all.object("text");
  read_colours(input, manifest.input);
  manifest.input.short_side = input.integer("short_side", 1, longest_side);
  manifest.input.long_side = input.integer("long_side", manifest.input.short_side, longest_side);
  manifest.output.queries = all.object("output").integer("queries", 1, 1 << 16);
  manifest.text.vocabulary = text.text("vocabulary");
  manifest.text.max_tokens = text.integer("max_tokens", 4, 1 << 14);
  text.require_true("lower_case");  // vocabularies that tell cases apart have another tokenizer
}

void read_calibration(const Fields& all, Manifest::Calibration& to) {
  if (!all.has("calibration")) return;
  const Fields fields = all.object("calibration");
  to.same = fields.part("same", to.same);
  to.quality = fields.part("quality", to.quality);
  to.same_alone = fields.part("same_alone", to.same_alone);
  to.present = fields.part("present", to.present);
  to.scores = fields.knots("scores");
}

void read_stage(const Fields& all, Manifest& manifest) {
  if (manifest.stage == Stage::all) return read_calibration(all, manifest.calibration);
  if (manifest.stage == Stage::detector) return read_detector(all, manifest);
  const Fields input = all.object("input"), output = all.object("output");
  manifest.input.size = input.integer("size", 1, longest_side);
  switch (manifest.stage) {
    case Stage::encoder:
      read_colours(input, manifest.input);
      read_embedding(output, manifest.output);
      manifest.input.pad_multiple = input.integer("pad_multiple", 0, longest_side, 0);
      manifest.prototype = all.one_of("prototype", {"mean", "ring_contrast"},
                                      manifest.input.pad_multiple > 0 ? "ring_contrast" : "mean");
      break;
    case Stage::decoder:
      read_embedding(output, manifest.output);
      manifest.output.masks = output.integer("masks", 1, 1 << 10);
      manifest.encoder = all.text("encoder");
      break;
    case Stage::dmg:
      read_colours(input, manifest.input);
      manifest.input.exemplar_size = input.integer("exemplar_size", 0, longest_side, 0);
      manifest.output.scale = output.positive("scale");
      break;
    case Stage::detector:
    case Stage::all:
      break;  // returned above
  }
}

}  // namespace

Manifest parse_manifest(const std::string& text, const std::string& where) {
  const Json json = detail::parse_json(text);
  if (!json.is_object())
    throw BadModel(fmt::format("{}: persense.json: {}, expected a JSON object", where,
                               json.is_discarded() ? "not JSON" : "got " + shortened(json)));
  const Fields fields(json, where, "");
  Manifest manifest;
  manifest.format = format_of(fields, where);
  manifest.stage = stage_of(fields);
  manifest.name = fields.text("name");
  read_stage(fields, manifest);
  manifest.dtype = fields.one_of("dtype", {"fp32", "fp16", "bf16"}, "fp32");
  manifest.upstream = fields.text("upstream", "");
  manifest.sha256_weights = fields.text("sha256_weights", "");
  return manifest;
}

void require_stage(const Manifest& manifest, Stage expected, const std::string& where) {
  if (manifest.stage != expected)
    throw BadModel(fmt::format("{}: got a module of stage {} (\"{}\"), expected one of stage {}",
                               where, name_of(manifest.stage), manifest.name, name_of(expected)));
}

}  // namespace persense
