#include "persense/idm.hpp"

#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;
using Catch::Matchers::ContainsSubstring;
using persense::testing::bump_map;
using persense::testing::message_of;
using persense::testing::Random;

namespace {

const IdmOptions reference_rules = Options::reference().idm;

struct Contours {
  std::vector<std::vector<cv::Point>> all;
  std::vector<Point> centers() const {
    std::vector<Point> points;
    for (const auto& contour : all) {
      const cv::Moments m = cv::moments(contour);
      points.push_back(
          {static_cast<int>(m.m10 / (m.m00 + 1e-15)), static_cast<int>(m.m01 / (m.m00 + 1e-15))});
    }
    return points;
  }
};

Contours contours_in(const cv::Mat& binary) {
  Contours contours;
  cv::findContours(binary, contours.all, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_SIMPLE);
  return contours;
}

/// The 0..255 map at image size. The division is written out: as a matrix expression OpenCV would
/// multiply by a rounded reciprocal, which is not what the reference does.
cv::Mat gray_map(const FloatMap& density, Size image) {
  cv::Mat map = as_mat(density);
  if (size_of(density) != image) cv::resize(map, map, {image.width, image.height});
  double lowest, highest;
  cv::minMaxLoc(map, &lowest, &highest);
  const auto low = static_cast<float>(lowest), range = static_cast<float>(highest) - low;
  cv::Mat gray = cv::Mat::zeros(map.size(), CV_8UC1);
  if (!(range > 0)) return gray;
  for (int y = 0; y < map.rows; ++y)
    for (int x = 0; x < map.cols; ++x)
      gray.at<std::uint8_t>(y, x) =
          static_cast<std::uint8_t>((map.at<float>(y, x) - low) / range * 255.0f);
  return gray;
}

/// Algorithm 2 as one writes it down first: every step on the whole frame.
struct FullFrameIdm {
  std::vector<Point> points;
  int composites = 0;

  FullFrameIdm(const FloatMap& density, Size image, int threshold) {
    cv::Mat binary;
    cv::threshold(gray_map(density, image), binary, threshold, 255, cv::THRESH_BINARY);
    cv::erode(binary, binary, cv::Mat::ones(3, 3, CV_8UC1));
    const Contours parents = contours_in(binary);
    std::vector<double> areas;
    for (const auto& contour : parents.all) areas.push_back(cv::contourArea(contour));
    if (areas.empty()) return;
    const double limit = composite_limit(areas);
    for (std::size_t i = 0; i < areas.size(); ++i)
      if (areas[i] > limit) split(parents, static_cast<int>(i), binary.size());
    const auto centers = parents.centers();
    points.insert(points.end(), centers.begin(), centers.end());
  }

 private:
  /// Mean and deviation in two passes, as numpy does: one blob among four dots meets the limit
  /// exactly, and cv::meanStdDev rounds to its other side.
  static double composite_limit(const std::vector<double>& areas) {
    const auto n = static_cast<double>(areas.size());
    double mean = 0, variance = 0;
    for (const double a : areas) mean += a;
    mean /= n;
    for (const double a : areas) variance += (a - mean) * (a - mean);
    return mean + 2 * std::sqrt(variance / n);
  }

