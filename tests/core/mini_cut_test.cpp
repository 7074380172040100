// The cut of the small network's maps, on maps drawn by hand: what a perfect network would say of
// discs.
#include "persense/mini/cut.hpp"

#include <opencv2/core/utility.hpp>
#include <set>

#include "inputs.hpp"
#include "persense/mask.hpp"

using namespace persense;
using mini::CutConstants;
using mini::Maps;

namespace {

constexpr float sure = 4;  // logit

/// An object as a network sees it; lengths in pixels of the working image.
struct Disc {
  cv::Point2d centre;  ///< on a cell's centre (odd multiples of 0.5) where its peak must be exact
  double radius = 12;
  double height = 0.9;  ///< of its peak in the density
};

cv::Point2d middle_of(int u, int v) { return {mini::stride * u + 0.5, mini::stride * v + 0.5}; }

double probability_of(double logit) { return 1 / (1 + std::exp(-logit)); }

/// Maps in which nothing is.
Maps ground(cv::Size work) {
  const cv::Size cells((work.width + 1) / mini::stride, (work.height + 1) / mini::stride);
  Maps maps;
  maps.target = cv::Mat(cells, CV_32FC1, cv::Scalar(-sure));
  maps.peak = cv::Mat(cells, CV_32FC1, cv::Scalar(-9));
  maps.offset_x = cv::Mat::zeros(cells, CV_32FC1);
  maps.offset_y = cv::Mat::zeros(cells, CV_32FC1);
  maps.work = work;
  return maps;
}

/// Calls visit(cell, middle of it).
template <class Visit>
void each_cell(const Maps& maps, const Visit& visit) {
  for (int v = 0; v < maps.peak.rows; ++v)
    for (int u = 0; u < maps.peak.cols; ++u) visit(cv::Point(u, v), middle_of(u, v));
}

void point_to(Maps& maps, cv::Point cell, cv::Point2d from, cv::Point2d to) {
  const double unit = mini::canonical / 2;
  maps.offset_x.at<float>(cell) = static_cast<float>((to.x - from.x) / unit);
  maps.offset_y.at<float>(cell) = static_cast<float>((to.y - from.y) / unit);
}

/// A bump as wide as a cell, where it is higher than what is there.
void add_peak(Maps& maps, cv::Point2d at, double height) {
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    const double cells = cv::norm(middle - at) / mini::stride;
    const double p = std::clamp(height * std::exp(-0.5 * cells * cells), 1e-4, 1 - 1e-4);
    float& peak = maps.peak.at<float>(cell);
    peak = std::max(peak, static_cast<float>(mini::detail::logit(p)));
  });
}

/// Discs that compete: every cell is that of the disc whose edge it is deepest below.
Maps maps_of(cv::Size work, const std::vector<Disc>& discs) {
  Maps maps = ground(work);
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    const Disc* own = nullptr;
    double depth = 0;
    for (const Disc& disc : discs)
      if (const double d = disc.radius - cv::norm(middle - disc.centre); !own || d > depth)
        own = &disc, depth = d;
    if (depth > 0) maps.target.at<float>(cell) = sure;
    if (own) point_to(maps, cell, middle, own->centre);
  });
  for (const Disc& disc : discs) add_peak(maps, disc.centre, disc.height);
  return maps;
}

cv::Mat foreground_of(const Maps& maps) {
  cv::Mat target;
  cv::resize(maps.target, target, maps.target.size() * mini::stride, 0, 0, cv::INTER_LINEAR);
  const double least =
      std::max(CutConstants{}.foreground, CutConstants{}.rim * probability_of(sure));
  return target(cv::Rect({}, maps.work)) > mini::detail::logit(least);
}

bool is_same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::countNonZero(a != b) == 0;
}

int label_at(const classic::Cut& cut, cv::Point2d at) {
  return cut.labels.at<int>(static_cast<int>(at.y), static_cast<int>(at.x));
}

