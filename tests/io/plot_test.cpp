#include "persense/io/plot.hpp"

#include <limits>
#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "message_of.hpp"
#include "persense/error.hpp"

using namespace persense;
using persense::testing::message_of;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
const cv::Vec3b first(0, 114, 178), second(213, 94, 0);

/// Pixels of a colour, and the box around them.
cv::Rect place_of(const cv::Mat& rgb, const cv::Vec3b& color, const cv::Rect& inside) {
  cv::Mat mask;
  cv::inRange(rgb(inside), color, color, mask);
  cv::Rect box = cv::boundingRect(mask);
  box.x += inside.x;
  box.y += inside.y;
  return box;
}

/// The plot without its legend.
cv::Rect below_legend(const cv::Mat& rgb) { return {0, 90, rgb.cols, rgb.rows - 90}; }

}  // namespace

TEST_CASE("plot: bars are as long as their values, the published ones hollow", "[io][plot]") {
  const io::Plot plot{"Title",        "",
                      "mIoU %",       {"a line below"},
                      {"one", "two"}, {{"ours", {}, {40, none}}, {"paper", {}, {20, 10}, true}}};
  const cv::Mat rgb = io::render_plot(plot);
  CHECK(rgb.type() == CV_8UC3);
  const cv::Rect ours = place_of(rgb, first, below_legend(rgb));
  const cv::Rect paper = place_of(rgb, second, below_legend(rgb));
  CHECK(ours.x == Approx(paper.x).margin(2));
  CHECK(ours.width == Approx(2 * paper.width).margin(3));
  CHECK(rgb.at<cv::Vec3b>(ours.y + ours.height / 2, ours.x + ours.width / 2) == first);
  // hollow: white between its borders
  CHECK(rgb.at<cv::Vec3b>(ours.y + ours.height + 8, paper.x + paper.width / 2 + 2) ==
        cv::Vec3b(255, 255, 255));
}

TEST_CASE("plot: lines rise as their values do", "[io][plot]") {
  const cv::Mat rgb =
      io::render_plot({"Title", "shots", "mIoU %", {}, {}, {{"ours", {1, 2, 3}, {10, 30, 20}}}});
  const auto mark_near = [&](int part) {  // in thirds of the plot's width
    const int wide = (rgb.cols - 100) / 3;
    return place_of(rgb, first, cv::Rect(90 + part * wide, 90, wide, rgb.rows - 160));
  };
  CHECK(mark_near(1).y < mark_near(2).y);
  CHECK(mark_near(1).y < mark_near(0).y);
}

TEST_CASE("plot: one value is enough, none is refused", "[io][plot]") {
  CHECK_FALSE(io::render_plot({"", "", "", {}, {}, {{"s", {2}, {0}}}}).empty());
  CHECK_FALSE(io::render_plot({"", "", "", {}, {"c"}, {{"s", {}, {-3}}}}).empty());
  CHECK(message_of<InvalidArgument>([] {
          io::render_plot({"", "", "", {}, {}, {{"s", {2}, {none}}}});
        }) == "plot: got no value, expected one at least");
  CHECK(message_of<InvalidArgument>([] {
          io::render_plot({"", "", "", {}, {"c"}, {{"s", {}, {1, 2}}}});
        }) == "plot: series \"s\": got 2 values, expected 1");
}