  void split(const Contours& parents, int index, cv::Size size) {
    ++composites;
    cv::Mat filled = cv::Mat::zeros(size, CV_8UC1), distance, cores;
    cv::drawContours(filled, parents.all, index, 255, cv::FILLED);
    cv::distanceTransform(filled, distance, cv::DIST_L2, 3);
    double furthest;
    cv::minMaxLoc(distance, nullptr, &furthest);
    cv::threshold(distance, cores, 0.5 * furthest, 255, cv::THRESH_BINARY);
    cores.convertTo(cores, CV_8UC1);
    const auto children = contours_in(cores).centers();
    points.insert(points.end(), children.begin(), children.end());
  }
};

/// Bumps of one size, a cluster among them, some noise: what splits into composites.
FloatMap crowded_map(Random& random, Size size) {
  const float unit = static_cast<float>(std::min(size.width, size.height)) / 40.0f;
  FloatMap map = bump_map(random, size, random.integer(8, 40), 0.6f * unit, 1.2f * unit);
  const float x = random.real(0.2f, 0.8f) * static_cast<float>(size.width);
  const float y = random.real(0.2f, 0.8f) * static_cast<float>(size.height);
  cv::Mat mat = as_mat(map);
  for (int i = 0; i < 3; ++i)
    cv::circle(mat, {static_cast<int>(x + 5 * unit * static_cast<float>(i)), static_cast<int>(y)},
               std::max(1, static_cast<int>(3 * unit)), 0.8, cv::FILLED);
  if (random.chance(0.5f))
    for (float& v : map.reshaped()) v += random.real(0, 0.05f);
  return map;
}

std::vector<Point> sorted(std::vector<Point> points) {
  std::sort(points.begin(), points.end());
  return points;
}

bool distinct_and_inside(const std::vector<Point>& points, Size image) {
  const auto s = sorted(points);
  const PixelBox frame{0, 0, image.width, image.height};
  return std::adjacent_find(s.begin(), s.end()) == s.end() &&
         std::all_of(s.begin(), s.end(), [&](Point p) { return frame.contains(p); });
}

template <class Move>
std::vector<Point> moved(std::vector<Point> points, Move&& move) {
  for (Point& p : points) p = move(p);
  return points;
}

/// Whether every point of each set has one of the other set at most a pixel away, in x and in y.
bool within_a_pixel(const std::vector<Point>& a, const std::vector<Point>& b) {
  const auto near_one_of = [](const std::vector<Point>& others) {
    return [&others](Point p) {
      return std::any_of(others.begin(), others.end(), [p](Point q) {
        return std::abs(p.x - q.x) <= 1 && std::abs(p.y - q.y) <= 1;
      });
    };
  };
  return std::all_of(a.begin(), a.end(), near_one_of(b)) &&
         std::all_of(b.begin(), b.end(), near_one_of(a));
}

/// The map in a larger field of zeros, its first pixel at (x, y).
FloatMap placed_at(const FloatMap& map, Point at, Size field) {
  FloatMap out = FloatMap::Zero(field.height, field.width);
  out.block(at.y, at.x, map.rows(), map.cols()) = map;
  return out;
}

}  // namespace

TEST_CASE("idm: under reference rules equals a full-frame transcription point for point",
          "[idm][slow]") {
  int composites = 0, points = 0;
  for (std::uint32_t seed = 0; seed < 240; ++seed) {
    Random random(seed);
    const Size map_size{random.integer(20, 90), random.integer(20, 90)};
    const FloatMap density = crowded_map(random, map_size);
    // the same size, larger, smaller, and stretched one way alone
    const float across = seed % 4 == 0 ? 1.0f : random.real(0.4f, 4.0f);
    const float down = seed % 4 == 0 ? 1.0f : random.real(0.4f, 4.0f);
    const Size image{static_cast<int>(across * static_cast<float>(map_size.width)),
                     static_cast<int>(down * static_cast<float>(map_size.height))};
    IdmOptions options = reference_rules;
    options.threshold = seed % 3 == 0 ? 20 : 30;
    const FullFrameIdm expected(density, image, options.threshold);
    INFO("seed " << seed);
    CHECK(idm(density, image, options).points == expected.points);
    composites += expected.composites;
    points += static_cast<int>(expected.points.size());
  }
  CHECK(composites > 100);  // the inputs do reach the split of composite contours
  CHECK(points > 2000);
}

TEST_CASE("idm: under reference rules equals the transcription on maps of few grey levels",
          "[idm]") {
  // plateaus exactly at the threshold, where > and >= part, and where a last bit decides
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    FloatMap density(40, 50);
    for (float& v : density.reshaped()) v = static_cast<float>(random.integer(0, 2) * 15);
    cv::Mat mat = as_mat(density);
    for (int i = 0; i < 8; ++i)
      cv::rectangle(mat, {random.integer(-5, 50), random.integer(-5, 40)},
                    {random.integer(-5, 50), random.integer(-5, 40)}, random.integer(29, 32),
                    cv::FILLED);
    density(39, 49) = 255;
    for (const Size image : {Size{50, 40}, Size{99, 87}, Size{170, 31}}) {
      INFO("seed " << seed << ", image " << to_string(image));
      CHECK(idm(density, image, reference_rules).points == FullFrameIdm(density, image, 30).points);
    }
  }
}

