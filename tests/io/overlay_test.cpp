#include <opencv2/core.hpp>

#include "persense/io/overlay.hpp"

#include "catch.hpp"
#include "persense/io/figure.hpp"
#include "persense/io/support_drawing.hpp"
#include "scratch.hpp"

using namespace persense;
using namespace persense::test;

namespace {

cv::Mat grey_picture(Size size) {
  return cv::Mat(size.height, size.width, CV_8UC3, cv::Scalar(90, 90, 90));
}

io::OverlayOptions fills_only() {
  io::OverlayOptions options;
  options.numbers = options.points = false;
  options.fill = 1;
  return options;
}

/// A grid of touching squares, `side` pixels each.
Result squares(int across, int down, int side) {
  Result result;
  result.image_size = {across * side, down * side};
  for (int i = 0; i < across * down; ++i) {
    const int x = i % across * side, y = i / across * side;
    Instance instance;
    instance.mask = {{x, y, x + side, y + side},
                     std::vector<std::uint8_t>(static_cast<std::size_t>(side * side), 1)};
    instance.box = static_cast<Box>(instance.mask.box);
    instance.point = {x + side / 2, y + side / 2};
    result.instances.push_back(instance);
  }
  return result;
}

double color_distance(const cv::Vec3b& a, const cv::Vec3b& b) {
  return cv::norm(cv::Vec3d(a) - cv::Vec3d(b));
}

Result traced_result(Size size, int passes) {
  Result result;
  result.image_size = size;
  result.instances = {disc(size, {size.width / 3, size.height / 2}, size.height / 4)};
  result.classes.resize(1);
  Trace& trace = result.classes[0].trace.emplace();
  trace.similarity = FloatMap::Random(size.height, size.width);
  trace.detections.label = {{{1, 1, 9, 9}, 0.9f}, {{-1e30f, -5, 1e30f, 7}, 0.2f}};
  trace.location_prior = {size.width / 3, size.height / 2};
  trace.exemplar_mask = {result.instances[0].mask, 0.9f};
  for (int i = 0; i < passes; ++i) {
    TracePass pass;
    pass.exemplars = {{1, 1, 9, 9}};
    pass.density = DensityMap::Random(size.height, size.width).abs();
    pass.candidates = {{0, 0}, {size.width - 1, size.height - 1}};
    pass.prompts = {{0, 0}};
    pass.masks = {{result.instances[0].mask, 0.8f}, {Mask{}, 0.1f}};
    trace.passes.push_back(pass);
  }
  return result;
}

}  // namespace

TEST_CASE("render_overlay: pixels away from the objects are untouched", "[io][overlay]") {
  const Result result = three_discs();
  const cv::Mat picture = grey_picture(result.image_size);
  const cv::Mat overlay = io::render_overlay(ImageView::of_rgb(picture), result);
  REQUIRE(overlay.type() == CV_8UC3);
  REQUIRE(overlay.size() == picture.size());
  cv::Mat changed, objects = cv::Mat::zeros(picture.size(), CV_8UC1);
  cv::inRange(overlay, cv::Scalar::all(90), cv::Scalar::all(90), changed);
  for (const Instance& i : result.instances)
    for (int y = i.mask.box.y0; y < i.mask.box.y1; ++y)
      for (int x = i.mask.box.x0; x < i.mask.box.x1; ++x)
        if (i.mask.contains({x, y})) objects.at<std::uint8_t>(y, x) = 255;
  cv::dilate(objects, objects, cv::Mat(), {-1, -1}, 2);  // antialiasing reaches one pixel out
  CHECK(cv::countNonZero(~changed & ~objects) == 0);
  CHECK(cv::countNonZero(~changed & objects) > 1000);
}

TEST_CASE("render_overlay: without instances it is the image", "[io][overlay]") {
  Result result;
  result.image_size = {40, 30};
  const cv::Mat picture = grey_picture(result.image_size);
  CHECK(cv::norm(io::render_overlay(ImageView::of_rgb(picture), result), picture, cv::NORM_INF) ==
        0);
}

TEST_CASE("render_overlay: touching objects have clearly different colours", "[io][overlay]") {
  const Result result = squares(12, 9, 20);
  const cv::Mat picture = grey_picture(result.image_size);
  const cv::Mat overlay = io::render_overlay(ImageView::of_rgb(picture), result, fills_only());
  const auto color = [&](int column, int row) {
    return overlay.at<cv::Vec3b>(row * 20 + 10, column * 20 + 10);
  };
  for (int row = 0; row < 9; ++row)
    for (int column = 0; column < 12; ++column)
      for (const auto& [dx, dy] : {std::pair{1, 0}, std::pair{0, 1}, std::pair{1, 1}}) {
        if (column + dx >= 12 || row + dy >= 9) continue;
        INFO("square " << column << ", " << row << " and +" << dx << ", +" << dy);
        CHECK(color_distance(color(column, row), color(column + dx, row + dy)) > 50);
      }
}

