#include "persense/detail/memo.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>

#include "catch.hpp"

using persense::detail::Identity;
using persense::detail::Memo;

TEST_CASE("Memo: computes a value once, and again after as many other keys as it keeps", "[memo]") {
  Memo<int, int> memo(2);
  int computed = 0;
  const auto get = [&](int key) { return *memo.get(key, [&] { return ++computed, 10 * key; }); };
  CHECK(get(1) == 10);
  CHECK(get(1) == 10);
  CHECK(get(2) == 20);
  CHECK(computed == 2);
  CHECK(get(1) == 10);  // is the latest now
  CHECK(get(3) == 30);  // takes the place of 2
  CHECK(get(1) == 10);
  CHECK(computed == 3);
  CHECK(get(2) == 20);
  CHECK(computed == 4);
}

TEST_CASE("Memo: a value that was asked for stays with who has it", "[memo]") {
  Memo<int, int> memo(1);
  const auto first = memo.get(1, [] { return 10; });
  memo.get(2, [] { return 20; });
  CHECK(*first == 10);
}

TEST_CASE("Memo: of several threads that ask for one key, one computes", "[memo][threads]") {
  Memo<int, int> memo(2);
  std::atomic<int> computed = 0;
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        const auto value = memo.get(7, [&] {
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
          return ++computed, 70;
        });
        wrong += *value != 70;
      });
  }
  CHECK(computed == 1);
  CHECK(wrong == 0);
}

TEST_CASE("Memo: what the computation throws reaches the caller, and the next one tries",
          "[memo][errors]") {
  Memo<int, int> memo(2);
  CHECK_THROWS_AS(memo.get(1, []() -> int { throw std::runtime_error("no"); }), std::runtime_error);
  CHECK(*memo.get(1, [] { return 10; }) == 10);
}

TEST_CASE("Identity: is equal to its copies alone", "[memo]") {
  const Identity a, b, copy = a;
  CHECK(a == copy);
  CHECK_FALSE(a == b);
}

TEST_CASE("quantised_scale: is within a 128th of an octave, and the same for like sizes",
          "[memo]") {
  using persense::detail::quantised_scale;
  for (double scale = 0.01; scale < 4; scale *= 1.01) {
    CAPTURE(scale);
    CHECK(std::abs(std::log2(quantised_scale(scale) / scale)) <= 1.0 / 128 + 1e-12);
    CHECK(quantised_scale(quantised_scale(scale)) == quantised_scale(scale));
  }
  CHECK(quantised_scale(1) == 1);
  CHECK(quantised_scale(0.5) == 0.5);
  CHECK(quantised_scale(1.002) == quantised_scale(0.998));
}
