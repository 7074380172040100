// Colours of regions.
#include <opencv2/imgproc.hpp>

#include "inputs.hpp"
#include "regions/colour_descriptor.hpp"

using namespace persense;

TEST_CASE("describe_colours: means and deviations of each region, whatever lies between",
          "[classic]") {
  const cv::Size size =
      GENERATE(cv::Size(1, 1), cv::Size(31, 5), cv::Size(9, 17), cv::Size(40, 70));
  constexpr int n = 4;
  cv::Mat lab(size, CV_32FC3), labels(size, CV_32SC1);
  cv::RNG random(3);
  random.fill(lab, cv::RNG::UNIFORM, 0, 255);
  random.fill(labels, cv::RNG::UNIFORM, 0, n);  // none is region n
  if (size.height > 16) labels.row(16).setTo(0);
  const auto colours = regions::describe_colours(labels, n, lab);
  REQUIRE(colours.size() == n);
  for (int region = 1; region <= n; ++region) {
    const cv::Mat own = labels == region;
    cv::Scalar mean, deviation;
    cv::meanStdDev(lab, mean, deviation, own);
    for (int k = 0; k < 3; ++k) {  // of no pixels: 0
      CHECK(colours[static_cast<std::size_t>(region - 1)][k] == Approx(mean[k]).margin(1e-3));
      CHECK(colours[static_cast<std::size_t>(region - 1)][k + 3] ==
            Approx(deviation[k]).margin(1e-2));
    }
  }
}
