// Tiles: what is found does not depend on where an image is cut.
#include <map>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "../catch.hpp"
#include "../message_of.hpp"
#include "persense/detail/marking.hpp"
#include "persense/tiles/tiled_pipeline.hpp"
#include "region_stages.hpp"

using namespace persense;
using namespace persense::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

Options with_tiles(int size) {
  Options options;
  options.tiles.size = size;
  return options;
}

/// An image, and a mask of the object that is looked for in it.
struct Scene {
  cv::Mat image, mask;

  explicit Scene(Size size)
      : image(size.height, size.width, CV_8UC3, cv::Scalar(ground[0], ground[1], ground[2])),
        mask(cv::Mat::zeros(size.height, size.width, CV_8UC1)) {}
  ImageView view() const { return ImageView::of_rgb(image); }

  void ellipse(Point at, cv::Size radii, double angle, const cv::Vec3b& colour) {
    cv::ellipse(image, {at.x, at.y}, radii, angle, 0, 360,
                cv::Scalar(colour[0], colour[1], colour[2]), cv::FILLED);
  }
  /// The object at a point is the one that is looked for.
  void look_for(Point p) {
    const Regions regions(view());
    paint(regions.masks.at(static_cast<std::size_t>(regions.at(p))), mask);
  }
};

Result found_in(const Scene& scene, int tile_size, Shown& shown) {
  const RegionEncoder encoder{&shown};
  if (tile_size == 0) {
    const Pipeline pipeline(encoder, RegionDetector{}, RegionDmg{&shown}, RegionDecoder{});
    return pipeline.segment(pipeline.support(scene.view(), MaskView(scene.mask)), scene.view());
  }
  const auto pipeline = tiled_pipeline(encoder, RegionDetector{}, RegionDmg{&shown},
                                       RegionDecoder{}, with_tiles(tile_size));
  return pipeline.segment(pipeline.support(scene.view(), MaskView(scene.mask)), scene.view());
}
Result found_in(const Scene& scene, int tile_size) {
  Shown shown;
  return found_in(scene, tile_size, shown);
}

/// Objects of two classes that touch and hide each other, as large as half to twice the marked one.
Scene random_scene(std::uint32_t seed) {
  Random random(seed);
  Scene scene({random.integer(200, 700), random.integer(200, 700)});
  const int count = random.integer(10, 150), width = scene.image.cols, height = scene.image.rows;
  for (int i = 0; i < count; ++i) {
    const Point at{random.integer(0, width - 1), random.integer(0, height - 1)};
    const cv::Size radii(random.integer(5, 12), random.integer(5, 12));
    scene.ellipse(at, radii, random.real(0, 180), random.chance(0.7f) ? red(i) : blue(i));
  }
  const Point marked{random.integer(20, width - 20), random.integer(20, height - 20)};
  scene.ellipse(marked, {9, 7}, 0, red(count));
  scene.look_for(marked);
  return scene;
}

/// How many of a's instances b has, with nearly the same mask.
std::size_t common(const Result& a, const Result& b) {
  return static_cast<std::size_t>(
      std::count_if(a.instances.begin(), a.instances.end(), [&](const Instance& i) {
        return std::any_of(b.instances.begin(), b.instances.end(),
                           [&](const Instance& j) { return detail::iou(i.mask, j.mask) > 0.95f; });
      }));
}

}  // namespace

