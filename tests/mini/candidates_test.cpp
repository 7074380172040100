// Candidate regions of the mini network's maps, and what they are described by.
#include <algorithm>
#include <cmath>
#include <functional>
#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "mini/colour_rule.hpp"
#include "mini/map_decoder.hpp"

using namespace persense;
using namespace persense::mini;
using Catch::Matchers::WithinAbs;

namespace {

cv::Mat drawn(cv::Size size, const std::function<bool(int, int)>& inside) {
  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  for (int y = 0; y < mask.rows; ++y)
    for (int x = 0; x < mask.cols; ++x) mask.at<std::uint8_t>(y, x) = inside(x, y) ? 1 : 0;
  return mask;
}

std::function<bool(int, int)> disc(int radius, int cx, int cy) {
  return [=](int x, int y) { return (x - cx) * (x - cx) + (y - cy) * (y - cy) <= radius * radius; };
}

using Cell = cv::Vec<float, map_channels>;

/// Maps (logits of +-6) of a level with these discs: centres and radii in its pixels.
struct Disc {
  int x, y, radius;
};
cv::Mat maps_of(cv::Size level, const std::vector<Disc>& discs) {
  cv::Mat maps(level / map_stride, CV_MAKETYPE(CV_32F, map_channels));
  for (int row = 0; row < maps.rows; ++row)
    for (int column = 0; column < maps.cols; ++column) {
      const double x = 2 * column + 0.5, y = 2 * row + 0.5;
      double density = 1e-3;
      Cell& cell = maps.at<Cell>(row, column) = Cell(-6.0f, 0, 0, 0, -6.0f, -6.0f);
      for (const Disc& d : discs) {
        const double away = std::hypot(x - d.x, y - d.y);
        density += std::exp(-0.5 * away * away / 4);
        if (away > d.radius || cell[target_map] > 0) continue;
        cell[target_map] = cell[object_map] = 6;
        cell[offset_x_map] = static_cast<float>((d.x - x) / offset_unit);
        cell[offset_y_map] = static_cast<float>((d.y - y) / offset_unit);
      }
      density = std::min(density, 0.999);
      cell[peaks_map] = static_cast<float>(std::log(density / (1 - density)));
    }
  return maps;
}

}  // namespace

TEST_CASE("mini: an object's level shows it 14 to 28 pixels wide", "[mini]") {
  for (double diameter = 3; diameter < 2000; diameter *= 1.1) {
    const double there = diameter * std::exp2(home_octave(diameter));
    CAPTURE(diameter);
    CHECK(there >= band_low * (1 - 1e-6));
    CHECK(there < band_high * (1 + 1e-6));
  }
  CHECK(home_octave(14) == 0);
  CHECK(home_octave(28) == -1);
}

TEST_CASE("mini: levels lie about the object's home, as far as the image has pixels", "[mini]") {
  const auto check = [](double diameter, cv::Size image, std::array<int, 4> expected) {
    CAPTURE(diameter, image);
    const LevelRange range = levels_for(diameter, image);
    CHECK(std::array{range.coarsest, range.whole, range.wanted, range.finest} == expected);
  };
  check(20, {640, 480}, {-2, 0, 0, 2});
  check(60, {1000, 1000}, {-4, -2, -2, 0});
  check(60, {100, 100}, {-1, -1, -1, 0});     // 32 pixels a side at least
  check(400, {64, 48}, {0, 0, 0, 0});         // an object larger than the image: its home is -4
  check(2, {64, 48}, {1, 2, 2, 2});           // 3: no level enlarges more than 4 times
  check(20, {4000, 3000}, {-2, 0, 0, 2});     // 12 million pixels at most are read whole
  check(5, {4000, 3000}, {0, 0, 2, 2});       // 192 million are not
  check(20, {30000, 20000}, {-3, -3, 0, 2});  // a coarser level than two octaves off
}

