// Engines whose slots are filled by archives, by mini, by weight-free stages, or by several of
// them.
#include "persense/engine.hpp"

#include <algorithm>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "catch.hpp"
#include "colour_encoder.hpp"
#include "many_threads.hpp"
#include "persense/option_table.hpp"
#include "sam_archives.hpp"
#include "same_result.hpp"
#include "unicode.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using persense::testing::colours;
using persense::testing::same;
using persense::testing::wrong_of_many_threads;

namespace {

constexpr int across = 5, down = 4, gap = 50, radius = 12;

/// Red discs on blue.
cv::Mat crowd(int columns = across, int rows = down) {
  cv::Mat image = disc_picture({columns * gap, rows * gap}, {gap / 2, gap / 2}, radius);
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < columns; ++x)
      cv::circle(image, {gap / 2 + gap * x, gap / 2 + gap * y}, radius, cv::Scalar(220, 30, 10),
                 cv::FILLED);
  return image;
}

Result count_discs(const Engine& engine, const cv::Mat& query = crowd()) {
  const Size size{160, 120};
  const cv::Mat support = disc_picture(size, {80, 60}, radius);
  const cv::Mat mask = disc_mask(size, {80, 60}, radius);
  RunOptions run;
  run.trace = true;
  return engine.segment(engine.support(ImageView::of_rgb(support), MaskView(mask)),
                        ImageView::of_rgb(query), run);
}

/// A density network: 60 times a bump of mass 1 on every red pixel's neighbourhood, CounTR's scale.
const std::string red_is_dense = R"(
def forward(self, image, exemplars):
    red = torch.clamp(image[:, 0] - image[:, 2], 0.0, 1.0).unsqueeze(1)
    return torch.avg_pool2d(red, [31, 31], [1, 1], [15, 15]).squeeze(1) ** 4
)";

struct Models : DiscArchives {
  std::filesystem::path dmg = scratch / "dmg.pt";
  explicit Models(const std::string& network = "countr") {
    save_archive(dmg, R"({"format": 1, "stage": "dmg", "name": ")" + network + R"(",
                     "input": {"size": 384, "mean": [0, 0, 0], "std": [255, 255, 255],
                               "exemplar_size": 64}, "output": {"scale": 60}})",
                 red_is_dense);
  }
  /// With a weight-free detector, whose boxes are known.
  Stages stages() const {
    Stages stages = Stages::in_folder(scratch.path().string());
    stages.detector = "classic";
    return stages;
  }
};

/// The network that is part of the library, as a file of the user's.
const std::string network = PERSENSE_SOURCE_DIR "/src/mini/mini.pt";

/// What holds for every result, whatever the stages.
void check_holds_together(const Result& result) {
  const PixelBox inside{0, 0, result.image_size.width, result.image_size.height};
  for (const Instance& instance : result.instances) {
    CHECK(intersection(instance.mask.box, inside) == instance.mask.box);
    CHECK(instance.mask.area() > 0);
  }
  CHECK((result.density() >= 0).all());
  CHECK((result.trace()->similarity.abs() <= 1).all());
}

void check_all_found(const Result& result) {
  CHECK(result.count() == across * down);
  for (const Instance& instance : result.instances) {
    const int dx = instance.point.x % gap - gap / 2, dy = instance.point.y % gap - gap / 2;
    CHECK(dx * dx + dy * dy < radius * radius);  // on a disc
    CHECK(instance.mask.contains(instance.point));
  }
}

}  // namespace

