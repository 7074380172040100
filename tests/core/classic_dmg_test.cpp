// The density map of regions.
#include <opencv2/imgproc.hpp>

#include "classic/density.hpp"
#include "classic/filters.hpp"
#include "inputs.hpp"
#include "persense/idm.hpp"

using namespace persense;

namespace {

regions::Segmentation regions_with_cores(const std::vector<cv::Point>& cores) {
  regions::Segmentation segmentation;
  segmentation.labels = cv::Mat::zeros(80, 120, CV_32SC1);
  for (const cv::Point& core : cores) {
    regions::Region region;
    region.area = 113;  // a diameter of 12
    region.score = 0.9;
    region.core = {core.x, core.y};
    segmentation.regions.push_back(region);
  }
  return segmentation;
}

}  // namespace

TEST_CASE("ClassicDmg: a region adds an object, at the edge and beside it", "[classic]") {
  const DensityMap map = classic::density_of(regions_with_cores({{40, 40}, {90, 40}}));
  CHECK(map.sum() == Approx(2).epsilon(1e-3));
  const DensityMap edge = classic::density_of(regions_with_cores({{40, 40}, {119, 40}}));
  CHECK(edge.sum() > 1.5f);
  CHECK(edge.sum() < 2.001f);
}

TEST_CASE("ClassicDmg: no region's peak is higher than another's, wherever they lie", "[classic]") {
  // IDM goes by the highest: fragments of one object, and those at the edge, must not hide others
  const std::vector<cv::Point> cores{{20, 40}, {21, 40}, {20, 41}, {119, 79}, {0, 0}, {70, 40}};
  const DensityMap map = classic::density_of(regions_with_cores(cores));
  CHECK(map.maxCoeff() == Approx(map(40, 70)).epsilon(1e-3));
  CHECK(idm(map, {120, 80}).points.size() == 4);
}

TEST_CASE("blurred: is cv::GaussianBlur to the bit, whatever the size", "[classic]") {
  const cv::Size size = GENERATE(cv::Size(1, 1), cv::Size(1, 40), cv::Size(40, 1), cv::Size(7, 3),
                                 cv::Size(40, 17), cv::Size(90, 250));
  const double deviation = GENERATE(0.8, 2.0, 6.0);
  CAPTURE(size, deviation);
  cv::Mat map(size, CV_32FC1), expected;
  cv::RNG(5).fill(map, cv::RNG::UNIFORM, 0, 1);
  cv::GaussianBlur(map, expected, {}, deviation, 0, cv::BORDER_REFLECT);
  CHECK(cv::norm(expected, classic::blurred(map, deviation, cv::BORDER_REFLECT), cv::NORM_INF) ==
        0);
}
