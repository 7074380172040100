// kernels.hpp (private): the inner loops of the network, compiled once for each set of instructions
// that a processor may have.
#pragma once

#include <cstddef>
#include <vector>

namespace persense::mini::native {

/// A row of outputs of a convolution: for each pixel, channels in order.
struct ConvolutionRow {
  const float* const* inputs;  ///< rows under the filter, each from what its first output sees
  int filter_rows;
  int run;               ///< floats under the filter in a row: its width times the channels
  int step;              ///< floats from what one output sees to what the next one sees
  const float* weights;  ///< packed: see Kernels::lanes
  const float* bias;     ///< of all channels, up to a multiple of the lanes
  int channels;          ///< of the outputs
  int width;
  const float* added;  ///< to the outputs; null: nothing
  bool rectified;      ///< negative outputs become 0
  float* outputs;
};

/// Pixels whose channels are normalised: to a mean of 0 and a deviation of 1, then times `gain`,
/// plus `shift`.
struct NormalisedPixels {
  const float* inputs;
  const float* gain;
  const float* shift;
  int channels;
  int count;
  float* outputs;
};

/// Winograd's tiles of 4 x 4 inputs, two apart, each for 2 x 2 outputs of a 3 x 3 filter: the
/// second half of their transform, along the rows.
struct WinogradInputs {
  const float* const*
      rows;  ///< four, each as wide as the tiles are together, transformed down the columns
  int channels, count;
  std::ptrdiff_t apart;  ///< floats between the places of a tile: 16 of them
  float* tiles;          ///< for each place count x channels
};
/// And what becomes of their products.
struct WinogradOutputs {
  const float* tiles;  ///< for each place count x channels
  std::ptrdiff_t apart;
  const float* bias;
  int channels, count;
  const float* added[2];  ///< to the two rows of outputs; null: nothing
  bool rectified;
  float* rows[2];  ///< of outputs; the second may be null
  int width;       ///< pixels of them: one less than the tiles have, or as many
};

struct Kernels {
  /// Numbers that are computed at once. Weights of a convolution are packed for blocks of twice as
  /// many output channels, a last one of as many where that is enough: for each value under the
  /// filter the weights of the block's channels, 0 for those that there are not.
  int lanes;
  void (*convolve)(const ConvolutionRow&);
  void (*normalise)(const NormalisedPixels&);
  /// The first half of the transform of tiles: of four rows of so many floats, in place.
  void (*transform_rows)(float* const rows[4], std::ptrdiff_t floats);
  void (*transform_inputs)(const WinogradInputs&);
  void (*transform_outputs)(const WinogradOutputs&);
};

/// All that this processor has, the fastest first.
std::vector<const Kernels*> usable_kernels();
/// The fastest.
const Kernels& kernels();

}  // namespace persense::mini::native
