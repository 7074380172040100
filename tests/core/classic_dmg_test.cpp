// The density map of pieces.
#include "persense/classic/dmg.hpp"

#include "inputs.hpp"
#include "persense/idm.hpp"

using namespace persense;

namespace {

classic::Cut cut_with_cores(const std::vector<cv::Point>& cores) {
  classic::Cut cut;
  cut.labels = cv::Mat::zeros(80, 120, CV_32SC1);
  for (const cv::Point& core : cores) {
    classic::Piece piece;
    piece.area = 113;  // a diameter of 12
    piece.score = 0.9;
    piece.core = {core.x, core.y};
    cut.pieces.push_back(piece);
  }
  return cut;
}

}  // namespace

TEST_CASE("ClassicDmg: a piece adds an object, at the edge and beside it", "[classic]") {
  const DensityMap map = classic::ClassicDmg::density(cut_with_cores({{40, 40}, {90, 40}}));
  CHECK(map.sum() == Approx(2).epsilon(1e-3));
  const DensityMap edge = classic::ClassicDmg::density(cut_with_cores({{40, 40}, {119, 40}}));
  CHECK(edge.sum() > 1.5f);
  CHECK(edge.sum() < 2.001f);
}

TEST_CASE("ClassicDmg: no piece's peak is higher than another's, wherever they lie", "[classic]") {
  // IDM goes by the highest: fragments of one object, and those at the edge, must not hide others
  const std::vector<cv::Point> cores{{20, 40}, {21, 40}, {20, 41}, {119, 79}, {0, 0}, {70, 40}};
  const DensityMap map = classic::ClassicDmg::density(cut_with_cores(cores));
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