namespace {

/// Red discs, and blue ones if so wished, on grey.
cv::Mat discs_on_grey(const std::vector<Disc>& red, const std::vector<Disc>& blue = {}) {
  cv::Mat image(300, 400, CV_8UC3, cv::Scalar(140, 140, 140));
  for (int y = 0; y < image.rows; ++y)
    for (int x = 0; x < image.cols; ++x) image.at<cv::Vec3b>(y, x)[1] += (7 * x + 13 * y) % 9;
  for (const Disc& d : red) cv::circle(image, {d.x, d.y}, d.radius, {200, 60, 50}, cv::FILLED);
  for (const Disc& d : blue) cv::circle(image, {d.x, d.y}, d.radius, {50, 60, 200}, cv::FILLED);
  return image;
}

Mask mask_of(const Disc& d) {
  cv::Mat mask = cv::Mat::zeros(300, 400, CV_8UC1);
  cv::circle(mask, {d.x, d.y}, d.radius, 1, cv::FILLED);
  return crop_to_box(MaskView(mask), {0, 0});
}

}  // namespace

TEST_CASE("mini: tiny objects are where colours are like the support's", "[mini]") {
  const std::vector<Disc> red{{50, 60, 3}, {200, 100, 3}, {320, 250, 2}, {330, 40, 5}};
  const cv::Mat image = discs_on_grey(red, {{120, 200, 3}, {260, 180, 3}});
  const Pyramid pyramid(ImageView::of_rgb(image));
  const ColourRule rule = colour_rule(pyramid, mask_of(red[0]));
  const std::vector<cv::Point> places = places_like(pyramid, std::span(&rule, 1), 6, 18, 100);
  REQUIRE(places.size() == red.size());
  for (const Disc& d : red)
    CHECK(std::any_of(places.begin(), places.end(), [&](const cv::Point& p) {
      return std::max(std::abs(p.x - d.x), std::abs(p.y - d.y)) <= 2;
    }));
  // those of the support's own size come first
  const std::vector<cv::Point> two = places_like(pyramid, std::span(&rule, 1), 6, 18, 2);
  CHECK(two == std::vector(places.begin(), places.begin() + 2));
}

TEST_CASE("mini: a patch of colour wider than what is looked at gives several places", "[mini]") {
  const std::vector<Disc> red{{50, 60, 3}, {250, 150, 40}};
  const cv::Mat image = discs_on_grey(red);
  const Pyramid pyramid(ImageView::of_rgb(image));
  const ColourRule rule = colour_rule(pyramid, mask_of(red[0]));
  constexpr int reach = 18;
  const std::vector<cv::Point> places = places_like(pyramid, std::span(&rule, 1), 6, reach, 1000);
  for (int y = 115; y < 185; y += 10)
    for (int x = 215; x < 285; x += 10)
      if (std::hypot(x - 250, y - 150) < 38)
        CHECK(std::any_of(places.begin(), places.end(), [&](const cv::Point& p) {
          return std::max(std::abs(p.x - x), std::abs(p.y - y)) <= reach;
        }));
}

TEST_CASE("mini: an object that fills its image has no colours to be told by", "[mini]") {
  const cv::Mat image(40, 40, CV_8UC3, cv::Scalar(9, 80, 200));
  const Pyramid pyramid(ImageView::of_rgb(image));
  const ColourRule rule =
      colour_rule(pyramid, crop_to_box(MaskView(cv::Mat::ones(40, 40, CV_8UC1)), {0, 0}));
  CHECK(rule == ColourRule{});
  CHECK(places_like(pyramid, std::span(&rule, 1), 40, 18, 10).empty());
}

TEST_CASE("mini: an outline's numbers are those of training", "[mini]") {
  // by persense_training.candidates.shape_numbers, of the same masks
  const auto check = [](const cv::Mat& mask, double area,
                        const std::array<double, shape_length>& numbers) {
    const Outline outline = outline_of(mask);
    CHECK(outline.area == area);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      CAPTURE(i);
      CHECK_THAT(outline.numbers[i], WithinAbs(numbers[i], 2e-6));
    }
  };
  const auto bar = [](int x, int y) { return x >= 8 && x < 18 && y >= 5 && y < 25; };
  check(drawn({40, 40}, disc(12, 20, 19)), 441,
        {0.0, 0.955061, 0.789962, 0.870268, 0.014806, 0.244641});
  const auto outer = disc(14, 20, 20), inner = disc(6, 20, 20);
  check(drawn({40, 40}, [&](int x, int y) { return outer(x, y) && !inner(x, y); }), 500,
        {0.0, 0.783107, 0.643716, 0.8814, 0.194141, 0.335216});
  check(drawn({40, 30}, bar), 200, {0.5, 1.0, 1.0, 0.718545, 0.0, -0.325748});
  check(drawn({40, 30},
              [&](int x, int y) { return bar(x, y) || (x >= 18 && x < 34 && y >= 15 && y < 25); }),
        360, {0.423697, 0.824867, 0.692308, 0.551988, 0.000575, 0.09825});
}

