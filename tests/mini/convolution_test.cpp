// The layers of the learned default's own runtime, against what they are by definition.
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <random>

#include "catch.hpp"
#include "mini/native/batch.hpp"

namespace native = persense::mini::native;
using native::Batch;
using native::Convolution;

namespace {

std::vector<float> numbers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random() % 2001) / 1000.0f - 1;
  return values;
}

Batch images(int count, int height, int width, int channels, unsigned seed) {
  Batch batch{cv::Mat(count * height, width, CV_32FC(channels)), count};
  const std::vector<float> values =
      numbers(batch.rows.total() * static_cast<std::size_t>(channels), seed);
  std::copy(values.begin(), values.end(), batch.rows.ptr<float>());
  return batch;
}

struct Shape {
  int side, stride, inputs, outputs, height, width, count;
};

struct Layer {
  std::vector<float> weights, bias;
  explicit Layer(const Shape& s)
      : weights(numbers(static_cast<std::size_t>(s.outputs * s.inputs * s.side * s.side), 1)),
        bias(numbers(static_cast<std::size_t>(s.outputs), 2)) {}
  Convolution packed(const Shape& s, const native::Kernels& by) const {
    return {weights, bias, s.outputs, s.inputs, s.side, s.stride, by};
  }
};

/// One output by definition, in double precision.
double defined(const Layer& layer, const Shape& s, const cv::Mat& image, int y, int x, int out) {
  double sum = layer.bias[static_cast<std::size_t>(out)];
  for (int ky = 0; ky < s.side; ++ky)
    for (int kx = 0; kx < s.side; ++kx) {
      const int from_y = y * s.stride + ky - s.side / 2, from_x = x * s.stride + kx - s.side / 2;
      if (from_y < 0 || from_y >= s.height || from_x < 0 || from_x >= s.width) continue;
      for (int in = 0; in < s.inputs; ++in)
        sum += double{image.ptr<float>(from_y, from_x)[in]} *
               layer.weights[static_cast<std::size_t>(
                   ((out * s.inputs + in) * s.side + ky) * s.side + kx)];
    }
  return sum;
}

double largest_difference(const Layer& layer, const Shape& s, const Batch& of, const Batch& found) {
  double most = 0;
  for (int i = 0; i < of.count; ++i)
    for (int y = 0; y < found.height(); ++y)
      for (int x = 0; x < found.rows.cols; ++x)
        for (int out = 0; out < s.outputs; ++out)
          most = std::max(most, std::abs(defined(layer, s, of.image(i), y, x, out) -
                                         double{found.image(i).ptr<float>(y, x)[out]}));
  return most;
}

bool same(const Batch& a, const Batch& b) {
  return a.rows.size() == b.rows.size() &&
         cv::norm(a.rows.reshape(1), b.rows.reshape(1), cv::NORM_INF) == 0;
}

}  // namespace

TEST_CASE("a convolution is what it is by definition, with every set of instructions and any shape",
          "[mini]") {
  const Shape shape = GENERATE(
      Shape{3, 1, 32, 32, 20, 60, 1}, Shape{3, 1, 64, 32, 7, 7, 3},  // in tiles
      Shape{3, 1, 32, 96, 1, 1, 1}, Shape{3, 1, 48, 48, 33, 2, 2}, Shape{3, 1, 32, 64, 5, 101, 1},
      Shape{3, 1, 21, 16, 9, 13, 2},  // in rows
      Shape{5, 2, 4, 32, 18, 22, 2}, Shape{3, 2, 32, 64, 9, 30, 1}, Shape{1, 1, 36, 6, 3, 50, 1},
      Shape{1, 1, 16, 1, 5, 3, 2}, Shape{1, 1, 7, 40, 1, 1, 1}, Shape{3, 2, 5, 2, 1, 1, 1});
  CAPTURE(shape.side, shape.stride, shape.inputs, shape.outputs, shape.height, shape.width);
  const Layer layer(shape);
  const Batch in = images(shape.count, shape.height, shape.width, shape.inputs, 3);
  for (const native::Kernels* kernels : native::usable_kernels()) {
    CAPTURE(kernels->lanes);
    const Batch out = layer.packed(shape, *kernels)(as_is(in));
    REQUIRE(out.count == shape.count);
    REQUIRE(out.height() == (shape.height + shape.stride - 1) / shape.stride);
    REQUIRE(out.rows.cols == (shape.width + shape.stride - 1) / shape.stride);
    // sums of up to 576 products of numbers below 1, rounded to 24 bits each time
    CHECK(largest_difference(layer, shape, in, out) < 5e-5);
  }
}

