// How pieces of the support object's kind are told from look-alikes, on invented likenesses.
#include "persense/mini/kinds.hpp"

#include <numbers>
#include <set>
#include <tuple>

#include "inputs.hpp"

using namespace persense;
using mini::tell_kinds;

namespace {

/// Pieces of known kinds, kind 0 the support object's, and how alike they are.
struct Picture {
  std::vector<int> kinds;
  std::vector<classic::Piece> pieces;
  mini::PieceLooks looks;
  std::vector<std::vector<double>> like;  ///< symmetric
  double self = 9;                        ///< likeness of a piece to itself

  void tell(double lowest = 0) {
    const auto likeness = [&](const std::vector<std::size_t>& exemplars) {
      std::vector<std::vector<double>> rows;
      for (const std::size_t i : exemplars) {
        rows.push_back(like[i]);
        rows.back()[i] = self;
      }
      return rows;
    };
    tell_kinds(pieces, looks, likeness, lowest);
  }
};

/// Pieces of one kind are alike by about `within`, others by about `between`.
Picture picture(const std::vector<int>& kinds, double within = 4, double between = -4) {
  testing::Random random(3);
  Picture made;
  made.kinds = kinds;
  for (const int kind : kinds) {
    const auto spread = [&] { return double{random.real(-0.5, 0.5)}; };
    classic::Piece piece;
    piece.score = 0.7 + 0.2 * spread();
    piece.area = 450 + 100 * spread();
    made.pieces.push_back(piece);
    made.looks.to_support.push_back((kind == 0 ? within : between) + spread());
    made.looks.target.push_back(0);
    made.looks.colour.push_back(classic::Look::all(100));
    std::vector<double> row;
    for (const int other : kinds) row.push_back((kind == other ? within : between) + spread());
    made.like.push_back(row);
  }
  for (std::size_t i = 0; i < kinds.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) made.like[i][j] = made.like[j][i];
  return made;
}

std::vector<int> kinds_of(int first, int second) {
  std::vector<int> kinds(static_cast<std::size_t>(first), 0);
  kinds.resize(static_cast<std::size_t>(first + second), 1);
  return kinds;
}

void check_all_kept(const Picture& p) {
  for (std::size_t i = 0; i < p.pieces.size(); ++i) {
    CAPTURE(i, p.pieces[i].same);
    CHECK(p.pieces[i].same >= 0.5);
    CHECK(p.pieces[i].same <= 1);
  }
}

void check_parted(const Picture& p) {
  for (std::size_t i = 0; i < p.pieces.size(); ++i) {
    CAPTURE(i, p.kinds[i], p.pieces[i].same);
    CHECK((p.pieces[i].same > 0.5) == (p.kinds[i] == 0));
  }
}

}  // namespace

TEST_CASE("mini::tell_kinds: two groups that are clearly apart part", "[mini]") {
  for (const auto& [own, other] : {std::pair{12, 8}, {3, 20}, {20, 3}, {2, 2}}) {
    CAPTURE(own, other);
    Picture p = picture(kinds_of(own, other));
    p.tell();
    check_parted(p);
  }
}

TEST_CASE("mini::tell_kinds: one group is kept whole, be it little like the support", "[mini]") {
  for (const double likeness : {4.0, 0.0, -2.0}) {
    CAPTURE(likeness);
    Picture p = picture(kinds_of(15, 0), likeness);
    p.tell();
    check_all_kept(p);
  }
}

TEST_CASE("mini::tell_kinds: a kind that varies evenly is kept whole", "[mini]") {
  // likeness falls off along a row of shades; no two neighbours are far apart
  Picture p = picture(kinds_of(20, 0));
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t j = 0; j < 20; ++j)
      p.like[i][j] = 4 - 0.3 * std::abs(static_cast<double>(i) - static_cast<double>(j));
  p.tell();
  check_all_kept(p);
}

TEST_CASE(
    "mini::tell_kinds: what is hardly like the best is of another kind, without a gap between",
    "[mini]") {
  Picture p = picture(kinds_of(40, 0));
  for (std::size_t i = 0; i < 40; ++i) {
    const double away = 0.4 * static_cast<double>(i);
    p.looks.to_support[i] = 4 - away;
    for (std::size_t j = 0; j < 40; ++j)
      p.like[i][j] = 4 - 0.4 * std::abs(static_cast<double>(i) - static_cast<double>(j));
  }
  p.tell();
  CHECK(p.pieces.front().same > 0.5);
  CHECK(p.pieces[10].same > 0.5);
  CHECK(p.pieces.back().same < 0.5);
  for (std::size_t i = 20; i < 40; ++i) CHECK(p.pieces[i].same <= p.pieces[i - 1].same);
}

TEST_CASE("mini::tell_kinds: two crowds with some at every step between are kept whole", "[mini]") {
  Picture p = picture(kinds_of(40, 0));
  const auto shade = [](std::size_t i) {
    return 4 * (1 - std::cos(std::numbers::pi / 39 * static_cast<double>(i)));
  };
  for (std::size_t i = 0; i < 40; ++i)
    for (std::size_t j = 0; j < 40; ++j) p.like[i][j] = 6 - std::abs(shade(i) - shade(j));
  p.tell();
  check_all_kept(p);
}

