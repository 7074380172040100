#include "persense/rejection.hpp"

#include "catch.hpp"

using namespace persense;

namespace {

Mask square(int x, int y, int side) {
  const PixelBox box{x, y, x + side, y + side};
  return {box, std::vector<std::uint8_t>(static_cast<std::size_t>(side) * side, 1)};
}

// Ten squares of 9 to 11 pixels and one of `large`.
struct Squares {
  std::vector<Mask> masks;
  explicit Squares(int large) {
    for (int i = 0; i < 10; ++i) masks.push_back(square(20 * i, 0, 9 + i % 3));
    masks.push_back(square(0, 50, large));
  }
  std::vector<std::size_t> kept(const std::vector<Box>& detections,
                                Rules rules = Rules::paper) const {
    std::vector<const Mask*> views;
    for (const Mask& m : masks) views.push_back(&m);
    return imrm(views, detections, rules);
  }
};

const Box of_large{0, 50, 40, 90}, elsewhere{300, 300, 310, 310};

}  // namespace

TEST_CASE("imrm: a mask far larger than most goes", "[imrm]") {
  const Squares squares(40);
  const auto kept = squares.kept({});
  CHECK(kept.size() == 10);
  CHECK(kept.back() == 9);
}

TEST_CASE("imrm: where sizes differ by factors a large mask stays", "[imrm]") {
  std::vector<Mask> masks;
  for (int side = 6; side <= 40; side += 2) masks.push_back(square(0, 50 * side, side));
  for (int i = 0; i < 20; ++i) masks.push_back(square(60, 50 * i, 8 + i % 5));
  std::vector<const Mask*> views;
  for (const Mask& m : masks) views.push_back(&m);
  CHECK(imrm(views, {}).size() == masks.size());
  masks.push_back(square(200, 0, 400));
  views.clear();
  for (const Mask& m : masks) views.push_back(&m);
  CHECK(imrm(views, {}).size() + 1 == masks.size());
}

TEST_CASE("imrm: masks of like size all stay", "[imrm]") {
  CHECK(Squares(11).kept({}).size() == 11);
  const std::vector<Mask> equal(4, square(0, 0, 5));
  std::vector<const Mask*> views;
  for (const Mask& m : equal) views.push_back(&m);
  CHECK(imrm(views, {}).size() == 4);
}

TEST_CASE("imrm: a detection vouches for a large mask, but not for one that covers two others",
          "[imrm]") {
  Squares squares(40);
  CHECK(squares.kept({of_large, elsewhere}).size() == 11);
  CHECK(squares.kept({of_large}).size() == 11);
  CHECK(squares.kept({of_large, Box{5, 55, 15, 65}}).size() == 11);
  squares.masks[0] = square(5, 55, 9);
  CHECK(squares.kept({of_large}).size() == 11);
  squares.masks[1] = square(20, 70, 9);
  CHECK(squares.kept({of_large}).size() == 10);
}

TEST_CASE("imrm: as released a single detection never vouches, nor one that contains another",
          "[imrm]") {
  const Squares squares(40);
  CHECK(squares.kept({of_large, Box{5, 55, 15, 65}}, Rules::reference).size() == 10);
  CHECK(squares.kept({of_large}, Rules::reference).size() == 10);
  CHECK(squares.kept({of_large, elsewhere}, Rules::reference).size() == 11);
}

TEST_CASE("imrm: no mask, one mask and empty masks stay as they are", "[imrm]") {
  CHECK(imrm({}, {}).empty());
  const Mask none, one = square(0, 0, 50);
  const Mask* const views[] = {&none, &one, &none};
  CHECK(imrm(views, {}) == std::vector<std::size_t>{0, 1, 2});
}
