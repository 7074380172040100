// Images that are encoded once and asked about several supports, one after another or together.
#include <atomic>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "catch.hpp"
#include "colour_encoder.hpp"
#include "inputs.hpp"
#include "persense/classic/classic.hpp"
#include "persense/engine.hpp"
#include "persense/pipeline.hpp"
#include "same_result.hpp"

using namespace persense;
using persense::testing::colours;
using persense::testing::message_of;
using persense::testing::same;

namespace {

constexpr int across = 6, down = 4, gap = 50;
constexpr int width = across * gap, height = down * gap;

/// Discs of two colours and sizes, alternating, on grey noise.
struct Scene {
  cv::Mat image = cv::Mat(height, width, CV_8UC3);

  Scene() {
    cv::RNG generator(1);
    generator.fill(image, cv::RNG::NORMAL, 110, 6);
    for (int y = 0; y < down; ++y)
      for (int x = 0; x < across; ++x)
        cv::circle(image, centre(x, y), radius(x, y),
                   is_red(x, y) ? cv::Scalar(210, 40, 30) : cv::Scalar(40, 70, 200), cv::FILLED);
  }
  static bool is_red(int x, int y) { return (x + y) % 2 == 0; }
  static int radius(int x, int y) { return is_red(x, y) ? 14 : 10; }
  static cv::Point centre(int x, int y) { return {gap / 2 + gap * x, gap / 2 + gap * y}; }
  ImageView view() const { return ImageView::of_rgb(image); }
  /// One disc's mask.
  cv::Mat mask(int x, int y) const {
    cv::Mat mask = cv::Mat::zeros(image.size(), CV_8UC1);
    cv::circle(mask, centre(x, y), radius(x, y), cv::Scalar(255), cv::FILLED);
    return mask;
  }
};
constexpr int half = across * down / 2;

/// ClassicEncoder, counting.
struct CountingEncoder {
  using Embedding = classic::ClassicEmbedding;
  using Prototype = classic::ClassicPrototype;
  std::atomic<int>* encodes;
  classic::ClassicEncoder encoder = {};
  Embedding encode(ImageView image) const {
    ++*encodes;
    return encoder.encode(image);
  }
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    return encoder.prototype(examples);
  }
  FloatMap similarity(const Embedding& e, const Prototype& p, Size size) const {
    return encoder.similarity(e, p, size);
  }
};

auto counting_pipeline(std::atomic<int>& encodes) {
  return Pipeline(CountingEncoder{&encodes}, classic::ClassicDetector{}, classic::ClassicDmg{},
                  classic::ClassicDecoder{});
}

Engine own_engine() {
  Stages stages = Stages::named("classic");
  stages.custom.encode = colours<5>;
  stages.custom.density = [](const StageQuery& query) -> DensityMap {
    DensityMap map = query.similarity.max(0.9f) - 0.9f;  // depends on which support it is of
    cv::Mat blurred;
    cv::GaussianBlur(as_mat(map), blurred, {}, 3);
    return as_map(blurred);
  };
  return Engine(stages);
}

int on_red(const Result& result, std::size_t class_index) {
  return static_cast<int>(
      std::count_if(result.instances.begin(), result.instances.end(), [&](const Instance& i) {
        return i.class_index == class_index && Scene::is_red(i.point.x / gap, i.point.y / gap);
      }));
}

void check_classes_apart(const Result& result) {
  std::size_t counts = 0;
  for (const ClassResult& c : result.classes) counts += c.count;
  CHECK(counts == result.count());
  for (const Instance& a : result.instances)
    for (const Instance& b : result.instances)
      if (a.class_index != b.class_index) CHECK(intersection_area(a.mask, b.mask) == 0);
}

/// Two supports asked in both orders, and together from threads, of one encoded image.
void check_supports_do_not_reach_each_other(const Engine& engine) {
  const Scene scene;
  const cv::Mat first = scene.mask(0, 0), second = scene.mask(1, 0);
  const EngineSupport red = engine.support(scene.view(), MaskView(first));
  const EngineSupport blue = engine.support(scene.view(), MaskView(second));
  const Result red_alone = engine.segment(red, scene.view());
  const Result blue_alone = engine.segment(blue, scene.view());
  REQUIRE(red_alone.count() > 0);
  REQUIRE(blue_alone.count() > 0);
  CHECK_FALSE(same(red_alone, blue_alone));

  const EngineImage forward = engine.encode(scene.view()), backward = engine.encode(scene.view());
  CHECK(same(engine.segment(forward, red), red_alone));
  CHECK(same(engine.segment(forward, blue), blue_alone));
  CHECK(same(engine.segment(forward, red), red_alone));
  CHECK(same(engine.segment(backward, blue), blue_alone));
  CHECK(same(engine.segment(backward, red), red_alone));

  const EngineImage shared = engine.encode(scene.view());
  std::vector<Result> reds(3), blues(3);
  {
    const auto ask = [&](const EngineSupport& support, std::vector<Result>& results) {
      return std::jthread([&] {
        for (Result& result : results) result = engine.segment(shared, support);
      });
    };
    const std::jthread one = ask(red, reds), other = ask(blue, blues);
  }
  for (const Result& result : reds) CHECK(same(result, red_alone));
  for (const Result& result : blues) CHECK(same(result, blue_alone));

  // a support whose example is marked in the very image that is asked
  const Example example{forward, MaskView(first)};
  CHECK(same(engine.segment(forward, engine.support(std::span(&example, 1))), red_alone));
}

}  // namespace