TEST_CASE("tiles: cover an image with cores that are apart, and overlap by what was asked for",
          "[tiles]") {
  Random random(1);
  for (int n = 0; n < 300; ++n) {
    const int overlap = n == 0 ? 4 : n == 1 ? 16 : random.integer(1, 60);
    const TileShape shape{n < 2 ? 3 * overlap : random.integer(3 * overlap, 400), overlap};
    // many tiles in a row, too
    const Size size = n == 0   ? Size{77, 3000}
                      : n == 1 ? Size{916, 12}
                               : Size{random.integer(1, 1500), random.integer(1, 1500)};
    INFO(to_string(size) << ", side " << shape.side << ", overlap " << overlap);
    const TileGrid grid(size, shape);
    cv::Mat cores = cv::Mat::zeros(size.height, size.width, CV_8UC1);
    FloatMap weights = FloatMap::Zero(size.height, size.width);
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const auto& [frame, core] = grid[i];
      REQUIRE((frame.width() <= shape.side && frame.height() <= shape.side));
      REQUIRE(intersection(frame, core) == core);
      REQUIRE(intersection(frame, {0, 0, size.width, size.height}) == frame);
      cores(cv::Rect(core.x0, core.y0, core.width(), core.height())) += 1;
      grid.blend(i, FloatMap::Ones(frame.height(), frame.width()), weights);
      // an object half as long as the overlap is whole where its middle is
      for (const auto& [inner, edge, limit] : {std::tuple{core.x0, frame.x0, 0},
                                               {frame.x1, core.x1, size.width},
                                               {core.y0, frame.y0, 0},
                                               {frame.y1, core.y1, size.height}})
        REQUIRE((inner - edge >= overlap / 2 || edge == limit || inner == limit));
    }
    CHECK(cv::countNonZero(cores != 1) == 0);
    CHECK((weights - 1).abs().maxCoeff() < 1e-5f);  // sums of two or four float32
    for (int k = 0; k < 20; ++k) {
      const Point p{random.integer(0, size.width - 1), random.integer(0, size.height - 1)};
      CHECK(grid[grid.at(p)].core.contains(p));
    }
  }
}

TEST_CASE(
    "tiles: of 200 scenes the same objects are found with and without, wherever the seams are",
    "[tiles]") {
  std::size_t all = 0, same = 0, more = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    const Scene scene = random_scene(seed);
    const Result whole = found_in(scene, 0);
    const Result tiled = found_in(scene, Random(seed + 1000).integer(140, 240));
    INFO("seed " << seed << ": " << whole.count() << " whole, " << tiled.count() << " tiled");
    all += whole.count();
    same += common(whole, tiled);
    more += tiled.count() - common(tiled, whole);
    // slivers of hidden objects, in a tile where nothing else is
    CHECK(std::abs(static_cast<double>(tiled.count()) - static_cast<double>(whole.count())) <=
          std::max(3.0, 0.01 * static_cast<double>(whole.count())));
    CHECK(tiled.estimated_count() == Approx(whole.estimated_count()).margin(3.0));
  }
  INFO(all << " objects, " << same << " of them the same, " << more << " others");
  REQUIRE(all > 5000);
  CHECK(static_cast<double>(same) >= 0.99 * static_cast<double>(all));
  CHECK(static_cast<double>(more) <= 0.01 * static_cast<double>(all));
}

TEST_CASE("tiles: no stage sees more than a tile, and each tile is encoded once", "[tiles]") {
  const Scene scene = random_scene(7);
  Shown shown;
  found_in(scene, 160, shown);
  for (const Size size : shown.images) CHECK((size.width <= 160 && size.height <= 160));
  const TileGrid grid(scene.view().size(), tile_shape(160, {}, 16, 19));
  CHECK(shown.images.size() - grid.size() <= 1);  // the support is in one of them, or has its own
}

TEST_CASE("tiles: an image that is no larger than a tile gives what it gives without", "[tiles]") {
  const Scene scene = random_scene(3);
  const Result whole = found_in(scene, 0), tiled = found_in(scene, 2000);
  REQUIRE(whole.count() == tiled.count());
  for (std::size_t i = 0; i < whole.count(); ++i) {
    CHECK(whole.instances[i].mask.bits == tiled.instances[i].mask.bits);
    CHECK(whole.instances[i].box == tiled.instances[i].box);
    CHECK(whole.instances[i].point == tiled.instances[i].point);
  }
  CHECK((whole.density() == tiled.density()).all());
}

