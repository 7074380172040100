// Tiles of a working image: that nothing is left out, and that they see what lies around them.
#include "tiles.hpp"

#include "catch.hpp"

using namespace persense;
using namespace persense::torchscript;

namespace {

constexpr double nothing_at_once = 0, all_at_once = 1e12;

cv::Size cells_of(cv::Size work) {
  return {(work.width + 1) / mini::stride, (work.height + 1) / mini::stride};
}

/// Every cell of the maps is some tile's own, and lies within what that one sees.
void check_tiles(cv::Size work, double most) {
  CAPTURE(work, most);
  const std::vector<Tile> tiles = tiles_of(work, most);
  cv::Mat kept = cv::Mat::zeros(cells_of(work), CV_8UC1);
  for (const Tile& tile : tiles) {
    kept(tile.kept) += 1;
    CHECK(tile.seen.size() == tiles[0].seen.size());
    CHECK(tile.seen.x % Tiling::multiple == 0);
    CHECK(tile.seen.y % Tiling::multiple == 0);
    CHECK(tile.seen.width % Tiling::multiple == 0);
    CHECK(tile.seen.height % Tiling::multiple == 0);
    const cv::Rect seen({}, tile.seen.size() / mini::stride), own(tile.at, tile.kept.size());
    CHECK((own & seen) == own);
    // a cell is at the same place of the picture by either count
    const cv::Point border(Tiling::border, Tiling::border);
    CHECK(tile.seen.tl() + mini::stride * tile.at == border + mini::stride * tile.kept.tl());
  }
  CHECK(cv::countNonZero(kept == 1) == kept.size().area());
}

}  // namespace

TEST_CASE("tiles: keep every cell once, whatever the size", "[torch][tiles]") {
  for (int length = 1; length < 2400; length += length < 40 ? 1 : 17) {
    check_tiles({length, 30}, nothing_at_once);
    check_tiles({30, length}, all_at_once);
  }
  check_tiles({1633, 1225}, nothing_at_once);
  check_tiles({5000, 3}, nothing_at_once);
}

TEST_CASE("tiles: what is large is seen in parts, be it thin", "[torch][tiles]") {
  CHECK(tiles_of({1000, 1000}, 1.1e6).size() == 1);
  CHECK(tiles_of({1100, 1000}, 1.1e6).size() == 6);  // its mirrored rim counts
  for (const cv::Size work : {cv::Size(3266, 2450), cv::Size(100000, 3), cv::Size(10, 100000)}) {
    constexpr int longest = Tiling::longest + 2 * Tiling::margin + 2 * Tiling::multiple;
    const cv::Size seen = tiles_of(work, 5e5)[0].seen.size();
    CAPTURE(work);
    CHECK(std::max(seen.width, seen.height) <= longest);
  }
}

TEST_CASE("tiles: see their margin, and beyond the picture its mirror image", "[torch][tiles]") {
  cv::RNG random(3);
  for (const cv::Size size : {cv::Size(1301, 777), cv::Size(700, 1), cv::Size(3, 650)}) {
    cv::Mat picture(size, CV_16SC3), framed;
    random.fill(picture, cv::RNG::UNIFORM, -32768, 32768);
    cv::copyMakeBorder(picture, framed, Tiling::border, Tiling::border + Tiling::multiple,
                       Tiling::border, Tiling::border + Tiling::multiple, cv::BORDER_REFLECT_101);
    const cv::Rect frame({}, size + cv::Size(2 * Tiling::border, 2 * Tiling::border));
    for (const Tile& tile : tiles_of(size, nothing_at_once)) {
      CAPTURE(size, tile.seen);
      CHECK(cv::norm(seen_of(picture, tile), framed(tile.seen), cv::NORM_INF) == 0);
      // as far as the network looks, or to the end
      const cv::Rect own(mini::stride * tile.kept.tl() + cv::Point(Tiling::border, Tiling::border),
                         tile.kept.size() * mini::stride);
      const cv::Rect around(own.tl() - cv::Point(64, 64), own.size() + cv::Size(128, 128));
      CHECK((around & frame) == (around & frame & tile.seen));
    }
  }
}
