// persense/detail/row_bands.hpp: an image's rows on several threads, a band of them each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <opencv2/core/utility.hpp>

namespace persense::detail {

/// Rows begin <= y < end of an image.
struct RowRange {
  int begin = 0, end = 0;
};

/// How many bands for_bands makes: one a thread, of 64 rows at least.
inline int band_count(int rows) {
  return std::clamp(rows / 64, 1, std::max(1, cv::getNumThreads()));
}

/// Calls body(i, rows) for bands of rows that together are all of them, on several threads.
template <class Body>
void for_bands(int rows, Body&& body) {
  const int bands = band_count(rows);
  const auto edge = [&](int i) { return static_cast<int>(std::int64_t{rows} * i / bands); };
  cv::parallel_for_(cv::Range(0, bands), [&](const cv::Range& range) {
    for (int i = range.start; i < range.end; ++i) body(i, RowRange{edge(i), edge(i + 1)});
  });
}

}  // namespace persense::detail
