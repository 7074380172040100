// The engine with the weight-free stages, on rendered scenes whose every pixel is known.
#include "persense/engine.hpp"

#include <opencv2/imgproc.hpp>
#include <thread>

#include "catch.hpp"
#include "inputs.hpp"
#include "many_threads.hpp"
#include "persense/eval/metrics.hpp"
#include "persense/option_table.hpp"
#include "same_result.hpp"
#include "scene.hpp"
#include "thread_sanitizer.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::message_of;
using persense::testing::same;
using persense::testing::wrong_of_many_threads;
using scenes::Kind;

namespace {

constexpr Size frame{400, 300};

scenes::SceneOptions scene_options(Kind kind, int count = 50, std::uint64_t seed = 7) {
  scenes::SceneOptions options;
  options.kind = kind;
  options.width = frame.width;
  options.height = frame.height;
  options.count = count;
  options.seed = seed;
  return options;
}

/// A small crowded scene, rendered once: coins are found reliably.
const scenes::Episode& coins() {
  static const auto episode = scenes::render_episode(scene_options(Kind::coins, 30));
  return episode;
}

EngineSupport support_of(const Engine& engine, const scenes::Episode& episode) {
  return engine.support(ImageView::of_rgb(episode.support.image), MaskView(episode.support_mask));
}

/// Instance i as label i + 1. Pixels that two instances share are counted.
struct Labels {
  cv::Mat map;
  int shared = 0;

  explicit Labels(const Result& result)
      : map(cv::Mat::zeros(result.image_size.height, result.image_size.width, CV_32SC1)) {
    int label = 0;
    for (const Instance& instance : result.instances) {
      ++label;
      const PixelBox& box = instance.mask.box;
      for (int y = box.y0; y < box.y1; ++y)
        for (int x = box.x0; x < box.x1; ++x) {
          if (!instance.mask.contains({x, y})) continue;
          shared += map.at<int>(y, x) != 0;
          map.at<int>(y, x) = label;
        }
    }
  }
};

eval::InstanceMetrics score(const cv::Mat& truth, const Result& result) {
  eval::ClassScore score;
  score.add(eval::score_labels(truth, Labels(result).map));
  return *score.report("").instances;
}

/// What holds for every result, whatever the image.
void check_result(const Result& result) {
  const PixelBox inside{0, 0, result.image_size.width, result.image_size.height};
  for (const Instance& instance : result.instances) {
    const PixelBox& box = instance.mask.box;
    REQUIRE(intersection(box, inside) == box);
    CHECK(instance.mask.bits.size() == static_cast<std::size_t>(box.area()));
    CHECK(instance.box == static_cast<Box>(box));
    const cv::Mat bits(box.height(), box.width(), CV_8UC1,
                       const_cast<std::uint8_t*>(instance.mask.bits.data()));
    CHECK(cv::boundingRect(bits) == cv::Rect(0, 0, box.width(), box.height()));
    CHECK(inside.contains(instance.point));
    CHECK(instance.score >= 0);
    CHECK(instance.score <= 1);
  }
  CHECK(Labels(result).shared == 0);
  CHECK(result.density().isFinite().all());
  CHECK((result.density() >= 0).all());
  CHECK(result.estimated_count() == Approx(result.density().cast<double>().sum()));
  if (!result.trace()) return;
  const FloatMap& similarity = result.trace()->similarity;
  CHECK(size_of(similarity) == result.image_size);
  CHECK((similarity >= -1).all());
  CHECK((similarity <= 1).all());
}

cv::Mat resized(const cv::Mat& image, double scale, int interpolation) {
  cv::Mat out;
  cv::resize(image, out, {}, scale, scale, interpolation);
  return out;
}

}  // namespace

