// The C ABI against the C++ engine that it stands on.
#include <cstring>

#include "catch.hpp"
#include "persense.h"
#include "persense/engine.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/images.hpp"

using namespace persense;

namespace {

const std::string beans = PERSENSE_SOURCE_DIR "/examples/data/beans/";

persense_image as_image(const cv::Mat& pixels, persense_pixel_format format) {
  return {pixels.data, pixels.cols, pixels.rows, static_cast<std::int64_t>(pixels.step), format};
}

struct Handles {
  persense_pipeline* pipeline = nullptr;
  persense_support* support = nullptr;
  persense_result* result = nullptr;
  ~Handles() {
    persense_result_free(result);
    persense_support_free(support);
    persense_pipeline_free(pipeline);
  }
};

void check_same(const persense_instance& c, const Instance& cpp) {
  CHECK(c.box.x0 == cpp.box.x0);
  CHECK(c.box.y0 == cpp.box.y0);
  CHECK(c.box.x1 == cpp.box.x1);
  CHECK(c.box.y1 == cpp.box.y1);
  CHECK(Point{c.point.x, c.point.y} == cpp.point);
  CHECK(c.score == cpp.score);
  CHECK(PixelBox{c.mask_x, c.mask_y, c.mask_x + c.mask_width, c.mask_y + c.mask_height} ==
        cpp.mask.box);
  CHECK(c.area == cpp.mask.area());
  CHECK(std::memcmp(c.mask, cpp.mask.bits.data(), cpp.mask.bits.size()) == 0);
}

}  // namespace

TEST_CASE("persense.h: gives the engine's result to the bit", "[capi]") {
  const auto preset = GENERATE(as<std::string>{}, "paper", "reference");
  const Image support_image = io::read_image(beans + "00.jpg"),
              query = io::read_image(beans + "01.jpg");
  const cv::Mat mask = io::read_mask(beans + "00.png");
  const auto models = GENERATE(as<std::string>{}, "", "classic");  // "": the default
  const auto settings = GENERATE(as<std::string>{}, "", "method=grounded_sam");
  Options chosen = Options::preset(preset);
  if (!settings.empty()) apply_setting(chosen, settings, "settings");
  const Engine engine(models.empty() ? Stages{} : Stages::named(models), chosen);
  const Result expected =
      engine.segment(engine.support(support_image.view(), MaskView(mask), "bean"), query.view());

  Handles c;
  persense_pipeline_options options;
  persense_pipeline_options_init(&options, sizeof options);
  options.preset = preset.c_str();
  options.settings = settings.c_str();
  if (!models.empty()) options.models = models.c_str();
  const auto c_support = as_image(support_image.mat(), PERSENSE_RGB8);
  const auto c_mask = as_image(mask, PERSENSE_GRAY8);
  const auto c_query = as_image(query.mat(), PERSENSE_RGB8);
  REQUIRE(persense_pipeline_create(&options, &c.pipeline) == PERSENSE_OK);
  REQUIRE(persense_support_create(c.pipeline, &c_support, &c_mask, "bean", &c.support) ==
          PERSENSE_OK);
  REQUIRE(persense_segment(c.support, &c_query, nullptr, &c.result) == PERSENSE_OK);
  const persense_result_info& got = *persense_result_get_info(c.result);

  REQUIRE(expected.count() > 10);
  REQUIRE(got.instance_count == expected.count());
  for (std::size_t i = 0; i < expected.count(); ++i) {
    check_same(got.instances[i], expected.instances[i]);
    const char* counts = nullptr;
    REQUIRE(persense_result_get_rle(c.result, i, &counts) == PERSENSE_OK);
    CHECK(counts ==
          io::rle_to_string(io::rle_counts(expected.instances[i].mask, expected.image_size)));
  }
  CHECK(got.estimated_count == expected.estimated_count);
  CHECK((got.ppsm_fallback != 0) == expected.ppsm_fallback);
  CHECK(std::vector<std::string>(got.notes, got.notes + got.note_count) == expected.notes);
  CHECK(std::memcmp(got.density.data, expected.density.data(),
                    static_cast<std::size_t>(expected.density.size()) * sizeof(float)) == 0);
  const cv::Mat labels = io::label_image(expected.image_size, expected.instances);
  cv::Mat c_labels(labels.size(), CV_32SC1, cv::Scalar(-1));
  REQUIRE(persense_result_get_labels(c.result, c_labels.ptr<std::int32_t>(),
                                     c_labels.total() * c_labels.elemSize(), 0) == PERSENSE_OK);
  CHECK(std::memcmp(labels.data, c_labels.data, labels.total() * labels.elemSize()) == 0);
}

TEST_CASE("persense_picture_read: gives the pixels of io::read_image and io::read_mask", "[capi]") {
  persense_picture *picture = nullptr, *mask = nullptr;
  REQUIRE(persense_picture_read((beans + "00.jpg").c_str(), &picture) == PERSENSE_OK);
  REQUIRE(persense_picture_read_mask((beans + "00.png").c_str(), &mask) == PERSENSE_OK);
  const auto same = [](const persense_image& got, const cv::Mat& expected) {
    return got.width == expected.cols && got.height == expected.rows &&
           got.stride == static_cast<std::int64_t>(expected.step) &&
           std::memcmp(got.data, expected.data, expected.total() * expected.elemSize()) == 0;
  };
  CHECK(same(*persense_picture_get_image(picture), io::read_image(beans + "00.jpg").mat()));
  CHECK(same(*persense_picture_get_image(mask), io::read_mask(beans + "00.png")));
  persense_picture_free(picture);
  persense_picture_free(mask);
}
