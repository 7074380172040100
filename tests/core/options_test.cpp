#include "persense/options.hpp"
#include "persense/option_table.hpp"

#include <map>
#include <set>

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;

namespace {

/// Every option's key with its value as text.
std::map<std::string, std::string> texts_of(const Options& options) {
  std::map<std::string, std::string> texts;
  for_each_option(options, [&](std::string_view key, const auto& field, double, double, auto) {
    texts[std::string(key)] = option_text(field);
  });
  return texts;
}

Options unusual_options() {
  Options options;
  options.label.rules = Rules::reference;
  options.detection.threshold = 0.3333333f;
  options.method = Method::grounded_sam;
  options.detector = {Captions::joint, Fallback::off};
  options.location_prior = LocationPrior::box_center;
  options.dmg.rules = Rules::reference;
  options.decoder = {Switch::off, Switch::off, Switch::off, 77};
  options.mini = {0.6f, 0.7f, 0.1f, 0.8f};
  options.idm = {77, Rules::reference, Switch::off, IdmMode::hybrid};
  options.ppsm = {1.1f, CountRounding::ceil, Rules::reference, PromptSelection::off};
  options.feedback = {7, 3, Rules::reference, ExemplarSelection::diverse};
  options.rejection = {Rejection::imrm, Rules::reference};
  options.instances.duplicate_overlap = 0.123f;
  options.support.parts = Parts::largest;
  options.tiles.size = 999;
  options.filter = {0.1234567f, 11, 99, 0.3f, 3.3f, 7, Border::drop};
  options.baselines = {0.7654321f, 9};
  return options;
}

}  // namespace

TEST_CASE(
    "for_each_option: visits every key once, each with help and a range that holds the default",
    "[options]") {
  std::set<std::string> keys;
  int visits = 0;
  const Options options;
  for_each_option(options, [&](std::string_view key, const auto& field, double lo, double hi,
                               std::string_view help) {
    ++visits;
    keys.insert(std::string(key));
    CHECK_FALSE(help.empty());
    if constexpr (!std::is_enum_v<std::remove_cvref_t<decltype(field)>>) {
      CHECK(lo < hi);
      CHECK(lo <= static_cast<double>(field));
      CHECK(static_cast<double>(field) <= hi);
    }
  });
  CHECK(visits == static_cast<int>(keys.size()));
  CHECK(keys == std::set<std::string>{"method",
                                      "label.rules",
                                      "detection.threshold",
                                      "detector.captions",
                                      "detector.fallback",
                                      "location_prior",
                                      "dmg.rules",
                                      "decoder.calibration",
                                      "decoder.guidance",
                                      "decoder.refinement",
                                      "decoder.chunk_megabytes",
                                      "mini.same",
                                      "mini.quality",
                                      "mini.same_alone",
                                      "mini.present",
                                      "idm.mode",
                                      "idm.threshold",
                                      "idm.rules",
                                      "idm.split",
                                      "ppsm.norm_const",
                                      "ppsm.count_rounding",
                                      "ppsm.rules",
                                      "ppsm.selection",
                                      "feedback.shots",
                                      "feedback.iterations",
                                      "feedback.rules",
                                      "feedback.selection",
                                      "rejection.mode",
                                      "rejection.rules",
                                      "instances.duplicate_overlap",
                                      "support.parts",
                                      "tiles.size",
                                      "filter.min_score",
                                      "filter.min_area",
                                      "filter.max_area",
                                      "filter.min_area_ratio",
                                      "filter.max_area_ratio",
                                      "filter.max_instances",
                                      "filter.border",
                                      "baselines.similarity",
                                      "baselines.grid"});
}

TEST_CASE("for_each_option: no field of Options is forgotten", "[options]") {
  // every option set to something unusual: none may still read as its default
  const auto usual = texts_of({}), unusual = texts_of(unusual_options());
  for (const auto& [key, text] : usual) {
    INFO(key);
    CHECK(unusual.at(key) != text);
  }
}

TEST_CASE("set_option: reads back the text of every option, to the bit", "[options]") {
  for (const Options& from : {Options::paper(), Options::reference(), unusual_options()}) {
    Options to;
    const auto texts = texts_of(from);
    for (const auto& [key, text] : texts) set_option(to, key, text);
    CHECK(texts_of(to) == texts);
    CHECK(to.detection.threshold == from.detection.threshold);
    CHECK(to.ppsm.norm_const == from.ppsm.norm_const);
    CHECK(to.instances.duplicate_overlap == from.instances.duplicate_overlap);
  }
}

TEST_CASE("set_option: both ends of a range are allowed", "[options]") {
  const Options defaults;
  for_each_option(defaults,
                  [](std::string_view key, const auto& field, double lo, double hi, auto) {
                    if constexpr (!std::is_enum_v<std::remove_cvref_t<decltype(field)>>) {
                      Options options;
                      CHECK_NOTHROW(set_option(options, key, fmt::format("{}", lo)));
                      CHECK_NOTHROW(set_option(options, key, fmt::format("{}", hi)));
                    }
                  });
}