namespace {

/// Two supports asked of one encoded image, in both orders and from two threads, give what fresh
/// images give.
void check_supports_do_not_reach_each_other(const Engine& engine) {
  cv::Mat query = crowd();
  for (int x = 0; x < across; x += 2)  // some are green, and smaller
    for (int y = 0; y < down; ++y) {
      const cv::Point at{gap / 2 + gap * x, gap / 2 + gap * y};
      cv::circle(query, at, radius, cv::Scalar(20, 40, 200), cv::FILLED);
      cv::circle(query, at, radius - 3, cv::Scalar(30, 200, 30), cv::FILLED);
    }
  const ImageView view = ImageView::of_rgb(query);
  const Size size = view.size();
  const cv::Mat red_mask = disc_mask(size, {gap + gap / 2, gap / 2}, radius);
  const cv::Mat green_mask = disc_mask(size, {gap / 2, gap / 2}, radius - 3);
  const EngineSupport red = engine.support(view, MaskView(red_mask));
  const EngineSupport green = engine.support(view, MaskView(green_mask));
  const Result red_alone = engine.segment(red, view), green_alone = engine.segment(green, view);
  CHECK_FALSE(same(red_alone, green_alone));

  const EngineImage forward = engine.encode(view), backward = engine.encode(view);
  CHECK(same(engine.segment(forward, red), red_alone));
  CHECK(same(engine.segment(forward, green), green_alone));
  CHECK(same(engine.segment(forward, red), red_alone));
  CHECK(same(engine.segment(backward, green), green_alone));
  CHECK(same(engine.segment(backward, red), red_alone));

  const EngineImage shared = engine.encode(view);
  Result from_red, from_green;
  {
    const std::jthread one([&] { from_red = engine.segment(shared, red); });
    const std::jthread other([&] { from_green = engine.segment(shared, green); });
  }
  CHECK(same(from_red, red_alone));
  CHECK(same(from_green, green_alone));

  const Example example{forward, MaskView(red_mask)};
  CHECK(same(engine.segment(forward, engine.support(std::span(&example, 1))), red_alone));

  const Result both = engine.segment(forward, std::vector{red, green});
  REQUIRE(both.classes.size() == 2);
  CHECK(both.count() > 0);
  for (const Instance& a : both.instances)
    for (const Instance& b : both.instances)
      if (a.class_index != b.class_index) CHECK(intersection_area(a.mask, b.mask) == 0);
}

}  // namespace

TEST_CASE(
    "torch engine: mini asked about two supports gives of one encoded image what fresh ones "
    "give",
    "[torch][engine][mini][encoded][threads]") {
  check_supports_do_not_reach_each_other(Engine("mini"));
}

TEST_CASE("torch engine: guided archives give of one encoded image what fresh ones give",
          "[torch][engine][encoded][threads]") {
  const DiscArchives archives;  // their scores tell one support's guidance from another's
  Stages stages = Stages::named("classic");
  stages.encoder = archives.encoder.string();
  stages.decoder = archives.decoder.string();
  Options options;
  options.decoder.guidance = Switch::on;
  check_supports_do_not_reach_each_other(Engine(stages, options));
}

TEST_CASE(
    "torch engine: a box or a point is decoded by the archive itself, not guided, and once "
    "more from its own mask",
    "[torch][engine][marks]") {
  const DiscArchives archives;
  Stages stages = Stages::named("classic");
  stages.encoder = archives.encoder.string();
  stages.decoder = archives.decoder.string();
  const Engine engine(stages);
  const Size size{256, 256};  // the archive's input: a pixel is one
  const cv::Mat picture = disc_picture(size, {100, 120}, 24);
  const auto mask_of = [&](const Mark& mark) {
    const Example example{ImageView::of_rgb(picture), mark};
    const EngineSupport support = engine.support(std::span(&example, 1));
    CHECK(support.info().notes.empty());
    return support.info().examples.at(0).mask;
  };
  // a point's second decode sees a mask and no box: the archive's largest disc, of 24 pixels
  const Mask of_point = mask_of(Point{100, 120});
  CHECK(std::abs(of_point.box.width() - 48) <= 4);  // its cells are 4 pixels
  CHECK(of_point.contains({100, 120}));
  // a box's sees a box: the disc of 16
  const Mask of_box = mask_of(Box{82, 102, 118, 138});
  CHECK(std::abs(of_box.box.width() - 32) <= 4);
  CHECK(of_box.contains({100, 120}));
}

TEST_CASE("torch engine: mini makes masks of boxes on drawn discs",
          "[torch][engine][mini][marks]") {
  const Engine engine("mini");
  const cv::Mat picture = crowd();
  const Example example{ImageView::of_rgb(picture), Box{gap + 13, 13, gap + 38, 38}};
  const EngineSupport support = engine.support(std::span(&example, 1));
  const Mask& mask = support.info().examples.at(0).mask;
  const Mask truth = crop_to_box(
      MaskView(disc_mask({picture.cols, picture.rows}, {gap + gap / 2, gap / 2}, radius)));
  const auto shared = static_cast<double>(intersection_area(mask, truth));
  CHECK(shared / (static_cast<double>(mask.area() + truth.area()) - shared) >= 0.7);
}