TEST_CASE("render_overlay: a number appears in a large object and not in a tiny one",
          "[io][overlay]") {
  io::OverlayOptions with, without;
  with.points = without.points = without.numbers = false;
  for (const auto& [side, fits] : {std::pair{60, true}, std::pair{6, false}}) {
    INFO("side " << side);
    const Result result = squares(1, 1, side);
    const cv::Mat backing = grey_picture(result.image_size);
    const double change = cv::norm(io::render_overlay(ImageView::of_rgb(backing), result, with),
                                   io::render_overlay(ImageView::of_rgb(backing), result, without));
    CHECK((change > 0) == fits);
  }
}

TEST_CASE("render_overlay: the same input gives the same pixels", "[io][overlay]") {
  const Result result = squares(5, 5, 31);
  const cv::Mat picture = grey_picture(result.image_size);
  CHECK(cv::norm(io::render_overlay(ImageView::of_rgb(picture), result),
                 io::render_overlay(ImageView::of_rgb(picture), result), cv::NORM_INF) == 0);
}

TEST_CASE("render_overlay: objects at the border, of one pixel and empty masks are drawn",
          "[io][overlay]") {
  Result result = three_discs();
  Instance pixel;
  pixel.mask = {{0, 0, 1, 1}, {1}};
  result.instances.push_back(pixel);
  result.instances.push_back(Instance{});
  const cv::Mat picture = grey_picture(result.image_size);
  const cv::Mat overlay = io::render_overlay(ImageView::of_rgb(picture), result);
  CHECK(overlay.at<cv::Vec3b>(0, 0) != picture.at<cv::Vec3b>(0, 0));
}

TEST_CASE("render_overlay: another size and options out of range are refused",
          "[io][overlay][errors]") {
  const Result result = three_discs();
  const cv::Mat other = grey_picture({91, 60}), same = grey_picture({90, 60});
  CHECK(message_of<InvalidArgument>([&] {
          io::render_overlay(ImageView::of_rgb(other), result);
        }) == "overlay: image of 91 x 60, expected the result's 90 x 60");
  CHECK_THROWS_AS(io::render_overlay(ImageView(), result), InvalidArgument);
  io::OverlayOptions options;
  options.fill = 1.5f;
  CHECK(message_of<InvalidArgument>([&] {
          io::render_overlay(ImageView::of_rgb(same), result, options);
        }) == "overlay fill: got 1.5, expected 0 to 1");
}

TEST_CASE("render_overlay: classes have hues of their own, and a legend", "[io][overlay]") {
  Result result = squares(24, 18, 20);
  for (std::size_t i = 0; i < result.instances.size(); ++i)
    result.instances[i].class_index = i % 24 < 12 ? 0 : 1;
  result.classes = {class_result("left", 216), class_result("right", 216)};
  const cv::Mat picture = grey_picture(result.image_size);
  io::OverlayOptions plain = fills_only();
  plain.legend = false;
  const cv::Mat overlay = io::render_overlay(ImageView::of_rgb(picture), result, plain);
  cv::Mat hls;
  cv::cvtColor(overlay, hls, cv::COLOR_RGB2HLS);
  const auto hue = [&](int column, int row) {
    return static_cast<int>(hls.at<cv::Vec3b>(row * 20 + 10, column * 20 + 10)[0]);
  };
  const auto apart = [](int a, int b) { return std::min(std::abs(a - b), 180 - std::abs(a - b)); };
  for (int row = 0; row < 18; ++row)
    for (int column = 0; column < 24; ++column) {
      CHECK(apart(hue(column, row), hue(column < 12 ? 0 : 23, 0)) < 20);  // degrees / 2
      CHECK(apart(hue(column, row), hue(column < 12 ? 23 : 0, 0)) > 30);
    }
  CHECK(cv::norm(io::render_overlay(ImageView::of_rgb(picture), result), overlay) > 1000);
  // no room: it would hide the image
  Result small = squares(2, 1, 20);
  small.classes = {class_result("left", 2), class_result("right", 0)};
  const cv::Mat backing = grey_picture(small.image_size);
  CHECK(cv::norm(io::render_overlay(ImageView::of_rgb(backing), small, fills_only()),
                 io::render_overlay(ImageView::of_rgb(backing), small, plain)) == 0);
}