TEST_CASE("a convolution adds, then rectifies", "[mini]") {
  const Shape shape = GENERATE(Shape{3, 1, 32, 32, 11, 13, 2}, Shape{3, 1, 8, 6, 11, 13, 2});
  const Layer layer(shape);
  const Batch in = images(2, 11, 13, shape.inputs, 3), more = images(2, 11, 13, shape.outputs, 4);
  const native::Input added = as_is(more);
  const Convolution convolution = layer.packed(shape, native::kernels());
  const Batch plain = convolution(as_is(in)),
              both = convolution(as_is(in), {.rectified = true, .added = &added});
  const cv::Mat expected = cv::max(cv::Mat(plain.rows.reshape(1) + more.rows.reshape(1)), 0);
  CHECK(cv::norm(both.rows.reshape(1), expected, cv::NORM_INF) == 0);
}

TEST_CASE("layers give the same numbers on any number of threads", "[mini]") {
  const Shape shape{3, 1, 32, 32, 70, 90, 2};
  const Layer layer(shape);
  const Batch in = images(2, 70, 90, 32, 3);
  const native::Block block{{layer.bias, layer.bias},
                            layer.packed(shape, native::kernels()),
                            layer.packed(shape, native::kernels())};
  const int before = cv::getNumThreads();
  cv::setNumThreads(1);
  const Batch alone = block(as_is(in));
  cv::setNumThreads(5);
  const Batch shared = block(as_is(in));
  cv::setNumThreads(before);
  CHECK(same(alone, shared));
}

TEST_CASE("normalised channels have a mean of 0 and a deviation of 1", "[mini]") {
  const Batch in = images(1, 5, 9, 32, 6);
  const native::ChannelNorm norm{std::vector<float>(32, 1.0f), std::vector<float>(32, 0.0f)};
  const Batch out = evaluated(norm.of(as_is(in)));
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 9; ++x) {
      cv::Scalar mean, deviation;
      cv::meanStdDev(cv::Mat(1, 32, CV_32F, const_cast<float*>(out.rows.ptr<float>(y, x))), mean,
                     deviation);
      CHECK(std::abs(mean[0]) < 1e-6);
      CHECK(std::abs(deviation[0] - 1) < 1e-3);  // the epsilon of layer normalisation
    }
}

TEST_CASE("enlarged images are those of bilinear interpolation between pixels' middles", "[mini]") {
  const Batch in = images(1, 7, 5, 3, 8);
  const Batch out = evaluated(enlarged(as_is(in), 14, 10));
  cv::Mat expected;
  cv::resize(in.rows, expected, {10, 14}, 0, 0, cv::INTER_LINEAR);
  CHECK(cv::norm(out.rows.reshape(1), expected.reshape(1), cv::NORM_INF) < 1e-6);
}

TEST_CASE("features that are kept in half precision are read as floats", "[mini]") {
  const Batch in = images(1, 4, 6, 32, 9);
  cv::Mat half, back;
  in.rows.convertTo(half, CV_16F);
  half.convertTo(back, CV_32F);
  const std::vector<cv::Mat> parts{half(cv::Rect(1, 1, 4, 2))};
  CHECK(same(evaluated(native::as_is(parts)), Batch{back(cv::Rect(1, 1, 4, 2)).clone(), 1}));
}