TEST_CASE(
    "encoded image: asked about two supports it gives what fresh ones give, in both orders "
    "and on threads",
    "[encoded][classic][threads]") {
  check_supports_do_not_reach_each_other(Engine("classic"));
}

TEST_CASE("encoded image: the same of stages of the user's", "[encoded][own][threads]") {
  check_supports_do_not_reach_each_other(own_engine());
}

TEST_CASE("encoded image: a template pipeline asks one about supports in any order",
          "[encoded][pipeline]") {
  const Scene scene;
  std::atomic<int> encodes = 0;
  const auto pipeline = counting_pipeline(encodes);
  const cv::Mat first = scene.mask(0, 0), second = scene.mask(1, 0);
  const auto red = pipeline.support(scene.view(), MaskView(first));
  const auto blue = pipeline.support(scene.view(), MaskView(second));
  const auto forward = pipeline.encode(scene.view()), backward = pipeline.encode(scene.view());
  encodes = 0;
  const Result a = pipeline.segment(forward, red), b = pipeline.segment(forward, blue);
  const Result d = pipeline.segment(backward, blue), c = pipeline.segment(backward, red);
  CHECK(encodes == 0);
  CHECK(same(a, c));
  CHECK(same(b, d));
  CHECK(same(a, pipeline.segment(red, scene.view())));
  CHECK(encodes == 1);
  CHECK(a.image_size == Size{width, height});
}

TEST_CASE("encoded image: the support image as the query is encoded once", "[encoded][pipeline]") {
  const Scene scene;
  std::atomic<int> encodes = 0;
  const auto pipeline = counting_pipeline(encodes);
  const auto image = pipeline.encode(scene.view());
  const cv::Mat first = scene.mask(0, 0);
  using Example = decltype(pipeline)::Example;
  const std::vector<Example> examples{{image, MaskView(first)},
                                      {image, Point{gap * 2 + gap / 2, gap / 2}}};
  const auto support = pipeline.support(std::span(examples.data(), 1));
  const Result result = pipeline.segment(image, support);
  CHECK(encodes == 1);
  CHECK(result.count() == half);
  CHECK(support.image.mat().data == image.image().mat().data);  // shared, not copied

  std::atomic<int> own_encodes = 0;
  Stages stages = Stages::named("classic");
  stages.custom.encode = [&](ImageView view) { return ++own_encodes, colours<5>(view); };
  const Engine engine(stages);
  const EngineImage handle = engine.encode(scene.view());
  const persense::Example example{handle, MaskView(first)};
  engine.segment(handle, engine.support(std::span(&example, 1)));
  CHECK(own_encodes == 1);
  CHECK(handle.size() == Size{width, height});
}

TEST_CASE("encoded image: keeps its own copy of the pixels", "[encoded]") {
  Scene scene;
  const Engine engine("classic");
  const cv::Mat mask = scene.mask(0, 0);
  const EngineSupport support = engine.support(scene.view(), MaskView(mask));
  const EngineImage image = engine.encode(scene.view());
  const Result before = engine.segment(image, support);
  scene.image.setTo(cv::Scalar::all(0));
  CHECK(same(engine.segment(image, support), before));
}

