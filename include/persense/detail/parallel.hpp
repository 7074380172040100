// persense/detail/parallel.hpp: work on several threads whose outcome does not depend on how many.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <opencv2/core/utility.hpp>

namespace persense::detail {

/// Calls `work` with every number below `count`, on several threads.
template <class Work>
void parallel_for(std::size_t count, const Work& work) {
  cv::parallel_for_(cv::Range(0, static_cast<int>(count)), [&](const cv::Range& some) {
    for (int i = some.start; i < some.end; ++i) work(static_cast<std::size_t>(i));
  });
}

/// One value for each band of rows that parallel_bands makes of an image. There are as many bands
/// on any number of threads, so sums over them are the same, too.
template <class Value>
using PerBand = std::array<Value, 16>;

/// Calls `work` with every value and its rows of an image, on several threads.
template <class Value, class Work>
void parallel_bands(int rows, PerBand<Value>& values, const Work& work) {
  const auto first_of = [&](std::size_t band) {
    return static_cast<int>(static_cast<std::size_t>(rows) * band / values.size());
  };
  parallel_for(values.size(), [&](std::size_t band) {
    work(values[band], cv::Range(first_of(band), first_of(band + 1)));
  });
}

/// Rows begin <= y < end of an image.
struct RowRange {
  int begin = 0, end = 0;
};

/// How many bands for_bands makes: one a thread, of 64 rows at least.
inline int band_count(int rows) {
  return std::clamp(rows / 64, 1, std::max(1, cv::getNumThreads()));
}

/// Calls body(i, rows) for bands of rows that together are all of them, on several threads. For
/// what does not depend on how many bands there are; for sums, parallel_bands.
template <class Body>
void for_bands(int rows, Body&& body) {
  const int bands = band_count(rows);
  const auto edge = [&](int i) { return static_cast<int>(std::int64_t{rows} * i / bands); };
  parallel_for(static_cast<std::size_t>(bands), [&](std::size_t band) {
    const int i = static_cast<int>(band);
    body(i, RowRange{edge(i), edge(i + 1)});
  });
}

}  // namespace persense::detail