TEST_CASE("classic engine: on rendered scenes F1 and the density's sum stay above their floors",
          "[engine][classic][slow]") {
  // F1 at IoU 0.5, mean of three scenes of 50 objects; floors are 0.05 below what was measured.
  // Hexnuts are not among them: rings fall into hole and rim without a trained stage.
  struct Floor {
    Kind kind;
    double f1;
  };
  const Floor floors[] = {{Kind::beans, 0.75},   {Kind::berries, 0.90}, {Kind::cells, 0.86},
                          {Kind::coins, 0.84},   {Kind::grains, 0.84},  {Kind::leaves, 0.86},
                          {Kind::pebbles, 0.79}, {Kind::stained, 0.85}};
  const Engine engine("classic");
  RunOptions run;
  run.trace = true;
  for (const Floor& floor : floors) {
    double f1 = 0, density = 0, truth = 0;
    for (const std::uint64_t seed : {7u, 8u, 9u}) {
      const auto episode = scenes::render_episode(scene_options(floor.kind, 50, seed));
      const Result result =
          engine.segment(support_of(engine, episode), ImageView::of_rgb(episode.query.image), run);
      check_result(result);
      f1 += score(episode.query.labels, result).f1 / 3;
      density += result.estimated_count();
      truth += static_cast<double>(episode.query.objects.size());
    }
    INFO(scenes::name_of(floor.kind) << ": F1 " << f1 << ", density " << density / truth);
    CHECK(f1 >= floor.f1);
    CHECK(std::abs(density - truth) <= 0.3 * truth);
  }
}

TEST_CASE("classic engine: every kind of scene gives a result that holds together",
          "[engine][classic]") {
  const Engine engine("classic");
  RunOptions run;
  run.trace = true;
  for (const Kind kind : scenes::all_kinds())
    for (const int count : {7, 100}) {
      const auto episode = scenes::render_episode(scene_options(kind, count));
      INFO(scenes::name_of(kind) << ", " << count << " objects");
      check_result(
          engine.segment(support_of(engine, episode), ImageView::of_rgb(episode.query.image), run));
    }
}

TEST_CASE("classic engine: repeated runs give the same result bit for bit", "[engine][classic]") {
  const Engine engine("classic"), another("classic");
  const ImageView query = ImageView::of_rgb(coins().query.image);
  const Result first = engine.segment(support_of(engine, coins()), query);
  REQUIRE(first.count() > 10);
  CHECK(same(first, engine.segment(support_of(engine, coins()), query)));
  CHECK(same(first, another.segment(support_of(another, coins()), query)));
}

TEST_CASE("classic engine: a support serves any number of queries in any order",
          "[engine][classic]") {
  const Engine engine("classic");
  const auto support = support_of(engine, coins());
  const auto other = scenes::render_scene(scenes::query_options(scene_options(Kind::coins, 30), 1));
  const Result first = engine.segment(support, ImageView::of_rgb(coins().query.image));
  const Result second = engine.segment(support, ImageView::of_rgb(other.image));
  CHECK_FALSE(same(first, second));
  CHECK(same(first, engine.segment(support, ImageView::of_rgb(coins().query.image))));
}

TEST_CASE("classic engine: OpenCV's number of threads changes nothing", "[engine][classic]") {
  if (persense::testing::thread_sanitizer) SKIP("OpenCV's workers cannot be watched for races");
  const int threads = cv::getNumThreads();
  const Engine engine("classic");
  const auto run = [&](int count) {
    cv::setNumThreads(count);
    return engine.segment(support_of(engine, coins()), ImageView::of_rgb(coins().query.image));
  };
  const Result one = run(1);
  for (const int count : {2, 4}) CHECK(same(one, run(count)));
  cv::setNumThreads(threads);
}

TEST_CASE("classic engine: four threads may share one engine and one support",
          "[engine][classic][threads]") {
  const Engine engine("classic");
  const auto support = support_of(engine, coins());
  const Result alone = engine.segment(support, ImageView::of_rgb(coins().query.image));
  std::vector<Result> results(4);
  {
    std::vector<std::jthread> threads;
    for (Result& result : results)
      threads.emplace_back([&, support] {
        for (int i = 0; i < 3; ++i)
          result = engine.segment(support, ImageView::of_rgb(coins().query.image));
      });
  }
  for (const Result& result : results) CHECK(same(result, alone));
}

