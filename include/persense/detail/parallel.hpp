// persense/detail/parallel.hpp: work on several threads whose outcome does not depend on how many.
#pragma once

#include <array>
#include <cstddef>
#include <opencv2/core.hpp>

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

}  // namespace persense::detail
