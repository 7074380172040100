#include "batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "persense/detail/parallel.hpp"

namespace persense::mini::native {

namespace {

/// Row of a matrix as floats.
void read_row(const cv::Mat& of, int y, float* to) {
  const std::size_t values =
      static_cast<std::size_t>(of.cols) * static_cast<std::size_t>(of.channels());
  if (of.depth() == CV_32F) {
    std::memcpy(to, of.ptr<float>(y), values * sizeof(float));
    return;
  }
  cv::Mat row(1, of.cols, CV_32FC(of.channels()), to);
  of.row(y).convertTo(row, CV_32F);
}

}  // namespace

Input as_is(const Batch& batch) {
  const int height = batch.height();
  return {batch.count, height, batch.rows.cols, batch.rows.channels(),
          [&rows = batch.rows, height](int i, int y, float* to) {
            read_row(rows, i * height + y, to);
          }};
}

Input as_is(const std::vector<cv::Mat>& parts) {
  const cv::Mat& one = parts.front();
  return {
      static_cast<int>(parts.size()), one.rows, one.cols, one.channels(),
      [&parts](int i, int y, float* to) { read_row(parts[static_cast<std::size_t>(i)], y, to); }};
}

Input joined(std::vector<Input> inputs) {
  Input all = inputs.front();
  all.channels = 0;
  for (const Input& one : inputs) all.channels += one.channels;
  const int width = all.width, channels = all.channels;
  all.read = [inputs = std::move(inputs), width, channels](int i, int y, float* to) {
    int most = 0;
    for (const Input& one : inputs) most = std::max(most, one.channels);
    std::vector<float> row(static_cast<std::size_t>(width) * static_cast<std::size_t>(most));
    int from = 0;
    for (const Input& one : inputs) {
      one.read(i, y, row.data());
      for (int x = 0; x < width; ++x)
        std::copy_n(row.data() + x * one.channels, one.channels, to + x * channels + from);
      from += one.channels;
    }
  };
  return all;
}

Input scaled(Input input, const float* gain, const float* shift) {
  Input all = input;
  all.read = [in = std::move(input), gain, shift](int i, int y, float* to) {
    in.read(i, y, to);
    for (int x = 0; x < in.width; ++x, to += in.channels)
      for (int c = 0; c < in.channels; ++c) to[c] = shift[c] + to[c] * gain[c];
  };
  return all;
}

Input sum_of(Input a, Input b, bool rectified) {
  Input all = a;
  all.read = [a = std::move(a), b = std::move(b), rectified](int i, int y, float* to) {
    std::vector<float> other(static_cast<std::size_t>(b.width) *
                             static_cast<std::size_t>(b.channels));
    a.read(i, y, to);
    b.read(i, y, other.data());
    for (std::size_t k = 0; k < other.size(); ++k) {
      to[k] += other[k];
      if (rectified) to[k] = std::max(to[k], 0.0f);
    }
  };
  return all;
}

namespace {

/// Where an enlarged row or column lies among those that it is made of.
struct Between {
  int first, second;
  float share;  ///< of the second

  Between(int at, int length, int enlarged) {
    const float place = std::max((static_cast<float>(at) + 0.5f) * static_cast<float>(length) /
                                         static_cast<float>(enlarged) -
                                     0.5f,
                                 0.0f);
    first = std::min(static_cast<int>(place), length - 1);
    second = std::min(first + 1, length - 1);
    share = place - static_cast<float>(first);
  }
};

}  // namespace

Input enlarged(Input input, int height, int width) {
  Input all = input;
  all.height = height;
  all.width = width;
  all.read = [in = std::move(input), height, width](int i, int y, float* to) {
    const Between down(y, in.height, height);
    const std::size_t values =
        static_cast<std::size_t>(in.width) * static_cast<std::size_t>(in.channels);
    std::vector<float> above(values), below(values);
    in.read(i, down.first, above.data());
    in.read(i, down.second, below.data());
    for (std::size_t k = 0; k < values; ++k) above[k] += down.share * (below[k] - above[k]);
    for (int x = 0; x < width; ++x, to += in.channels) {
      const Between across(x, in.width, width);
      const float* const left = above.data() + across.first * in.channels;
      const float* const right = above.data() + across.second * in.channels;
      for (int c = 0; c < in.channels; ++c) to[c] = left[c] + across.share * (right[c] - left[c]);
    }
  };
  return all;
}

cv::Mat as_floats(const cv::Mat& matrix) {
  if (matrix.depth() == CV_32F) return matrix;
  cv::Mat floats;
  matrix.convertTo(floats, CV_32F);
  return floats;
}

Batch evaluated(const Input& input) {
  Batch batch{cv::Mat(input.count * input.height, input.width, CV_32FC(input.channels)),
              input.count};
  persense::detail::parallel_for(static_cast<std::size_t>(batch.rows.rows), [&](std::size_t row) {
    const int y = static_cast<int>(row);
    input.read(y / input.height, y % input.height, batch.rows.ptr<float>(y));
  });
  return batch;
}

Input ChannelNorm::of(Input input) const {
  Input all = input;
  all.read = [in = std::move(input), this](int i, int y, float* to) {
    in.read(i, y, to);
    kernels().normalise({to, gain.data(), shift.data(), in.channels, in.width, to});
  };
  return all;
}

Batch Block::operator()(const Input& input) const {
  const Batch between = first(norm.of(input), {.rectified = true});
  return second(as_is(between), {.added = &input});
}

}  // namespace persense::mini::native