TEST_CASE("classic engine: 64 threads with several supports get what one thread gets",
          "[engine][classic][threads]") {
  auto options = scene_options(Kind::coins, 10);
  options.width = 200;
  options.height = 150;
  const auto episode = scenes::render_episode(options);
  const ImageView support = ImageView::of_rgb(episode.support.image);
  const ImageView query = ImageView::of_rgb(episode.query.image);
  const cv::Mat third = episode.query.labels == 3, mirrored = [&] {
    cv::Mat image;
    cv::flip(episode.query.image, image, 1);
    return image;
  }();
  const cv::Rect box = cv::boundingRect(third);
  const cv::Point2f at = episode.query.objects.front().centre;
  const MaskView mask(episode.support_mask);
  const std::vector<std::vector<Example>> marked{
      {{support, mask}},
      {{query, Box{static_cast<float>(box.x), static_cast<float>(box.y),
                   static_cast<float>(box.br().x), static_cast<float>(box.br().y)}}},
      {{support, mask}, {query, Point{cvRound(at.x), cvRound(at.y)}}}};
  const Engine engine("classic");
  CHECK(wrong_of_many_threads(engine, marked, {query, ImageView::of_rgb(mirrored)}) == 0);
}

TEST_CASE("classic engine: a query inside larger memory gives what its copy gives",
          "[engine][classic]") {
  const Engine engine("classic");
  const cv::Mat& image = coins().query.image;
  cv::Mat large(image.rows + 20, image.cols + 30, CV_8UC3, cv::Scalar(255, 0, 255));
  image.copyTo(large(cv::Rect(11, 7, image.cols, image.rows)));
  const auto support = support_of(engine, coins());
  const cv::Mat region = large(cv::Rect(11, 7, image.cols, image.rows));
  CHECK(same(engine.segment(support, ImageView::of_rgb(image)),
             engine.segment(support, ImageView::of_rgb(region))));
}

TEST_CASE("classic engine: objects x0.4 and x2.5 of the support object's size are found",
          "[engine][classic][slow]") {
  // Mean recall over three kinds, 30 objects each. Smaller objects have fewer pixels to tell them
  // from the ground by, so their floor is lower; both are 0.05 below what was measured.
  const Engine engine("classic");
  for (const auto& [scale, floor] : {std::pair(0.4, 0.77), std::pair(2.5, 0.87)}) {
    double recall = 0;
    for (const Kind kind : {Kind::berries, Kind::coins, Kind::grains}) {
      const auto episode = scenes::render_episode(scene_options(kind, 30));
      const cv::Mat image =
          resized(episode.query.image, scale, scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
      const cv::Mat truth = resized(episode.query.labels, scale, cv::INTER_NEAREST);
      const Result result = engine.segment(support_of(engine, episode), ImageView::of_rgb(image));
      check_result(result);
      recall += score(truth, result).recall / 3;
    }
    INFO("x" << scale << ": recall " << recall);
    CHECK(recall >= floor);
  }
}

TEST_CASE("classic engine: a mirrored query has the same count within a tenth",
          "[engine][classic]") {
  // not exact: working resolution, truncated centroids and ties follow the scan's direction
  const Engine engine("classic");
  for (const Kind kind : {Kind::beans, Kind::berries, Kind::coins}) {
    const auto episode = scenes::render_episode(scene_options(kind, 50));
    const auto support = support_of(engine, episode);
    cv::Mat mirrored;
    cv::flip(episode.query.image, mirrored, 1);
    const auto straight = static_cast<double>(
        engine.segment(support, ImageView::of_rgb(episode.query.image)).count());
    const auto flipped =
        static_cast<double>(engine.segment(support, ImageView::of_rgb(mirrored)).count());
    INFO(scenes::name_of(kind) << ": " << straight << " and " << flipped);
    CHECK(std::abs(straight - flipped) <= 0.1 * straight);
  }
}

TEST_CASE("classic engine: a blank query has no instance", "[engine][classic]") {
  const Engine engine("classic");
  const auto support = support_of(engine, coins());
  for (const int grey : {0, 128, 255}) {
    const cv::Mat blank(200, 300, CV_8UC3, cv::Scalar::all(grey));
    const Result result = engine.segment(support, ImageView::of_rgb(blank));
    INFO("grey " << grey);
    check_result(result);
    CHECK(result.count() == 0);
    CHECK_FALSE(result.notes.empty());
  }
}

TEST_CASE("classic engine: queries of any shape give a result", "[engine][classic]") {
  const Engine engine("classic");
  const auto support = support_of(engine, coins());
  const cv::Mat& tile = coins().query.image;
  RunOptions run;
  run.trace = true;
  for (const Size size : {Size{1, 1}, Size{2, 1}, Size{1, 2}, Size{2, 2}, Size{3, 3}, Size{500, 1},
                          Size{1, 500}, Size{30000, 10}, Size{10, 30000}}) {
    cv::Mat image(size.height, size.width, CV_8UC3);
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x)
        image.at<cv::Vec3b>(y, x) = tile.at<cv::Vec3b>(y % tile.rows, x % tile.cols);
    INFO(to_string(size));
    const Result result = engine.segment(support, ImageView::of_rgb(image), run);
    CHECK(result.image_size == size);
    check_result(result);
  }
}

