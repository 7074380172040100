// Convolutions of images that are read row by row.
#include <algorithm>
#include <array>
#include <utility>

#include "batch.hpp"
#include "persense/detail/parallel.hpp"

namespace persense::mini::native {

namespace {

constexpr int rows_at_once = 16;   // of a band: what lies around it is read twice
constexpr int tiles_at_once = 24;  // whose transforms stay in a processor's cache

/// Floats of one thread; what they held is lost. @param use  which of the thread's.
template <int use>
float* scratch(std::size_t floats) {
  thread_local std::vector<float> memory;
  if (memory.size() < floats) memory.resize(floats);
  return memory.data();
}

/// G g G' of Winograd's F(2 x 2, 3 x 3): what tiles are multiplied with at each of 16 places.
std::array<float, 16> transformed(const float* filter) {
  const auto along = [](float a, float b, float c) {
    return std::array<float, 4>{a, 0.5f * (a + b + c), 0.5f * (a - b + c), c};
  };
  std::array<std::array<float, 4>, 3> columns;
  for (std::size_t x = 0; x < 3; ++x) columns[x] = along(filter[x], filter[3 + x], filter[6 + x]);
  std::array<float, 16> out;
  for (std::size_t y = 0; y < 4; ++y) {
    const auto row = along(columns[0][y], columns[1][y], columns[2][y]);
    std::copy(row.begin(), row.end(), out.begin() + static_cast<std::ptrdiff_t>(4 * y));
  }
  return out;
}

}  // namespace

Convolution::Convolution(const std::vector<float>& weights, const std::vector<float>& bias,
                         int outputs, int inputs, int side, int stride, const Kernels& by)
    : kernels_(&by), outputs_(outputs), inputs_(inputs), side_(side), stride_(stride) {
  constexpr int many = 32;  // channels: with fewer, the transforms take longer than what they save
  const int lanes = by.lanes;
  bias_.assign(static_cast<std::size_t>((outputs + 2 * lanes) / lanes * lanes), 0);
  std::copy(bias.begin(), bias.end(), bias_.begin());
  in_tiles_ = side == 3 && stride == 1 && std::min(inputs, outputs) >= many &&
              inputs % lanes == 0 && outputs % lanes == 0;
  if (!in_tiles_) {
    pack(weights, side * side);
    return;
  }
  std::vector<float> tiles;
  for (std::size_t filter = 0; filter < weights.size(); filter += 9) {
    const std::array<float, 16> one = transformed(weights.data() + filter);
    tiles.insert(tiles.end(), one.begin(), one.end());
  }
  for (int place = 0; place < 16; ++place) {
    std::vector<float> of_place;
    for (std::size_t i = static_cast<std::size_t>(place); i < tiles.size(); i += 16)
      of_place.push_back(tiles[i]);
    pack(of_place, 1);
  }
}

/// Appends weights as Kernels wants them. @param filter  places of it.
void Convolution::pack(const std::vector<float>& weights, int filter) {
  const int lanes = kernels_->lanes;
  for (int channel = 0, block; channel < outputs_; channel += block) {
    block = outputs_ - channel > lanes ? 2 * lanes : lanes;
    for (int at = 0; at < filter; ++at)
      for (int in = 0; in < inputs_; ++in)
        for (int out = channel; out < channel + block; ++out)
          weights_.push_back(
              out < outputs_ ? weights[static_cast<std::size_t>((out * inputs_ + in) * filter + at)]
                             : 0);
  }
}

struct Convolution::Band {
  int image, begin, end;  ///< rows of the outputs
};

/// The latest rows of an image that a filter sees, with zeros around them.
class Convolution::Rows {
 public:
  /// @param kept  as many rows as are seen at once. @param right  zeros to the right of a row,
  /// pixels.
  Rows(const Input& input, int image, int kept, int padding, int right)
      : input_(input),
        image_(image),
        kept_(kept),
        left_(padding * input.channels),
        length_(static_cast<std::size_t>((padding + input.width + right) * input.channels)),
        memory_(scratch<0>(static_cast<std::size_t>(kept + 1) * length_)) {
    std::fill_n(memory_, static_cast<std::size_t>(kept + 1) * length_, 0.0f);
  }