TEST_CASE("mini::tell_kinds: a crowd with a few on either side, all well apart, is kept whole",
          "[mini]") {
  // three groups: wherever they are cut in two, most of the variance stays within a group
  Picture p = picture(kinds_of(20, 0));
  const auto clarity = [](std::size_t i) { return i < 3 ? 3.3 : i < 17 ? 0.0 : -3.3; };
  for (std::size_t i = 0; i < 20; ++i) {
    p.looks.to_support[i] = clarity(i);
    for (std::size_t j = 0; j < 20; ++j) p.like[i][j] = clarity(i) + clarity(j);
  }
  p.tell();
  check_all_kept(p);
}

TEST_CASE("mini::tell_kinds: what the first exemplars hardly tell apart, those alike them do",
          "[mini]") {
  // the best pieces are as if out of focus: a little more like their own kind than like the other
  const auto blurred = [](std::size_t i) { return i < 8; };
  Picture p = picture(kinds_of(20, 12), 5, -5);
  for (std::size_t i = 0; i < 32; ++i) {
    p.pieces[i].score = blurred(i) ? 0.95 : 0.3;
    p.looks.to_support[i] = 0;
    for (std::size_t j = 0; j < 32; ++j) {
      if (!blurred(i) && !blurred(j)) continue;
      const bool other = p.kinds[i] != p.kinds[j];
      p.like[i][j] = other ? 1 : blurred(i) && blurred(j) ? 2 : 2.2;
    }
  }
  p.tell();
  check_parted(p);
}

TEST_CASE("mini::tell_kinds: two groups but little apart are kept whole", "[mini]") {
  Picture p = picture(kinds_of(10, 10), 1.5, 0);
  p.tell();
  check_all_kept(p);
}

TEST_CASE("mini::tell_kinds: a hue of their own parts pieces that are alike in all else",
          "[mini]") {
  Picture p = picture(kinds_of(10, 10), 2, 2);
  for (std::size_t i = 10; i < 20; ++i) p.looks.to_support[i] -= 4;
  p.tell();
  check_all_kept(p);
  for (std::size_t i = 10; i < 20; ++i) p.looks.colour[i][1] += 400;  // a of L, a, b
  p.tell();
  check_parted(p);
}

TEST_CASE("mini::tell_kinds: a far larger or smaller size parts pieces that look alike", "[mini]") {
  for (const auto& [times, parted] :
       {std::tuple{2.0, false}, {0.5, false}, {25.0, true}, {0.04, true}}) {
    CAPTURE(times);
    Picture p = picture(kinds_of(12, 8), 2, 2);
    for (std::size_t i = 12; i < 20; ++i) p.pieces[i].area *= times;
    p.tell();
    if (parted)
      check_parted(p);
    else
      check_all_kept(p);
  }
}

TEST_CASE("mini::tell_kinds: where all are of another size than the support object, all are kept",
          "[mini]") {
  for (const double times : {25.0, 0.04}) {
    CAPTURE(times);
    Picture p = picture(kinds_of(15, 0), 2);
    for (classic::Piece& piece : p.pieces) piece.area *= times;
    p.tell();
    check_all_kept(p);
  }
}

TEST_CASE("mini::tell_kinds: the target map parts pieces that look alike", "[mini]") {
  Picture p = picture(kinds_of(10, 10), 2, 2);
  for (std::size_t i = 0; i < 20; ++i) p.looks.target[i] = i < 10 ? 4 : -4;
  p.tell();
  check_parted(p);
  for (double& logit : p.looks.target) logit = 0.5 * logit;  // which is little
  p.tell();
  check_all_kept(p);
}

TEST_CASE("mini::tell_kinds: the first exemplars are those that the target map is surest of",
          "[mini]") {
  // two kinds, of which the support object looks a little more like the wrong one
  Picture p = picture(kinds_of(8, 12), 5, -5);
  for (std::size_t i = 0; i < 20; ++i) {
    p.looks.to_support[i] = p.kinds[i] == 0 ? 0 : 1;
    p.looks.target[i] = p.kinds[i] == 0 ? 2 : 0;
  }
  p.tell();
  check_parted(p);
}

TEST_CASE("mini::tell_kinds: tiny pieces part only where they are far apart", "[mini]") {
  for (const auto& [area, between, parted] :
       {std::tuple{450.0, 0.0, true}, {22.0, 0.0, false}, {22.0, -8.0, true}}) {
    CAPTURE(area, between);
    Picture p = picture(kinds_of(10, 10), 4, between);
    for (classic::Piece& piece : p.pieces) piece.area = area;
    p.tell();
    if (parted)
      check_parted(p);
    else
      check_all_kept(p);
  }
}

TEST_CASE("mini::tell_kinds: pieces below the lowest score have no say", "[mini]") {
  Picture p = picture(kinds_of(10, 10), 4, -2);
  for (std::size_t i = 10; i < 20; ++i) p.pieces[i].score = 0.1;
  p.tell(0.2);
  check_all_kept(p);  // the others are one group
  p.tell(0.05);
  check_parted(p);
}