TEST_CASE("torch engine: mini's thresholds change over an image that is encoded once",
          "[torch][engine][mini]") {
  const Engine engine("mini");
  const cv::Mat picture = crowd();
  const EngineImage image = engine.encode(ImageView::of_rgb(picture));
  const cv::Mat mask = disc_mask({picture.cols, picture.rows}, {gap + gap / 2, gap / 2}, radius);
  const Example example{image, MaskView(mask)};
  const auto found = [&](const Engine& of) {
    return of.segment(image, of.support(std::span(&example, 1)));
  };
  Options strict = engine.options();
  strict.mini.same = strict.mini.quality = 1;
  const Result by_default = found(engine);
  CHECK(by_default.count() > across * down / 2);
  CHECK(found(engine.with(strict)).count() == 0);
  CHECK(same(found(engine), by_default));
  strict.mini.same = strict.mini.quality = 0.6f;
  const Engine fresh(Stages::named("mini"), strict);
  CHECK(same(found(engine.with(strict)),
             fresh.segment(fresh.support(ImageView::of_rgb(picture), MaskView(mask)),
                           ImageView::of_rgb(picture))));
}

TEST_CASE("torch engine: an encoder archive works with weight-free stages", "[torch][engine]") {
  const DiscArchives archives;
  Stages stages = Stages::named("classic");
  stages.encoder = archives.encoder.string();
  const Engine engine(stages);
  const Result result = count_discs(engine);
  check_all_found(result);
  // the similarity is the archive's: cells of 16 pixels blur the discs' borders
  const FloatMap classic = count_discs(Engine("classic")).trace()->similarity;
  CHECK((classic - result.trace()->similarity).abs().maxCoeff() > 0.1f);
}

TEST_CASE("torch engine: a decoder archive segments what weight-free stages point at",
          "[torch][engine]") {
  const DiscArchives archives;
  Stages stages = Stages::named("classic");
  stages.encoder = archives.encoder.string();
  stages.decoder = archives.decoder.string();
  const Result result = count_discs(Engine(stages));
  check_all_found(result);
  // the archive's final masks are discs of 16 pixels of its input, 256 for the image's 250
  for (const Instance& instance : result.instances)
    CHECK(std::abs(instance.mask.box.width() - 2 * 16 * 250 / 256) <= 2);
}

TEST_CASE("torch engine: in tiles, archives see the small objects of a large image",
          "[torch][engine][tiles]") {
  const Models models;
  const Stages stages = models.stages();
  constexpr int columns = 24, rows = 20;  // discs of 24 pixels on 1200 x 1000
  const cv::Mat image = crowd(columns, rows);
  const auto count = [&](int size) {
    Options options = stages.adapt(Options::paper());
    options.tiles.size = size;
    return count_discs(Engine(stages, options), image);
  };
  constexpr int off = 0, automatic = -1;
  // 5 of the 256 pixels that the encoder sees, whose cells have 16: its masks are five times too
  // wide
  const Result whole = count(off);
  for (const Instance& instance : whole.instances) CHECK(instance.mask.box.width() > 100);
  const auto says = [](const Result& result, const char* text) {
    return std::any_of(result.notes.begin(), result.notes.end(), [text](const std::string& note) {
      return note.find(text) != std::string::npos;
    });
  };
  CHECK(says(whole, "5 pixels wide in what the encoder sees, 256 pixels of 1200; in tiles"));
  const Result tiled = count(automatic);
  CHECK(tiled.count() == columns * rows);
  CHECK_FALSE(says(tiled, "in tiles it is larger"));
  // in tiles of 192 pixels the discs are 32 pixels wide, as are the decoder's
  for (const Instance& instance : tiled.instances) {
    CHECK(std::abs(instance.mask.box.width() - 24) <= 2);
    const Point p = instance.point;
    CHECK(std::abs(p.x % gap - gap / 2) <= 4);
    CHECK(std::abs(p.y % gap - gap / 2) <= 4);
  }
}

