// Stages of the user's in the engine's slots, on red discs that everybody can find.
#include <limits>
#include <mutex>
#include <opencv2/imgproc.hpp>
#include <set>
#include <thread>

#include "catch.hpp"
#include "colour_encoder.hpp"
#include "inputs.hpp"
#include "persense/engine.hpp"
#include "persense/exemplar.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::colours;
using persense::testing::message_of;

namespace {

constexpr int across = 5, down = 4, gap = 50, radius = 12;
constexpr Size frame{across * gap, down* gap};

cv::Mat discs(int columns, int rows) {
  cv::Mat image(frame.height, frame.width, CV_8UC3, cv::Scalar(10, 30, 220));
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < columns; ++x)
      cv::circle(image, {gap / 2 + gap * x, gap / 2 + gap * y}, radius, cv::Scalar(220, 30, 10),
                 cv::FILLED);
  return image;
}

cv::Mat first_disc() {
  cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  cv::circle(mask, {gap / 2, gap / 2}, radius, cv::Scalar(255), cv::FILLED);
  return mask;
}

/// Beside stages of one kind, by default the weight-free ones.
Result segment(const CustomStages& own, const RunOptions& run = {},
               const std::string& beside = "classic") {
  Stages stages = Stages::named(beside);
  stages.custom = own;
  const Engine engine(stages);
  const cv::Mat support = discs(1, 1), mask = first_disc(), query = discs(across, down);
  return engine.segment(engine.support(ImageView::of_rgb(support), MaskView(mask), "disc"),
                        ImageView::of_rgb(query), run);
}

/// A bump of unit mass where a disc is.
DensityMap bumps(const StageQuery& query) {
  DensityMap map = DensityMap::Zero(query.image.height, query.image.width);
  for (int y = 0; y < down; ++y)
    for (int x = 0; x < across; ++x) map(gap / 2 + gap * y, gap / 2 + gap * x) = 1;
  cv::Mat blurred;
  cv::GaussianBlur(as_mat(map), blurred, {}, 3);
  return as_map(blurred);
}

Detections whole_picture(const StageQuery& query) {
  const std::vector<Detection> all{
      {{0, 0, static_cast<float>(query.image.width), static_cast<float>(query.image.height)}, 1}};
  return {all, all};
}

/// A square of 9 pixels around each prompt.
std::vector<ScoredMask> squares(const StageQuery&, std::span<const Prompt> prompts) {
  std::vector<ScoredMask> masks;
  for (const Prompt& prompt : prompts) {
    const Point p = prompt.point;
    masks.push_back(
        {{{p.x - 4, p.y - 4, p.x + 5, p.y + 5}, std::vector<std::uint8_t>(81, 1)}, 0.5f});
  }
  return masks;
}

void check_all_found(const Result& result) {
  CHECK(result.count() == across * down);
  std::set<std::pair<int, int>> hit;
  for (const Instance& instance : result.instances) {
    const int dx = instance.point.x % gap - gap / 2, dy = instance.point.y % gap - gap / 2;
    CHECK(dx * dx + dy * dy < radius * radius);
    hit.insert({instance.point.x / gap, instance.point.y / gap});
  }
  CHECK(hit.size() == across * down);
}

}  // namespace

TEST_CASE("own stages: each one alone works beside the weight-free ones", "[engine][own]") {
  CustomStages own;
  SECTION("encoder") { own.encode = colours<5>; }
  SECTION("detector") { own.detect = whole_picture; }
  SECTION("density map generator") { own.density = bumps; }
  SECTION("decoder") { own.decode = squares; }
  SECTION("all four") { own = {colours<5>, whole_picture, bumps, squares}; }
  check_all_found(segment(own));
}

TEST_CASE("own stages: with all four nothing of the default is used", "[engine][own]") {
  Stages stages;
  stages.custom = {colours<5>, whole_picture, bumps, squares};
  CHECK_FALSE(stages.need_torch());
  check_all_found(segment(stages.custom, {}, Stages::default_name()));
}