TEST_CASE("mini: touching objects are told apart by where their cells point", "[mini]") {
  const std::vector<Disc> discs{{30, 40, 10}, {50, 40, 10}, {40, 57, 9}, {100, 20, 12}};
  const std::vector<Region> regions = find_regions(maps_of({128, 96}, discs), {128, 96}, {});
  REQUIRE(regions.size() == discs.size());
  for (const Disc& d : discs) {
    const auto at = std::find_if(regions.begin(), regions.end(), [&](const Region& r) {
      return std::hypot(r.peak.x - static_cast<float>(d.x), r.peak.y - static_cast<float>(d.y)) < 2;
    });
    REQUIRE(at != regions.end());
    CAPTURE(d.x, d.y);
    const double true_area = CV_PI * d.radius * d.radius;
    CHECK(std::abs(cv::countNonZero(at->mask) - true_area) < 0.12 * true_area);  // cells of 2 x 2
    CHECK(at->box.contains({d.x, d.y}));
    CHECK_THAT(at->mass, WithinAbs(1, 0.05));  // a Gaussian as wide as a cell holds one object
  }
}

TEST_CASE("mini: an object whose rim is uncertain is a region with the rim and one without",
          "[mini]") {
  const std::vector<Disc> discs{{30, 40, 12}, {80, 40, 12}};
  cv::Mat maps = maps_of({128, 96}, discs);
  for (int row = 0; row < maps.rows; ++row)
    for (int column = 0; column < maps.cols; ++column) {
      Cell& cell = maps.at<Cell>(row, column);
      const double away = std::hypot(2 * column + 0.5 - discs[0].x, 2 * row + 0.5 - discs[0].y);
      if (away > 8 && away <= discs[0].radius) cell[target_map] = -0.85f;  // 0.3
    }
  const std::vector<Region> regions = find_regions(maps, {128, 96}, {});
  REQUIRE(regions.size() == 3);
  const auto area = [&](std::size_t i) { return cv::countNonZero(regions[i].mask); };
  const auto disc_area = [](double radius) { return CV_PI * radius * radius; };
  const auto is_about = [](int found, double expected) {
    return std::abs(found - expected) < 0.12 * expected;
  };
  CHECK(is_about(area(0), disc_area(8)));
  CHECK(is_about(area(1), disc_area(12)));  // certain all over: once
  CHECK(is_about(area(2), disc_area(12)));
  CHECK(regions[0].peak == regions[2].peak);
  CHECK(regions[0].mass == regions[2].mass);
}

TEST_CASE("mini: a region holds one object at least, however faint its peak", "[mini]") {
  cv::Mat maps = maps_of({96, 96}, {{40, 40, 10}});
  for (int row = 0; row < maps.rows; ++row)
    for (int column = 0; column < maps.cols; ++column)
      maps.at<Cell>(row, column)[peaks_map] -= 1.5f;
  const std::vector<Region> regions = find_regions(maps, {96, 96}, {});
  REQUIRE(regions.size() == 1);
  CHECK(regions[0].mass == 1);
}

TEST_CASE("mini: objects that the maps take for no target are regions, too", "[mini]") {
  const std::vector<Disc> discs{{30, 40, 10}, {50, 40, 10}, {40, 57, 9}, {100, 20, 12}};
  cv::Mat maps = maps_of({128, 96}, discs);
  const auto is_left = [](int column) { return map_stride * column < 70; };
  for (int row = 0; row < maps.rows; ++row)
    for (int column = 0; column < maps.cols; ++column)
      if (Cell& cell = maps.at<Cell>(row, column); is_left(column))
        cell[target_map] = cell[peaks_map] = -6;
  const std::vector<Region> regions = find_regions(maps, {128, 96}, {});
  REQUIRE(regions.size() == discs.size());
  CHECK(regions[0].box.contains({100, 20}));          // the target's come first
  for (std::size_t i = 1; i < regions.size(); ++i) {  // then by the rows of their peaks
    const Disc& d = discs[i - 1];
    CAPTURE(d.x, d.y);
    CHECK(std::hypot(regions[i].peak.x - static_cast<float>(d.x),
                     regions[i].peak.y - static_cast<float>(d.y)) < 2);
    const double true_area = CV_PI * d.radius * d.radius;
    CHECK(std::abs(cv::countNonZero(regions[i].mask) - true_area) < 0.12 * true_area);
    CHECK(regions[i].mass == 1);
  }
}