TEST_CASE("torch engine: with the method grounded_sam the decoder segments the detector's boxes",
          "[torch][engine]") {
  const Models models("magic");  // which is never loaded: nothing makes a density map
  Options options;
  options.method = Method::grounded_sam;
  const Engine engine(models.stages(), options);
  CHECK(engine.options().method == Method::grounded_sam);
  const Result result = count_discs(engine);
  check_all_found(result);
  CHECK(result.notes.empty());
  std::vector<Detection> boxes = result.trace()->detections.phrase;
  std::erase_if(boxes, [&](const Detection& d) { return d.confidence <= 0.15f; });
  CHECK(result.estimated_count() == static_cast<double>(boxes.size()));
  // what the archive says of a box, and of nothing else, is its width in the input / 1000
  for (const Instance& instance : result.instances)
    CHECK(std::any_of(boxes.begin(), boxes.end(), [&](const Detection& d) {
      return instance.score == Approx((d.box.x1 - d.box.x0) * 256 / 250 / 1000);
    }));
}

TEST_CASE("torch engine: persam_f decodes SAM's three masks, and then their box",
          "[torch][engine]") {
  const Models models;
  Options options;
  options.method = Method::persam_f;
  const Engine engine(models.stages(), options);
  const Result result = count_discs(engine);
  CHECK(engine.options().method == Method::persam_f);
  CHECK(result.count() > 20);  // of 25
  for (const Instance& instance : result.instances) {
    CHECK(std::abs(instance.mask.box.width() - 2 * 16 * 250 / 256) <= 2);
    CHECK(instance.score == Approx(0.031).margin(0.002));  // the last decode had a box
  }
  Options tiles = options;
  tiles.tiles.size = 128;
  CHECK_THAT(message_of<InvalidArgument>([&] { Engine(models.stages(), tiles); }),
             ContainsSubstring("where there are no tiles"));
}

TEST_CASE("torch engine: a density archive works with the weight-free encoder", "[torch][engine]") {
  const Models models;
  Stages stages = Stages::named("classic");
  stages.dmg = models.dmg.string();
  check_all_found(count_discs(Engine(stages, stages.adapt(Options::paper()))));
}

TEST_CASE("torch engine: mini mixes with stages of every other kind, in every slot",
          "[torch][engine][mini]") {
  const Models models;
  Stages stages = Stages::named("mini");
  std::string similar = "mini";
  SECTION("a weight-free decoder") { stages.decoder = "classic"; }
  SECTION("a weight-free detector and density map generator") {
    stages.detector = stages.dmg = "classic";
  }
  SECTION("a density archive") { stages.dmg = models.dmg.string(); }
  SECTION("a weight-free encoder") { stages.encoder = similar = "classic"; }
  SECTION("an encoder archive") { stages.encoder = similar = models.encoder.string(); }
  SECTION("archives of encoder and decoder") {
    stages.encoder = similar = models.encoder.string();
    stages.decoder = models.decoder.string();
  }
  SECTION("one of every kind") {
    stages.encoder = similar = models.encoder.string();
    stages.detector = "classic";
    stages.custom.density = [](const StageQuery& query) {
      return DensityMap(query.similarity.max(0.0f) / 100.0f);
    };
  }
  SECTION("an encoder of the user's") {
    stages.custom.encode = colours<10>;
    similar = "own";
  }
  const Result result = count_discs(Engine(stages));
  CHECK(result.count() > 0);
  check_holds_together(result);
  // the encoder's slot says what is similar
  Stages alone = Stages::named("classic");
  if (similar == "own")
    alone.custom.encode = colours<10>;
  else
    alone.encoder = similar;
  CHECK((count_discs(Engine(alone)).trace()->similarity == result.trace()->similarity).all());
}

TEST_CASE("torch engine: a folder's mini.pt fills the slots without an archive of their own",
          "[torch][engine][mini]") {
  const Models models;
  const std::filesystem::path mini = models.scratch / "mini.pt";
  std::filesystem::copy_file(network, mini);
  Stages stages = Stages::in_folder(models.scratch.path().string());
  CHECK(stages.mini == mini.string());
  CHECK(stages.detector == "mini");
  CHECK(stages.dmg == models.dmg.string());
  for (const auto& archive : {models.encoder, models.dmg, models.decoder})
    std::filesystem::remove(archive);
  CHECK(same(count_discs(Engine(models.scratch.path().string())), count_discs(Engine("mini"))));

  stages = Stages::in_folder(models.scratch.path().string());
  std::filesystem::resize_file(mini, std::filesystem::file_size(mini) / 2);
  CHECK_THAT(message_of<Unreadable>([&] { Engine engine(stages); }),
             ContainsSubstring(mini.string()));
  save_archive(mini, encoder_manifest, "def forward(self, x):\n  return x\n");
  CHECK_THAT(message_of<BadModel>([&] { Engine engine(stages); }),
             ContainsSubstring(mini.string()) && ContainsSubstring("expected one of stage all"));
  stages.encoder = stages.detector = stages.dmg = stages.decoder = "classic";
  CHECK_FALSE(stages.need_torch());  // and the file is nobody's
  CHECK(count_discs(Engine(stages)).count() == across * down);
}