/// Six discs of several sizes, some in contact, one cut off by the edge; no two peaks as high.
std::vector<Disc> crowd() {
  return {{{30.5, 30.5}, 12, 0.95}, {{54.5, 32.5}, 12, 0.9}, {{42.5, 52.5}, 10, 0.85},
          {{78.5, 60.5}, 16, 0.8},  {{80.5, 24.5}, 6, 0.75}, {{60.5, 70.5}, 5, 0.7}};
}

}  // namespace

TEST_CASE("mini::cut_of: discs in contact are a piece each, and cover the foreground", "[mini]") {
  const std::vector<Disc> discs{{{24.5, 26.5}, 12, 0.9}, {{48.5, 26.5}, 12, 0.8}};
  const Maps maps = maps_of({72, 54}, discs);
  const classic::Cut cut = mini::cut_of(maps, 1);

  REQUIRE(cut.pieces.size() == 2);
  CHECK(is_same(cut.labels > 0, foreground_of(maps)));
  for (int i = 0; i < 2; ++i) {  // the higher peak first
    CAPTURE(i);
    const classic::Piece& piece = cut.pieces[static_cast<std::size_t>(i)];
    const Disc& disc = discs[static_cast<std::size_t>(i)];
    CHECK(label_at(cut, disc.centre) == i + 1);
    // the edge is half a cell wide, and cells are squares
    CHECK(piece.area == Approx(std::numbers::pi * disc.radius * disc.radius).epsilon(0.1));
    CHECK(cv::norm(cv::Point2d(piece.core.x, piece.core.y) - disc.centre) < mini::stride);
  }
  for (int y = 0; y < cut.labels.rows; ++y)
    for (int x = 0; x < cut.labels.cols; ++x) {
      const int label = cut.labels.at<int>(y, x);
      const double nearer = cv::norm(cv::Point2d(x, y) - discs[1].centre) -
                            cv::norm(cv::Point2d(x, y) - discs[0].centre);
      if (label != 0 && std::abs(nearer) > mini::stride) CHECK(label == (nearer > 0 ? 1 : 2));
    }
}

TEST_CASE("mini::cut_of: a second peak whose vote leads to a higher one is no object", "[mini]") {
  const cv::Point2d centre{30.5, 30.5}, second{36.5, 30.5};
  Maps maps = maps_of({62, 62}, {{centre, 14, 0.9}});
  add_peak(maps, second, 0.7);
  maps.offset_x *= 0.65, maps.offset_y *= 0.65;  // some votes end nearer to the second peak
  const classic::Cut one = mini::cut_of(maps, 1);
  REQUIRE(one.pieces.size() == 1);
  CHECK(is_same(one.labels > 0, foreground_of(maps)));

  // it is one where its own pixels vote for it
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    if (middle.x > 33) point_to(maps, cell, middle, second);
  });
  const classic::Cut two = mini::cut_of(maps, 1);
  REQUIRE(two.pieces.size() == 2);
  CHECK(label_at(two, second) == 2);
}

TEST_CASE("mini::cut_of: a plateau of the density is one object", "[mini]") {
  Maps maps = maps_of({62, 62}, {{{31.5, 31.5}, 14, 0.1}});
  for (int v = 15; v <= 16; ++v)
    for (int u = 15; u <= 16; ++u) maps.peak.at<float>(v, u) = 2;
  maps.offset_x *= 0.9, maps.offset_y *= 0.9;  // votes end on every one of its cells
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(is_same(cut.labels > 0, foreground_of(maps)));
}

TEST_CASE("mini::cut_of: a low peak on doubtful foreground, or one on the ground, is no object",
          "[mini]") {
  const Maps low = maps_of({62, 62}, {{{30.5, 30.5}, 12, 0.2}});
  Maps doubtful = low;
  cv::min(doubtful.target, mini::detail::logit(0.45), doubtful.target);
  CHECK(mini::cut_of(doubtful, 1).pieces.empty());
  Maps maps = ground({62, 62});
  add_peak(maps, {30.5, 30.5}, 0.9);
  CHECK(mini::cut_of(maps, 1).pieces.empty());
}

