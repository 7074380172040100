// kernel_loops.hpp (private): the loops, included by a file for each set of instructions, which
// says how many numbers a register has (KERNEL_LANES), and how many pixels fit into the registers
// (KERNEL_PIXELS). It calls nothing of the standard library: a function that is compiled here must
// not become that of the rest of the program.
#pragma once

#include <cstddef>

#include "kernels.hpp"

namespace persense::mini::native::KERNEL_NAME {

namespace {

constexpr int lanes = KERNEL_LANES, pixels = KERNEL_PIXELS;

typedef float Vector __attribute__((vector_size(lanes * sizeof(float))));
typedef float Unaligned __attribute__((vector_size(lanes * sizeof(float)), aligned(4)));

inline Vector load(const float* from) { return *reinterpret_cast<const Unaligned*>(from); }
inline void store(float* to, Vector values) { *reinterpret_cast<Unaligned*>(to) = values; }
inline Vector all(float value) { return Vector{} + value; }

inline float sum(Vector values) {
  float total = 0;
  for (int i = 0; i < lanes; ++i) total += values[i];
  return total;
}

/// Outputs of one pixel from `channel` on, which may be fewer than the lanes.
inline void finish(const ConvolutionRow& row, std::size_t pixel, int channel, Vector values) {
  const std::size_t at =
      pixel * static_cast<std::size_t>(row.channels) + static_cast<std::size_t>(channel);
  if (row.channels - channel >= lanes) {
    if (row.added != nullptr) values += load(row.added + at);
    if (row.rectified) values = values > 0 ? values : Vector{};
    return store(row.outputs + at, values);
  }
  for (int i = 0; i < row.channels - channel; ++i) {
    const float value =
        row.added != nullptr ? values[i] + row.added[at + static_cast<std::size_t>(i)] : values[i];
    row.outputs[at + static_cast<std::size_t>(i)] = row.rectified && value < 0 ? 0 : value;
  }
}

/// P pixels from `x` on, N times the lanes of channels: as many sums as there are registers for.
template <int P, int N>
inline void tile(const ConvolutionRow& row, int x, const float* weights, int channel) {
  constexpr int groups = (P + 2) / 3;  // of three pixels, which one address serves
  Vector sums[P][N];
  for (int p = 0; p < P; ++p)
    for (int n = 0; n < N; ++n) sums[p][n] = load(row.bias + channel + n * lanes);
  const std::ptrdiff_t step = row.step;
  for (int y = 0; y < row.filter_rows; ++y) {
    const float* values[groups];
    for (int g = 0; g < groups; ++g) values[g] = row.inputs[y] + (x + 3 * g) * step;
    for (int k = 0; k < row.run; ++k, weights += N * lanes) {
      Vector w[N];
      for (int n = 0; n < N; ++n) w[n] = load(weights + n * lanes);
      for (int p = 0; p < P; ++p)
        for (int n = 0; n < N; ++n) sums[p][n] += values[p / 3][p % 3 * step] * w[n];
      for (int g = 0; g < groups; ++g) ++values[g];
    }
  }
  for (int p = 0; p < P; ++p)
    for (int n = 0; n < N; ++n)
      finish(row, static_cast<std::size_t>(x + p), channel + n * lanes, sums[p][n]);
}

/// All pixels of N times the lanes of channels. A last tile overlaps with the one before it.
template <int N>
void channels_of_row(const ConvolutionRow& row, const float* weights, int channel) {
  int x = 0;
  for (; x + pixels <= row.width; x += pixels) tile<pixels, N>(row, x, weights, channel);
  if (x < row.width && row.width >= pixels)
    return tile<pixels, N>(row, row.width - pixels, weights, channel);
  for (; x + 4 <= row.width; x += 4) tile<4, N>(row, x, weights, channel);
  for (; x < row.width; ++x) tile<1, N>(row, x, weights, channel);
}

void convolve(const ConvolutionRow& row) {
  const float* weights = row.weights;
  int channel = 0;
  for (; row.channels - channel > lanes; channel += 2 * lanes) {
    channels_of_row<2>(row, weights, channel);
    weights += static_cast<std::ptrdiff_t>(row.filter_rows) * row.run * 2 * lanes;
  }
  if (channel < row.channels) channels_of_row<1>(row, weights, channel);
}

/// @param channels  a multiple of 16, so of the lanes.
void normalise(const NormalisedPixels& pixels_of) {
  constexpr float epsilon = 1e-5f;
  const int channels = pixels_of.channels;
  for (int i = 0; i < pixels_of.count; ++i) {
    const std::ptrdiff_t at = std::ptrdiff_t{i} * channels;
    const float* const in = pixels_of.inputs + at;
    Vector total{}, squares{};
    for (int c = 0; c < channels; c += lanes) total += load(in + c);
    const Vector mean = all(sum(total) / static_cast<float>(channels));
    for (int c = 0; c < channels; c += lanes) {
      const Vector apart = load(in + c) - mean;
      squares += apart * apart;
    }
    const Vector scale =
        all(1 / __builtin_sqrtf(sum(squares) / static_cast<float>(channels) + epsilon));
    for (int c = 0; c < channels; c += lanes)
      store(pixels_of.outputs + at + c,
            (load(in + c) - mean) * scale * load(pixels_of.gain + c) + load(pixels_of.shift + c));
  }
}

void transform_rows(float* const rows[4], std::ptrdiff_t floats) {
  for (std::ptrdiff_t i = 0; i < floats; i += lanes) {
    const Vector a = load(rows[0] + i), b = load(rows[1] + i), c = load(rows[2] + i),
                 d = load(rows[3] + i);
    store(rows[0] + i, a - c);
    store(rows[1] + i, b + c);
    store(rows[2] + i, c - b);
    store(rows[3] + i, b - d);
  }
}

/// @param channels  a multiple of the lanes, as all below.
void transform_inputs(const WinogradInputs& in) {
  for (int t = 0; t < in.count; ++t)
    for (int y = 0; y < 4; ++y) {
      const float* from = in.rows[y] + std::ptrdiff_t{2 * t} * in.channels;
      float* to = in.tiles + 4 * y * in.apart + std::ptrdiff_t{t} * in.channels;
      for (int i = 0; i < in.channels; i += lanes, from += lanes, to += lanes) {
        const Vector a = load(from), b = load(from + in.channels), c = load(from + 2 * in.channels),
                     d = load(from + 3 * in.channels);
        store(to, a - c);
        store(to + in.apart, b + c);
        store(to + 2 * in.apart, c - b);
        store(to + 3 * in.apart, b - d);
      }
    }
}

inline void finish(const WinogradOutputs& out, int y, int x, int channel, Vector value) {
  if (x >= out.width || out.rows[y] == nullptr) return;
  const std::ptrdiff_t at = std::ptrdiff_t{x} * out.channels + channel;
  if (out.added[y] != nullptr) value += load(out.added[y] + at);
  if (out.rectified) value = value > 0 ? value : Vector{};
  store(out.rows[y] + at, value);
}

void transform_outputs(const WinogradOutputs& out) {
  for (int t = 0; t < out.count; ++t)
    for (int channel = 0; channel < out.channels; channel += lanes) {
      const float* const from = out.tiles + std::ptrdiff_t{t} * out.channels + channel;
      Vector upper[4], lower[4];
      for (int x = 0; x < 4; ++x) {
        const Vector a = load(from + x * out.apart), b = load(from + (4 + x) * out.apart),
                     c = load(from + (8 + x) * out.apart), d = load(from + (12 + x) * out.apart);
        upper[x] = a + b + c;
        lower[x] = b - c - d;
      }
      const Vector bias = load(out.bias + channel);
      finish(out, 0, 2 * t, channel, upper[0] + upper[1] + upper[2] + bias);
      finish(out, 0, 2 * t + 1, channel, upper[1] - upper[2] - upper[3] + bias);
      finish(out, 1, 2 * t, channel, lower[0] + lower[1] + lower[2] + bias);
      finish(out, 1, 2 * t + 1, channel, lower[1] - lower[2] - lower[3] + bias);
    }
}

}  // namespace

extern const Kernels kernels;
const Kernels kernels{lanes,           &convolve,         &normalise,
                      &transform_rows, &transform_inputs, &transform_outputs};

}  // namespace persense::mini::native::KERNEL_NAME
