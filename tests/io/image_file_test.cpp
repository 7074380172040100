// Images for folders in which PNGs are masks.
#include <opencv2/imgcodecs.hpp>

#include "catch.hpp"
#include "persense/error.hpp"
#include "persense/io/images.hpp"
#include "scratch.hpp"

using namespace persense;
using namespace persense::test;

namespace {

Bytes encoded(const std::string& extension, const cv::Mat& pixels) {
  Bytes bytes;
  cv::imencode(extension, pixels, bytes);
  return bytes;
}

cv::Mat ramp(int type) {
  cv::Mat pixels(20, 30, type);
  for (int y = 0; y < pixels.rows; ++y)
    for (int x = 0; x < pixels.cols; ++x) {
      if (pixels.depth() == CV_16U)
        pixels.at<std::uint16_t>(y, x) = static_cast<std::uint16_t>(2000 * y + x);
      else
        pixels.at<cv::Vec3b>(y, x) =
            cv::Vec3b(static_cast<std::uint8_t>(7 * x), static_cast<std::uint8_t>(11 * y), 90);
    }
  return pixels;
}

}  // namespace

TEST_CASE("image_beside_masks: a PNG becomes a TIFF of the same pixels, whatever their depth",
          "[io][images]") {
  const Scratch scratch;
  for (const int type : {CV_8UC3, CV_16UC1}) {
    put_bytes(scratch / "a.png", encoded(".png", ramp(type)));
    const auto file = io::image_beside_masks(bytes_of(scratch / "a.png"), "a.png");
    CHECK(file.extension == ".tif");
    put_bytes(scratch / "a.tif", file.bytes);
    const auto before = io::load_image(scratch / "a.png"),
               after = io::load_image(scratch / "a.tif");
    CHECK(cv::norm(before.image.mat(), after.image.mat(), cv::NORM_INF) == 0);
    CHECK(before.window.has_value() == (type == CV_16UC1));
    CHECK(after.window.has_value() == before.window.has_value());
  }
}

TEST_CASE("image_beside_masks: what is transparent in a PNG stays white", "[io][images]") {
  const Scratch scratch;
  cv::Mat pixels(20, 30, CV_8UC4, cv::Scalar(10, 20, 30, 255));
  pixels(cv::Rect(0, 0, 10, 20)) = cv::Scalar(10, 20, 30, 0);
  const auto file = io::image_beside_masks(encoded(".png", pixels), "a.png");
  put_bytes(scratch / "a.tif", file.bytes);
  const cv::Mat seen = io::read_image(scratch / "a.tif").mat();
  CHECK(seen.at<cv::Vec3b>(5, 5) == cv::Vec3b(255, 255, 255));
  CHECK(seen.at<cv::Vec3b>(5, 25) == cv::Vec3b(30, 20, 10));
}

TEST_CASE("image_beside_masks: other formats are taken as they are, by content", "[io][images]") {
  for (const std::string extension : {".jpg", ".tif", ".webp", ".bmp"}) {
    const Bytes bytes = encoded(extension, ramp(CV_8UC3));
    const auto file = io::image_beside_masks(bytes, "a.png");
    CHECK(file.extension == extension);
    CHECK(file.bytes == bytes);
    CHECK(io::size_of_image(bytes, "a.png") == Size{30, 20});
  }
  CHECK(message_of<Unreadable>([] {
          io::image_beside_masks({'n', 'o'}, "a.png");
        }).starts_with("a.png: "));
}
