// A folder of archives through the C ABI.
#include <persense.h>

#include "catch.hpp"
#include "comma_locale.hpp"
#include "persense/engine.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/tables.hpp"
#include "persense/option_table.hpp"
#include "sam_archives.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr Size frame{160, 120};
constexpr Point center{80, 60};
constexpr int radius = 12;

persense_image image_of(const cv::Mat& pixels, persense_pixel_format format) {
  return {pixels.data, pixels.cols, pixels.rows, static_cast<std::int64_t>(pixels.step), format};
}

}  // namespace

TEST_CASE("C ABI: a folder of archives gives what the engine gives", "[torch][capi]") {
  const DiscArchives archives;
  const std::string folder = archives.scratch.path().string();
  const cv::Mat picture = disc_picture(frame, center, radius);
  const cv::Mat mask = disc_mask(frame, center, radius);

  persense_pipeline_options options;
  persense_pipeline_options_init(&options, sizeof options);
  options.models = folder.c_str();
  const auto method = GENERATE(Method::persense, Method::grounded_sam);
  const std::string settings = "method=" + option_text(method);
  options.settings = settings.c_str();
  persense_pipeline* pipeline = nullptr;
  persense_support* support = nullptr;
  persense_result* result = nullptr;
  const persense_image image = image_of(picture, PERSENSE_RGB8);
  const persense_image marked = image_of(mask, PERSENSE_GRAY8);
  REQUIRE(persense_pipeline_create(&options, &pipeline) == PERSENSE_OK);
  REQUIRE(persense_support_create(pipeline, &image, &marked, nullptr, &support) == PERSENSE_OK);
  REQUIRE(persense_segment(support, &image, nullptr, &result) == PERSENSE_OK);

  Options chosen;
  chosen.method = method;
  const Engine engine(folder, chosen);
  const Result expected = engine.segment(engine.support(ImageView::of_rgb(picture), MaskView(mask)),
                                         ImageView::of_rgb(picture));
  const persense_result_info* const found = persense_result_get_info(result);
  REQUIRE(expected.count() > 0);
  REQUIRE(found->instance_count == expected.count());
  CHECK(found->estimated_count == expected.estimated_count());
  for (std::size_t i = 0; i < expected.count(); ++i) {
    const Instance& wanted = expected.instances[i];
    CHECK(found->instances[i].score == wanted.score);
    CHECK(found->instances[i].area == wanted.mask.area());
    CHECK(std::equal(wanted.mask.bits.begin(), wanted.mask.bits.end(), found->instances[i].mask));
  }
  persense_result_free(result);
  persense_support_free(support);
  persense_pipeline_free(pipeline);
}

TEST_CASE("C ABI: a decimal comma in the application's locale changes nothing", "[torch][capi]") {
  const DiscArchives archives;
  const cv::Mat picture = disc_picture(frame, center, radius);
  const cv::Mat mask = disc_mask(frame, center, radius);
  // archives and mini are loaded, options read and files written
  struct Found {
    std::string options, csv;
    Bytes coco;
    double estimated = 0;
    bool operator==(const Found&) const = default;
  };
  const auto found_by = [&](const std::string& models) {
    Found found;
    persense_pipeline_options options;
    persense_pipeline_options_init(&options, sizeof options);
    options.models = models.c_str();
    options.settings = "detection.threshold=0.25\nfilter.min_score=0.015";
    persense_pipeline* pipeline = nullptr;
    persense_support* support = nullptr;
    persense_result* result = nullptr;
    const persense_image image = image_of(picture, PERSENSE_RGB8);
    const persense_image marked = image_of(mask, PERSENSE_GRAY8);
    INFO(persense_last_error());
    REQUIRE(persense_pipeline_create(&options, &pipeline) == PERSENSE_OK);
    REQUIRE(persense_support_create(pipeline, &image, &marked, nullptr, &support) == PERSENSE_OK);
    REQUIRE(persense_segment(support, &image, nullptr, &result) == PERSENSE_OK);
    found.estimated = persense_result_get_info(result)->estimated_count;
    persense_result_free(result);
    persense_support_free(support);
    persense_pipeline_free(pipeline);

    Options set;
    set_option(set, "filter.min_score", "0.015");
    const Engine engine(models, set);
    const ImageView view = ImageView::of_rgb(picture);
    const Result seen = engine.segment(engine.support(view, MaskView(mask)), view);
    found.options = option_text(set.filter.min_score);
    found.csv = io::to_csv(seen);
    const Scratch scratch;
    io::CocoWriter coco(scratch / "a.json",
                        io::CocoHeader{{"disc"}, engine.stages(), engine.options(), {}});
    coco.add("a.png", seen);
    coco.close();
    found.coco = bytes_of(scratch / "a.json");
    return found;
  };
  const std::string folder = archives.scratch.path().string();
  const Found expected = found_by(folder), expected_mini = found_by("mini");
  CHECK(expected.options == "0.015");
  const testing::CommaLocale german;
  if (!german.is_there()) SKIP("no locale with a decimal comma, and localedef makes none");
  CHECK(found_by(folder) == expected);
  CHECK(found_by("mini") == expected_mini);
}

TEST_CASE("C ABI: archives that cannot be used are a status and one line",
          "[torch][capi][errors]") {
  const DiscArchives archives;
  const std::string encoder = archives.encoder.string(), decoder = archives.decoder.string(),
                    folder = archives.scratch.path().string();
  persense_pipeline_options options;
  persense_pipeline_options_init(&options, sizeof options);
  options.encoder = encoder.c_str();
  persense_status expected = PERSENSE_OK;
  std::string said;
  SECTION("another stage") {
    options.encoder = decoder.c_str();
    expected = PERSENSE_BAD_MODEL;
    said = "decoder";
  }
  SECTION("no such file") {
    options.encoder = "/nowhere/encoder.pt";
    expected = PERSENSE_FILE_NOT_FOUND;
    said = "/nowhere/encoder.pt";
  }
  SECTION("truncated") {
    std::filesystem::resize_file(archives.encoder, 200);
    expected = PERSENSE_UNREADABLE;
    said = encoder;
  }
  SECTION("a damaged network in a folder") {
    std::filesystem::rename(archives.encoder, archives.scratch / "mini.pt");
    std::filesystem::resize_file(archives.scratch / "mini.pt", 200);
    options.models = folder.c_str();
    options.encoder = NULL;
    options.decoder = "mini";
    expected = PERSENSE_UNREADABLE;
    said = "mini.pt";
  }
  SECTION("a device that is not there, for the default") {
    options.encoder = NULL;
    options.device = "cuda:9";
    expected = PERSENSE_DEVICE_UNAVAILABLE;
    said = "cuda:9";
  }
  SECTION("a device that is not there") {
    options.device = "cuda:9";
    expected = PERSENSE_DEVICE_UNAVAILABLE;
    said = "cuda:9";
  }
  SECTION("a device that is none") {
    options.device = "tpu";
    expected = PERSENSE_INVALID_ARGUMENT;
    said = "tpu";
  }
  persense_pipeline* pipeline = nullptr;
  CHECK(persense_pipeline_create(&options, &pipeline) == expected);
  CHECK(pipeline == nullptr);
  const std::string line = persense_last_error();
  CHECK_THAT(line, ContainsSubstring(said));
  CHECK(line.find('\n') == std::string::npos);
}