TEST_CASE("mini::cut_of: sure foreground without a peak is an object where its votes meet",
          "[mini]") {
  const Disc found{{24.5, 30.5}, 12, 0.9}, unlike{{74.5, 30.5}, 12, 1e-4}, small{{100.5, 30.5}, 4};
  const Maps maps = maps_of({120, 62}, {found, unlike, small});
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 3);
  const int first = label_at(cut, found.centre), second = label_at(cut, unlike.centre);
  const auto piece = [&](int label) { return cut.pieces[static_cast<std::size_t>(label - 1)]; };
  // but for the rim, of which less is sure
  CHECK(piece(second).area == Approx(piece(first).area).epsilon(0.03));
  CHECK(piece(second).score < 0.5 * piece(first).score);  // behind what the density found
  CHECK(label_at(cut, small.centre) > 0);

  // too few meet
  const Maps specks = maps_of({62, 62}, {{{30.5, 30.5}, 3.5, 1e-4}});
  CHECK(mini::cut_of(specks, 1).pieces.empty());
}

TEST_CASE("mini::cut_of: two objects without peaks that touch are two", "[mini]") {
  const Disc left{{24.5, 30.5}, 12, 1e-4}, right{{47.5, 30.5}, 12, 1e-4};
  const Maps maps = maps_of({72, 62}, {left, right});
  const classic::Cut cut = mini::cut_of(maps, 1);
  CHECK(cut.pieces.size() == 2);
  CHECK(label_at(cut, left.centre) != label_at(cut, right.centre));
}

TEST_CASE("mini::cut_of: a peak on ground takes no pixels of the object around it", "[mini]") {
  const cv::Point2d centre{30.5, 30.5}, gap{36.5, 30.5};
  Maps maps = maps_of({62, 62}, {{centre, 14, 0.9}});
  maps.offset_x *= 0.65, maps.offset_y *= 0.65;  // some votes end nearer to the gap
  const classic::Cut whole = mini::cut_of(maps, 1);
  REQUIRE(whole.pieces.size() == 1);

  add_peak(maps, gap, 0.88);
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    if (cv::norm(middle - gap) >= 3) return;
    maps.target.at<float>(cell) = -sure;
    point_to(maps, cell, middle, middle);
  });
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(is_same(cut.labels, whole.labels));  // the gap is filled
}

TEST_CASE("mini::cut_of: pixels whose votes lead to no peak, and do not meet, are left out",
          "[mini]") {
  const Disc disc{{24.5, 30.5}, 12, 0.9};
  Maps maps = maps_of({120, 62}, {disc});
  const cv::Point2d stray{90.5, 30.5};
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    if (cv::norm(middle - stray) >= 12) return;
    maps.target.at<float>(cell) = sure;
    point_to(maps, cell, middle, middle);
  });
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(cut.pieces[0].box.x1 <= 40);
  CHECK(label_at(cut, stray) == 0);

  // votes into the disc do not make a part elsewhere of it either: objects are in one piece
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    if (middle.x > 60) point_to(maps, cell, middle, disc.centre);
  });
  const classic::Cut again = mini::cut_of(maps, 1);
  REQUIRE(again.pieces.size() == 1);
  CHECK(is_same(again.labels, cut.labels));
}

TEST_CASE("mini::cut_of: what is in contact with an object but votes past it is left out",
          "[mini]") {
  const Disc disc{{24.5, 30.5}, 12, 0.9};
  Maps maps = maps_of({82, 62}, {disc});
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    if (middle.x < 36 || middle.x > 60 || std::abs(middle.y - 30.5) > 8) return;
    maps.target.at<float>(cell) = sure;
    point_to(maps, cell, middle, middle);
  });
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(cut.pieces[0].box.x1 <= 40);
}