TEST_CASE("mini: an object of which a target's region holds a part is a region of its own",
          "[mini]") {
  const Disc whole{40, 40, 12};
  const auto regions_with = [&](int target_columns) {
    cv::Mat maps = maps_of({96, 96}, {whole});
    for (int row = 0; row < maps.rows; ++row)
      for (int column = target_columns; column < maps.cols; ++column)
        maps.at<Cell>(row, column)[target_map] = -6;
    return find_regions(maps, {96, 96}, {});
  };
  CHECK(regions_with(48).size() == 1);
  CHECK(regions_with(25).size() == 1);  // the target's has .91 of it
  const std::vector<Region> both = regions_with(20);
  REQUIRE(both.size() == 2);
  CHECK(both[0].box.width < both[1].box.width);
  CHECK(both[1].box.width == 24);
}

TEST_CASE("mini: objects beyond a level's band are no regions of it", "[mini]") {
  const std::vector<Region> regions =
      find_regions(maps_of({160, 160}, {{30, 30, 3}, {100, 100, 30}}), {160, 160}, {});
  CHECK(regions.empty());
}

TEST_CASE("mini: what a level is filled up with holds no object", "[mini]") {
  const cv::Mat maps = maps_of({128, 96}, {{30, 40, 10}, {118, 40, 10}});
  const std::vector<Region> regions = find_regions(maps, {108, 96}, {});
  REQUIRE(regions.size() == 1);
  CHECK(regions[0].box.br().x <= 108);
}

TEST_CASE("mini: maps that say nothing give nothing, NaN included", "[mini]") {
  cv::Mat maps = maps_of({64, 64}, {});
  CHECK(find_regions(maps, {64, 64}, {}).empty());
  maps.setTo(std::nanf(""));
  CHECK(find_regions(maps, {64, 64}, {}).empty());
}

TEST_CASE("mini: a view along the grid is the image's own pixels", "[mini]") {
  cv::Mat image(60, 80, CV_8UC3);
  cv::RNG(7).fill(image, cv::RNG::UNIFORM, 0, 256);
  const Pyramid pyramid(ImageView::of_rgb(image));
  const cv::Mat seen = pyramid.view(32, {1, 0, 10, 0, 1, 20});
  CHECK(cv::norm(seen, image(cv::Rect(10, 20, 32, 32)), cv::NORM_INF) == 0);
  const cv::Mat half = pyramid.halved(1);
  REQUIRE(half.size() == cv::Size(40, 30));
  const cv::Mat halved = pyramid.view(16, composed({1, 0, 0, 0, 1, 0}, grid_to_grid(0.5, 0.5)));
  CHECK(cv::norm(halved, half(cv::Rect(0, 0, 16, 16)), cv::NORM_INF) == 0);
}

TEST_CASE("mini: a region is described by the pixels of its square", "[mini]") {
  cv::Mat image(100, 100, CV_8UC3, cv::Scalar(20, 20, 20));
  cv::circle(image, {50, 40}, 10, cv::Scalar(200, 100, 50), -1);
  const Pyramid pyramid(ImageView::of_rgb(image));
  Region region;
  region.box = {40, 30, 21, 21};
  region.mask = drawn({21, 21}, disc(10, 10, 10));
  const Description described = describe(region, pyramid, grid_to_grid(1, 1));
  CHECK(described.square[0] == 50);
  CHECK(described.square[1] == 40);
  CHECK_THAT(described.square[2], WithinAbs(1.2 * 21 + 2, 1e-5));
  CHECK_THAT(described.size, WithinAbs(std::log2(20.0), 0.05));
  CHECK(described.cover.at<std::uint8_t>(16, 16) == 255);
  CHECK(described.cover.at<std::uint8_t>(0, 0) == 0);
  CHECK(described.crop.at<cv::Vec3b>(16, 16) == cv::Vec3b(200, 100, 50));
  CHECK(described.crop.at<cv::Vec3b>(0, 0) == cv::Vec3b(20, 20, 20));
}