  std::size_t length() const { return length_; }
  /// From the first zero on the left. Rows are asked for in ascending order, but for those kept.
  const float* row(int y) {
    if (y < 0 || y >= input_.height) return memory_ + static_cast<std::size_t>(kept_) * length_;
    float* const place = memory_ + static_cast<std::size_t>(y % kept_) * length_;
    if (y >= next_) {
      input_.read(image_, y, place + left_);
      next_ = y + 1;
    }
    return place;
  }

 private:
  const Input& input_;
  int image_, kept_, left_;
  std::size_t length_;
  float* memory_;
  int next_ = 0;  // the first row that has not been read
};

Batch Convolution::operator()(const Input& input, Then then) const {
  const int height = (input.height - 1) / stride_ + 1, width = (input.width - 1) / stride_ + 1;
  Batch out{cv::Mat(input.count * height, width, CV_32FC(outputs_)), input.count};
  const int bands = (height + rows_at_once - 1) / rows_at_once;
  persense::detail::parallel_for(static_cast<std::size_t>(input.count * bands), [&](std::size_t n) {
    const int begin = static_cast<int>(n) % bands * rows_at_once;
    const Band band{static_cast<int>(n) / bands, begin, std::min(begin + rows_at_once, height)};
    in_tiles_ ? convolve_tiles(input, then, band, out) : convolve_rows(input, then, band, out);
  });
  return out;
}

void Convolution::convolve_rows(const Input& input, const Then& then, const Band& band,
                                Batch& to) const {
  const int padding = side_ / 2;
  Rows rows(input, band.image, side_, padding, padding);
  float* const added = then.added == nullptr
                           ? nullptr
                           : scratch<1>(static_cast<std::size_t>(to.rows.cols * outputs_));
  std::vector<const float*> seen(static_cast<std::size_t>(side_));
  for (int y = band.begin; y < band.end; ++y) {
    for (int i = 0; i < side_; ++i)
      seen[static_cast<std::size_t>(i)] = rows.row(y * stride_ - padding + i);
    if (added != nullptr) then.added->read(band.image, y, added);
    kernels_->convolve({seen.data(), side_, side_ * inputs_, stride_ * inputs_, weights_.data(),
                        bias_.data(), outputs_, to.rows.cols, added, then.rectified,
                        to.rows.ptr<float>(band.image * to.height() + y)});
  }
}

/// Tiles of one band, some of them at a time: whole pairs of rows where those are short.
class Convolution::Tiles {
 public:
  Tiles(const Convolution& of, const Input& input, const Then& then, const Band& band, Batch& to)
      : of_(of),
        then_(then),
        band_(band),
        to_(to),
        in_a_row_((to.rows.cols + 1) / 2),
        pairs_at_once_(std::max(1, tiles_at_once / in_a_row_)),
        most_(std::max(1, std::min(tiles_at_once, in_a_row_)) * pairs_at_once_),
        rows_(input, band.image, 4, 1, 2) {
    const auto tiles = static_cast<std::size_t>(most_) * 16;
    const auto added = static_cast<std::size_t>(to.rows.cols * of.outputs_);
    float* memory = scratch<2>(tiles * static_cast<std::size_t>(of.inputs_ + of.outputs_) +
                               4 * rows_.length() + 2 * added);
    const auto part = [&memory](std::size_t floats) {
      return std::exchange(memory, memory + floats);
    };
    inputs_ = part(tiles * static_cast<std::size_t>(of.inputs_));
    products_ = part(tiles * static_cast<std::size_t>(of.outputs_));
    for (float*& row : transformed_) row = part(rows_.length());
    for (float*& row : added_) row = part(added);
  }