TEST_CASE("torch engine: an archive of another network in mini's place says what to do",
          "[torch][engine][mini][errors]") {
  const Scratch scratch;
  save_archive(scratch / "mini.pt", R"({"format": 1, "stage": "all", "name": "mini"})",
               "def forward(self, x):\n  return x\n");
  CHECK_THAT(
      message_of<BadModel>([&] { Engine engine(Stages::in_folder(scratch.path().string())); }),
      ContainsSubstring("mini.pt: the network of another version of persense, expected one "
                        "that python -m persense_export mini writes"));
}

TEST_CASE("torch engine: mini asks for feedback, which changes what it compares with",
          "[torch][engine][mini]") {
  const Stages mini = Stages::named("mini");
  CHECK(mini.adapt(Options::paper()).feedback.iterations == 1);
  Options without = Options::paper();
  without.feedback.iterations = 0;
  const Result with = count_discs(Engine(mini)), alone = count_discs(Engine(mini, without));
  CHECK(with.trace()->passes.size() == 2);
  CHECK_FALSE(same(with, alone));
}

TEST_CASE("torch engine: mini finds objects a quarter as wide as the support object",
          "[torch][engine]") {
  constexpr Size size{9 * gap, 9 * gap};
  const Point middle{size.width / 2, size.height / 2};
  const Engine engine("mini");
  const cv::Mat large = disc_picture(size, middle, 20), mask = disc_mask(size, middle, 20);
  const EngineSupport support = engine.support(ImageView::of_rgb(large), MaskView(mask));
  cv::Mat small(size.height, size.width, CV_8UC3, cv::Scalar(20, 40, 200));
  for (int y = gap / 2; y < size.height; y += gap)
    for (int x = gap / 2; x < size.width; x += gap)
      cv::circle(small, {x, y}, 5, cv::Scalar(220, 30, 10), cv::FILLED);
  const Result result = engine.segment(support, ImageView::of_rgb(small));
  CHECK(result.count() >= 77);  // of 81; none of them without the finer levels
  CHECK(result.count() <= 81);
}

TEST_CASE("torch engine: mini finds objects of 5 pixels in an image too large to be enlarged",
          "[torch][engine][mini]") {
  constexpr Size size{1200, 1000};  // 4 times by length: 19 million pixels
  constexpr int step = 140, width = 2;
  const Point middle{size.width / 2, size.height / 2};
  const Engine engine("mini");
  const cv::Mat one = disc_picture(size, middle, width), mask = disc_mask(size, middle, width);
  const EngineSupport support = engine.support(ImageView::of_rgb(one), MaskView(mask));
  cv::Mat many = disc_picture(size, middle, width);
  std::size_t count = 1;
  for (int y = step / 2; y < size.height; y += step)
    for (int x = step / 2; x < size.width; x += step, ++count)
      cv::circle(many, {x, y}, width, cv::Scalar(220, 30, 10), cv::FILLED);
  const Result result = engine.segment(support, ImageView::of_rgb(many));
  CHECK(result.count() >= count * 9 / 10);
  CHECK(result.count() <= count);
}

