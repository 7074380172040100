#include "persense/baselines/otsu.hpp"

#include <array>

#include "catch.hpp"
#include "drawn_stages.hpp"
#include "inputs.hpp"

using namespace persense;
using namespace persense::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Discs of one size on a flat background, with a little noise.
cv::Mat discs(std::span<const Point> centers, int radius, int background, int object) {
  cv::Mat image(80, 120, CV_8UC3, cv::Scalar::all(background));
  for (const Point p : centers)
    cv::circle(image, {p.x, p.y}, radius, cv::Scalar::all(object), cv::FILLED);
  Random random(1);
  for (int y = 0; y < image.rows; ++y)
    for (int x = 0; x < image.cols; ++x)
      image.at<cv::Vec3b>(y, x) += cv::Vec3b::all(static_cast<std::uint8_t>(random.integer(0, 8)));
  return image;
}

Result segment(const cv::Mat& support, Point center, int radius, const cv::Mat& query,
               const RunOptions& run = {}) {
  std::vector<Prompt> asked;
  const Otsu method(DrawnEncoder{}, DrawnDecoder{&asked});
  CHECK(method.options().method == Method::otsu);
  cv::Mat mask = cv::Mat::zeros(support.size(), CV_8UC1);
  cv::circle(mask, {center.x, center.y}, radius, cv::Scalar(255), cv::FILLED);
  const Result result = method.segment(method.support(ImageView::of_rgb(support), MaskView(mask)),
                                       ImageView::of_rgb(query), run);
  CHECK(asked.empty());  // no stage sees the query
  return result;
}

constexpr std::array one{Point{40, 40}};
constexpr std::array touching{Point{40, 40}, Point{58, 40}, Point{90, 40}};

}  // namespace

TEST_CASE("Otsu: divides touching objects that are brighter, or darker, than what is around them",
          "[otsu]") {
  for (const bool bright : {true, false}) {
    const int background = bright ? 40 : 200, object = bright ? 200 : 40;
    RunOptions run;
    run.trace = true;
    const Result result = segment(discs(one, 10, background, object), one[0], 10,
                                  discs(touching, 10, background, object), run);
    REQUIRE(result.count() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const Instance& found = result.instances[i];
      CHECK(std::abs(found.point.x - touching[i].x) <= 2);
      CHECK(std::abs(found.point.y - touching[i].y) <= 2);
      CHECK(found.score > 0.9f);  // of the support object's size
    }
    CHECK(intersection_area(result.instances[0].mask, result.instances[1].mask) == 0);
    CHECK(result.estimated_count() == 3);
    CHECK(result.trace()->similarity(40, 40) > 0.9f);
    CHECK(result.trace()->similarity(5, 5) < 0);
    CHECK(result.trace()->passes.at(0).prompts.size() == 3);
  }
}

TEST_CASE("Otsu: the support object's size says what is one object, and what is none", "[otsu]") {
  const cv::Mat query = discs(touching, 10, 40, 200);
  // to a large object the two that touch are one
  CHECK(segment(discs(one, 38, 40, 200), one[0], 38, query).count() <= 2);
  const std::array specks{Point{20, 20}, Point{60, 60}};
  const Result none = segment(discs(one, 20, 40, 200), one[0], 20, discs(specks, 3, 40, 200));
  CHECK(none.count() == 0);
  CHECK_THAT(none.notes.at(0), ContainsSubstring("no part of the foreground is large enough"));
  CHECK((none.density() == 0).all());
}

TEST_CASE("Otsu: an image without background or of one value has no object", "[otsu]") {
  const cv::Mat flat(80, 120, CV_8UC3, cv::Scalar::all(99));
  CHECK(segment(discs(one, 10, 40, 200), one[0], 10, flat).count() == 0);
  cv::Mat frame = flat.clone();  // what it encloses is filled, so that there is no background
  cv::rectangle(frame, {0, 0, frame.cols, frame.rows}, cv::Scalar::all(200), 3);
  CHECK(segment(discs(one, 10, 40, 200), one[0], 10, frame).count() == 0);
}

TEST_CASE("masks_of_labels: every label is a mask cropped to its box, wherever its pixels lie",
          "[otsu]") {
  const cv::Mat labels = (cv::Mat_<std::int32_t>(3, 4) << 0, 7, 7, 0,  //
                          2, 2, 0, 7,                                  //
                          0, 0, 2, -1);
  const auto masks = detail::masks_of_labels(labels);
  REQUIRE(masks.size() == 2);
  CHECK(masks.at(2).box == PixelBox{0, 1, 3, 3});
  CHECK(masks.at(2).bits == std::vector<std::uint8_t>{1, 1, 0, 0, 0, 1});
  CHECK(masks.at(7).box == PixelBox{1, 0, 4, 2});
  CHECK(masks.at(7).bits == std::vector<std::uint8_t>{1, 1, 0, 0, 0, 1});
  CHECK(detail::masks_of_labels(cv::Mat::zeros(3, 4, CV_32SC1)).empty());
}