TEST_CASE("tiles: an object that is longer than a tile is found once and whole", "[tiles]") {
  Scene scene({900, 300});
  scene.ellipse({450, 150}, {400, 6}, 8, red(0));  // 800 pixels long
  for (int i = 0; i < 8; ++i) scene.ellipse({60 + 100 * i, 40}, {9, 9}, 0, red(i + 1));
  scene.look_for({60, 40});
  const Result whole = found_in(scene, 0), tiled = found_in(scene, 128);
  REQUIRE(whole.count() == 9);
  CHECK(tiled.count() == 9);
  CHECK(common(whole, tiled) == 9);
}

TEST_CASE("tiles: 3000 discs that touch, on 24 megapixels", "[tiles]") {
  Scene scene({6000, 4000});
  const int pitch = 89;  // 67 x 45 discs of 90 pixels
  int count = 0;
  for (int y = 45; y < 4000 - 45; y += pitch)
    for (int x = 45; x < 6000 - 45; x += pitch)
      scene.ellipse({x, y}, {45, 45}, 0, red(count++ * 3));
  scene.look_for({45 + 10 * pitch, 45 + 10 * pitch});
  Shown shown;
  const Result tiled = found_in(scene, 1024, shown);
  const Regions truth(scene.view());
  REQUIRE(truth.masks.size() == 2948);
  CHECK(tiled.count() == truth.masks.size());
  std::size_t same = 0;
  for (const Instance& i : tiled.instances) {
    const int label = truth.at(most_interior(i.mask));
    same += label >= 0 && detail::iou(i.mask, truth.masks[static_cast<std::size_t>(label)]) > 0.95f;
  }
  CHECK(same == truth.masks.size());
  for (const Size size : shown.images) CHECK(size.width <= 1024);
}

TEST_CASE("tiles: where no object is like the support, a tile counts nothing", "[tiles]") {
  Scene scene({600, 200});
  scene.ellipse({50, 50}, {9, 9}, 0, red(0));
  scene.ellipse({90, 90}, {9, 9}, 0, red(1));
  for (int i = 0; i < 12; ++i) scene.ellipse({300 + 20 * i, 100}, {9, 9}, 0, blue(i));
  scene.look_for({50, 50});
  Shown shown;
  const Result result = found_in(scene, 128, shown);
  CHECK(result.count() == 2);
  CHECK(result.estimated_count() == Approx(2).margin(0.1));
  const TileGrid grid(scene.view().size(), tile_shape(128, {}, 19, 19));
  CHECK(shown.densities < grid.size());  // in two passes
}

TEST_CASE("tiles: a box or a point marks the same object in a large image", "[tiles]") {
  const Scene scene = random_scene(11);
  Shown shown;
  const auto pipeline = tiled_pipeline(RegionEncoder{&shown}, RegionDetector{}, RegionDmg{&shown},
                                       RegionDecoder{}, with_tiles(160));
  using Example = decltype(pipeline)::Example;
  const Mask truth = crop_to_box(MaskView(scene.mask));
  const Point middle = most_interior(truth);
  for (const Mark& mark : {Mark(static_cast<Box>(truth.box)), Mark(middle)}) {
    const Example example{scene.view(), mark};
    const auto support = pipeline.support(std::span(&example, 1));
    CHECK(support.examples.at(0).mask.bits == truth.bits);
    CHECK(support.box == truth.box);
  }
  for (const Size size : shown.images) CHECK((size.width <= 160 && size.height <= 160));
}

TEST_CASE("tiles: a point in an object that is larger than a tile marks all of it", "[tiles]") {
  Scene scene({900, 700});
  scene.ellipse({450, 350}, {160, 110}, 0, red(0));
  Shown shown;
  const auto pipeline = tiled_pipeline(RegionEncoder{&shown}, RegionDetector{}, RegionDmg{&shown},
                                       RegionDecoder{}, with_tiles(160));
  using Example = decltype(pipeline)::Example;
  const Example example{scene.view(), Point{430, 300}};
  const auto support = pipeline.support(std::span(&example, 1));
  CHECK(support.box == PixelBox{290, 240, 611, 461});
}

