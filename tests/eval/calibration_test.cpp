#include "persense/eval/calibration.hpp"

#include <functional>

#include "catch.hpp"
#include "message_of.hpp"
#include "persense/error.hpp"

using namespace persense;
using eval::CalibrationQuery;
using eval::CoordinateSearch;
using eval::MatchCounts;
using eval::Setting;

namespace {

/// Two options of three values each.
std::vector<eval::TriedOption> two_options() {
  return {{"a", {"0", "1", "2"}}, {"b", {"0", "1", "2"}}};
}

std::vector<CalibrationQuery> images(std::size_t count, std::size_t classes = 1) {
  std::vector<CalibrationQuery> queries;
  for (std::size_t i = 0; i < count; ++i) queries.push_back({i, i % classes});
  return queries;
}

/// Measures what is wanted, by how many of ten objects are found, and chooses.
/// @return  how many settings were measured.
std::size_t run(CoordinateSearch& search, std::size_t queries,
                const std::function<int(const Setting&, std::size_t)>& right) {
  std::size_t measured = 0;
  for (std::size_t option = 0; option < search.options().size(); ++option) {
    for (const Setting& setting : search.wanted(option)) {
      ++measured;
      for (std::size_t q = 0; q < queries; ++q) search.add(setting, q, {10, 10, right(setting, q)});
    }
    search.choose(option);
  }
  return measured;
}

}  // namespace

TEST_CASE("calibration: the best value of each option is chosen, and worth the same elsewhere",
          "[eval][calibration]") {
  CoordinateSearch search(two_options(), images(20));
  const auto right = [](const Setting& s, std::size_t) {
    return 4 + (s[0] == 2 ? 3 : 0) + (s[1] == 1 ? 2 : 0);
  };
  // three of the first option, then two more of the second: no setting is measured twice
  CHECK(run(search, 20, right) == 5);
  CHECK(search.chosen() == Setting{2, 1});
  CHECK(search.f1({2, 1}) == Approx(0.9));
  CHECK(search.worths()[0][1] == Approx(0.4));
  CHECK(search.worths()[1][1] == Approx(0.9));
  const eval::Gain gain = search.gain();
  CHECK(gain.begin == Approx(0.4));
  CHECK(gain.chosen == Approx(0.9));
  CHECK(gain.difference() == Approx(0.5));
  CHECK(gain.interval.low == Approx(0.5));
  CHECK(gain.is_certain());
}

TEST_CASE("calibration: what is better by chance is worth nothing on images left out",
          "[eval][calibration]") {
  // each value finds all of some images: whatever is chosen, others lose by it
  CoordinateSearch search(two_options(), images(30));
  run(search, 30, [](const Setting& s, std::size_t q) {
    return (q * 7 + s[0] * 11 + s[1] * 5) % 3 == 0 ? 9 : 5;
  });
  const eval::Gain gain = search.gain();
  CHECK_FALSE(gain.is_certain());
  CHECK(gain.interval.low <= gain.difference());
  CHECK(gain.interval.high >= gain.difference());
}

TEST_CASE("calibration: an equal value does not take the first one's place",
          "[eval][calibration]") {
  CoordinateSearch search(two_options(), images(20));
  run(search, 20, [](const Setting&, std::size_t) { return 7; });
  CHECK(search.chosen() == Setting{0, 0});
  CHECK(search.gain().difference() == 0);
  CHECK_FALSE(search.gain().is_certain());
}

TEST_CASE("calibration: classes count alike, whatever their objects are", "[eval][calibration]") {
  // class 0 has many objects and loses a little, class 1 gains much
  CoordinateSearch search({{"a", {"0", "1"}}}, images(20, 2));
  for (const Setting& setting : search.wanted(0))
    for (std::size_t q = 0; q < 20; ++q)
      search.add(setting, q,
                 q % 2 == 0 ? MatchCounts{1000, 1000, setting[0] == 0 ? 900 : 850}
                            : MatchCounts{10, 10, setting[0] == 0 ? 2 : 9});
  search.choose(0);
  CHECK(search.f1({0}) == Approx((0.9 + 0.2) / 2));
  CHECK(search.chosen() == Setting{1});
}

TEST_CASE("calibration: all queries of an image are left out together", "[eval][calibration]") {
  // two classes ask about each image; what is best on an image is the worst on the others, so a
  // choice that saw the image would gain, and one that did not loses
  const std::vector<CalibrationQuery> queries = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  eval::CalibrationOptions how;
  how.folds = 2;
  CoordinateSearch search({{"a", {"0", "1", "2"}}}, queries, how);
  run(search, 4, [](const Setting& s, std::size_t q) {
    const std::size_t image = q / 2;
    return s[0] == 0 ? 5 : s[0] - 1 == image ? 9 : 1;
  });
  const eval::Gain gain = search.gain();
  CHECK(gain.begin == Approx(0.5));
  CHECK(gain.chosen == Approx(0.1));
}

TEST_CASE("calibration: equal seeds give equal folds and intervals", "[eval][calibration]") {
  const auto gain_of = [](std::uint64_t seed) {
    eval::CalibrationOptions how;
    how.bootstrap.seed = seed;
    CoordinateSearch search(two_options(), images(17), how);
    run(search, 17, [](const Setting& s, std::size_t q) {
      return static_cast<int>((q * q + 3 * s[0] + 5 * s[1] * q) % 10);
    });
    return search.gain();
  };
  CHECK(gain_of(3).chosen == gain_of(3).chosen);
  CHECK(gain_of(3).interval.low == gain_of(3).interval.low);
  CHECK(gain_of(3).interval.high == gain_of(3).interval.high);
}

TEST_CASE("calibration: what cannot be searched is refused", "[eval][calibration][errors]") {
  using testing::message_of;
  CHECK(message_of<InvalidArgument>([] { CoordinateSearch(two_options(), images(4)); }) ==
        "calibration: got 5 folds of 4 images, expected two folds or more, none of them empty");
  CoordinateSearch search(two_options(), images(10));
  CHECK(message_of<InvalidArgument>([&] {
          search.add({0, 0}, 0, {});
        }).starts_with("calibration: got a setting that was not asked for"));
  search.add(search.wanted(0).front(), 0, {});
  CHECK(message_of<InvalidArgument>([&] {
          search.choose(0);
        }).starts_with("calibration: query 1 was not measured"));
}