TEST_CASE("mini::cut_of: holes are filled", "[mini]") {
  const Disc disc{{30.5, 30.5}, 14, 0.9};
  Maps maps = maps_of({62, 62}, {disc});
  const classic::Cut whole = mini::cut_of(maps, 1);
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    if (cv::norm(middle - (disc.centre + cv::Point2d(7, 0))) < 4)
      maps.target.at<float>(cell) = -sure;
  });
  REQUIRE(cv::countNonZero(foreground_of(maps)) < whole.pieces[0].area - 30);
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(is_same(cut.labels, whole.labels));
  CHECK(cut.pieces[0].area == whole.pieces[0].area);
}

TEST_CASE("mini::cut_of: an object that lies inside another is kept, and its rim filled",
          "[mini]") {
  const Disc outer{{40.5, 40.5}, 24, 0.9}, inner{{50.5, 40.5}, 6, 0.8};
  Maps maps = maps_of({82, 82}, {outer});
  const cv::Mat all = foreground_of(maps);
  add_peak(maps, inner.centre, inner.height);
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    const double away = cv::norm(middle - inner.centre);
    if (away < 9) point_to(maps, cell, middle, inner.centre);
    if (away >= inner.radius && away < 9) maps.target.at<float>(cell) = -sure;
  });
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 2);
  CHECK(label_at(cut, outer.centre) == 1);
  CHECK(label_at(cut, inner.centre) == 2);
  CHECK(cut.pieces[1].area == Approx(std::numbers::pi * 36).epsilon(0.2));
  CHECK(is_same(cut.labels > 0, all));
}

TEST_CASE("mini::cut_of: a dim ring around an object is not its own, and a dim object is one",
          "[mini]") {
  const Disc bright{{24.5, 26.5}, 8, 0.9}, dim{{68.5, 26.5}, 12, 0.9};
  Maps maps = maps_of({96, 54}, {{bright.centre, 12, 0.9}, dim});
  constexpr float faint = -0.8f;  // logit: a probability of 0.31, above the foreground's
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    if (float& target = maps.target.at<float>(cell); target > 0)
      if (cv::norm(middle - bright.centre) > bright.radius) target = faint;
  });
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 2);
  // logits are interpolated between cells of 2 pixels, so edges lie a pixel off where they rise
  // steeply on one side alone
  const auto part_of = [&](const Disc& disc) {
    const auto piece = static_cast<std::size_t>(label_at(cut, disc.centre) - 1);
    return cut.pieces[piece].area / (std::numbers::pi * disc.radius * disc.radius);
  };
  CHECK(part_of(bright) < 1.4);  // with the ring: 2.25
  CHECK(part_of(dim) > 0.7);
}

TEST_CASE("mini::cut_of: an object that is too small leaves no hole in the one around it",
          "[mini]") {
  const Disc outer{{40.5, 40.5}, 24, 0.9}, inner{{50.5, 40.5}, 2.6, 0.8};
  Maps maps = maps_of({82, 82}, {outer});
  const cv::Mat all = foreground_of(maps);
  add_peak(maps, inner.centre, inner.height);
  each_cell(maps, [&](cv::Point cell, cv::Point2d middle) {
    if (cv::norm(middle - inner.centre) < inner.radius) point_to(maps, cell, middle, inner.centre);
  });
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(is_same(cut.labels > 0, all));
}

TEST_CASE("mini::cut_of: pieces are dropped below 0.06 of the support's area", "[mini]") {
  const double least = 0.06 * std::numbers::pi / 4 * mini::canonical * mini::canonical;  // 27
  for (const double radius : {2.6, 6.0}) {
    CAPTURE(radius);
    const Maps maps = maps_of({42, 42}, {{{20.5, 20.5}, radius, 0.9}});
    const int area = cv::countNonZero(foreground_of(maps));
    REQUIRE(area > CutConstants{}.smallest_pixels);
    const classic::Cut cut = mini::cut_of(maps, 1);
    CHECK(cut.pieces.size() == (area < least ? 0u : 1u));
    CHECK(cv::countNonZero(cut.labels) == (area < least ? 0 : area));
  }
}