TEST_CASE("classes: two supports in one call count each class, and no pixel is shared",
          "[classes][classic]") {
  const Scene scene;
  const Engine engine("classic");
  cv::Mat first = scene.mask(0, 0);
  first.at<std::uint8_t>(199, 299) = 255;  // a crumb, for a note
  const cv::Mat second = scene.mask(1, 0);
  const std::vector<EngineSupport> supports{engine.support(scene.view(), MaskView(first), "cherry"),
                                            engine.support(scene.view(), MaskView(second), "plum")};
  RunOptions run;
  run.trace = true;
  const Result result = engine.segment(supports, scene.view(), run);
  REQUIRE(result.classes.size() == 2);
  CHECK(result.classes[0].label == "cherry");
  CHECK(result.classes[1].label == "plum");
  CHECK(result.classes[0].count == half);
  CHECK(result.classes[1].count == half);
  CHECK(on_red(result, 0) == half);
  CHECK(on_red(result, 1) == 0);
  check_classes_apart(result);
  REQUIRE_FALSE(result.notes.empty());
  CHECK(result.notes[0] ==
        fmt::format("cherry: support mask: has 2 separate parts, the largest ({} pixels) is used, "
                    "as the others are far smaller",
                    cv::countNonZero(scene.mask(0, 0))));
  CHECK(result.estimated_count() ==
        result.classes[0].estimated_count + result.classes[1].estimated_count);
  for (const ClassResult& c : result.classes) {
    CHECK(c.estimated_count == Approx(c.density.cast<double>().sum()));
    CHECK(c.trace.has_value());
  }
  CHECK(result.timings[Step::density] > 0);
  CHECK(result.timings.total() > 0);

  // the same of an encoded image
  CHECK(same(engine.segment(engine.encode(scene.view()), supports), result));

  const Result plums = of_class(result, 1);
  CHECK(plums.count() == half);
  REQUIRE(plums.classes.size() == 1);
  CHECK(plums.classes[0].label == "plum");
  for (const Instance& instance : plums.instances) CHECK(instance.class_index == 0);
  CHECK((plums.density() == result.classes[1].density).all());
  CHECK(plums.image_size == result.image_size);
  CHECK(message_of<InvalidArgument>([&] { of_class(result, 2); }) ==
        "class: got 2, expected less than the result's 2");
}

TEST_CASE("classes: the order of the supports changes nothing but the classes' numbers",
          "[classes][classic]") {
  const Scene scene;
  const Engine engine("classic");
  const cv::Mat first = scene.mask(0, 0), second = scene.mask(1, 0);
  const EngineSupport red = engine.support(scene.view(), MaskView(first));
  const EngineSupport blue = engine.support(scene.view(), MaskView(second));
  const Result forward = engine.segment(std::vector{red, blue}, scene.view());
  const Result backward = engine.segment(std::vector{blue, red}, scene.view());
  REQUIRE(forward.count() == backward.count());
  for (std::size_t i = 0; i < forward.count(); ++i) {
    CHECK(forward.instances[i].class_index == 1 - backward.instances[i].class_index);
    CHECK(forward.instances[i].mask.bits == backward.instances[i].mask.bits);
  }
}

TEST_CASE("classes: none is an error, one is as without classes", "[classes][errors]") {
  const Scene scene;
  const Engine engine("classic");
  const std::string expected = "supports: got none, expected at least one";
  const std::vector<EngineSupport> none;
  CHECK(message_of<InvalidArgument>([&] { engine.segment(none, scene.view()); }) == expected);
  const EngineImage image = engine.encode(scene.view());
  CHECK(message_of<InvalidArgument>([&] { engine.segment(image, none); }) == expected);
  const cv::Mat mask = scene.mask(0, 0);
  const EngineSupport red = engine.support(scene.view(), MaskView(mask), "red");
  const Result one = engine.segment(std::vector{red}, scene.view());
  CHECK(same(one, engine.segment(red, scene.view())));
}

TEST_CASE("classes: handles of another engine, or of none, are errors that say whose they are",
          "[classes][errors]") {
  const Scene scene;
  const Engine engine("classic"), another("classic");
  const cv::Mat mask = scene.mask(0, 0);
  const EngineSupport own = engine.support(scene.view(), MaskView(mask));
  const EngineSupport foreign = another.support(scene.view(), MaskView(mask));
  const EngineImage image = engine.encode(scene.view()),
                    foreign_image = another.encode(scene.view());
  const auto complaint = [](auto&& action) { return message_of<InvalidArgument>(action); };
  const std::string foreign_support =
      "support: was prepared by another engine, expected this one's";
  const std::string no_support = "support: no engine prepared it; Engine::support makes one";
  const std::string others_image = "image: was encoded by another engine, expected this one's";
  const std::string no_image = "image: no engine encoded it; Engine::encode makes one";
  CHECK(complaint([&] { engine.segment(image, foreign); }) == foreign_support);
  CHECK(complaint([&] {
          engine.segment(std::vector{own, foreign}, scene.view());
        }) == foreign_support);
  CHECK(complaint([&] { engine.segment(image, EngineSupport{}); }) == no_support);
  CHECK(complaint([&] { EngineSupport{}.info(); }) == no_support);
  CHECK(complaint([&] { engine.segment(foreign_image, own); }) == others_image);
  CHECK(complaint([&] { engine.segment(EngineImage{}, own); }) == no_image);
  CHECK(complaint([&] { EngineImage{}.size(); }) == no_image);
  const Example foreign_example{foreign_image, MaskView(mask)},
      no_example{EngineImage{}, MaskView(mask)};
  CHECK(complaint([&] { engine.support(std::span(&foreign_example, 1)); }) == others_image);
  CHECK(complaint([&] { engine.support(std::span(&no_example, 1)); }) == no_image);
  CHECK(complaint([&] { engine.encode(ImageView()); }) ==
        "image: size 0 x 0, expected at least 1 x 1");
}