TEST_CASE("idm: under reference rules equals the transcription when a side is halved or doubled",
          "[idm]") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    const FloatMap density = crowded_map(random, {96, 64});
    for (const Size image :
         {Size{48, 32}, Size{192, 128}, Size{48, 64}, Size{96, 128}, Size{24, 16}}) {
      INFO("seed " << seed << ", image " << to_string(image));
      CHECK(idm(density, image, reference_rules).points == FullFrameIdm(density, image, 30).points);
    }
  }
}

TEST_CASE("idm: the count is the map's sum whatever the image size", "[idm]") {
  Random random(3);
  const FloatMap density = crowded_map(random, {64, 48}) / 40;
  const double count = idm(density, {64, 48}).count;
  double sum = 0;
  for (const float v : density.reshaped()) sum += static_cast<double>(v);
  CHECK(count == Approx(sum).epsilon(1e-12));  // 3072 doubles, added in another order
  for (const Size image : {Size{640, 480}, Size{16, 12}}) CHECK(idm(density, image).count == count);
}

TEST_CASE("idm: small peaks of a map finer than the image are not lost to it", "[idm]") {
  // Gaussians of 1.1 pixels: shrunk to the image, the erosion would take all of each
  DensityMap density = DensityMap::Zero(96, 96);
  const std::vector<Point> centres{{13, 13}, {49, 13}, {76, 76}};
  for (const Point& centre : centres)
    for (int y = 0; y < 96; ++y)
      for (int x = 0; x < 96; ++x)
        density(y, x) +=
            std::exp(-((x - centre.x) * (x - centre.x) + (y - centre.y) * (y - centre.y)) /
                     (2 * 1.1f * 1.1f));
  const IdmResult found = idm(density, {60, 60});
  REQUIRE(found.points.size() == centres.size());
  for (const Point& centre : centres) {
    const Point at{centre.x * 60 / 96, centre.y * 60 / 96};
    CHECK(std::any_of(found.points.begin(), found.points.end(), [&](Point p) {
      return std::abs(p.x - at.x) <= 1 && std::abs(p.y - at.y) <= 1;
    }));
  }
  IdmOptions released;
  released.rules = Rules::reference;
  CHECK(idm(density, {60, 60}, released).points.size() < centres.size());
}

TEST_CASE("idm: paper points are distinct and inside the image", "[idm]") {
  for (std::uint32_t seed = 0; seed < 150; ++seed) {
    Random random(seed);
    const FloatMap density = crowded_map(random, {random.integer(8, 80), random.integer(8, 80)});
    const Size image{random.integer(1, 200), random.integer(1, 200)};
    INFO("seed " << seed << ", image " << to_string(image));
    CHECK(distinct_and_inside(idm(density, image).points, image));
  }
}

TEST_CASE("idm: moving the map by whole pixels moves the points by as much", "[idm]") {
  // exact: the values are the same floats, and centroids are integer divisions of exact moments
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const FloatMap density = crowded_map(random, {60, 50});
    const Size field{120, 110};
    const auto here = idm(placed_at(density, {3, 4}, field), field).points;
    const int dx = random.integer(0, 50), dy = random.integer(0, 50);
    const auto there = idm(placed_at(density, {3 + dx, 4 + dy}, field), field).points;
    INFO("seed " << seed << ", by " << dx << ", " << dy);
    CHECK(there == moved(here, [=](Point p) { return Point{p.x + dx, p.y + dy}; }));
  }
}

TEST_CASE("idm: flipping the map flips the points, to a pixel", "[idm]") {
  // a centroid is truncated towards the origin, which is the other side in the flipped map
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const Size size{71, 58};
    const FloatMap density = crowded_map(random, size);
    const auto points = idm(density, size).points;
    const FloatMap mirrored = density.rowwise().reverse(), upended = density.colwise().reverse();
    INFO("seed " << seed);
    REQUIRE_FALSE(points.empty());
    CHECK(within_a_pixel(idm(mirrored, size).points, moved(points, [&](Point p) {
                           return Point{size.width - 1 - p.x, p.y};
                         })));
    CHECK(within_a_pixel(idm(upended, size).points, moved(points, [&](Point p) {
                           return Point{p.x, size.height - 1 - p.y};
                         })));
  }
}