TEST_CASE("mini::cut_of: pieces are dropped below eight pixels of the image itself", "[mini]") {
  const Maps maps = maps_of({42, 42}, {{{20.5, 20.5}, 6, 0.9}});
  const double area = cv::countNonZero(foreground_of(maps));
  CHECK(mini::cut_of(maps, area / 8.1).pieces.size() == 1);
  CHECK(mini::cut_of(maps, area / 7.9).pieces.empty());
}

TEST_CASE("mini::cut_of: the score is the peak times the mean probability", "[mini]") {
  const Disc disc{{30.5, 30.5}, 12, 0.8};
  Maps maps = maps_of({62, 62}, {disc});
  maps.target.setTo(1.0f);  // everywhere as probable, so that the mean is that of any region
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 1);

  // a bump as wide as a cell, smoothed; a row and a column alike
  double row = 0;
  const cv::Mat kernel = cv::getGaussianKernel(7, CutConstants{}.peak_blur / mini::stride);
  for (int i = 0; i < 7; ++i) row += kernel.at<double>(i) * std::exp(-0.5 * (i - 3) * (i - 3));
  const double peak = disc.height * row * row;
  CHECK(cut.pieces[0].score == Approx(peak * probability_of(1)).epsilon(1e-3));

  maps.target.setTo(-0.5f);
  CHECK(mini::cut_of(maps, 1).pieces.at(0).score ==
        Approx(peak * probability_of(-0.5)).epsilon(1e-3));
}

TEST_CASE("mini::cut_of: maps in which nothing is give no piece, and labels of 0", "[mini]") {
  for (const cv::Size work : {cv::Size(1, 1), cv::Size(1, 9), cv::Size(33, 2), cv::Size(64, 48)}) {
    CAPTURE(work);
    const classic::Cut cut = mini::cut_of(ground(work), 1);
    CHECK(cut.pieces.empty());
    CHECK(cut.labels.size() == work);
    CHECK(cv::countNonZero(cut.labels) == 0);
    CHECK(cut.interior.size() == work);
  }
}

TEST_CASE("mini::cut_of: one pixel can be an object", "[mini]") {
  Maps maps = ground({1, 1});
  maps.target.setTo(sure);
  maps.peak.setTo(sure);
  CHECK(mini::cut_of(maps, 1).pieces.empty());  // too small, though
  CutConstants any_size;
  any_size.smallest = any_size.smallest_pixels = 0;
  const classic::Cut cut = mini::cut_of(maps, 1, any_size);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(cut.pieces[0].box == PixelBox{0, 0, 1, 1});
  CHECK(cut.pieces[0].score == Approx(probability_of(sure) * probability_of(sure)));
}

TEST_CASE("mini::cut_of: an odd frame is that of the even one, without its last row and column",
          "[mini]") {
  // the last disc is cut off by the edge
  const std::vector<Disc> discs{{{20.5, 20.5}, 10, 0.9}, {{52.5, 30.5}, 10, 0.8}};
  const classic::Cut even = mini::cut_of(maps_of({62, 48}, discs), 1);
  const classic::Cut odd = mini::cut_of(maps_of({61, 47}, discs), 1);
  REQUIRE(odd.pieces.size() == 2);
  CHECK(odd.pieces[1].box.x1 == 61);
  CHECK(is_same(odd.labels, even.labels(cv::Rect(0, 0, 61, 47))));
}