TEST_CASE("torch engine: mini finds in tiles what it finds in an image that it sees at once",
          "[torch][engine]") {
  constexpr int columns = 34, rows = 11;
  constexpr int shift = 400;            // pixels: discs and the network's grid repeat in it
  constexpr int most_at_once = 800000;  // pixels, see mini_network.cpp
  const cv::Mat wide = crowd(columns, rows)(cv::Rect(0, 0, columns * gap - 7, rows * gap - 5));
  const cv::Mat part = wide(cv::Rect(shift, 0, wide.cols - shift, wide.rows));
  REQUIRE(wide.size().area() > most_at_once);
  REQUIRE(part.size().area() < most_at_once);
  const Engine engine("mini");
  const cv::Mat support = disc_picture({160, 120}, {80, 60}, radius);
  const cv::Mat mask = disc_mask({160, 120}, {80, 60}, radius);
  const EngineSupport prepared = engine.support(ImageView::of_rgb(support), MaskView(mask));
  const Result whole = engine.segment(prepared, ImageView::of_rgb(wide));
  const Result rest = engine.segment(prepared, ImageView::of_rgb(part));
  REQUIRE(whole.count() == columns * rows);

  // what the image's own edge is near to may differ
  constexpr int edge = 150;
  std::size_t met = 0;
  for (const Instance& one : rest.instances) {
    if (one.mask.box.x0 < edge) continue;
    ++met;
    const PixelBox at{one.mask.box.x0 + shift, one.mask.box.y0, one.mask.box.x1 + shift,
                      one.mask.box.y1};
    const auto found =
        std::find_if(whole.instances.begin(), whole.instances.end(), [&](const Instance& other) {
          return other.mask.contains({one.point.x + shift, one.point.y});
        });
    REQUIRE(found != whole.instances.end());
    // cells lie elsewhere on the discs: a pixel of a box, half of one around a disc
    CHECK(std::abs(found->mask.box.x0 - at.x0) <= 1);
    CHECK(std::abs(found->mask.box.x1 - at.x1) <= 1);
    CHECK(found->mask.area() == Approx(static_cast<double>(one.mask.area())).epsilon(0.085));
  }
  const auto beyond =
      std::count_if(whole.instances.begin(), whole.instances.end(),
                    [&](const Instance& i) { return i.mask.box.x0 >= shift + edge; });
  CHECK(met == static_cast<std::size_t>(beyond));
  CHECK(met > columns * rows / 2);
}

TEST_CASE("torch engine: mini gives the same bytes on one thread and on two",
          "[torch][engine][mini]") {
  Stages stages = Stages::named("mini");
  stages.threads = 1;
  const Result one = count_discs(Engine(stages));
  stages.threads = 2;
  CHECK(one.count() > 0);
  CHECK(same(one, count_discs(Engine(stages))));
}

TEST_CASE("torch engine: mini gives the same of a thousand objects on one thread and on two",
          "[torch][engine][mini]") {
  constexpr int columns = 40, rows = 26;
  Stages stages = Stages::named("mini");
  std::vector<Result> results;
  const int before = cv::getNumThreads();
  for (const int threads : {1, 2}) {
    stages.threads = threads;
    cv::setNumThreads(threads);
    results.push_back(count_discs(Engine(stages), crowd(columns, rows)));
  }
  cv::setNumThreads(before);
  CHECK(results[0].count() == columns * rows);
  CHECK(same(results[0], results[1]));
}

TEST_CASE("torch engine: eight threads may share one engine of mini stages",
          "[torch][engine][mini][threads]") {
  const Engine engine("mini");
  const Result alone = count_discs(engine);
  std::vector<Result> results(8);
  {
    std::vector<std::jthread> threads;
    for (Result& result : results) threads.emplace_back([&] { result = count_discs(engine); });
  }
  for (const Result& result : results) CHECK(same(result, alone));
}

TEST_CASE("torch engine: 16 threads with several supports of mini get what one thread gets",
          "[torch][engine][mini][threads]") {
  const cv::Mat image = crowd(3, 2);
  const ImageView query = ImageView::of_rgb(image);
  const cv::Mat mask = disc_mask(query.size(), {gap / 2, gap / 2}, radius);
  const float low = gap / 2 - radius, high = gap / 2 + radius + 1;
  const std::vector<std::vector<Example>> marked{
      {{query, MaskView(mask)}},
      {{query, Box{low + gap, low, high + gap, high}}, {query, Point{gap / 2, gap / 2}}}};
  Stages stages = Stages::named("mini");
  stages.threads = 1;  // each of the 16 is one
  CHECK(wrong_of_many_threads(Engine(stages), marked, {query}, 16) == 0);
}