TEST_CASE("idm: transposing the map transposes the points", "[idm]") {
  // exact: both coordinates of a centroid are truncated alike; the maps are smooth enough to have
  // no contour without area, whose middle pixel depends on the order of x and y
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const Size field{100, 80};
    const FloatMap density = placed_at(bump_map(random, {70, 50}, 20, 3.5f, 5.0f), {15, 15}, field);
    const FloatMap transposed = density.transpose();
    const auto points = idm(density, field).points;
    INFO("seed " << seed);
    REQUIRE_FALSE(points.empty());
    CHECK(sorted(idm(transposed, {field.height, field.width}).points) ==
          sorted(moved(points, [](Point p) {
            return Point{p.y, p.x};
          })));
  }
}

TEST_CASE("idm: multiplying the map by a power of two changes no point", "[idm]") {
  // exact: a power of two changes no mantissa, so every grey level is the same
  for (std::uint32_t seed = 0; seed < 30; ++seed) {
    Random random(seed);
    const FloatMap density = crowded_map(random, {40, 60});
    const Size image{100, 75};
    const auto points = idm(density, image).points;
    INFO("seed " << seed);
    CHECK(idm(density * 1024.0f, image).points == points);
    CHECK(idm(density / 65536.0f, image).points == points);
  }
}

TEST_CASE("idm: contours without area lie on themselves in paper, at the origin in reference",
          "[idm]") {
  FloatMap density = FloatMap::Zero(20, 30);
  density.block(4, 6, 3, 3) = 1;    // erodes to the pixel (7, 5)
  density.block(12, 10, 3, 9) = 1;  // erodes to the line (11..17, 13)
  CHECK(idm(density, {30, 20}).points == std::vector<Point>{{14, 13}, {7, 5}});
  CHECK(idm(density, {30, 20}, reference_rules).points == std::vector<Point>{{0, 0}, {0, 0}});
}

TEST_CASE("idm: small symmetric blobs sit on their centre in paper, one off in reference",
          "[idm]") {
  FloatMap density = FloatMap::Zero(20, 30);
  density.block(4, 6, 5, 5) = 1;  // erodes to 3 x 3 around (8, 6): a polygon of area 4
  CHECK(idm(density, {30, 20}).points == std::vector<Point>{{8, 6}});
  CHECK(idm(density, {30, 20}, reference_rules).points == std::vector<Point>{{7, 5}});
}

TEST_CASE("idm: points come bottom-most first, the children of composites before all contours",
          "[idm]") {
  FloatMap density = FloatMap::Zero(100, 100);
  for (int i = 0; i < 9; ++i) density.block(10 * i + 2, 4, 5, 5) = 1;
  density.block(30, 30, 21, 21) = 1;  // two squares, joined by a bar
  density.block(30, 70, 21, 21) = 1;
  density.block(37, 50, 7, 21) = 1;
  const auto points = idm(density, {100, 100}).points;
  REQUIRE(points.size() == 12);  // 2 children, 9 small ones, the composite itself
  // the bar keeps its end of each square a little further from the edge
  CHECK(sorted({points[0], points[1]}) == std::vector<Point>{{40, 40}, {79, 40}});
  std::vector<int> rows;
  for (std::size_t i = 2; i < points.size(); ++i)
    if (points[i].x == 6) rows.push_back(points[i].y);
  CHECK(rows == std::vector<int>{84, 74, 64, 54, 44, 34, 24, 14, 4});
  CHECK(std::find(points.begin() + 2, points.end(), Point{60, 40}) != points.end());
  IdmOptions whole;
  whole.split = Switch::off;
  CHECK(idm(density, {100, 100}, whole).points == std::vector(points.begin() + 2, points.end()));
}

TEST_CASE("idm: a map without contrast has no points and keeps its count", "[idm]") {
  for (const IdmOptions& options : {IdmOptions{}, reference_rules})
    for (const float value : {0.0f, 0.25f, -1.0f}) {
      const FloatMap density = FloatMap::Constant(8, 16, value);
      const auto result = idm(density, {33, 21}, options);
      CHECK(result.points.empty());
      CHECK(result.count == 128 * static_cast<double>(value));
    }
}