TEST_CASE("mini::cut_of: a shift by whole cells moves the labels alike", "[mini]") {
  const cv::Point by(6, 4);
  std::vector<Disc> moved = crowd();
  for (Disc& disc : moved) disc.centre += cv::Point2d(by.x, by.y);
  const cv::Size work(112, 96);
  const classic::Cut a = mini::cut_of(maps_of(work, crowd()), 1);
  const classic::Cut b = mini::cut_of(maps_of(work, moved), 1);
  REQUIRE(a.pieces.size() == crowd().size());
  const cv::Size common(work.width - by.x, work.height - by.y);
  CHECK(is_same(a.labels(cv::Rect({}, common)), b.labels(cv::Rect(by, common))));
}

TEST_CASE("mini::cut_of: a flip and a transposition move the labels alike", "[mini]") {
  const Maps maps = maps_of({90, 78}, crowd());
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == crowd().size());
  REQUIRE(cut.pieces[3].box.x1 == 90);  // cut off by the edge

  Maps flipped = ground(maps.work);
  cv::flip(maps.target, flipped.target, 1);
  cv::flip(maps.peak, flipped.peak, 1);
  cv::flip(-maps.offset_x, flipped.offset_x, 1);
  cv::flip(maps.offset_y, flipped.offset_y, 1);
  cv::Mat back;
  cv::flip(mini::cut_of(flipped, 1).labels, back, 1);
  CHECK(is_same(back, cut.labels));

  Maps transposed;
  transposed.target = maps.target.t();
  transposed.peak = maps.peak.t();
  transposed.offset_x = maps.offset_y.t();
  transposed.offset_y = maps.offset_x.t();
  transposed.work = {maps.work.height, maps.work.width};
  CHECK(is_same(mini::cut_of(transposed, 1).labels.t(), cut.labels));
}

TEST_CASE("mini::cut_of: a cell that is no number is a hole like any other", "[mini]") {
  const Disc disc{{30.5, 30.5}, 14, 0.9};
  Maps maps = maps_of({62, 62}, {disc});
  const classic::Cut whole = mini::cut_of(maps, 1);
  maps.target.at<float>(18, 17) = std::numeric_limits<float>::quiet_NaN();
  const classic::Cut cut = mini::cut_of(maps, 1);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(is_same(cut.labels, whole.labels));
  CHECK(cut.pieces[0].score <= whole.pieces[0].score);
  CHECK(cut.pieces[0].score > 0.9 * whole.pieces[0].score);
}

TEST_CASE("mini::cut_of: a rim of all that an object reaches leaves what reaches it", "[mini]") {
  Maps maps = maps_of({62, 62}, {{{30.5, 30.5}, 14, 0.9}});
  maps.target *= 15;  // a probability of 1
  CHECK(mini::cut_of(maps, 1, {.rim = 1}).pieces.size() == 1);
}

TEST_CASE("mini::cut_of: a disc's most interior pixel is its middle", "[mini]") {
  const Disc disc{{30.5, 26.5}, 12, 0.9};
  const classic::Cut cut = mini::cut_of(maps_of({62, 54}, {disc}), 1);
  REQUIRE(cut.pieces.size() == 1);
  CHECK(cv::norm(cv::Point2d(cut.pieces[0].core.x, cut.pieces[0].core.y) - disc.centre) <= 1);
}

TEST_CASE("mini: a label keeps its largest connected part, the first of equal ones", "[mini]") {
  testing::Random random(11);
  for (int round = 0; round < 200; ++round) {
    constexpr int count = 3;
    cv::Mat labels(random.integer(1, 14), random.integer(1, 14), CV_32SC1);
    for (int& label : cv::Mat_<int>(labels)) label = random.integer(0, count);
    const cv::Mat before = labels.clone();
    const auto parts = mini::detail::keep_largest_parts(labels, count, 2);
    CAPTURE(round, before);
    for (int label = 1; label <= count; ++label) {
      cv::Mat numbers, stats, centres;
      const int n = cv::connectedComponentsWithStats(before == label, numbers, stats, centres, 4);
      int best = 0, area = 1;
      for (int i = 1; i < n; ++i)  // numbered by rows
        if (const int own = stats.at<int>(i, cv::CC_STAT_AREA); own > area) best = i, area = own;
      const cv::Mat wanted = best == 0 ? cv::Mat::zeros(labels.size(), CV_8UC1) : numbers == best;
      CHECK(is_same(labels == label, wanted));
      const auto& part = parts[static_cast<std::size_t>(label - 1)];
      CHECK(part.area == cv::countNonZero(wanted));
      if (best == 0) continue;
      const PixelBox& b = part.box;
      CHECK(b == tight_box(MaskView(wanted)));
      const cv::Rect box(b.x0, b.y0, b.width(), b.height());
      cv::Mat whole;
      cv::copyMakeBorder(labels(box) == label, whole, 1, 1, 1, 1, cv::BORDER_CONSTANT);
      classic::fill_small_holes(whole, 1e9);
      CHECK(mini::detail::has_holes(labels, label, box) == (cv::countNonZero(whole) > part.area));
    }
  }
}

