#include "persense/io/settings.hpp"

#include "catch.hpp"
#include "persense/engine.hpp"
#include "persense/error.hpp"
#include "scratch.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using namespace persense;
using namespace persense::test;

namespace {

class File : public Scratch {
 public:
  io::Settings read(const std::string& text) const {
    put_bytes(*this / "s.json", Bytes(text.begin(), text.end()));
    return io::read_settings(*this / "s.json");
  }
  template <class Exception>
  std::string refusal(const std::string& text) const {
    const std::string line = message_of<Exception>([&] { read(text); });
    CHECK_THAT(line, ContainsSubstring("s.json: "));
    return line;
  }
};

}  // namespace

TEST_CASE("settings: what is written is read and set", "[io][settings]") {
  const File file;
  const std::vector<std::pair<std::string, std::string>> written = {
      {"idm.threshold", "25"}, {"mini.same", "0.3"}, {"filter.border", "drop"}};
  const std::string text = io::to_settings(written, R"({"stages": "encoder mini", "f1": 0.5})");
  CHECK_THAT(text, ContainsSubstring("\"format\": 1") && ContainsSubstring("\"mini.same\": 0.3") &&
                       ContainsSubstring("\"filter.border\": \"drop\""));
  const io::Settings settings = file.read(text);
  CHECK(settings.options == written);
  CHECK(settings.stages == "encoder mini");
  Options options;
  io::apply(options, settings);
  CHECK(options.idm.threshold == 25);
  CHECK(options.mini.same == 0.3f);
  CHECK(options.filter.border == Border::drop);
  CHECK(file.read(R"({"format": 1, "options": {}})").options.empty());
}

TEST_CASE("settings: what is none is refused in one line that names file and option",
          "[io][settings][errors]") {
  const File file;
  const auto option = [&](const std::string& text) {
    return file.refusal<InvalidArgument>(R"({"format": 1, "options": {)" + text + "}}");
  };
  CHECK_THAT(option(R"("mini.sam": 0.3)"),
             ContainsSubstring("option mini.sam: unknown; expected one of method, "));
  CHECK_THAT(option(R"("mini.same": "0.3")"),
             EndsWith("option mini.same: got \"0.3\", expected a number"));
  CHECK_THAT(option(R"("mini.same": true)"), EndsWith("got true, expected a number"));
  CHECK_THAT(option(R"("idm.threshold": 2.5)"), EndsWith("got \"2.5\", expected a whole number"));
  CHECK_THAT(option(R"("mini.same": 7)"), EndsWith("option mini.same: got 7, expected -1 to 1"));
  CHECK_THAT(option(R"("filter.border": 1)"), EndsWith("got 1, expected a word"));
  CHECK_THAT(option(R"("filter.border": "no")"), EndsWith("got \"no\", expected keep or drop"));
  const auto whole = [&](const std::string& text) { return file.refusal<Unreadable>(text); };
  CHECK_THAT(whole("{"), EndsWith("not JSON, expected a settings file"));
  CHECK_THAT(whole("[1]"), ContainsSubstring("not a settings file"));
  CHECK_THAT(whole(R"({"options": {}})"), ContainsSubstring("not a settings file"));
  CHECK_THAT(whole(R"({"format": 2, "options": {}})"),
             EndsWith("its format is 2, expected 1, which this version reads"));
  CHECK_THAT(whole(R"({"format": "1", "options": {}})"), ContainsSubstring("its format is \"1\""));
  CHECK_THAT(whole(R"({"format": 1, "options": []})"), ContainsSubstring("expected an object"));
  CHECK_THAT(whole(R"({"format": 1, "options": {}, "optoins": {}})"),
             ContainsSubstring("has \"optoins\", expected format, options and measured alone"));
  CHECK_THAT(message_of<FileNotFound>([&] { io::read_settings(file / "none.json"); }),
             ContainsSubstring("none.json"));
}

TEST_CASE("settings: an engine has them over a preset that is adapted to its stages",
          "[io][settings]") {
  const File file;
  file.read(R"({"format": 1, "options": {"idm.threshold": 25, "filter.border": "drop"}})");
  const std::filesystem::path path = file / "s.json";
  const Stages stages = Stages::named("classic");
  const io::Settings settings = io::read_settings(path);
  const Engine engine(stages, stages.adapt(Options::paper(), [&](Options& options) {
    io::apply(options, settings);
  }));
  CHECK(engine.options().idm.threshold == 25);
  CHECK(engine.options().filter.border == Border::drop);
  CHECK(engine.options().ppsm.norm_const == Options::paper().ppsm.norm_const);
}

TEST_CASE("settings: an option that is none is not written", "[io][settings][errors]") {
  CHECK_THAT(message_of<InvalidArgument>([] {
               io::to_settings({{"mini.sam", "1"}});
             }),
             ContainsSubstring("option mini.sam: unknown"));
}
