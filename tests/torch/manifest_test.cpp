// persense.json, field by field.
#include "models/manifest.hpp"

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "io/scratch.hpp"
#include "persense/error.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;

namespace {

Json encoder() {
  return Json::parse(R"({"format": 1, "stage": "encoder", "name": "sam_vit_b",
    "input": {"size": 1024, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375],
              "layout": "rgb", "resize": "longest_side", "pad_multiple": 0},
    "output": {"channels": 256, "stride": 16}, "prototype": "mean", "dtype": "fp16",
    "upstream": "segment-anything, Apache-2.0", "sha256_weights": "00ff"})");
}

/// The message for an encoder's manifest with one value replaced; nullopt removes it.
std::string refusal(const std::string& place, const std::optional<Json>& value) {
  Json json = encoder();
  const Json::json_pointer pointer(place);
  if (value)
    json[pointer] = *value;
  else
    json[pointer.parent_pointer()].erase(pointer.back());
  return message_of<BadModel>([&] { parse_manifest(json.dump(), "m.pt"); });
}

}  // namespace

TEST_CASE("torch manifest: every field of an encoder's arrives", "[torch]") {
  const Manifest manifest = parse_manifest(encoder().dump(), "m.pt");
  CHECK(manifest.format == 1);
  CHECK(manifest.stage == Stage::encoder);
  CHECK(manifest.name == "sam_vit_b");
  CHECK(manifest.input.size == 1024);
  CHECK(manifest.input.mean == std::array{123.675f, 116.28f, 103.53f});
  CHECK(manifest.input.deviation == std::array{58.395f, 57.12f, 57.375f});
  CHECK(manifest.input.pad_multiple == 0);
  CHECK(manifest.output.channels == 256);
  CHECK(manifest.output.stride == 16);
  CHECK(manifest.prototype == "mean");
  CHECK(manifest.dtype == "fp16");
  CHECK(manifest.upstream == "segment-anything, Apache-2.0");
  CHECK(manifest.sha256_weights == "00ff");
}

TEST_CASE("torch manifest: decoders and DMGs have fields of their own", "[torch]") {
  const Manifest decoder = parse_manifest(
      R"({"format": 1, "stage": "decoder", "name": "sam_vit_b", "encoder": "sam_vit_b",
          "input": {"size": 1024}, "output": {"channels": 256, "stride": 16, "masks": 3}})",
      "m.pt");
  CHECK(decoder.stage == Stage::decoder);
  CHECK(decoder.encoder == "sam_vit_b");
  CHECK(decoder.output.masks == 3);
  const Manifest dmg = parse_manifest(
      R"({"format": 1, "stage": "dmg", "name": "countr", "input": {"size": 384, "mean": [0, 0, 0],
          "std": [255, 255, 255], "exemplar_size": 64}, "output": {"scale": 60}})",
      "m.pt");
  CHECK(dmg.stage == Stage::dmg);
  CHECK(dmg.input.exemplar_size == 64);
  CHECK(dmg.output.scale == 60);
}

TEST_CASE("torch manifest: a detector's says how it sees images and reads text", "[torch]") {
  const Manifest detector = parse_manifest(
      R"({"format": 1, "stage": "detector", "name": "grounding_dino_swin_t",
          "input": {"short_side": 800, "long_side": 1333, "mean": [123.675, 116.28, 103.53],
                    "std": [58.395, 57.12, 57.375], "layout": "rgb"},
          "text": {"vocabulary": "vocab.txt", "lower_case": true, "max_tokens": 256},
          "output": {"queries": 900}})",
      "m.pt");
  CHECK(detector.stage == Stage::detector);
  CHECK(detector.input.short_side == 800);
  CHECK(detector.input.long_side == 1333);
  CHECK(detector.input.mean == std::array{123.675f, 116.28f, 103.53f});
  CHECK(detector.text.vocabulary == "vocab.txt");
  CHECK(detector.text.max_tokens == 256);
  CHECK(detector.output.queries == 900);
}

TEST_CASE("torch manifest: an archive for all four slots says what it is and no shapes",
          "[torch]") {
  const Manifest manifest = parse_manifest(
      R"({"format": 1, "stage": "all", "name": "mini", "dtype": "fp16", "upstream": "persense",
          "sha256_weights": "00ff"})",
      "m.pt");
  CHECK(manifest.stage == Stage::all);
  CHECK(manifest.name == "mini");
  CHECK(manifest.dtype == "fp16");
  CHECK(manifest.upstream == "persense");
  CHECK(manifest.sha256_weights == "00ff");
  CHECK(message_of<BadModel>([] { parse_manifest(R"({"format": 1, "stage": "all"})", "m.pt"); }) ==
        "m.pt: persense.json: name: got nothing, expected a text");
}

