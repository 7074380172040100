// What surrounds the grounding detector, against the released code.
#include "golden.hpp"
#include "persense/models/grounding_frame.hpp"

using namespace persense;
using namespace persense::testing;

TEST_CASE("golden detector_pre_post: image sizes are those of the released code", "[golden]") {
  for_each_case("detector_pre_post", [](const fs::path&, const json& info) {
    for (const json& one : info["resize_cases"]) {
      const Size original = size_from(one["original_hw"]);
      INFO(to_string(original));
      CHECK(grounding::frame_size(original, 800, 1333) == size_from(one["resized_hw"]));
    }
  });
}

TEST_CASE("golden detector_pre_post: boxes are those of the released code, to the bit",
          "[golden]") {
  for_each_case("detector_pre_post", [](const fs::path&, const json& info) {
    for (const json& image : info["post"]) {
      const Size size = size_from(image["image_hw"]);
      REQUIRE(image["xyxy"].size() == info["cxcywh"].size());
      for (std::size_t i = 0; i < image["xyxy"].size(); ++i) {
        const auto expected = image["xyxy"][i].get<std::array<float, 4>>();
        const Box got = grounding::to_pixels(info["cxcywh"][i].get<std::array<float, 4>>(), size);
        CHECK(got == Box{expected[0], expected[1], expected[2], expected[3]});
      }
    }
  });
}

TEST_CASE("golden detector_pre_post: the network gets the released code's pixels", "[golden]") {
  for_each_case("detector_pre_post", [](const fs::path& folder, const json&) {
    const cv::Mat image = image_of(read_npy(folder / "image_rgb.npy"));
    const cv::Mat resized = image_of(read_npy(folder / "resized_rgb_short96_max160.npy"));
    const PixelScaling imagenet{{123.675f, 116.28f, 103.53f}, {58.395f, 57.12f, 57.375f}};
    const Planes frame = grounding::make_frame(ImageView::of_rgb(image), 96, 160, imagenet);
    REQUIRE(frame.size() == Size{resized.cols, resized.rows});
    const PixelScaling none{{0, 0, 0}, {1, 1, 1}};
    const Planes bytes = grounding::make_frame(ImageView::of_rgb(image), 96, 160, none);
    const Array expected = read_npy(folder / "normalised_stride4.npy");  // (3, rows, columns)
    std::size_t next = 0;
    float largest = 0;
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < frame.height; ++y)
        for (int x = 0; x < frame.width; ++x) {
          REQUIRE(bytes.map(0, c)(y, x) == resized.at<cv::Vec3b>(y, x)[c]);
          if (y % 4 == 0 && x % 4 == 0)
            largest = std::max(largest, std::abs(frame.map(0, c)(y, x) -
                                                 static_cast<float>(expected.values.at(next++))));
        }
    CHECK(next == expected.values.size());
    CHECK(largest < 1e-6f);  // float32: it divides by 255 first
  });
}

TEST_CASE("grounding::frame_size: an image of any shape keeps a pixel of its short side") {
  CHECK(grounding::frame_size({1, 100000}, 800, 1333) == Size{1, 1333});
  CHECK(grounding::frame_size({100000, 2}, 800, 1333) == Size{1333, 1});
  CHECK(grounding::frame_size({1, 1}, 800, 1333) == Size{800, 800});
}