TEST_CASE("torch engine: mini finds on a GPU what it finds on the CPU, whoever else uses it",
          "[torch][engine][mini][cuda]") {
  if (!at::hasCUDA()) SKIP("no CUDA device that this LibTorch could use");
  constexpr int columns = 24, rows = 18;
  const cv::Mat query = crowd(columns, rows);  // at three scales
  Stages stages = Stages::named("mini");
  const Result on_cpu = count_discs(Engine(stages), query);
  REQUIRE(on_cpu.count() == columns * rows);
  stages.device = "cuda";
  const Engine engine(stages);
  const Result on_gpu = count_discs(engine, query);
  REQUIRE(on_gpu.count() == on_cpu.count());
  for (const Instance& one : on_gpu.instances) {
    const auto same_object = [&](const Instance& other) {  // but for its rim: a GPU rounds more
      const auto common = static_cast<double>(intersection_area(one.mask, other.mask));
      const auto larger = static_cast<double>(std::max(one.mask.area(), other.mask.area()));
      return common > 0.97 * larger;
    };
    CHECK(std::any_of(on_cpu.instances.begin(), on_cpu.instances.end(), same_object));
  }

  std::vector<Result> results(4);
  {
    std::vector<std::jthread> threads;
    for (Result& result : results)
      threads.emplace_back([&] { result = count_discs(engine, query); });
  }
  for (const Result& result : results) CHECK(same(result, on_gpu));
}

TEST_CASE("torch engine: mini runs where the device is, and says when it is not there",
          "[torch][engine][mini][errors]") {
  Stages stages;  // the default
  stages.device = "cuda:99";
  CHECK_THAT(message_of<DeviceUnavailable>([&] { Engine engine(stages); }),
             ContainsSubstring("cuda:99"));
  stages.device = "cpu";
  stages.dtype = "fp16";
  CHECK_THAT(message_of<InvalidArgument>([&] { Engine engine(stages); }),
             ContainsSubstring("fp16"));
  stages.dtype = "bf16";
  check_holds_together(count_discs(Engine(stages)));
}

TEST_CASE("torch engine: a folder fills the slots it has archives for", "[torch][engine]") {
  const Models models;
  const Stages stages = Stages::in_folder(models.scratch.path().string());
  CHECK(stages.encoder == models.encoder.string());
  CHECK(stages.detector == "mini");
  CHECK(stages.dmg == models.dmg.string());
  CHECK(stages.decoder == models.decoder.string());
  const Stages weight_free_detector = models.stages();
  check_all_found(
      count_discs(Engine(weight_free_detector, weight_free_detector.adapt(Options::paper()))));
}

TEST_CASE("torch engine: mini has the hybrid IDM and seven exemplars, but in reference",
          "[torch][engine][mini]") {
  const Stages stages = Stages::named("mini");
  for (const Options& preset : {Options::paper(), Options::plus_plus()}) {
    const Options adapted = stages.adapt(preset);
    CHECK(adapted.idm.mode == IdmMode::hybrid);
    CHECK(adapted.feedback.shots == 7);
  }
  const Options reference = stages.adapt(Options::reference());
  CHECK(reference.idm.mode == IdmMode::contour);
  CHECK(reference.feedback.shots == 4);
  const Options set = stages.adapt(Options::paper(), [](Options& o) { o.feedback.shots = 3; });
  CHECK(set.feedback.shots == 3);
  CHECK(Engine("mini").options().feedback.shots == 7);
}

TEST_CASE("torch engine: CounTR's maps are binarised at 20 and its count is not rounded",
          "[torch][engine]") {
  const Models models;
  const Engine engine(models.scratch.path().string(), Options::reference());
  CHECK(engine.options().idm.threshold == 20);
  CHECK(engine.options().ppsm.count_rounding == CountRounding::none);
  CHECK(Stages{}.adapt(Options::reference()).idm.threshold == 30);
  const auto adapted = [&](const std::string& key, const std::string& value) {
    return models.stages().adapt(Options::reference(),
                                 [&](Options& o) { set_option(o, key, value); });
  };
  CHECK(adapted("idm.threshold", "25").idm.threshold == 25);  // a user's word is the last
  CHECK(adapted("ppsm.norm_const", "1").idm.threshold == 20);
  CHECK(adapted("method", "grounded_sam").idm.threshold == 30);
}

TEST_CASE("torch engine: guidance and refinement are options", "[torch][engine]") {
  const DiscArchives archives;
  Stages stages = Stages::named("classic");
  stages.encoder = archives.encoder.string();
  stages.decoder = archives.decoder.string();
  Options plain;
  plain.decoder.guidance = plain.decoder.refinement = Switch::off;
  // the archive answers a plain point with its middle disc, a refined one with its large one
  const auto first_width = [&](const Options& options) {
    return count_discs(Engine(stages, options))
        .trace()
        ->passes.front()
        .masks.front()
        .mask.box.width();
  };
  CHECK(first_width(plain) < first_width({}));
}