TEST_CASE("classic engine: supports of any shape work or say what is wrong", "[engine][classic]") {
  const Engine engine("classic");
  cv::Mat noise(40, 40, CV_8UC3);
  cv::RNG generator(3);
  generator.fill(noise, cv::RNG::UNIFORM, 0, 256);
  for (const Size size : {Size{2, 1}, Size{1, 2}, Size{2, 2}, Size{40, 1}, Size{1, 40}, Size{3, 3}})
    for (const cv::Mat& picture : {cv::Mat(cv::Mat::zeros(40, 40, CV_8UC3)), noise}) {
      const cv::Mat image = picture(cv::Rect(0, 0, size.width, size.height)).clone();
      cv::Mat mask = cv::Mat::zeros(image.size(), CV_8UC1);
      mask.at<std::uint8_t>(0, 0) = 255;  // one pixel
      INFO(to_string(size));
      const auto support = engine.support(ImageView::of_rgb(image), MaskView(mask));
      check_result(engine.segment(support, ImageView::of_rgb(image)));
      mask.setTo(255);  // all but one pixel
      mask.at<std::uint8_t>(0, 0) = 0;
      check_result(engine.segment(engine.support(ImageView::of_rgb(image), MaskView(mask)),
                                  ImageView::of_rgb(coins().query.image(cv::Rect(0, 0, 120, 90)))));
    }
}

TEST_CASE("classic engine: an object of one pixel or of nearly the whole image works as support",
          "[engine][classic]") {
  const Engine engine("classic");
  const cv::Mat& image = coins().support.image;
  for (const cv::Rect object : {cv::Rect(20, 20, 1, 1), cv::Rect(0, 0, image.cols, 1),
                                cv::Rect(1, 1, image.cols - 2, image.rows - 2),
                                cv::Rect(0, 0, image.cols - 1, image.rows)}) {
    cv::Mat mask = cv::Mat::zeros(image.size(), CV_8UC1);
    mask(object) = 255;
    const auto support = engine.support(ImageView::of_rgb(image), MaskView(mask));
    INFO(object);
    check_result(engine.segment(support, ImageView::of_rgb(coins().query.image)));
  }
}

TEST_CASE("engine: the support's info says what was prepared", "[engine]") {
  const Engine engine("classic");
  cv::Mat mask = coins().support_mask.clone();
  const auto clean =
      engine.support(ImageView::of_rgb(coins().support.image), MaskView(mask), "coin");
  CHECK(clean.info().image_size == Size{coins().support.image.cols, coins().support.image.rows});
  CHECK(clean.info().label == "coin");
  CHECK(clean.info().phrase == "all coins");
  CHECK(engine
            .support(ImageView::of_rgb(coins().support.image), MaskView(mask), "genius",
                     "all genii")
            .info()
            .phrase == "all genii");  // as a model gave it
  CHECK(clean.info().notes.empty());
  const cv::Rect r = cv::boundingRect(mask);
  CHECK(clean.info().box == PixelBox{r.x, r.y, r.x + r.width, r.y + r.height});
  CHECK(clean.info().diameter == Approx(coins().support.objects[0].equivalent_diameter).margin(1));
  mask.at<std::uint8_t>(0, 0) = 255;
  const auto spotted = engine.support(ImageView::of_rgb(coins().support.image), MaskView(mask));
  REQUIRE(spotted.info().notes.size() == 1);
  CHECK(spotted.info().box == clean.info().box);
}