  void run() {
    for (int y = band_.begin; y < band_.end; y += 2 * pairs_at_once_) {
      const int end = std::min(band_.end, y + 2 * pairs_at_once_), pairs = (end - y + 1) / 2;
      if (pairs_at_once_ > 1) {
        const int count = pairs * in_a_row_;
        for (int pair = 0; pair < pairs; ++pair)
          read(y + 2 * pair, 0, in_a_row_, pair * in_a_row_, count);
        multiply(count);
        for (int pair = 0; pair < pairs; ++pair)
          write(y + 2 * pair, 0, in_a_row_, pair * in_a_row_, count);
        continue;
      }
      for (int from = 0; from < in_a_row_; from += tiles_at_once) {
        const int count = std::min(tiles_at_once, in_a_row_ - from);
        read(y, from, count, 0, count);
        multiply(count);
        write(y, from, count, 0, count);
      }
    }
  }

 private:
  /// Transforms inputs of the outputs' rows y and y + 1. @param from, count  tiles of the row.
  /// @param at  where they are put among `together` tiles.
  void read(int y, int from, int count, int at, int together) {
    if (from == 0) {
      for (int i = 0; i < 4; ++i)
        std::copy_n(rows_.row(y - 1 + i), rows_.length(), transformed_[i]);
      of_.kernels_->transform_rows(transformed_, static_cast<std::ptrdiff_t>(rows_.length()));
    }
    const std::ptrdiff_t first = std::ptrdiff_t{2 * from} * of_.inputs_;
    const float* const rows[] = {transformed_[0] + first, transformed_[1] + first,
                                 transformed_[2] + first, transformed_[3] + first};
    of_.kernels_->transform_inputs({rows, of_.inputs_, count,
                                    std::ptrdiff_t{together} * of_.inputs_,
                                    inputs_ + std::ptrdiff_t{at} * of_.inputs_});
  }

  /// A matrix product for each place of the tiles.
  void multiply(int count) {
    const std::vector<float> zeros(of_.bias_.size(), 0.0f);
    const auto weights = static_cast<std::ptrdiff_t>(of_.weights_.size() / 16);
    for (std::ptrdiff_t place = 0; place < 16; ++place) {
      const float* const row = inputs_ + place * count * of_.inputs_;
      of_.kernels_->convolve({&row, 1, of_.inputs_, of_.inputs_,
                              of_.weights_.data() + place * weights, zeros.data(), of_.outputs_,
                              count, nullptr, false, products_ + place * count * of_.outputs_});
    }
  }

  void write(int y, int from, int count, int at, int together) {
    const std::ptrdiff_t first = std::ptrdiff_t{2 * from} * of_.outputs_;
    WinogradOutputs out{products_ + std::ptrdiff_t{at} * of_.outputs_,
                        std::ptrdiff_t{together} * of_.outputs_,
                        of_.bias_.data(),
                        of_.outputs_,
                        count,
                        {},
                        then_.rectified,
                        {},
                        to_.rows.cols - 2 * from};
    for (int i = 0; i < 2 && y + i < band_.end; ++i) {
      out.rows[i] = to_.rows.ptr<float>(band_.image * to_.height() + y + i) + first;
      if (then_.added == nullptr) continue;
      if (from == 0) then_.added->read(band_.image, y + i, added_[i]);
      out.added[i] = added_[i] + first;
    }
    of_.kernels_->transform_outputs(out);
  }

  const Convolution& of_;
  const Then& then_;
  const Band& band_;
  Batch& to_;
  int in_a_row_, pairs_at_once_, most_;
  Rows rows_;
  float *inputs_, *products_, *transformed_[4], *added_[2];
};

void Convolution::convolve_tiles(const Input& input, const Then& then, const Band& band,
                                 Batch& to) const {
  Tiles(*this, input, then, band, to).run();
}

}  // namespace persense::mini::native