TEST_CASE("set_option: bad input throws naming the key and changes nothing", "[options][errors]") {
  struct Case {
    const char *key, *text, *says;
  };
  const Case cases[] = {
      {"idm.treshold", "25", "unknown; expected one of"},
      {"", "25", "unknown"},
      {"idm", "25", "unknown"},
      {"idm.threshold", "", "got \"\", expected a whole number"},
      {"idm.threshold", "twenty", "got \"twenty\", expected a whole number"},
      {"idm.threshold", "25.5", "expected a whole number"},
      {"idm.threshold", "25 ", "expected a whole number"},
      {"idm.threshold", "99999999999", "expected a whole number"},
      {"idm.threshold", "256", "got 256, expected 0 to 255"},
      {"idm.threshold", "-1", "got -1, expected 0 to 255"},
      {"idm.rules", "Paper", "got \"Paper\", expected paper or reference"},
      {"location_prior", "center", "expected similarity or box_center"},
      {"detection.threshold", "1.01", "expected 0 to 1"},
      {"detection.threshold", "nan", "expected 0 to 1"},
      {"detection.threshold", "0,5", "expected a number"},
      {"ppsm.norm_const", "0", "expected 0.001 to 1000"},
      {"ppsm.norm_const", "1e99", "expected a number"},
      {"feedback.shots", "0", "expected 1 to 64"},
      {"feedback.iterations", "17", "expected 0 to 16"},
  };
  for (const Case& each : cases) {
    Options options = unusual_options();
    const auto message =
        message_of<InvalidArgument>([&] { set_option(options, each.key, each.text); });
    INFO(each.key << " = " << each.text << ": " << message);
    CHECK_THAT(message, ContainsSubstring(fmt::format("option {}", each.key)) &&
                            ContainsSubstring(each.says));
    CHECK(message.find('\n') == std::string::npos);
    CHECK(texts_of(options) == texts_of(unusual_options()));
  }
}

TEST_CASE("apply_setting: sets what stands before the first = to what stands after it",
          "[options]") {
  Options options;
  apply_setting(options, "idm.threshold=25", "here");
  CHECK(options.idm.threshold == 25);
  const auto message =
      message_of<InvalidArgument>([&] { apply_setting(options, "idm.threshold", "here"); });
  CHECK(message == "here: got \"idm.threshold\", expected key=value as in idm.threshold=25");
  CHECK_THAT(
      message_of<InvalidArgument>([&] { apply_setting(options, "idm.threshold=2=5", "here"); }),
      ContainsSubstring("got \"2=5\""));
  CHECK(options.idm.threshold == 25);
}

TEST_CASE("range_text: is the words of a choice, the ends of a range", "[options]") {
  CHECK(range_text<Rules>(0, 0) == "paper|reference");
  CHECK(range_text<int>(1, 1 << 20) == "1 to 1048576");
  CHECK(range_text<float>(1e-3, 1e3) == "0.001 to 1000");
}

TEST_CASE("validate: names the field that is out of its range", "[options][errors]") {
  CHECK_NOTHROW(validate(Options::paper()));
  CHECK_NOTHROW(validate(Options::reference()));
  Options options;
  options.instances.duplicate_overlap = -0.5f;
  CHECK_THAT(message_of<InvalidArgument>([&] { validate(options); }),
             ContainsSubstring("option instances.duplicate_overlap: got -0.5"));
  options = {};
  options.ppsm.norm_const = std::numeric_limits<float>::quiet_NaN();
  CHECK_THAT(message_of<InvalidArgument>([&] { validate(options); }),
             ContainsSubstring("option ppsm.norm_const: got nan"));
}

TEST_CASE("Options::preset: paper and reference by name, the paper's constants by default",
          "[options]") {
  CHECK(texts_of(Options::preset("paper")) == texts_of(Options{}));
  CHECK(texts_of(Options::preset("reference")) == texts_of(Options::reference()));
  CHECK(texts_of(Options::preset("plus_plus")) == texts_of(Options::plus_plus()));
  const Options paper;
  CHECK(paper.detection.threshold == 0.15f);
  CHECK(paper.idm.threshold == 30);
  CHECK(paper.feedback.shots == 4);
  CHECK(paper.feedback.iterations == 1);
  CHECK(paper.ppsm.norm_const == std::sqrt(2.0f));
}

TEST_CASE("Options::preset: an unknown name is refused, and the presets are named",
          "[options][errors]") {
  CHECK(message_of<InvalidArgument>([] { Options::preset("fast"); }) ==
        "preset: got \"fast\", expected paper, plus_plus or reference");
  CHECK_THROWS_AS(Options::preset(""), InvalidArgument);
}