TEST_CASE("tiles: an image that is asked more than once is encoded once", "[tiles]") {
  const Scene scene = random_scene(13);
  Shown shown;
  const auto pipeline = tiled_pipeline(RegionEncoder{&shown}, RegionDetector{}, RegionDmg{&shown},
                                       RegionDecoder{}, with_tiles(1000));
  const auto image = pipeline.encode(scene.view());
  using Example = decltype(pipeline)::Example;
  const Example example{image, MaskView(scene.mask)};
  const auto support = pipeline.support(std::span(&example, 1));
  pipeline.segment(image, support);
  pipeline.segment(image, support);
  CHECK(shown.images.size() == 1);
}

TEST_CASE("tiles: several threads may ask one encoded image", "[tiles][threads]") {
  const Scene scene = random_scene(21);
  const Result alone = found_in(scene, 160);
  Shown shown;
  const auto pipeline = tiled_pipeline(RegionEncoder{&shown}, RegionDetector{}, RegionDmg{&shown},
                                       RegionDecoder{}, with_tiles(160));
  const auto support = pipeline.support(scene.view(), MaskView(scene.mask));
  const auto image = pipeline.encode(scene.view());
  std::vector<Result> results(4);
  std::vector<std::thread> threads;
  for (Result& result : results)
    threads.emplace_back([&] { result = pipeline.segment(image, support); });
  for (std::thread& thread : threads) thread.join();
  for (const Result& result : results) {
    CHECK(result.count() == alone.count());
    CHECK(common(result, alone) == alone.count());
  }
}

TEST_CASE("tiles: weak detections do not stand for confident ones", "[tiles]") {
  const TileGrid grid({280, 100}, {120, 40});
  REQUIRE(grid.size() == 3);
  const PixelBox &first = grid[0].frame, &second = grid[1].frame;
  const auto seen_by = [](const PixelBox& frame, Box box, float confidence) {
    return Detection{detail::shifted(box, -frame.x0, -frame.y0), confidence};
  };
  const auto edge = static_cast<float>(first.x1);
  const Box cut{edge - 20, 40, edge, 60}, whole{edge - 20, 40, edge + 10, 60};
  for (const float other : {0.1f, 0.25f, 0.6f}) {
    detail::MergedDetections detections(grid, 0.15f);
    const std::vector<Detection> a{seen_by(first, cut, 0.7f)}, b{seen_by(second, whole, other)};
    detections.add(0, a);
    detections.add(1, b);
    const auto merged = std::move(detections).merged();
    INFO("confidence " << other);
    REQUIRE_FALSE(merged.empty());
    if (other == 0.1f) CHECK(merged.size() == 1);
    if (other == 0.6f) CHECK(merged[0].box == whole);
    const bool is_cut_there =
        std::any_of(merged.begin(), merged.end(), [&](const Detection& d) { return d.box == cut; });
    CHECK(is_cut_there == (other < 0.35f));
  }
}

TEST_CASE("tiles: an exemplar is in the tiles that show all of it that lies in the image",
          "[tiles]") {
  const Scene scene = random_scene(3);
  Shown shown;
  using Encoder = TiledEncoder<RegionEncoder>;
  const Encoder encoder(RegionEncoder{&shown}, 160);
  const auto pipeline = tiled_pipeline(RegionEncoder{&shown}, RegionDetector{}, RegionDmg{&shown},
                                       RegionDecoder{}, with_tiles(160));
  const auto support = pipeline.support(scene.view(), MaskView(scene.mask));
  const auto embedding = encoder.encode(scene.view());
  const Size size = scene.view().size();
  const FloatMap similarity = FloatMap::Zero(size.height, size.width);
  const TileGrid grid(size, support.prototype.shape);
  REQUIRE(grid.size() > 3);
  const auto seam = static_cast<float>(grid[0].frame.x1);
  const Exemplar beyond{{-0.4f, 10, 30, 40}}, cut{{seam - 10, 10, seam + 10, 40}},
      outside{{-30, -30, -5, -5}};
  const std::vector<Exemplar> exemplars{beyond, cut, outside};
  const Query<Encoder> query{scene.view(), embedding, similarity, support, exemplars};
  const detail::TiledQuery<RegionEncoder, Encoder> tiles(query);
  const auto first = tiles.exemplars_in(0);
  REQUIRE(first.size() == 1);
  CHECK(first[0].box == beyond.box);
  const auto second = tiles.exemplars_in(1);
  REQUIRE(second.size() == 1);
  CHECK(second[0].box == cut.box);
}