TEST_CASE(
    "torch manifest: what probabilities are worth is read, and refused where it makes no sense",
    "[torch]") {
  const auto with = [](const std::string& calibration) {
    return parse_manifest(R"({"format": 1, "stage": "all", "name": "mini", "calibration": )" +
                              calibration + "}",
                          "m.pt")
        .calibration;
  };
  const Manifest::Calibration usual, none = with("{}");
  CHECK(none.same == usual.same);
  CHECK(none.quality == usual.quality);
  CHECK(none.same_alone == usual.same_alone);
  CHECK(none.present == usual.present);
  CHECK(none.scores.empty());
  const auto all = with(
      R"({"same": 0.4, "quality": 0.3, "same_alone": 0, "present": 0.6,
          "scores": [[0, 0], [0.5, 0.25], [1, 1]]})");
  CHECK(all.same == 0.4f);
  CHECK(all.quality == 0.3f);
  CHECK(all.same_alone == 0);
  CHECK(all.present == 0.6f);
  CHECK(regions::calibrated(0.75f, all.scores) == 0.625f);
  const auto refused = [&](const std::string& calibration) {
    return message_of<BadModel>([&] { with(calibration); });
  };
  CHECK(refused(R"({"same": 1.5})") ==
        "m.pt: persense.json: calibration.same: got 1.5, expected a number from 0 to 1");
  CHECK_THAT(refused(R"({"quality": "high"})"), ContainsSubstring("calibration.quality: got"));
  for (const char* scores : {"[]", "3", "[[0, 0]]", "[[0, 0], [1]]", "[[0, 0], [0.5, 0.6]]",
                             "[[0, 0], [0.6, 0.5], [0.5, 0.6], [1, 1]]", "[[0, 0.1], [1, 1]]"}) {
    CAPTURE(scores);
    CHECK_THAT(refused(std::string(R"({"scores": )") + scores + "}"),
               ContainsSubstring("ascend from [0, 0] to [1, 1]"));
  }
  CHECK_THAT(refused("7"), ContainsSubstring("calibration: got 7, expected an object"));
}

TEST_CASE("torch manifest: without a prototype, padding to a multiple means the ring contrast",
          "[torch]") {
  Json json = encoder();
  json.erase("prototype");
  CHECK(parse_manifest(json.dump(), "m.pt").prototype == "mean");
  json["input"]["pad_multiple"] = 16;
  CHECK(parse_manifest(json.dump(), "m.pt").prototype == "ring_contrast");
  json["prototype"] = "mean";
  CHECK(parse_manifest(json.dump(), "m.pt").prototype == "mean");
}

TEST_CASE("torch manifest: a newer format says so before anything else is read",
          "[torch][errors]") {
  CHECK_THAT(message_of<BadModel>([] { parse_manifest(R"({"format": 2})", "m.pt"); }),
             ContainsSubstring("m.pt: persense.json: format 2, this version reads up to 1"));
}

TEST_CASE("torch manifest: a wrong field is named, with what was got and expected",
          "[torch][errors]") {
  CHECK(refusal("/format", "1") ==
        "m.pt: persense.json: format: got \"1\", expected an integer from 1 to 2147483647");
  CHECK(refusal("/stage", "encodr") ==
        "m.pt: persense.json: stage: got \"encodr\", expected one of encoder, detector, dmg, "
        "decoder, all");
  CHECK(refusal("/name", std::nullopt) ==
        "m.pt: persense.json: name: got nothing, expected a text");
  CHECK(refusal("/name", "") ==
        "m.pt: persense.json: name: got \"\", expected a text that is not empty");
  CHECK(refusal("/input", 7) == "m.pt: persense.json: input: got 7, expected an object");
  CHECK(refusal("/input/size", 0) ==
        "m.pt: persense.json: input.size: got 0, expected an integer from 1 to 16384");
  CHECK_THAT(refusal("/input/size", 1e30), ContainsSubstring("input.size: got 1e+30"));
  CHECK_THAT(refusal("/input/size", 18446744073709551615u), ContainsSubstring("input.size: got"));
  CHECK_THAT(refusal("/input/size", 1024.5), ContainsSubstring("input.size: got 1024.5"));
  CHECK_THAT(refusal("/input/mean", Json{1, 2}),
             ContainsSubstring("input.mean: got [1,2], expected"));
  CHECK_THAT(refusal("/input/mean/1", "x"), ContainsSubstring("expected three numbers"));
  CHECK_THAT(refusal("/input/mean/1", 1e300), ContainsSubstring("expected three numbers"));
  CHECK_THAT(refusal("/input/std/2", 0), ContainsSubstring("expected three numbers above 0"));
  CHECK_THAT(refusal("/input/pad_multiple", -1), ContainsSubstring("input.pad_multiple: got -1"));
  CHECK_THAT(refusal("/output/channels", std::nullopt),
             ContainsSubstring("output.channels: got nothing"));
  CHECK_THAT(refusal("/output/stride", 0), ContainsSubstring("output.stride: got 0"));
  CHECK_THAT(refusal("/prototype", "median"), ContainsSubstring("one of mean, ring_contrast"));
  CHECK_THAT(refusal("/dtype", "int8"), ContainsSubstring("one of fp32, fp16, bf16"));
  CHECK_THAT(refusal("/upstream", 3), ContainsSubstring("upstream: got 3, expected a text"));
}

TEST_CASE("torch manifest: text that is no JSON object is a BadModel of one line",
          "[torch][errors]") {
  for (const std::string text : {"", "{", "not json", "\xff\xfe", "{\"a\": 1,}"})
    CHECK(message_of<BadModel>([&] { parse_manifest(text, "m.pt"); }) ==
          "m.pt: persense.json: not JSON, expected a JSON object");
  CHECK_THAT(message_of<BadModel>([] { parse_manifest("[1, 2]", "m.pt"); }),
             ContainsSubstring("got [1,2], expected a JSON object"));
  const std::string deep(100000, '[');
  CHECK_THAT(message_of<BadModel>([&] { parse_manifest(deep, "m.pt"); }),
             ContainsSubstring("not JSON"));
}
