// The pipeline over stages that answer what a script says and write down what they were asked.
#include "persense/pipeline.hpp"

#include <map>
#include <opencv2/core.hpp>
#include <thread>

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;

namespace {

constexpr Size frame{80, 60};
/// Three objects of 9 x 9 pixels; the score of each one's mask.
const std::vector<Point> centers{{15, 20}, {40, 35}, {65, 12}};
const std::map<Point, float> scores{{centers[0], 0.5f}, {centers[1], 0.9f}, {centers[2], 0.7f}};

Box box_at(Point p) { return static_cast<Box>(PixelBox{p.x - 4, p.y - 4, p.x + 5, p.y + 5}); }

ScoredMask mask_at(Point p, float score) {
  const PixelBox box{p.x - 4, p.y - 4, p.x + 5, p.y + 5};
  return {{box, std::vector<std::uint8_t>(81, 1)}, score};
}

/// A square of 5 x 5 on every object: IDM's erosion leaves 3 x 3, whose centroid is the centre.
DensityMap density_at(const std::vector<Point>& points) {
  DensityMap map = DensityMap::Zero(frame.height, frame.width);
  for (const Point p : points) map.block(p.y - 2, p.x - 2, 5, 5) = 0.04f;
  return map;
}

/// What the stages answer, and what they were asked.
struct Script {
  FloatMap similarity = FloatMap::Constant(frame.height, frame.width, 0.8f);
  Detections detections;
  DensityMap density = density_at(centers);
  std::function<std::vector<ScoredMask>(std::span<const Prompt>)> decode =
      [](std::span<const Prompt> asked) {
        std::vector<ScoredMask> masks;
        for (const Prompt& p : asked) {
          const auto known = scores.find(p.point);
          masks.push_back(mask_at(p.point, known == scores.end() ? 0.1f : known->second));
        }
        return masks;
      };

  int encodes = 0, prototypes = 0;
  std::vector<std::vector<Box>> exemplars;   // one a density
  std::vector<std::vector<Prompt>> prompts;  // one a decode
  std::vector<std::string> seen_phrases;     // one a detect

  Script() {
    similarity(22, 13) = 0.9f;  // the most similar pixel of the first object
    for (const Point p : centers) detections.label.push_back({box_at(p), 0.5f});
    detections.label[0].confidence = 0.6f;
    detections.phrase = detections.label;
  }
};

struct ScriptedEncoder {
  struct Embedding {};
  struct Prototype {};
  Script* script;
  Embedding encode(ImageView) const {
    ++script->encodes;
    return {};
  }
  Prototype prototype(std::span<const EncodedExample<Embedding>>) const {
    ++script->prototypes;
    return {};
  }
  FloatMap similarity(const Embedding&, const Prototype&, Size) const { return script->similarity; }
};
using ScriptedQuery = Query<ScriptedEncoder>;

struct ScriptedDetector {
  Script* script;
  Detections detect(const ScriptedQuery& query) const {
    script->seen_phrases.push_back(query.support.phrase);
    return script->detections;
  }
};
struct ScriptedDmg {
  Script* script;
  DensityMap density(const ScriptedQuery& query) const {
    script->exemplars.push_back(boxes_of(query.exemplars));
    return script->density;
  }
};
struct ScriptedDecoder {
  Script* script;
  std::vector<ScoredMask> decode(const ScriptedQuery&, std::span<const Prompt> prompts) const {
    script->prompts.emplace_back(prompts.begin(), prompts.end());
    return script->decode(prompts);
  }
};

/// A pipeline over a script, with its support and a query image.
struct Fixture {
  Script script;
  cv::Mat image = cv::Mat::zeros(frame.height, frame.width, CV_8UC3);