TEST_CASE("engine: a support from another engine or from none is refused", "[engine][errors]") {
  const Engine engine("classic"), another("classic");
  const auto foreign = support_of(another, coins());
  const ImageView query = ImageView::of_rgb(coins().query.image);
  CHECK_THAT(message_of<InvalidArgument>([&] { engine.segment(foreign, query); }),
             ContainsSubstring("prepared by another engine"));
  CHECK_THROWS_AS(engine.segment(EngineSupport{}, query), InvalidArgument);
}

TEST_CASE("engine: with other options it finds in an encoded image what an engine made so finds",
          "[engine]") {
  const Engine engine("classic");
  Options options = engine.options();
  options.filter.min_area = 300;
  options.idm.threshold = 90;
  options.instances.duplicate_overlap = 0.2f;
  const Engine other = engine.with(options);
  CHECK(other.options().idm.threshold == 90);
  CHECK(other.stages() == engine.stages());
  const ImageView view = ImageView::of_rgb(coins().query.image);
  const EngineImage image = engine.encode(view);
  const Engine fresh(Stages::named("classic"), options);
  const Result expected = fresh.segment(support_of(fresh, coins()), view);
  CHECK(same(other.segment(image, support_of(other, coins())), expected));
  CHECK_FALSE(same(engine.segment(image, support_of(engine, coins())), expected));
  // of the second to the first, too; but a support is of one alone
  CHECK(engine.segment(other.encode(view), support_of(engine, coins())).count() > 0);
  CHECK_THAT(
      message_of<InvalidArgument>([&] { other.segment(image, support_of(engine, coins())); }),
      ContainsSubstring("prepared by another engine"));
}

TEST_CASE("engine: what its stages were made with does not change", "[engine][errors]") {
  const Engine engine("classic");
  const auto refusal = [&](auto&& change) {
    Options options = engine.options();
    change(options);
    return message_of<InvalidArgument>([&] { engine.with(options); });
  };
  CHECK(refusal([](Options& o) { o.method = Method::otsu; }) ==
        "option method: got otsu, expected persense as the stages were made");
  CHECK(refusal([](Options& o) { o.tiles.size = 512; }) ==
        "option tiles.size: got 512, expected 0 as the stages were made");
  CHECK(refusal([](Options& o) { o.decoder.calibration = Switch::off; }) ==
        "option decoder.calibration: got off, expected on as the stages were made");
  CHECK(refusal([](Options& o) { o.idm.threshold = 999; }) ==
        "option idm.threshold: got 999, expected 0 to 255");
}

TEST_CASE("engine: a support outlives the engine's copies", "[engine]") {
  auto engine = std::make_unique<Engine>("classic");
  const Engine copy = *engine;
  const auto support = support_of(*engine, coins());
  engine.reset();
  CHECK(copy.segment(support, ImageView::of_rgb(coins().query.image)).count() > 0);
}

TEST_CASE("engine: a folder that does not exist or a bad option is an error naming it",
          "[engine][errors]") {
  CHECK_THAT(
      message_of<FileNotFound>([] { Engine("fancy"); }),
      ContainsSubstring("models: got \"fancy\", expected \"mini\", \"classic\" or a folder"));
  Options options;
  options.idm.threshold = 999;
  CHECK_THAT(message_of<InvalidArgument>([&] { Engine("classic", options); }),
             ContainsSubstring("idm.threshold"));
  CHECK(Engine("classic", Options::reference()).options().idm.rules == Rules::reference);
}

TEST_CASE("engine: the default is mini", "[engine]") {
  const std::string name = "mini";
  CHECK(Stages::default_name() == name);
  for (const Stages& stages : {Stages{}, Stages::named(name)})
    for (const auto* slot : {&stages.encoder, &stages.detector, &stages.dmg, &stages.decoder})
      CHECK(*slot == name);
  const Engine by_default, named(name);
  const ImageView query = ImageView::of_rgb(coins().query.image);
  CHECK(same(by_default.segment(support_of(by_default, coins()), query),
             named.segment(support_of(named, coins()), query)));
}

TEST_CASE("engine: archives need LibTorch, and mini on a GPU or in half precision", "[engine]") {
  CHECK_FALSE(Stages::named("classic").need_torch());
  Stages archive = Stages::named("classic"), gpu, half;
  archive.dmg = "dmg.pt";
  gpu.device = "cuda";
  half.dtype = "bf16";
  for (const Stages& stages : {archive, gpu, half}) CHECK(stages.need_torch());
}

