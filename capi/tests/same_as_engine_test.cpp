// The C ABI against the C++ engine that it stands on.
#include <cstring>
#include <opencv2/imgcodecs.hpp>

#include "catch.hpp"
#include "io/scratch.hpp"
#include "persense.h"
#include "persense/engine.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/images.hpp"
#include "persense/option_table.hpp"

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
  const auto preset = GENERATE(as<std::string>{}, "paper", "plus_plus", "reference");
  const Image support_image = io::read_image(beans + "00.jpg"),
              query = io::read_image(beans + "01.jpg");
  const cv::Mat mask = io::read_mask(beans + "00.png");
  const auto models = GENERATE(as<std::string>{}, "", "classic");  // "": the default
  const auto settings = GENERATE(as<std::string>{}, "", "method=grounded_sam");
  const Stages stages = models.empty() ? Stages{} : Stages::named(models);
  const Engine engine(stages, stages.adapt(Options::preset(preset), [&](Options& options) {
    if (!settings.empty()) apply_setting(options, settings, "settings");
  }));
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
  CHECK(got.count_confidence == expected.count_confidence());
  for (std::size_t i = 0; i < expected.count(); ++i) {
    check_same(got.instances[i], expected.instances[i]);
    const char* counts = nullptr;
    REQUIRE(persense_result_get_rle(c.result, i, &counts) == PERSENSE_OK);
    CHECK(counts ==
          io::rle_to_string(io::rle_counts(expected.instances[i].mask, expected.image_size)));
  }
  CHECK(got.estimated_count == expected.estimated_count());
  CHECK((got.ppsm_fallback != 0) == expected.ppsm_fallback());
  CHECK(std::vector<std::string>(got.notes, got.notes + got.note_count) == expected.notes);
  CHECK(std::memcmp(got.density.data, expected.density().data(),
                    static_cast<std::size_t>(expected.density().size()) * sizeof(float)) == 0);
  const cv::Mat labels = io::label_image(expected.image_size, expected.instances);
  cv::Mat c_labels(labels.size(), CV_32SC1, cv::Scalar(-1));
  REQUIRE(persense_result_get_labels(c.result, c_labels.ptr<std::int32_t>(),
                                     c_labels.total() * c_labels.elemSize(), 0) == PERSENSE_OK);
  CHECK(std::memcmp(labels.data, c_labels.data, labels.total() * labels.elemSize()) == 0);
}

TEST_CASE("persense.h: gives the engine's result of examples and classes to the bit", "[capi]") {
  const auto models = GENERATE(as<std::string>{}, "", "classic");  // "": the default
  const Image image = io::read_image(beans + "00.jpg"), query = io::read_image(beans + "01.jpg");
  const cv::Mat mask = io::read_mask(beans + "00.png");
  const Engine engine(models.empty() ? Stages::default_name() : models);
  const PixelBox inside = engine.support(image.view(), MaskView(mask)).info().box;
  const auto box = static_cast<Box>(inside);
  const EngineImage shared = engine.encode(image.view());
  const std::vector<Example> one{{shared, box}};
  const std::vector<Example> other{
      {shared, MaskView(mask)},
      {shared, Polygon{{{box.x0, box.y0}, {box.x1, box.y0}, {box.x1, box.y1}}}}};
  const std::vector<EngineSupport> supports{engine.support(one, "bean"),
                                            engine.support(other, "half")};
  FilterOptions filter = engine.options().filter;
  filter.min_area_ratio = 0.5f;
  RunOptions run;
  run.filter = filter;
  const Result expected = engine.segment(engine.encode(query.view()), supports, run);

  Handles c;
  persense_pipeline_options options;
  persense_pipeline_options_init(&options, sizeof options);
  if (!models.empty()) options.models = models.c_str();
  REQUIRE(persense_pipeline_create(&options, &c.pipeline) == PERSENSE_OK);
  CHECK(persense_pipeline_get_stages(c.pipeline) == engine.stages());
  const auto c_image = as_image(image.mat(), PERSENSE_RGB8);
  const auto c_mask = as_image(mask, PERSENSE_GRAY8);
  const auto c_query = as_image(query.mat(), PERSENSE_RGB8);
  persense_encoded* c_encoded = nullptr;
  REQUIRE(persense_image_encode(c.pipeline, &c_query, &c_encoded) == PERSENSE_OK);
  const persense_vertex corners[] = {{box.x0, box.y0}, {box.x1, box.y0}, {box.x1, box.y1}};
  persense_example examples[2];
  for (persense_example& e : examples) {
    persense_example_init(&e, sizeof e);
    e.image = &c_image;
    e.mask = &c_mask;
    e.box = {box.x0, box.y0, box.x1, box.y1};
    e.vertices = corners;
    e.vertex_count = 3;
  }
  examples[0].kind = PERSENSE_MARK_BOX;
  persense_support* c_supports[2] = {};
  REQUIRE(persense_support_create_from_examples(c.pipeline, examples, 1, "bean", &c_supports[0]) ==
          PERSENSE_OK);
  examples[0].kind = PERSENSE_MARK_MASK;
  examples[1].kind = PERSENSE_MARK_POLYGON;
  REQUIRE(persense_support_create_from_examples(c.pipeline, examples, 2, "half", &c_supports[1]) ==
          PERSENSE_OK);
  persense_run_options c_run;
  persense_run_options_init(&c_run, sizeof c_run);
  c_run.min_area_ratio = 0.5f;
  REQUIRE(persense_segment_encoded(c_encoded, c_supports, 2, &c_run, &c.result) == PERSENSE_OK);
  const persense_result_info& got = *persense_result_get_info(c.result);

  REQUIRE(expected.count() > 10);
  REQUIRE(got.instance_count == expected.count());
  for (std::size_t i = 0; i < expected.count(); ++i) {
    check_same(got.instances[i], expected.instances[i]);
    CHECK(got.instance_classes[i] == static_cast<int>(expected.instances[i].class_index));
    CHECK((got.instance_touches_border[i] != 0) == expected.instances[i].touches_border);
  }
  REQUIRE(got.class_count == 2);
  for (std::size_t k = 0; k < 2; ++k) {
    const ClassResult& mine = expected.classes[k];
    CHECK(got.classes[k]->label == mine.label);
    CHECK(got.classes[k]->instance_count == mine.count);
    CHECK(got.classes[k]->estimated_count == mine.estimated_count);
    CHECK(std::memcmp(got.classes[k]->density.data, mine.density.data(),
                      static_cast<std::size_t>(mine.density.size()) * sizeof(float)) == 0);
    persense_support_free(c_supports[k]);
  }
  CHECK(std::vector<std::string>(got.notes, got.notes + got.note_count) == expected.notes);
  persense_encoded_free(c_encoded);
}