  auto pipeline(const Options& options = Options::paper()) {
    return Pipeline(ScriptedEncoder{&script}, ScriptedDetector{&script}, ScriptedDmg{&script},
                    ScriptedDecoder{&script}, options);
  }
  Support<ScriptedEncoder> support(const std::string& label = {}) {
    cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
    mask(cv::Rect(10, 10, 12, 12)) = 255;
    return pipeline().support(ImageView::of_rgb(image), MaskView(mask), label);
  }
  Result segment(const Options& options = Options::paper(), const RunOptions& run = {}) {
    return pipeline(options).segment(support(), ImageView::of_rgb(image), run);
  }
};

Options with_iterations(int iterations) {
  Options options;
  options.feedback.iterations = iterations;
  return options;
}

std::vector<Point> points_of(const Result& result) {
  std::vector<Point> points;
  for (const Instance& instance : result.instances) points.push_back(instance.point);
  return points;
}

std::vector<Point> points_of(const std::vector<Prompt>& prompts) {
  std::vector<Point> points;
  for (const Prompt& prompt : prompts) points.push_back(prompt.point);
  return points;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// IDM's order: bottom-most first
const std::vector<Point> bottom_up{centers[1], centers[0], centers[2]};
// of instances
const std::vector<Point> reading_order{centers[2], centers[0], centers[1]};

std::vector<Step> steps_with_passes(int passes) {
  std::vector<Step> steps{Step::encode, Step::similarity, Step::detect, Step::exemplar};
  for (int i = 0; i < passes; ++i)
    steps.insert(steps.end(), {Step::density, Step::idm, Step::ppsm, Step::decode});
  steps.push_back(Step::instances);
  return steps;
}

}  // namespace

TEST_CASE("pipeline: finds every object of the density map, with box, score and count",
          "[pipeline]") {
  Fixture f;
  const Result result = f.segment();
  CHECK(points_of(result) == reading_order);
  CHECK(result.count() == 3);
  CHECK(result.image_size == frame);
  CHECK(result.estimated_count() == Approx(3));  // three squares of 25 x float32 0.04
  CHECK(result.count_confidence() == Approx(1));
  CHECK((result.density() == f.script.density).all());
  CHECK(result.instances[2].box == box_at(centers[1]));
  CHECK(result.instances[2].score == 0.9f);
  CHECK_FALSE(result.ppsm_fallback());
  CHECK(result.notes.empty());
}

TEST_CASE("pipeline: encodes the support once and each query once", "[pipeline]") {
  Fixture f;
  const auto pipeline = f.pipeline();
  const auto support = f.support();
  CHECK(f.script.encodes == 1);
  for (int i = 0; i < 3; ++i) pipeline.segment(support, ImageView::of_rgb(f.image));
  CHECK(f.script.encodes == 4);
  CHECK(f.script.prototypes == 1);
  CHECK(f.script.seen_phrases.size() == 3);
}

TEST_CASE("pipeline: asks for 1 + iterations density maps, with the exemplars feedback chose",
          "[pipeline]") {
  const std::vector<Box> first{box_at({13, 22})};
  const std::vector<Box> best{box_at(centers[1]), box_at(centers[2]), box_at(centers[0])};
  for (const int iterations : {0, 1, 3}) {
    Fixture f;
    f.segment(with_iterations(iterations));
    INFO("iterations " << iterations);
    REQUIRE(f.script.exemplars.size() == static_cast<std::size_t>(1 + iterations));
    CHECK(f.script.exemplars[0] == first);
    for (std::size_t i = 1; i < f.script.exemplars.size(); ++i)
      CHECK(f.script.exemplars[i] == best);
  }
}

TEST_CASE("pipeline: hands back no more exemplars than feedback.shots", "[pipeline]") {
  Fixture f;
  Options options;
  options.feedback.shots = 2;
  f.segment(options);
  CHECK(f.script.exemplars.at(1) == std::vector<Box>{box_at(centers[1]), box_at(centers[2])});
}

TEST_CASE("pipeline: with plus_plus the exemplars are of different sizes, whatever their scores",
          "[pipeline][plus_plus]") {
  Fixture f;
  // five objects; the best two scores are of the two smallest
  std::vector<Point> places{{10, 10}, {30, 10}, {50, 10}, {70, 10}, {10, 45}};
  f.script.density = density_at(places);
  f.script.detections.label = {{Box{0, 0, 80, 60}, 0.5f}};
  f.script.detections.phrase = f.script.detections.label;
  f.script.decode = [&](std::span<const Prompt> asked) {
    std::vector<ScoredMask> masks;
    for (const Prompt& p : asked) {
      const auto i = std::find(places.begin(), places.end(), p.point) - places.begin();
      const int side = 3 + static_cast<int>(i);
      const PixelBox box{p.point.x - 3, p.point.y - 3, p.point.x - 3 + side, p.point.y - 3 + side};
      masks.push_back({{box, std::vector<std::uint8_t>(static_cast<std::size_t>(side) * side, 1)},
                       0.95f - 0.02f * static_cast<float>(i)});
    }
    return masks;
  };
  Options options = Options::plus_plus();
  CHECK(f.segment(options).count() == 5);
  REQUIRE(f.script.exemplars.size() == 2);
  std::vector<float> areas;
  for (const Box& b : f.script.exemplars[1]) areas.push_back(b.area());
  REQUIRE(areas.size() == 4);  // feedback.shots: one of each size, and the best other one
  CHECK(areas[0] <= 16);
  CHECK(areas[2] >= 36);
}

TEST_CASE("pipeline: with plus_plus an exemplar without a mask leaves the choice to the best masks",
          "[pipeline][plus_plus]") {
  Fixture f;
  f.script.decode = [decode = f.script.decode](std::span<const Prompt> asked) {
    auto masks = decode(asked);
    if (asked[0].role == Prompt::Role::exemplar) masks[0] = {};
    return masks;
  };
  CHECK(f.segment(Options::plus_plus()).count() == 3);
  REQUIRE(f.script.exemplars.size() == 2);
  CHECK(f.script.exemplars[1].size() == 3);
}

TEST_CASE("pipeline: with rejection a mask far larger than most is no instance, and a note says so",
          "[pipeline][plus_plus]") {
  Fixture f;
  std::vector<Point> places{{8, 8}, {22, 8}, {36, 8}, {50, 8}, {64, 8}, {8, 40}};
  f.script.density = density_at(places);
  f.script.detections.label = {{Box{0, 0, 80, 60}, 0.5f}, {Box{2, 2, 13, 13}, 0.4f}};
  f.script.detections.phrase = f.script.detections.label;
  f.script.decode = [&](std::span<const Prompt> asked) {
    std::vector<ScoredMask> masks;
    for (const Prompt& p : asked) {
      const int side = p.point == places.back() ? 20 : 9;
      const PixelBox box{p.point.x - 4, p.point.y - 4, p.point.x - 4 + side, p.point.y - 4 + side};
      masks.push_back(
          {{box, std::vector<std::uint8_t>(static_cast<std::size_t>(side) * side, 1)}, 0.9f});
    }
    return masks;
  };
  Options options;
  CHECK(f.segment(options).count() == 6);
  options.rejection.mode = Rejection::imrm;
  const Result result = f.segment(options);
  CHECK(result.count() == 5);
  CHECK_THAT(joined(result.notes), ContainsSubstring("1 of 6 masks were far larger than most"));
}

TEST_CASE("pipeline: prompts are marked exemplar, first pass and final pass", "[pipeline]") {
  Fixture f;
  f.segment(with_iterations(2));
  const auto& prompts = f.script.prompts;
  REQUIRE(prompts.size() == 4);  // the exemplar, two first passes, the final one
  const Prompt::Role roles[] = {Prompt::Role::exemplar, Prompt::Role::first_pass,
                                Prompt::Role::first_pass, Prompt::Role::final_pass};
  for (std::size_t i = 0; i < 4; ++i)
    for (const Prompt& prompt : prompts[i]) CHECK(prompt.role == roles[i]);
  CHECK(points_of(prompts[3]) == bottom_up);
}

TEST_CASE("pipeline: the prior is the most similar pixel of the most confident box, or its centre",
          "[pipeline]") {
  Fixture f;
  f.segment();
  CHECK(points_of(f.script.prompts.at(0)) == std::vector<Point>{{13, 22}});
  Options options;
  options.location_prior = LocationPrior::box_center;
  Fixture g;
  g.segment(options);
  CHECK(points_of(g.script.prompts.at(0)) == std::vector<Point>{centers[0]});
}

TEST_CASE("pipeline: an empty exemplar mask leaves the detector's box as first exemplar",
          "[pipeline]") {
  Fixture f;
  const auto decode = f.script.decode;
  f.script.decode = [decode](std::span<const Prompt> prompts) {
    auto masks = decode(prompts);
    if (prompts[0].role == Prompt::Role::exemplar) masks[0].mask = {};
    return masks;
  };
  f.segment();
  CHECK(f.script.exemplars.at(0) == std::vector<Box>{box_at(centers[0])});
}

TEST_CASE("pipeline: without any first-pass mask the first exemplar is used again", "[pipeline]") {
  Fixture f;
  f.script.detections.phrase.clear();  // PPSM lets nothing through
  f.segment();
  CHECK(f.script.exemplars == std::vector<std::vector<Box>>(2, std::vector<Box>{box_at({13, 22})}));
}

TEST_CASE("pipeline: detections at or below the threshold do not count", "[pipeline]") {
  Fixture f;
  f.script.detections.label[0].confidence = 0.9f;
  f.script.detections.phrase[1].confidence = 0.15f;  // the default, which must be exceeded
  f.script.detections.phrase[2].confidence = std::numeric_limits<float>::quiet_NaN();
  CHECK(points_of(f.segment()) == std::vector<Point>{centers[0]});
}

TEST_CASE(
    "pipeline: when PPSM lets nothing through, the last pass keeps all candidates and says so",
    "[pipeline]") {
  Fixture f;
  f.script.detections.phrase.clear();
  RunOptions run;
  run.trace = true;
  const Result result = f.segment({}, run);
  CHECK(points_of(result) == reading_order);
  CHECK(result.ppsm_fallback());
  REQUIRE(result.notes.size() == 1);
  CHECK_THAT(result.notes[0], ContainsSubstring("PPSM"));
  CHECK(result.trace()->passes.at(0).prompts.empty());  // not in the first pass
  CHECK(result.trace()->passes.at(1).prompts == bottom_up);
}

TEST_CASE("pipeline: no detection is an empty result with a note", "[pipeline]") {
  Fixture f;
  f.script.detections = {};
  Options options;
  SECTION("without a fallback") { options.detector.fallback = Fallback::off; }
  SECTION("where nothing stands out") { f.script.similarity.setConstant(0.8f); }
  SECTION("where nothing is similar") { f.script.similarity -= 0.8f; }
  const Result result = f.segment(options);
  CHECK(result.count() == 0);
  CHECK(result.estimated_count() == 0);
  CHECK(size_of(result.density()) == frame);
  CHECK((result.density() == 0).all());
  REQUIRE(result.notes.size() == 1);
  CHECK_THAT(result.notes[0], ContainsSubstring("no detection above confidence 0.15"));
  CHECK(f.script.exemplars.empty());
  CHECK(f.script.prompts.empty());
}

TEST_CASE(
    "pipeline: without detections, boxes of what is most similar take their place and a note "
    "says so",
    "[pipeline]") {
  Fixture f;
  f.script.similarity.setConstant(-0.2f);
  for (const Point p : centers) f.script.similarity.block(p.y - 4, p.x - 4, 9, 9) = 0.5f;
  f.script.similarity(35, 42) = 0.9f;  // the most similar pixel lies in the second object
  RunOptions run;
  run.trace = true;
  f.script.detections.phrase.clear();
  for (Detection& weak : f.script.detections.label) weak.confidence = 0.15f;
  const Result result = f.segment({}, run);
  CHECK(points_of(result) == reading_order);
  REQUIRE(result.notes.size() == 1);
  CHECK(result.notes[0] ==
        "no detection above confidence 0.15, so boxes around what is most similar (3) were used");
  CHECK(result.trace()->location_prior == Point{42, 35});
  const Detections& used = result.trace()->detections;
  REQUIRE(used.label.size() == 3);
  CHECK(used.phrase.size() == 3);
  for (const Point p : centers)
    CHECK(std::any_of(used.label.begin(), used.label.end(),
                      [&](const Detection& d) { return d.box == box_at(p); }));
}

TEST_CASE("pipeline: a phrase's own detections stay when the label's are replaced", "[pipeline]") {
  Fixture f;
  f.script.similarity.setConstant(-0.2f);
  for (const Point p : centers) f.script.similarity.block(p.y - 4, p.x - 4, 9, 9) = 0.5f;
  f.script.detections.label.clear();
  f.script.detections.phrase = {{box_at(centers[1]), 0.4f}};
  CHECK(points_of(f.segment()) == std::vector{centers[1]});
}

TEST_CASE("pipeline: no candidate point is an empty result with a note", "[pipeline]") {
  Fixture f;
  f.script.density.setConstant(0.01f);
  const Result result = f.segment();
  CHECK(result.count() == 0);
  CHECK_FALSE(result.ppsm_fallback());
  REQUIRE(result.notes.size() == 1);
  CHECK_THAT(result.notes[0], ContainsSubstring("no candidate"));
  CHECK(f.script.prompts.size() == 1);  // the exemplar's; nothing is asked for no prompts
}

TEST_CASE("pipeline: no instance is an empty result with a note", "[pipeline]") {
  Fixture f;
  f.script.decode = [](std::span<const Prompt> prompts) {
    return std::vector<ScoredMask>(prompts.size());
  };
  const Result result = f.segment();
  CHECK(result.count() == 0);
  REQUIRE(result.notes.size() == 1);
  CHECK_THAT(result.notes[0], ContainsSubstring("no instance"));
}

TEST_CASE(
    "pipeline: masks that repeat a better one are dropped, all are kept under reference rules",
    "[pipeline]") {
  Fixture f;
  f.script.decode = [](std::span<const Prompt> prompts) {
    return std::vector<ScoredMask>(prompts.size(), mask_at(centers[1], 0.5f));
  };
  CHECK(f.segment().count() == 1);
  CHECK(f.segment(Options::reference()).count() == 3);
}

TEST_CASE("pipeline: NaN in the density map throws InvalidArgument naming map and pixel",
          "[pipeline][errors]") {
  for (const Options& options : {Options::paper(), Options::reference()}) {
    Fixture f;
    f.script.density(7, 9) = std::numeric_limits<float>::quiet_NaN();
    CHECK_THAT(message_of<InvalidArgument>([&] { f.segment(options); }),
               ContainsSubstring("density map: value nan at x=9, y=7"));
  }
}

TEST_CASE("pipeline: an empty density map or NaN similarity throws InvalidArgument",
          "[pipeline][errors]") {
  Fixture f;
  f.script.density.resize(0, 0);
  CHECK_THROWS_AS(f.segment(), InvalidArgument);
  Fixture g;
  g.script.similarity(1, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THAT(message_of<InvalidArgument>([&] { g.segment(); }),
             ContainsSubstring("similarity map: value nan at x=2, y=1"));
}

TEST_CASE("pipeline: a similarity map of another size throws InvalidArgument naming the encoder",
          "[pipeline][errors]") {
  for (const Size size : {Size{10, 10}, Size{0, 0}, Size{81, 60}}) {
    Fixture f;
    f.script.similarity = FloatMap::Zero(size.height, size.width);
    CHECK_THAT(message_of<InvalidArgument>([&] { f.segment(); }),
               ContainsSubstring("encoder: similarity map of " + to_string(size)) &&
                   ContainsSubstring("80 x 60"));
  }
}

TEST_CASE("pipeline: a decoder with too few or too many masks throws InternalError",
          "[pipeline][errors]") {
  for (const int surplus : {-1, 1}) {
    Fixture f;
    f.script.decode = [=](std::span<const Prompt> prompts) {
      return std::vector<ScoredMask>(prompts.size() + static_cast<std::size_t>(surplus));
    };
    const auto message = message_of<InternalError>([&] { f.segment(); });
    CHECK_THAT(message, ContainsSubstring(fmt::format("{} masks for 1 prompts", 1 + surplus)));
  }
}

TEST_CASE("pipeline: an empty query image or a bad option throws InvalidArgument",
          "[pipeline][errors]") {
  Fixture f;
  const auto support = f.support();
  CHECK_THAT(message_of<InvalidArgument>([&] { f.pipeline().segment(support, ImageView()); }),
             ContainsSubstring("query image: size 0 x 0"));
  Options options;
  options.feedback.shots = 0;
  CHECK_THAT(message_of<InvalidArgument>([&] { f.pipeline(options); }),
             ContainsSubstring("feedback.shots"));
  options = {};
  options.method = Method::grounded_sam;
  CHECK(message_of<InvalidArgument>([&] { f.pipeline(options); }) ==
        "option method: got grounded_sam, expected persense of a Pipeline");
}

TEST_CASE("pipeline: a stage's own exception passes through", "[pipeline][errors]") {
  Fixture f;
  f.script.decode = [](std::span<const Prompt>) -> std::vector<ScoredMask> {
    throw OutOfMemory("decoder: out of memory");
  };
  CHECK_THROWS_AS(f.segment(), OutOfMemory);
}

TEST_CASE("pipeline: on_step announces every step in the order of algorithm 1", "[pipeline]") {
  for (const int iterations : {0, 1, 2}) {
    Fixture f;
    std::vector<Step> steps;
    RunOptions run;
    run.on_step = [&](Step step) { steps.push_back(step); };
    f.segment(with_iterations(iterations), run);
    CHECK(steps == steps_with_passes(1 + iterations));
  }
}

TEST_CASE("pipeline: a stop request cancels before the next step, whichever it is", "[pipeline]") {
  const auto steps = steps_with_passes(2);
  for (std::size_t last = 0; last + 1 < steps.size(); ++last) {
    Fixture f;
    std::stop_source source;
    std::size_t announced = 0;
    RunOptions run;
    run.stop = source.get_token();
    run.on_step = [&](Step) {
      if (announced++ == last) source.request_stop();
    };
    const auto message = message_of<Cancelled>([&] { f.segment({}, run); });
    CHECK_THAT(message,
               ContainsSubstring(std::string("cancelled before ") + name_of(steps[last + 1])));
    CHECK(announced == last + 1);
  }
}

TEST_CASE("pipeline: a region of another size than the query is an error that names both",
          "[pipeline][errors]") {
  Fixture f;
  const cv::Mat region = cv::Mat::ones(10, 20, CV_8UC1);
  RunOptions run;
  run.region = MaskView(region);
  CHECK(message_of<InvalidArgument>([&] { f.segment({}, run); }) ==
        "region: size 20 x 10, expected the query image's 80 x 60");
}

TEST_CASE("pipeline: reports the instances of the region, the filter of the run before its own",
          "[pipeline]") {
  Fixture f;
  cv::Mat region = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  region.colRange(0, 50) = 255;
  RunOptions run;
  run.region = MaskView(region);
  CHECK(points_of(f.segment({}, run)) == std::vector<Point>{centers[0], centers[1]});
  Options options;
  options.filter.min_score = 0.6f;
  CHECK(points_of(f.segment(options)) == std::vector<Point>{centers[2], centers[1]});
  CHECK(points_of(f.segment(options, run)) == std::vector<Point>{centers[1]});
  run.filter = FilterOptions{.max_instances = 2};
  run.region = {};
  CHECK(points_of(f.segment(options, run)) == std::vector<Point>{centers[2], centers[1]});
  run.filter = FilterOptions{};
  const Result all = f.segment(options, run);
  CHECK(all.count() == 3);
  CHECK(all.classes.at(0).count == 3);
  for (const Instance& instance : all.instances) CHECK_FALSE(instance.touches_border);
}

TEST_CASE("pipeline: instances say whether they touch the image's border", "[pipeline]") {
  Fixture f;
  f.script.decode = [](std::span<const Prompt> prompts) {
    std::vector<ScoredMask> masks;
    for (const Prompt& p : prompts) {
      masks.push_back(mask_at(p.point, 0.5f));
      if (p.point == centers[2]) masks.back() = mask_at({p.point.x, 4}, 0.5f);  // up to row 0
    }
    return masks;
  };
  const Result result = f.segment();
  REQUIRE(result.count() == 3);
  CHECK(result.instances[0].touches_border);
  CHECK_FALSE(result.instances[1].touches_border);
  Options options;
  options.filter.border = Border::drop;
  CHECK(f.segment(options).count() == 2);
}

TEST_CASE("report_progress: reaches on_progress with the step that runs", "[pipeline][progress]") {
  Fixture f;
  std::vector<std::pair<Step, double>> heard;
  RunOptions run;
  run.on_progress = [&](Step step, double part) { heard.emplace_back(step, part); };
  const auto decode = f.script.decode;
  f.script.decode = [&](std::span<const Prompt> prompts) {
    report_progress(0.5);
    return decode(prompts);
  };
  f.segment(with_iterations(0), run);
  CHECK(heard == std::vector<std::pair<Step, double>>{{Step::exemplar, 0.5}, {Step::decode, 0.5}});
  heard.clear();
  report_progress(0.5);  // no run
  CHECK(heard.empty());
  CHECK_NOTHROW(f.segment());  // nobody listens
}

TEST_CASE("report_progress: ends the step once a stop is requested", "[pipeline][progress]") {
  Fixture f;
  std::stop_source source;
  RunOptions run;
  run.stop = source.get_token();
  run.on_progress = [&](Step, double) { source.request_stop(); };
  int reports = 0;
  f.script.decode = [&](std::span<const Prompt> prompts) {
    for (; reports < 5; ++reports) report_progress(0.2 * reports);
    return std::vector<ScoredMask>(prompts.size());
  };
  CHECK(message_of<Cancelled>([&] { f.segment({}, run); }) == "cancelled during exemplar");
  CHECK(reports == 1);
  CHECK_NOTHROW(report_progress(0.5));  // no run any more
}

TEST_CASE("pipeline: a stop request made beforehand runs nothing", "[pipeline]") {
  Fixture f;
  const auto support = f.support();
  std::stop_source source;
  source.request_stop();
  RunOptions run;
  run.stop = source.get_token();
  CHECK_THROWS_AS(f.pipeline().segment(support, ImageView::of_rgb(f.image), run), Cancelled);
  CHECK(f.script.encodes == 1);  // the support's
}

TEST_CASE("pipeline: the trace holds what the stages returned, and is absent unless asked for",
          "[pipeline]") {
  Fixture f;
  CHECK_FALSE(f.segment().trace().has_value());
  RunOptions run;
  run.trace = true;
  const Result result = f.segment(with_iterations(1), run);
  REQUIRE(result.trace().has_value());
  const Trace& trace = *result.trace();
  CHECK((trace.similarity == f.script.similarity).all());
  CHECK(trace.detections.label.size() == 3);
  CHECK(trace.location_prior == Point{13, 22});
  CHECK(trace.exemplar_mask.mask.box == PixelBox{9, 18, 18, 27});
  REQUIRE(trace.passes.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const TracePass& pass = trace.passes[i];
    CHECK(pass.exemplars == f.script.exemplars[2 + i]);  // after those of the first segment()
    CHECK((pass.density == f.script.density).all());
    CHECK(pass.candidates == bottom_up);
    CHECK(pass.prompts == bottom_up);
    REQUIRE(pass.masks.size() == 3);
    CHECK(pass.masks[0].score == 0.9f);
    CHECK(pass.masks[0].mask.area() == 81);
  }
}

TEST_CASE("pipeline: a trace without detections has no pass", "[pipeline]") {
  Fixture f;
  f.script.detections = {};
  RunOptions run;
  run.trace = true;
  const Result result = f.segment({}, run);
  REQUIRE(result.trace().has_value());
  CHECK(result.trace()->passes.empty());
  CHECK((result.trace()->similarity == f.script.similarity).all());
}

TEST_CASE("pipeline: timings are summed over passes and add up to no more than the wall time",
          "[pipeline]") {
  Fixture f;
  constexpr auto nap = std::chrono::milliseconds(5);
  const auto decode = f.script.decode;
  f.script.decode = [=](std::span<const Prompt> prompts) {
    std::this_thread::sleep_for(nap);
    return decode(prompts);
  };
  const auto support = f.support();
  const auto begin = std::chrono::steady_clock::now();
  const Result result = f.pipeline(with_iterations(2)).segment(support, ImageView::of_rgb(f.image));
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  CHECK(result.timings[Step::exemplar] >= 0.005);
  CHECK(result.timings[Step::decode] >= 0.015);  // three passes
  CHECK(result.timings.total() <= wall);
  for (const double seconds : result.timings.seconds) CHECK(seconds >= 0);
}

TEST_CASE("pipeline: a span of queries gives one result each, in order", "[pipeline]") {
  Fixture f;
  const auto support = f.support();
  const ImageView view = ImageView::of_rgb(f.image);
  const std::vector<ImageView> queries{view, view, view};
  const auto results = f.pipeline().segment(support, queries);
  CHECK(results.size() == 3);
  for (const Result& result : results) CHECK(points_of(result) == reading_order);
  CHECK(f.pipeline().segment(support, std::span<const ImageView>{}).empty());
}

TEST_CASE("pipeline: the label's phrase follows the rules, none without a label", "[pipeline]") {
  Fixture f;
  CHECK(f.support().phrase.empty());
  const auto paper = f.support("banana");
  CHECK(paper.label == "banana");
  CHECK(paper.phrase == "all bananas");
  cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  mask(cv::Rect(10, 10, 12, 12)) = 255;
  const auto reference = f.pipeline(Options::reference())
                             .support(ImageView::of_rgb(f.image), MaskView(mask), "banana");
  CHECK(reference.phrase == "all bananaes");
  f.pipeline().segment(paper, ImageView::of_rgb(f.image));
  CHECK(f.script.seen_phrases == std::vector<std::string>{"all bananas"});
}

TEST_CASE("pipeline: the support's notes are part of every result", "[pipeline]") {
  Fixture f;
  cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  mask(cv::Rect(10, 10, 12, 12)) = 255;
  mask(cv::Rect(40, 40, 5, 5)) = 255;
  const auto support = f.pipeline().support(ImageView::of_rgb(f.image), MaskView(mask));
  CHECK(support.box == PixelBox{10, 10, 22, 22});
  const Result result = f.pipeline().segment(support, ImageView::of_rgb(f.image));
  REQUIRE(result.notes.size() == 1);
  CHECK_THAT(result.notes[0], ContainsSubstring("2 separate parts"));
}

TEST_CASE("pipeline: the support keeps its own copy of image and mask", "[pipeline]") {
  Fixture f;
  f.image.setTo(cv::Scalar(10, 20, 30));
  cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  mask(cv::Rect(10, 10, 12, 12)) = 255;
  const auto support = f.pipeline().support(ImageView::of_rgb(f.image), MaskView(mask));
  f.image.setTo(cv::Scalar(0, 0, 0));
  mask.setTo(0);
  CHECK(support.image.mat().at<cv::Vec3b>(5, 5) == cv::Vec3b(10, 20, 30));
  CHECK(cv::countNonZero(support.mask) == 144);
}

TEST_CASE("pipeline: a density map of another size than the image is stretched over it",
          "[pipeline]") {
  Fixture f;
  const DensityMap fine = density_at(centers);
  f.script.density = DensityMap::Zero(2 * frame.height, 2 * frame.width);
  for (int y = 0; y < 2 * frame.height; ++y)
    for (int x = 0; x < 2 * frame.width; ++x) f.script.density(y, x) = fine(y / 2, x / 2) / 4;
  const Result result = f.segment();
  CHECK(points_of(result) == reading_order);
  CHECK(result.estimated_count() == Approx(3));
}