TEST_CASE("own stages: in tiles, each sees no more than one of them, and the same is found",
          "[engine][own][tiles]") {
  constexpr int side = 195;
  std::vector<Size> seen;
  const auto red_of = [&seen](ImageView image) {  // the discs' pixels
    seen.push_back(image.size());
    cv::Mat red;
    cv::extractChannel(image.mat(), red, 0);
    return cv::Mat(red > 128);
  };
  Stages stages;
  stages.custom.encode = [&](ImageView image) {
    seen.push_back(image.size());
    return colours<5>(image);
  };
  stages.custom.detect = [&](const StageQuery& query) {
    seen.push_back(query.image.size());
    return whole_picture(query);
  };
  stages.custom.density = [&](const StageQuery& query) {
    CHECK_FALSE(query.exemplars.empty());
    cv::Mat depth;
    cv::distanceTransform(red_of(query.image), depth, cv::DIST_L2, 5);
    FloatMap map = as_map(depth);
    return FloatMap((map > radius - 2).cast<float>() * 0.05f);
  };
  stages.custom.decode = [&](const StageQuery& query, std::span<const Prompt> prompts) {
    cv::Mat parts;
    cv::connectedComponents(red_of(query.image), parts);
    std::vector<ScoredMask> masks;
    for (const Prompt& prompt : prompts) {
      const int part = parts.at<int>(prompt.point.y, prompt.point.x);
      masks.push_back({part == 0 ? Mask{} : crop_to_box(MaskView(parts == part)), 0.5f});
    }
    return masks;
  };
  const cv::Mat mask = first_disc(), query = discs(across, down);
  const auto found = [&](int size) {
    Options options;
    options.tiles.size = size;
    const Engine engine(stages, options);
    return engine.segment(engine.support(ImageView::of_rgb(query), MaskView(mask)),
                          ImageView::of_rgb(query));
  };
  const Result whole = found(0);
  CHECK(seen.back() == frame);
  seen.clear();
  const Result tiled = found(side);
  for (const Size size : seen) CHECK((size.width <= side && size.height <= side));
  REQUIRE(whole.count() == across * down);
  REQUIRE(tiled.count() == across * down);
  for (std::size_t i = 0; i < whole.count(); ++i) {
    CHECK(tiled.instances[i].box == whole.instances[i].box);
    CHECK(tiled.instances[i].mask.bits == whole.instances[i].mask.bits);
  }
}

TEST_CASE("own stages: tiles are not made for stages that see any size, and a note says so",
          "[engine][tiles]") {
  Options options;
  options.tiles.size = 128;
  const cv::Mat mask = first_disc(), query = discs(across, down);
  const auto found = [&](const Options& chosen) {
    const Engine engine("classic", chosen);
    return engine.segment(engine.support(ImageView::of_rgb(query), MaskView(mask)),
                          ImageView::of_rgb(query));
  };
  const Result tiled = found(options), whole = found({});
  CHECK(tiled.count() == whole.count());
  REQUIRE(tiled.notes.size() == whole.notes.size() + 1);
  CHECK_THAT(tiled.notes.back(), ContainsSubstring("tiles.size 128: these stages see images of "
                                                   "any size as they are"));
}

TEST_CASE("own stages: a decoder's masks and a density map's sum are the result's",
          "[engine][own]") {
  CustomStages own;
  own.density = bumps;
  own.decode = squares;
  const Result result = segment(own);
  CHECK(result.estimated_count() == Approx(across * down).margin(1e-3));
  for (const Instance& instance : result.instances) CHECK(instance.mask.area() == 81);
}

TEST_CASE("own stages: with the method grounded_sam, each of the detector's boxes is decoded",
          "[engine][own]") {
  Stages stages = Stages::named("classic");
  const Box first{13, 13, 37, 37}, second{63, 113, 87, 137};
  stages.custom.detect = [&](const StageQuery&) {
    const std::vector<Detection> found{{first, 0.9f}, {second, 0.4f}, {{1, 1, 9, 9}, 0.1f}};
    return Detections{found, found};
  };
  stages.custom.density = [](const StageQuery&) -> DensityMap {
    throw InternalError("was called");
  };
  stages.custom.decode = [](const StageQuery& query, std::span<const Prompt> prompts) {
    std::vector<ScoredMask> masks;
    for (const Prompt& prompt : prompts) {
      const PixelBox box = pixels_of(prompt.box.value(), query.image.size());
      const auto area = static_cast<std::size_t>(box.area());
      masks.push_back({{box, std::vector<std::uint8_t>(area, 1)}, 0.5f});
    }
    return masks;
  };
  Options options;
  options.method = Method::grounded_sam;
  const Engine engine(stages, options);
  const cv::Mat query = discs(across, down), mask = first_disc();
  const Result result = engine.segment(engine.support(ImageView::of_rgb(query), MaskView(mask)),
                                       ImageView::of_rgb(query));
  REQUIRE(result.count() == 2);
  CHECK(result.instances[0].box == first);
  CHECK(result.instances[1].box == second);
  CHECK(result.estimated_count() == 2);
  CHECK(result.notes.empty());
}