TEST_CASE("persense_image_buffer_read_as: a page, through a window", "[capi]") {
  const test::Scratch scratch;
  const std::string file = (scratch / "s.tif").string();
  const cv::Mat dark(20, 30, CV_16UC1, cv::Scalar(500)), grey(20, 30, CV_16UC1, cv::Scalar(1000));
  REQUIRE(cv::imwritemulti(file, std::vector<cv::Mat>{dark, grey}));
  persense_read_options options;
  persense_read_options_init(&options, sizeof options);
  options.page = 2;
  options.windowed = 1;
  options.window_low = 500;
  options.window_high = 1500;
  persense_image_buffer* picture = nullptr;
  REQUIRE(persense_image_buffer_read_as(file.c_str(), &options, &picture) == PERSENSE_OK);
  CHECK(int{persense_image_buffer_get_image(picture)->data[0]} == 128);
  const persense_image_buffer_info* const info = persense_image_buffer_get_info(picture);
  CHECK(info->page_count == 2);
  CHECK(info->windowed == 1);
  CHECK(info->window_high == 1500);
  persense_image_buffer_free(picture);
  options.page = 3;
  CHECK(persense_image_buffer_read_as(file.c_str(), &options, &picture) == PERSENSE_UNREADABLE);
  CHECK(picture == nullptr);
  options.page = -1;
  CHECK(persense_image_buffer_read_as(file.c_str(), &options, &picture) ==
        PERSENSE_INVALID_ARGUMENT);
}

TEST_CASE("persense_image_buffer_read: gives the pixels of io::read_image and io::read_mask",
          "[capi]") {
  persense_image_buffer *picture = nullptr, *mask = nullptr;
  REQUIRE(persense_image_buffer_read((beans + "00.jpg").c_str(), &picture) == PERSENSE_OK);
  REQUIRE(persense_image_buffer_read_mask((beans + "00.png").c_str(), &mask) == PERSENSE_OK);
  const auto same = [](const persense_image& got, const cv::Mat& expected) {
    return got.width == expected.cols && got.height == expected.rows &&
           got.stride == static_cast<std::int64_t>(expected.step) &&
           std::memcmp(got.data, expected.data, expected.total() * expected.elemSize()) == 0;
  };
  CHECK(same(*persense_image_buffer_get_image(picture), io::read_image(beans + "00.jpg").mat()));
  CHECK(same(*persense_image_buffer_get_image(mask), io::read_mask(beans + "00.png")));
  persense_image_buffer_free(picture);
  persense_image_buffer_free(mask);
}
