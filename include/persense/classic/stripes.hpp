// persense/classic/stripes.hpp: work on several threads whose outcome does not depend on how many.
#pragma once

#include <array>
#include <cstddef>
#include <opencv2/core.hpp>

namespace persense::classic {

/// Calls `work` with every number below `count`, on several threads.
template <class Work>
void each_of(std::size_t count, const Work& work) {
  cv::parallel_for_(cv::Range(0, static_cast<int>(count)), [&](const cv::Range& some) {
    for (int i = some.start; i < some.end; ++i) work(static_cast<std::size_t>(i));
  });
}

/// One value for each part that each_stripe makes of an image, whatever the number of threads: so
/// sums over stripes are the same on any.
template <class Value>
using OfStripes = std::array<Value, 16>;

/// Calls `work` with every value and its rows of an image, on several threads.
template <class Value, class Work>
void each_stripe(int rows, OfStripes<Value>& values, const Work& work) {
  const auto first_of = [&](std::size_t stripe) {
    return static_cast<int>(static_cast<std::size_t>(rows) * stripe / values.size());
  };
  each_of(values.size(), [&](std::size_t stripe) {
    work(values[stripe], cv::Range(first_of(stripe), first_of(stripe + 1)));
  });
}

/// Calls `work` with every row of an image, on several threads.
template <class Work>
void each_row(int rows, const Work& work) {
  cv::parallel_for_(cv::Range(0, rows), [&](const cv::Range& some) {
    for (int y = some.start; y < some.end; ++y) work(y);
  });
}

}  // namespace persense::classic