namespace {

/// Random maps, with blots a few cells wide.
Maps blots(cv::Size work, testing::Random& random) {
  Maps maps = ground(work);
  for (cv::Mat* map : {&maps.target, &maps.peak, &maps.offset_x, &maps.offset_y}) {
    for (int v = 0; v < map->rows; ++v)
      for (int u = 0; u < map->cols; ++u) map->at<float>(v, u) = random.real(-20, 20);
    cv::GaussianBlur(*map, *map, {}, 2);
  }
  return maps;
}

}  // namespace

TEST_CASE("mini::cut_of: any maps give connected pieces whose numbers are true of them", "[mini]") {
  testing::Random random(5);
  int seen = 0;
  for (int round = 0; round < 60; ++round) {
    Maps maps = blots({random.integer(1, 90), random.integer(1, 70)}, random);
    if (round % 10 == 0) maps.target *= 1e3, maps.peak *= 1e3;  // probabilities of 0 and 1
    const classic::Cut cut = mini::cut_of(maps, 1);
    CAPTURE(round, maps.work);
    REQUIRE(cut.labels.size() == maps.work);
    std::set<int> labels(cut.labels.begin<int>(), cut.labels.end<int>());
    labels.erase(0);
    REQUIRE(labels.size() == cut.pieces.size());
    for (std::size_t i = 0; i < cut.pieces.size(); ++i, ++seen) {
      const classic::Piece& piece = cut.pieces[i];
      const cv::Mat own = cut.labels == static_cast<int>(i) + 1;
      CHECK(cv::countNonZero(own) == piece.area);
      CHECK(piece.box == tight_box(MaskView(own)));
      CHECK(own.at<std::uint8_t>(piece.core.y, piece.core.x) != 0);
      CHECK((piece.score >= 0 && piece.score <= 1));
      cv::Mat parts;
      CHECK(cv::connectedComponents(own, parts, 4) == 2);  // itself and what is around it
    }
  }
  CHECK(seen > 60);
}

TEST_CASE("mini::cut_of: the same on one thread and on several", "[mini]") {
  testing::Random random(6);
  const cv::Size work = GENERATE(cv::Size(90, 78), cv::Size(400, 300), cv::Size(300, 13));
  const Maps maps = blots(work, random);
  const int threads = cv::getNumThreads();
  cv::setNumThreads(1);
  const classic::Cut one = mini::cut_of(maps, 1);
  cv::setNumThreads(4);
  const classic::Cut four = mini::cut_of(maps, 1);
  cv::setNumThreads(threads);
  CHECK(is_same(one.labels, four.labels));
  CHECK(is_same(one.interior, four.interior));
  REQUIRE(one.pieces.size() == four.pieces.size());
  CHECK(one.pieces.size() > 0);
  for (std::size_t i = 0; i < one.pieces.size(); ++i) {
    const classic::Piece &a = one.pieces[i], &b = four.pieces[i];
    CHECK(a.box == b.box);
    CHECK(a.area == b.area);
    CHECK(a.score == b.score);
    CHECK(a.core == b.core);
  }
}