TEST_CASE("own stages: an encoder's features give the similarity (eq. 1)", "[engine][own]") {
  Stages stages = Stages::named("classic");
  stages.custom.encode = colours<5>;
  const Engine engine(stages);
  cv::Mat picture(frame.height, frame.width, CV_8UC3, cv::Scalar(10, 30, 220));
  cv::Mat mask = cv::Mat::zeros(frame.height, frame.width, CV_8UC1);
  const cv::Rect square(20, 30, 40, 25);  // on the cells' borders
  picture(square) = cv::Scalar(220, 30, 10);
  mask(square) = 255;
  RunOptions run;
  run.trace = true;
  const FloatMap similarity =
      engine
          .segment(engine.support(ImageView::of_rgb(picture), MaskView(mask)),
                   ImageView::of_rgb(picture), run)
          .trace()
          ->similarity;
  const double cosine = (220 * 10 + 30 * 30 + 10 * 220) / (220.0 * 220 + 30 * 30 + 10 * 10);
  CHECK(similarity(40, 40) == Approx(1).margin(1e-6));
  CHECK(similarity(2, 2) == Approx(cosine).margin(1e-6));
}

TEST_CASE("own stages: an object smaller than a cell has the cell that it covers most as prototype",
          "[engine][own]") {
  CustomStages own;
  own.encode = [](ImageView image) {
    FeatureGrid grid{{2, 1}, FloatMap::Zero(2, 2)};
    grid.features << 1, 0, 0, 1;  // the cells are at right angles
    (void)image;
    return grid;
  };
  RunOptions run;
  run.trace = true;
  const FloatMap similarity = segment(own, run).trace()->similarity;
  CHECK(similarity(0, 0) == 1.0f);
  CHECK(similarity(0, frame.width - 1) == 0.0f);
}

TEST_CASE("own stages: a stage sees the query, the support, label, phrase and exemplars",
          "[engine][own]") {
  CustomStages own;
  std::vector<std::size_t> exemplars;
  own.encode = colours<5>;
  own.density = [&](const StageQuery& query) {
    exemplars.push_back(query.exemplars.size());
    CHECK(query.image.size() == frame);
    CHECK(size_of(query.similarity) == frame);
    CHECK(query.support_image.size() == frame);
    CHECK(query.support_mask.row(gap / 2)[gap / 2] == 255);
    CHECK(query.support_mask.row(0)[0] == 0);
    CHECK(query.label == "disc");
    CHECK(query.phrase == "all discs");
    REQUIRE(query.features != nullptr);
    CHECK(query.features->features.rows() == 3);
    return bumps(query);
  };
  SECTION("beside weight-free ones") {}
  SECTION("all four of them") {
    own.detect = whole_picture;
    own.decode = squares;
  }
  segment(own);
  CHECK(exemplars == std::vector<std::size_t>{1, 4});  // the first, then four
}

TEST_CASE("own stages: what they throw leaves the engine as it is", "[engine][own][errors]") {
  struct Mine {};
  CustomStages own;
  own.density = [](const StageQuery&) -> DensityMap { throw Mine{}; };
  CHECK_THROWS_AS(segment(own), Mine);
}