TEST_CASE("torch engine: the same result on one thread and on two", "[torch][engine]") {
  const Models models;
  Stages stages = models.stages();
  const Options options = stages.adapt(Options::paper());
  std::vector<Result> results;
  for (const int threads : {1, 2}) {
    stages.threads = threads;
    results.push_back(count_discs(Engine(stages, options)));
  }
  REQUIRE(results[0].count() == results[1].count());
  for (std::size_t i = 0; i < results[0].instances.size(); ++i) {
    CHECK(results[0].instances[i].point == results[1].instances[i].point);
    CHECK(results[0].instances[i].mask.bits == results[1].instances[i].mask.bits);
  }
}

TEST_CASE("torch engine: a folder's detector.pt is asked for the label", "[torch][engine]") {
  if (!torchscript::unicode::is_available()) SKIP("a build without utf8proc");
  const Scratch folder;
  // one box, all over the image, of whatever is asked for
  save_archive(folder / "detector.pt", R"({"format": 1, "stage": "detector", "name": "any",
      "input": {"short_side": 64, "long_side": 128, "mean": [0, 0, 0], "std": [255, 255, 255]},
      "text": {"vocabulary": "vocab.txt", "lower_case": true, "max_tokens": 16},
      "output": {"queries": 1}})",
               "def forward(self, image, ids, attention, positions, tokens):\n"
               "  return torch.ones([ids.size(0), 1, ids.size(1)]), "
               "torch.tensor([0.5, 0.5, 1.0, 1.0]).expand(ids.size(0), 1, 4)\n",
               [](torch::jit::Module&) {},
               {{"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n.\n?\ndisc\nall\ndiscs\n"}});
  Stages stages = Stages::in_folder(folder.path().string());
  CHECK(stages.detector == (folder / "detector.pt").string());
  stages.encoder = stages.dmg = stages.decoder = "classic";
  const Engine engine(stages);
  const cv::Mat query = crowd();
  const cv::Mat support = disc_picture({160, 120}, {80, 60}, radius);
  const cv::Mat mask = disc_mask({160, 120}, {80, 60}, radius);
  const auto find = [&](const std::string& label) {
    return engine.segment(engine.support(ImageView::of_rgb(support), MaskView(mask), label),
                          ImageView::of_rgb(query));
  };
  CHECK(find("Disc").count() == across * down);
  CHECK_THAT(message_of<InvalidArgument>([&] { find(""); }), ContainsSubstring("class label"));
}

TEST_CASE("torch engine: stages that do not fit are refused in one line",
          "[torch][engine][errors]") {
  const Models models("magic");
  const auto refused = [](auto type, const Stages& stages) {
    return message_of<decltype(type)>([&] { Engine engine(stages); });
  };
  Stages stages;
  stages.decoder = models.decoder.string();
  for (const std::string encoder : {"classic", "mini"}) {
    stages.encoder = encoder;
    CHECK_THAT(refused(InvalidArgument(""), stages),
               ContainsSubstring("needs the encoder archive that it was trained with (\"disc\"), "
                                 "got \"" +
                                 encoder + "\""));
  }
  stages = {};
  stages.detector = models.decoder.string();
  CHECK_THAT(refused(BadModel(""), stages), ContainsSubstring("expected one of stage detector"));
  stages = {};
  stages.dmg = models.dmg.string();
  CHECK_THAT(refused(BadModel(""), stages),
             ContainsSubstring("\"magic\", expected \"countr\" or \"dsalvanet\""));
  stages = {};
  stages.encoder = models.decoder.string();
  CHECK_THAT(refused(BadModel(""), stages), ContainsSubstring("decoder"));
  stages.encoder = models.encoder.string();
  stages.device = "tpu";
  CHECK_THAT(refused(InvalidArgument(""), stages), ContainsSubstring("tpu"));
  stages.device = "cpu";
  stages.dtype = "fp8";
  CHECK_THAT(refused(InvalidArgument(""), stages), ContainsSubstring("fp8"));
  const Scratch empty;
  CHECK_THAT(message_of<FileNotFound>([&] { Stages::in_folder(empty.path().string()); }),
             ContainsSubstring("no encoder.pt"));
}