TEST_CASE("mini::tell_kinds: pieces below the lowest score are no exemplars, few be the others",
          "[mini]") {
  // a lone object of the kind among many of another that are hardly objects
  Picture p = picture(kinds_of(1, 30), 4, -14);
  for (std::size_t i = 1; i < 31; ++i) p.pieces[i].score = 0;
  for (double& to_support : p.looks.to_support) to_support = 2;
  p.tell(0.2);
  CHECK(p.pieces[0].same > 0.5);
  for (std::size_t i = 1; i < 31; ++i) CHECK(p.pieces[i].same < 0.5);
  p.tell(2);  // above every score
  for (const classic::Piece& piece : p.pieces) CHECK((piece.same >= 0 && piece.same <= 1));
}

TEST_CASE("mini::tell_kinds: fewer than three pieces are kept", "[mini]") {
  for (const auto& [own, other] : {std::pair{1, 0}, {0, 1}, {1, 1}, {0, 2}}) {
    CAPTURE(own, other);
    Picture p = picture(kinds_of(own, other), 4, -2);
    p.tell();
    check_all_kept(p);
  }
}

TEST_CASE("mini::tell_kinds: asks for the likeness to a piece once, to a near group at once",
          "[mini]") {
  Picture p = picture(kinds_of(30, 30));
  std::vector<std::vector<std::size_t>> asked;
  const auto likeness = [&](const std::vector<std::size_t>& exemplars) {
    asked.push_back(exemplars);
    std::vector<std::vector<double>> rows;
    for (const std::size_t i : exemplars) rows.push_back(p.like[i]);
    return rows;
  };
  tell_kinds(p.pieces, p.looks, likeness, 0);
  std::set<std::size_t> pieces;
  std::size_t count = 0;
  for (const auto& some : asked) pieces.insert(some.begin(), some.end()), count += some.size();
  CHECK(pieces.size() == count);
  CHECK(count >= mini::KindConstants{}.group);
  CHECK(asked.size() <= mini::KindConstants{}.exemplars + 1);
}

TEST_CASE("mini::tell_kinds: without a piece nothing is asked", "[mini]") {
  const auto likeness = [](const auto&) -> std::vector<std::vector<double>> {
    throw std::logic_error("asked for the likeness of a piece");
  };
  CHECK_NOTHROW(tell_kinds({}, {}, likeness, 0));
}

TEST_CASE("mini::tell_kinds: another order of the pieces gives another order of the answers",
          "[mini]") {
  Picture p = picture(kinds_of(12, 9));
  p.tell();
  Picture shuffled = p;
  const std::size_t n = p.pieces.size();
  const auto from = [n](std::size_t i) { return 5 * i % n; };  // 5 and 21 share no factor
  for (std::size_t i = 0; i < n; ++i) {
    shuffled.pieces[i] = p.pieces[from(i)];
    shuffled.looks.to_support[i] = p.looks.to_support[from(i)];
    shuffled.looks.target[i] = p.looks.target[from(i)];
    shuffled.looks.colour[i] = p.looks.colour[from(i)];
    for (std::size_t j = 0; j < n; ++j) shuffled.like[i][j] = p.like[from(i)][from(j)];
  }
  shuffled.tell();
  for (std::size_t i = 0; i < n; ++i)
    CHECK(shuffled.pieces[i].same == Approx(p.pieces[from(i)].same).margin(1e-9));
}

TEST_CASE("mini::tell_kinds: an exemplar does not vouch for itself", "[mini]") {
  Picture p = picture(kinds_of(9, 6)), proud = p;
  p.tell();
  proud.self = 1e6;
  proud.tell();
  for (std::size_t i = 0; i < p.pieces.size(); ++i) CHECK(proud.pieces[i].same == p.pieces[i].same);
}

TEST_CASE("mini::tell_kinds: an answer is a number from 0 to 1 at the ends of every range",
          "[mini]") {
  const auto spoil = [](int how, Picture& p) {
    for (std::size_t i = 0; i < p.pieces.size(); ++i) {
      if (how == 0) p.pieces[i].score = 0;
      if (how == 1) p.pieces[i].area = 0;
      if (how == 2) p.looks.to_support[i] = -1e3;
      if (how == 3) p.looks.to_support[i] = 1e3;
      if (how == 4) p.like[i].assign(p.pieces.size(), 0.0), p.looks.to_support[i] = 0;
      if (how == 5) p.like[i].assign(p.pieces.size(), i % 2 ? 1e4 : -1e4);
      if (how == 6) p.looks.target[i] = i % 2 ? 1e3 : -1e3;
    }
  };
  for (int how = 0; how < 7; ++how)
    for (const int n : {1, 2, 3, 10}) {
      CAPTURE(how, n);
      Picture p = picture(kinds_of(n, n));
      spoil(how, p);
      p.tell();
      for (const classic::Piece& piece : p.pieces) CHECK((piece.same >= 0 && piece.same <= 1));
    }
}
