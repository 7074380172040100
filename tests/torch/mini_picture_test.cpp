// What mini's network is shown: the same pictures by OpenCV as by the products that a GPU makes.
#include "mini_picture.hpp"

#include <ATen/ATen.h>

#include <opencv2/imgproc.hpp>

#include "catch.hpp"

using namespace persense::torchscript;

namespace {

cv::Mat noise(cv::Size size) {
  cv::Mat image(size, CV_8UC3);
  cv::RNG random(7);
  random.fill(image, cv::RNG::UNIFORM, 20, 230);
  return image;
}

double largest(const at::Tensor& difference) { return difference.abs().max().item<double>(); }

}  // namespace

TEST_CASE("mini picture: products resample as OpenCV does", "[torch][mini]") {
  const cv::Size from = GENERATE(cv::Size(96, 70), cv::Size(97, 71), cv::Size(640, 3));
  const double scale = GENERATE(0.25, 0.37, 0.5, 0.91, 1.0, 1.3, 2.0, 3.7);
  const cv::Size to(std::max(1, cvRound(from.width * scale)),
                    std::max(1, cvRound(from.height * scale)));
  CAPTURE(from, to);
  cv::Mat image;
  noise(from).convertTo(image, CV_32FC3, 1.0 / 255);
  const cv::Mat expected = resized(image, to);
  const auto tensor = [](const cv::Mat& m) {
    return at::from_blob(m.data, {m.rows, m.cols, 3}, at::kFloat).permute({2, 0, 1});
  };
  const at::Tensor found = resize_by_products(tensor(image), to);
  // float32 sums, and OpenCV's positions when it enlarges are float32 too
  CHECK(largest(found - tensor(expected)) < 1e-4);
}

TEST_CASE("mini picture: a tile sees the same of a packed picture as of a GPU's", "[torch][mini]") {
  const cv::Mat rgb = noise({700, 300});
  const cv::Mat table = stretching(rgb);
  const std::vector<cv::Size> sizes{{1120, 480}, {700, 300}, {350, 150}, {20, 9}};
  const Placement cpu;
  const auto packed = pictures_of(rgb, table, sizes, cpu.device);
  const auto floats = pictures_by_products(rgb, table, sizes, cpu.device);
  constexpr double most_at_once = 3e5;  // pixels: the largest is seen in tiles
  REQUIRE(packed.size() == sizes.size());
  REQUIRE(floats.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    CAPTURE(sizes[i]);
    CHECK(packed[i].size() == sizes[i]);
    CHECK(floats[i].size() == sizes[i]);
    const auto tiles = tiles_of(sizes[i], most_at_once);
    CHECK((tiles.size() > 1) == (i == 0));
    for (const Tile& tile : tiles) {
      const at::Tensor a = packed[i].seen(tile, cpu), b = floats[i].seen(tile, cpu);
      CHECK(b.sizes() == at::IntArrayRef{1, 3, tile.seen.height, tile.seen.width});
      CHECK(b.is_contiguous(at::MemoryFormat::ChannelsLast));
      CHECK(largest(a - b) < 1e-4);  // 16 bits hold steps of 2.7e-5, rounded twice
    }
  }
}