namespace {

constexpr Size frame{80, 60};
/// Three objects of 9 x 9 pixels, two of them in the left half.
const std::vector<Point> centers{{12, 20}, {30, 40}, {62, 30}};

/// A prototype is the half of the image that its example lies in: there it is similar.
struct Halves {
  struct Embedding {};
  struct Prototype {
    bool left = false;
  };
  Embedding encode(ImageView) const { return {}; }
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    return {examples[0].mask->box.x1 <= frame.width / 2};
  }
  FloatMap similarity(const Embedding&, const Prototype& prototype, Size size) const {
    FloatMap map = FloatMap::Constant(size.height, size.width, 0.5f);
    map.middleCols(prototype.left ? 0 : size.width / 2, size.width / 2) = 0.9f;
    return map;
  }
};
/// Everything is found, whatever is looked for.
struct All {
  static ScoredMask at(Point p) {
    return {{{p.x - 4, p.y - 4, p.x + 5, p.y + 5}, std::vector<std::uint8_t>(81, 1)}, 0.5f};
  }
  Detections detect(const Query<Halves>&) const {
    Detections found;
    for (const Point p : centers) found.label.push_back({static_cast<Box>(at(p).mask.box), 0.5f});
    found.phrase = found.label;
    return found;
  }
  DensityMap density(const Query<Halves>&) const {
    DensityMap map = DensityMap::Zero(frame.height, frame.width);
    for (const Point p : centers) map.block(p.y - 2, p.x - 2, 5, 5) = 0.04f;
    return map;
  }
  std::vector<ScoredMask> decode(const Query<Halves>&, std::span<const Prompt> prompts) const {
    std::vector<ScoredMask> masks;
    for (const Prompt& p : prompts) masks.push_back(at(p.point));
    return masks;
  }
};

}  // namespace

TEST_CASE("classes: an object that two claim goes to the one that it is more similar to",
          "[classes][pipeline]") {
  const Pipeline pipeline(Halves{}, All{}, All{}, All{});
  const cv::Mat image = cv::Mat::zeros(frame.height, frame.width, CV_8UC3);
  const auto support = [&](int x, const char* label) {
    cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
    mask(cv::Rect(x, 10, 9, 9)) = 255;
    return pipeline.support(ImageView::of_rgb(image), MaskView(mask), label);
  };
  const std::vector supports{support(10, "left"), support(60, "right")};
  const auto query = pipeline.encode(ImageView::of_rgb(image));
  CHECK(pipeline.segment(query, supports[0]).count() == 3);
  CHECK(pipeline.segment(query, supports[1]).count() == 3);
  const Result result = pipeline.segment(query, std::span<const Support<Halves>>(supports));
  REQUIRE(result.count() == 3);
  for (const Instance& i : result.instances)
    CHECK(i.class_index == (i.point.x < frame.width / 2 ? 0u : 1u));
  CHECK(result.classes.at(0).count == 2);
  CHECK(result.classes.at(1).count == 1);
  CHECK(message_of<InvalidArgument>([&] {
          pipeline.segment(query, std::span<const Support<Halves>>{});
        }) == "supports: got none, expected at least one");
}

TEST_CASE("classes: filters see the classes' own supports, max_instances all of them",
          "[classes][pipeline]") {
  const Pipeline pipeline(Halves{}, All{}, All{}, All{});
  const cv::Mat image = cv::Mat::zeros(frame.height, frame.width, CV_8UC3);
  const auto support = [&](int x, int side) {
    cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
    mask(cv::Rect(x, 10, side, side)) = 255;
    return pipeline.support(ImageView::of_rgb(image), MaskView(mask));
  };
  const std::vector supports{support(10, 9), support(45, 18)};  // the objects' area, and 4 times it
  const auto query = pipeline.encode(ImageView::of_rgb(image));
  const auto points = [&](const FilterOptions& filter) {
    RunOptions run;
    run.filter = filter;
    std::vector<Point> found;
    for (const Instance& i :
         pipeline.segment(query, std::span<const Support<Halves>>(supports), run).instances)
      found.push_back(i.point);
    return found;
  };
  CHECK(points({}) == std::vector<Point>{centers[0], centers[2], centers[1]});
  CHECK(points({.min_area_ratio = 0.5f}) == std::vector<Point>{centers[0], centers[1]});
  CHECK(points({.max_area_ratio = 0.5f}) == std::vector<Point>{centers[2]});
  CHECK(points({.max_instances = 2}).size() == 2);
}