TEST_CASE("render_support: an image for each image, green and red", "[io][support]") {
  const Size size{90, 60};
  const Image image = Image::from_rgb(grey_picture(size)),
              other = Image::from_rgb(grey_picture(size));
  const std::vector<SupportExample> examples{{image, disc(size, {20, 20}, 12).mask, 24, false},
                                             {other, disc(size, {40, 30}, 12).mask, 24, false},
                                             {image, disc(size, {60, 30}, 12).mask, 24, true}};
  const auto pictures = io::render_support(examples, "bean");
  REQUIRE(pictures.size() == 2);
  const auto color = [&](std::size_t i, Point p) { return pictures[i].at<cv::Vec3b>(p.y, p.x); };
  const cv::Vec3b green = color(0, {20, 10}), red = color(0, {60, 20});
  CHECK(green[1] > std::max(green[0], green[2]));
  CHECK(red[0] > std::max(red[1], red[2]));
  const cv::Vec3b there = color(1, {40, 20}), away = color(1, {80, 50});
  CHECK(there[1] > std::max(there[0], there[2]));
  CHECK(away == cv::Vec3b(90, 90, 90));
  const SupportExample none;
  CHECK_THROWS_AS(io::render_support(std::span(&none, 1)), InvalidArgument);
}

TEST_CASE("render_figure: all examples of a support, and only one that is wanted will do",
          "[io][figure]") {
  const Size size{90, 60};
  const Image image = Image::from_rgb(grey_picture(size));
  std::vector<SupportExample> examples{{image, disc(size, {60, 30}, 12).mask, 24, true}};
  const Result result = traced_result(size, 1);
  CHECK(message_of<InvalidArgument>([&] { io::render_figure(image.view(), examples, result); }) ==
        "figure: all support examples are negative, expected one that is not");
  examples.push_back({image, disc(size, {20, 20}, 12).mask, 24, false});
  const cv::Mat both = io::render_figure(image.view(), examples, result);
  const cv::Mat one = io::render_figure(image.view(), std::span(examples).subspan(1), result);
  REQUIRE(both.size() == one.size());
  CHECK(cv::norm(both, one) > 0);
  const cv::Mat without = io::render_figure(image.view(), {}, result);
  const bool differs = without.size() != one.size() || cv::norm(without, one) > 0;
  CHECK(differs);  // 5 panels instead of 6, one cell stays empty
}

TEST_CASE("render_figure: any shape of query, any number of passes", "[io][figure]") {
  const cv::Mat support = grey_picture({50, 40});
  cv::Mat mask = cv::Mat::zeros(40, 50, CV_8UC1);
  cv::circle(mask, {20, 20}, 8, cv::Scalar(255), cv::FILLED);
  for (const Size size : {Size{64, 48}, Size{30, 900}, Size{3000, 10}, Size{1, 1}})
    for (const int passes : {0, 1, 2, 3}) {
      INFO(size.width << " x " << size.height << ", " << passes << " passes");
      const cv::Mat query = grey_picture(size);
      const cv::Mat figure = io::render_figure(ImageView::of_rgb(query), ImageView::of_rgb(support),
                                               MaskView(mask), traced_result(size, passes));
      CHECK(figure.type() == CV_8UC3);
      CHECK(figure.cols > 500);
      CHECK(figure.cols < 6000);
      CHECK(figure.rows > 150);
      CHECK(figure.rows < 6000);
    }
}

TEST_CASE("render_figure: what prompts at points alone has one panel of points for all of them",
          "[io][figure]") {
  const cv::Mat picture = grey_picture({64, 48});
  cv::Mat mask = cv::Mat::zeros(48, 64, CV_8UC1);
  cv::circle(mask, {20, 20}, 8, cv::Scalar(255), cv::FILLED);
  const auto figure_of = [&](const Result& result) {
    return io::render_figure(ImageView::of_rgb(picture), ImageView::of_rgb(picture), MaskView(mask),
                             result);
  };
  Result result = traced_result({64, 48}, 1);
  const cv::Mat with_density = figure_of(result);
  result.classes[0].trace->passes[0].exemplars.clear();
  CHECK(figure_of(result).total() < with_density.total());  // 4 panels, not 6
}

TEST_CASE("render_figure: a result without a trace is refused", "[io][figure][errors]") {
  const cv::Mat picture = grey_picture({90, 60});
  const cv::Mat mask(60, 90, CV_8UC1, cv::Scalar(255));
  CHECK(message_of<InvalidArgument>([&] {
          io::render_figure(ImageView::of_rgb(picture), ImageView::of_rgb(picture), MaskView(mask),
                            three_discs());
        }) == "figure: the result has no trace, expected one made with RunOptions::trace");
}

TEST_CASE("render_figure: a support mask of another size is refused", "[io][figure][errors]") {
  const cv::Mat picture = grey_picture({90, 60});
  const cv::Mat mask(60, 91, CV_8UC1, cv::Scalar(255));
  CHECK(message_of<InvalidArgument>([&] {
          io::render_figure(ImageView::of_rgb(picture), ImageView::of_rgb(picture), MaskView(mask),
                            traced_result({90, 60}, 1));
        }) == "figure: support mask of 91 x 60, expected the support's 90 x 60");
}
