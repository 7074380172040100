// benchmarks/seconds.hpp: how long something takes, where Google Benchmark cannot be asked: in a
// process that is measured as a whole.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

namespace persense::benchmarks {

/// The least of some rounds; on a busy machine the processor's says more.
struct Seconds {
  double wall = 1e9, processor = 1e9;
};

/// After one round that does not count.
template <class Run>
Seconds seconds_of(Run&& run) {
  constexpr int rounds = 3;
  Seconds least;
  for (int round = 0; round <= rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t processor = std::clock();  // of all threads
    run();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    if (round == 0) continue;
    least.wall = std::min(least.wall, taken.count());
    least.processor =
        std::min(least.processor, static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC);
  }
  return least;
}

}  // namespace persense::benchmarks