TEST_CASE("tiles: progress of a step never goes back", "[tiles]") {
  const Scene scene = random_scene(5);
  Shown shown;
  const auto pipeline = tiled_pipeline(RegionEncoder{&shown}, RegionDetector{}, RegionDmg{&shown},
                                       RegionDecoder{}, with_tiles(160));
  const auto support = pipeline.support(scene.view(), MaskView(scene.mask));
  std::map<Step, double> last;
  RunOptions run;
  int reports = 0;
  run.on_step = [&](Step step) { last[step] = 0; };
  run.on_progress = [&](Step step, double part) {
    ++reports;
    CHECK(part >= last[step]);
    CHECK(part <= 1);
    last[step] = part;
  };
  pipeline.segment(support, scene.view(), run);
  CHECK(reports > 20);
}

TEST_CASE("tiles: auto cuts where the support object would be small in what the encoder sees",
          "[tiles]") {
  constexpr int seen = 1024;
  // 40 pixels of 1000: as large as it can be, so nothing is cut
  CHECK(TileGrid({1000, 800}, tile_shape(-1, seen, 40, 44)).size() == 1);
  // supports of like size share tiles
  CHECK(tile_shape(-1, seen, 40, 44) == tile_shape(-1, seen, 41, 45));
  // 40 pixels of 5472 would be 7.5
  const TileShape shape = tile_shape(-1, seen, 40, 44);
  CHECK(shape.side == 1024);  // half octaves: the largest in which 40 are at least 32 of 1024
  CHECK(TileGrid({5472, 3648}, shape).size() > 9);
  // tiles are enlarged twice at most
  CHECK(tile_shape(-1, seen, 5, 5).side == 512);
  // an encoder that sees any size
  CHECK(TileGrid({20000, 20000}, tile_shape(-1, std::nullopt, 5, 5)).size() == 1);
}

TEST_CASE("tiles: a side that is too small for the object grows, and a note says so", "[tiles]") {
  Scene scene({500, 500});
  scene.ellipse({100, 100}, {40, 40}, 0, red(0));
  scene.ellipse({300, 300}, {40, 40}, 0, red(1));
  scene.look_for({100, 100});
  const Result result = found_in(scene, 100);
  CHECK(result.count() == 2);
  REQUIRE(result.notes.size() == 1);
  CHECK_THAT(result.notes[0],
             ContainsSubstring("tiles of 100 pixels are too small for the support's object"));
}

TEST_CASE("tiles: a pipeline of tiles without a size is refused", "[tiles]") {
  Shown shown;
  CHECK_THAT(message_of<InvalidArgument>([&] {
               tiled_pipeline(RegionEncoder{&shown}, RegionDetector{}, RegionDmg{&shown},
                              RegionDecoder{}, {});
             }),
             ContainsSubstring("option tiles.size: got 0, expected -1 or the side of a tile"));
}

TEST_CASE("tiles: a run is cancelled between two of them", "[tiles]") {
  const Scene scene = random_scene(5);
  Shown shown;
  const auto pipeline = tiled_pipeline(RegionEncoder{&shown}, RegionDetector{}, RegionDmg{&shown},
                                       RegionDecoder{}, with_tiles(108));
  const auto support = pipeline.support(scene.view(), MaskView(scene.mask));
  std::stop_source stop;
  RunOptions run;
  run.stop = stop.get_token();
  int reports = 0;
  run.on_progress = [&](Step, double) {
    if (++reports == 3) stop.request_stop();
  };
  CHECK_THROWS_AS(pipeline.segment(support, scene.view(), run), Cancelled);
  CHECK(shown.images.size() <= 5);  // not all of them
}
