// Engines whose slots are filled by archives, by weight-free stages, or by both.
#include "persense/engine.hpp"

#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "sam_archives.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr int across = 5, down = 4, gap = 50, radius = 12;

/// Red discs on blue.
cv::Mat crowd() {
  cv::Mat image = disc_picture({across * gap, down * gap}, {gap / 2, gap / 2}, radius);
  for (int y = 0; y < down; ++y)
    for (int x = 0; x < across; ++x)
      cv::circle(image, {gap / 2 + gap * x, gap / 2 + gap * y}, radius, cv::Scalar(220, 30, 10),
                 cv::FILLED);
  return image;
}

Result count_discs(const Engine& engine) {
  const Size size{160, 120};
  const cv::Mat support = disc_picture(size, {80, 60}, radius);
  const cv::Mat mask = disc_mask(size, {80, 60}, radius);
  const cv::Mat query = crowd();
  RunOptions run;
  run.trace = true;
  return engine.segment(engine.support(ImageView(support), MaskView(mask)), ImageView(query), run);
}

/// A density network: 60 times a bump of mass 1 on every red pixel's neighbourhood, CounTR's scale.
const std::string red_is_dense = R"(
def forward(self, image, exemplars):
    red = torch.clamp(image[:, 0] - image[:, 2], 0.0, 1.0).unsqueeze(1)
    return torch.avg_pool2d(red, [31, 31], [1, 1], [15, 15]).squeeze(1) ** 4
)";

struct Models : DiscArchives {
  std::filesystem::path dmg = scratch / "dmg.pt";
  explicit Models(const std::string& network = "countr") {
    save_archive(dmg, R"({"format": 1, "stage": "dmg", "name": ")" + network + R"(",
                     "input": {"size": 384, "mean": [0, 0, 0], "std": [255, 255, 255],
                               "exemplar_size": 64}, "output": {"scale": 60}})",
                 red_is_dense);
  }
  Stages stages() const { return Stages::in_folder(scratch.path().string()); }
};

void check_all_found(const Result& result) {
  CHECK(result.count() == across * down);
  for (const Instance& instance : result.instances) {
    const int dx = instance.point.x % gap - gap / 2, dy = instance.point.y % gap - gap / 2;
    CHECK(dx * dx + dy * dy < radius * radius);  // on a disc
    CHECK(instance.mask.contains(instance.point));
  }
}

}  // namespace

TEST_CASE("torch engine: an encoder archive works with weight-free stages", "[torch][engine]") {
  const DiscArchives archives;
  Stages stages;
  stages.encoder = archives.encoder.string();
  const Engine engine(stages);
  const Result result = count_discs(engine);
  check_all_found(result);
  // the similarity is the archive's: cells of 16 pixels blur the discs' borders
  const FloatMap classic = count_discs(Engine("classic")).trace->similarity;
  CHECK((classic - result.trace->similarity).abs().maxCoeff() > 0.1f);
}

TEST_CASE("torch engine: a decoder archive segments what weight-free stages point at",
          "[torch][engine]") {
  const DiscArchives archives;
  Stages stages;
  stages.encoder = archives.encoder.string();
  stages.decoder = archives.decoder.string();
  const Result result = count_discs(Engine(stages));
  check_all_found(result);
  // the archive's final masks are discs of 16 pixels of its input, 256 for the image's 250
  for (const Instance& instance : result.instances)
    CHECK(std::abs(instance.mask.box.width() - 2 * 16 * 250 / 256) <= 2);
}

TEST_CASE("torch engine: a density archive works with the weight-free encoder", "[torch][engine]") {
  const Models models;
  Stages stages;
  stages.dmg = models.dmg.string();
  check_all_found(count_discs(Engine(stages, stages.adapt(Options::paper()))));
}

TEST_CASE("torch engine: a folder fills the slots it has archives for", "[torch][engine]") {
  const Models models;
  const Stages stages = models.stages();
  CHECK(stages.encoder == models.encoder.string());
  CHECK(stages.detector == "classic");
  CHECK(stages.dmg == models.dmg.string());
  CHECK(stages.decoder == models.decoder.string());
  check_all_found(count_discs(Engine(models.scratch.path().string())));
}

TEST_CASE("torch engine: CounTR's maps are binarised at 20 and its count is not rounded",
          "[torch][engine]") {
  const Models models;
  const Engine engine(models.scratch.path().string(), Options::reference());
  CHECK(engine.options().idm.threshold == 20);
  CHECK(engine.options().ppsm.count_rounding == CountRounding::none);
  CHECK(Stages{}.adapt(Options::reference()).idm.threshold == 30);
}

TEST_CASE("torch engine: guidance and refinement are options", "[torch][engine]") {
  const DiscArchives archives;
  Stages stages;
  stages.encoder = archives.encoder.string();
  stages.decoder = archives.decoder.string();
  Options plain;
  plain.decoder.guidance = plain.decoder.refinement = Switch::off;
  // the archive answers a plain point with its middle disc, a refined one with its large one
  const auto first_width = [&](const Options& options) {
    return count_discs(Engine(stages, options))
        .trace->passes.front()
        .masks.front()
        .mask.box.width();
  };
  CHECK(first_width(plain) < first_width({}));
}

TEST_CASE("torch engine: the same result on one thread and on two", "[torch][engine]") {
  const Models models;
  Stages stages = models.stages();
  const Options options = stages.adapt(Options::paper());
  std::vector<Result> results;
  for (const int threads : {1, 2}) {
    stages.threads = threads;
    results.push_back(count_discs(Engine(stages, options)));
  }
  REQUIRE(results[0].count() == results[1].count());
  for (std::size_t i = 0; i < results[0].instances.size(); ++i) {
    CHECK(results[0].instances[i].point == results[1].instances[i].point);
    CHECK(results[0].instances[i].mask.bits == results[1].instances[i].mask.bits);
  }
}

TEST_CASE("torch engine: stages that do not fit are refused in one line",
          "[torch][engine][errors]") {
  const Models models("magic");
  const auto refused = [](auto type, const Stages& stages) {
    return message_of<decltype(type)>([&] { Engine engine(stages); });
  };
  Stages stages;
  stages.decoder = models.decoder.string();
  CHECK_THAT(refused(InvalidArgument(""), stages),
             ContainsSubstring("needs the encoder archive that it was trained with (\"disc\")"));
  stages = {};
  stages.detector = models.decoder.string();
  CHECK_THAT(refused(InvalidArgument(""), stages), ContainsSubstring("detector archives"));
  stages = {};
  stages.dmg = models.dmg.string();
  CHECK_THAT(refused(BadModel(""), stages),
             ContainsSubstring("\"magic\", expected \"countr\" or \"dsalvanet\""));
  stages = {};
  stages.encoder = models.decoder.string();
  CHECK_THAT(refused(BadModel(""), stages), ContainsSubstring("decoder"));
  stages.encoder = models.encoder.string();
  stages.device = "tpu";
  CHECK_THAT(refused(InvalidArgument(""), stages), ContainsSubstring("tpu"));
  stages.device = "cpu";
  stages.dtype = "fp8";
  CHECK_THAT(refused(InvalidArgument(""), stages), ContainsSubstring("fp8"));
  const Scratch empty;
  CHECK_THAT(message_of<FileNotFound>([&] { Stages::in_folder(empty.path().string()); }),
             ContainsSubstring("no encoder.pt"));
}