TEST_CASE("own stages: what breaks the contract is an error that names the slot",
          "[engine][own][errors]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CustomStages own;
  std::string expected;
  const auto detect = [&](Box box, float confidence) {
    own.detect = [=](const StageQuery&) {
      return Detections{{{box, confidence}}, {{box, confidence}}};
    };
  };
  const auto density = [&](const DensityMap& map) {
    own.density = [map](const StageQuery&) { return map; };
  };
  const auto decode = [&](const ScoredMask& mask) {
    own.decode = [mask](const StageQuery&, std::span<const Prompt> prompts) {
      return std::vector<ScoredMask>(prompts.size(), mask);
    };
  };
  SECTION("a grid without cells") {
    own.encode = [](ImageView) { return FeatureGrid{}; };
    expected = "encoder: features of 0 x 0";
  }
  SECTION("features that do not fill the grid") {
    own.encode = [](ImageView) { return FeatureGrid{{4, 3}, FloatMap::Ones(8, 11)}; };
    expected = "encoder: features of 8 x 11 (channels x cells) for a grid of 4 x 3 cells";
  }
  SECTION("features that are not finite") {
    own.encode = [nan](ImageView) { return FeatureGrid{{4, 3}, FloatMap::Constant(8, 12, nan)}; };
    expected = "encoder: features: value nan";
  }
  SECTION("a box inside out") {
    detect({50, 10, 20, 90}, 0.5f);
    expected = "detector: box 0 is (50, 10, 20, 90)";
  }
  SECTION("a box that is not finite") {
    detect({0, 0, nan, 90}, 0.5f);
    expected = "detector: box 0 is (0, 0, nan, 90)";
  }
  SECTION("a confidence out of range") {
    detect({0, 0, 9, 9}, 1.5f);
    expected = "detector: confidence 0 is 1.5; expected 0 to 1";
  }
  SECTION("an empty map") {
    density({});
    expected = "density map: size 0 x 0, expected at least 1 x 1";
  }
  SECTION("a map with NaN") {
    density(DensityMap::Constant(3, 4, nan));
    expected = "density map: value nan at x=0, y=0";
  }
  SECTION("a map with a negative value") {
    density(DensityMap::Constant(3, 4, -0.5f));
    expected = "density map: lowest value -0.5, expected none below 0";
  }
  SECTION("a mask that reaches outside") {
    decode({{{-1, 0, 1, 1}, {1, 1}}, 0.5f});
    expected = "decoder: mask 0 covers (-1, 0, 1, 1), expected a box inside of 250 x 200";
  }
  SECTION("a mask that does not fill its box") {
    decode({{{0, 0, 2, 2}, {1, 1}}, 0.5f});
    expected = "decoder: mask 0 has 2 values for a box of 4 pixels";
  }
  SECTION("a score that is not finite") {
    decode({{}, nan});
    expected = "decoder: score 0 is nan, expected a finite number";
  }
  SECTION("another number of masks than prompts") {
    own.decode = [](const StageQuery&, std::span<const Prompt>) {
      return std::vector<ScoredMask>{};
    };
    expected = "decoder: 0 masks for 1 prompts, expected one each";
  }
  CHECK_THAT(message_of<InvalidArgument>([&] { segment(own); }), ContainsSubstring(expected));
}

TEST_CASE("own stages: a slot cannot hold an archive as well", "[engine][own][errors]") {
  Stages stages;
  stages.custom.density = bumps;
  stages.dmg = "countr.pt";
  CHECK(message_of<InvalidArgument>([&] { Engine engine(stages); }) ==
        "dmg: got \"countr.pt\" and a stage of your own, expected one of them");
}

TEST_CASE("own stages: are called on the threads that call the engine", "[engine][own][threads]") {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  Stages stages = Stages::named("classic");
  stages.custom.density = [&](const StageQuery& query) {
    const std::scoped_lock lock(mutex);
    seen.insert(std::this_thread::get_id());
    return bumps(query);
  };
  const Engine engine(stages);
  const cv::Mat support = discs(1, 1), mask = first_disc(), query = discs(across, down);
  const EngineSupport prepared = engine.support(ImageView::of_rgb(support), MaskView(mask));
  std::vector<std::size_t> counts(3);
  std::set<std::thread::id> callers;
  {
    std::vector<std::jthread> threads;
    for (std::size_t& count : counts)
      threads.emplace_back(
          [&] { count = engine.segment(prepared, ImageView::of_rgb(query)).count(); });
    for (const std::jthread& thread : threads) callers.insert(thread.get_id());
  }
  CHECK(seen == callers);
  CHECK(counts == std::vector<std::size_t>(3, across * down));
}
