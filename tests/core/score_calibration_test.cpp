#include "persense/regions/score_calibration.hpp"

#include <array>

#include "catch.hpp"
#include "classic/score_knots.hpp"

using namespace persense;
using regions::calibrated;
using regions::ScoreKnot;

TEST_CASE("calibrated: linear between the knots, the score itself without any", "[calibration]") {
  constexpr std::array<ScoreKnot, 3> knots{{{0.0f, 0.0f}, {0.5f, 0.9f}, {1.0f, 1.0f}}};
  CHECK(calibrated(0.0f, knots) == 0.0f);
  CHECK(calibrated(0.25f, knots) == Approx(0.45f));
  CHECK(calibrated(0.5f, knots) == Approx(0.9f));
  CHECK(calibrated(0.75f, knots) == Approx(0.95f));
  CHECK(calibrated(1.0f, knots) == 1.0f);
  CHECK(calibrated(-1.0f, knots) == 0.0f);
  CHECK(calibrated(7.0f, knots) == 1.0f);
  CHECK(calibrated(0.37f, {}) == 0.37f);
}

TEST_CASE("calibrated: keeps the order of the weight-free scores, from 0 to 1", "[calibration]") {
  CHECK(classic::score_knots.front().raw == 0.0f);
  CHECK(classic::score_knots.back().raw == 1.0f);
  float before = -1;
  for (int i = 0; i <= 1000; ++i) {
    const float score = calibrated(static_cast<float>(i) / 1000, classic::score_knots);
    CHECK(score > before);
    before = score;
  }
}