TEST_CASE("idm: the threshold is a grey level, met in paper and exceeded in reference", "[idm]") {
  FloatMap density = FloatMap::Zero(20, 40);
  density.block(5, 5, 7, 7) = 100;
  density.block(5, 20, 7, 7) = 255;
  const auto count = [&](int threshold, Rules rules) {
    return idm(density, {40, 20}, {threshold, rules}).points.size();
  };
  CHECK(count(99, Rules::paper) == 2);
  CHECK(count(100, Rules::paper) == 2);
  CHECK(count(101, Rules::paper) == 1);
  CHECK(count(99, Rules::reference) == 2);
  CHECK(count(100, Rules::reference) == 1);
  CHECK(count(255, Rules::paper) == 1);
  CHECK(count(255, Rules::reference) == 0);
  CHECK(count(0, Rules::paper) == 1);  // everything passes: one contour, the frame
}

TEST_CASE("idm: NaN and infinity throw InvalidArgument that names the pixel", "[idm][errors]") {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    FloatMap density = FloatMap::Ones(6, 9);
    density(2, 7) = bad;
    const auto message = message_of<InvalidArgument>([&] { idm(density, {9, 6}); });
    CHECK_THAT(message, ContainsSubstring("density map") && ContainsSubstring("x=7, y=2"));
    CHECK(idm(density, {9, 6}, reference_rules).points.empty());  // as the released code
  }
}

TEST_CASE("idm: an empty map or image throws InvalidArgument with both sizes", "[idm][errors]") {
  const FloatMap density = FloatMap::Ones(6, 9);
  CHECK_THAT(message_of<InvalidArgument>([&] {
               idm(FloatMap(0, 9), {9, 6});
             }),
             ContainsSubstring("density map of 9 x 0") && ContainsSubstring("image of 9 x 6"));
  for (const Size image : {Size{0, 6}, Size{9, 0}, Size{-1, 6}, Size{9, -6}})
    CHECK_THROWS_AS(idm(density, image), InvalidArgument);
}

TEST_CASE("idm: maps and images of one pixel, one row or one column work", "[idm]") {
  const std::vector<Size> sizes{{1, 1}, {2, 1}, {1, 2}, {2, 2}, {1, 300}, {300, 1}};
  for (const Size from : sizes)
    for (const Size to : sizes) {
      Random random(static_cast<std::uint32_t>(from.width * 1000 + to.height));
      const FloatMap density = bump_map(random, from, 3, 1, 20);
      INFO(to_string(from) << " to " << to_string(to));
      CHECK(distinct_and_inside(idm(density, to).points, to));
      // OpenCV's rounding gives a single value stretched downwards a last bit of contrast, which
      // normalising blows up into stripes; idm() promises no points there
      const bool no_contrast = to.width == 1 && from.height == 1;
      CHECK(idm(density, to, reference_rules).points ==
            (no_contrast ? std::vector<Point>{} : FullFrameIdm(density, to, 30).points));
    }
}

TEST_CASE("idm: 30000 x 10 maps and images work", "[idm]") {
  Random random(5);
  FloatMap density = FloatMap::Zero(10, 30000);
  for (int i = 0; i < 1000; ++i) density.block(2, 30 * i + 8, 5, 5) = 1;
  const auto wide = idm(density, {30000, 10}).points;
  CHECK(wide.size() == 1000);
  CHECK(distinct_and_inside(wide, {30000, 10}));
  CHECK(idm(density, {30000, 10}, reference_rules).points ==
        FullFrameIdm(density, {30000, 10}, 30).points);
  const FloatMap small = bump_map(random, {64, 64}, 10, 1, 4);
  CHECK(distinct_and_inside(idm(small, {30000, 10}).points, {30000, 10}));
  CHECK(distinct_and_inside(idm(density, {64, 64}).points, {64, 64}));
}

TEST_CASE("idm: a view into a larger map gives the same as a copy of it", "[idm]") {
  Random random(11);
  const FloatMap large = crowded_map(random, {90, 70});
  const FloatMap copy = large.block(10, 20, 45, 60);
  for (const Size image : {Size{60, 45}, Size{200, 130}}) {
    const auto of_view = idm(large.block(10, 20, 45, 60), image), of_copy = idm(copy, image);
    CHECK(of_view.points == of_copy.points);
    CHECK(of_view.count == of_copy.count);
  }
}