TEST_CASE("engine: without LibTorch, mini on a GPU is an error that says what does without it",
          "[engine][errors]") {
  if (Engine::has_torch()) SKIP("this build has LibTorch");
  Stages stages;
  stages.device = "cuda";
  CHECK_THAT(message_of<InvalidArgument>([&] { Engine engine(stages); }),
             ContainsSubstring("mini with device cuda") && ContainsSubstring("--models mini"));
}

TEST_CASE("engine: a device or dtype that no stage would use is an error", "[engine][errors]") {
  Stages stages = Stages::named("classic");
  stages.device = "cuda";
  CHECK_THAT(message_of<InvalidArgument>([&] { Engine engine(stages); }),
             ContainsSubstring("device cuda"));
  stages.device = "cpu";
  stages.dtype = "bf16";
  CHECK_THAT(message_of<InvalidArgument>([&] { Engine engine(stages); }),
             ContainsSubstring("dtype bf16"));
}

TEST_CASE("engine: with the method grounded_sam nothing fills the slot of the density maps",
          "[engine]") {
  Stages stages = Stages::named("classic");
  stages.dmg = "none.pt";  // needs no LibTorch, as it is not looked at
  Options options;
  options.method = Method::grounded_sam;
  const Engine engine(stages, options);
  CHECK(engine.options().method == Method::grounded_sam);
  const Result result =
      engine.segment(support_of(engine, coins()), ImageView::of_rgb(coins().query.image));
  CHECK(result.count() > 0);
  CHECK(result.timings[Step::density] == 0);
  CHECK_THAT(result.notes.at(0), ContainsSubstring("the decoder takes points alone"));
  stages.device = "cuda";
  CHECK_THAT(message_of<InvalidArgument>([&] { Engine(stages, options); }),
             ContainsSubstring("device cuda"));
}

TEST_CASE("engine: the methods that persense is compared with find most coins of a scene",
          "[engine]") {
  Stages stages = Stages::named("classic");
  stages.dmg = stages.detector = "none.pt";  // no use for them
  Options options;
  options.method = GENERATE(Method::persam, Method::matcher, Method::everything, Method::otsu);
  INFO(option_text(options.method));
  if (options.method == Method::otsu) stages.encoder = stages.decoder = "none.pt";
  const Engine engine(stages, options), again(stages, options);
  CHECK(engine.options().method == options.method);
  CHECK(engine.stages() == "encoder classic, decoder classic");
  const ImageView query = ImageView::of_rgb(coins().query.image);
  RunOptions run;
  run.trace = true;
  const Result result = engine.segment(support_of(engine, coins()), query, run);
  CHECK(result.count() > 15);
  CHECK(result.estimated_count() == Approx(static_cast<double>(result.count())));
  CHECK(size_of(result.density()) == frame);
  REQUIRE(result.trace()->passes.size() == 1);
  CHECK(result.trace()->passes[0].exemplars.empty());
  CHECK(same(result, again.segment(support_of(again, coins()), query)));
}

TEST_CASE("engine: bad supports and queries throw InvalidArgument", "[engine][errors]") {
  const Engine engine("classic");
  const cv::Mat& image = coins().support.image;
  const cv::Mat empty_mask = cv::Mat::zeros(image.size(), CV_8UC1);
  CHECK_THAT(message_of<InvalidArgument>(
                 [&] { engine.support(ImageView::of_rgb(image), MaskView(empty_mask)); }),
             ContainsSubstring("support mask: no pixel is set"));
  CHECK_THROWS_AS(engine.segment(support_of(engine, coins()), ImageView()), InvalidArgument);
}

TEST_CASE("engine: a stop request from another thread ends the run with Cancelled", "[engine]") {
  const Engine engine("classic");
  const auto support = support_of(engine, coins());
  std::stop_source source;
  RunOptions run;
  run.stop = source.get_token();
  run.on_step = [&](Step step) {
    if (step == Step::density) std::jthread([&] { source.request_stop(); });
  };
  CHECK_THROWS_AS(engine.segment(support, ImageView::of_rgb(coins().query.image), run), Cancelled);
}
