// The whole method against a plain Python transcription of it on the eager networks. end_to_end.py
// makes the archives and images and writes what is expected.
#include <ATen/ATen.h>

#include <filesystem>
#include <iostream>
#include <set>

#include "golden/golden.hpp"
#include "mask_overlap.hpp"
#include "persense/engine.hpp"
#include "persense/pipeline.hpp"
#include "persense/torch/countr.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/dsalvanet.hpp"
#include "persense/torch/encoder.hpp"
#include "sam_archives.hpp"

namespace persense::torchscript {
namespace {

using persense::test::map_of;
using persense::test::overlap;
using persense::testing::Array;
using persense::testing::image_of;
using persense::testing::json;
using persense::testing::read_json;
using persense::testing::read_npy;
namespace fs = std::filesystem;

const fs::path folder = PERSENSE_END_TO_END;

// Both sides run the same kernels, but one prompt at a time there and all at once here, and another
// version of LibTorch may have made the numbers: float32 sums in another order, measured as 1e-6.
constexpr float rounding = 1e-5f;
// A deep network of noise, of whose response only the peaks are left, enlarges that: 1e-5.
constexpr float density_rounding = 1e-4f;

/// Says what it was told. What a detector would find is not part of the comparison.
struct GivenDetector {
  Detections given;
  template <ImageEncoder E>
  Detections detect(const Query<E>&) const {
    return given;
  }
};

std::vector<Detection> detections_from(const json& boxes) {
  std::vector<Detection> found;
  for (const json& b : boxes) found.push_back({{b[0], b[1], b[2], b[3]}, b[4]});
  return found;
}

std::vector<Point> points_from(const json& pairs) {
  std::vector<Point> points;
  for (const json& p : pairs) points.push_back({p[0], p[1]});
  return points;
}

/// First and last row and column, as the released code has exemplars, as a half-open box.
Box box_from(const json& b) {
  return {b[1].get<float>(), b[0].get<float>(), b[3].get<float>() + 1, b[2].get<float>() + 1};
}

std::vector<Box> boxes_from(const json& list) {
  std::vector<Box> boxes;
  for (const json& b : list) boxes.push_back(box_from(b));
  return boxes;
}

/// Masks of the whole image, (n, h, w) or (h, w), cropped to their boxes.
std::vector<Mask> masks_from(const Array& array) {
  const int rows = array.dim(array.shape.size() - 2), columns = array.dim(array.shape.size() - 1);
  const std::vector<std::uint8_t> bytes(array.values.begin(), array.values.end());
  std::vector<Mask> masks;
  for (std::size_t at = 0; at < bytes.size(); at += std::size_t(rows) * std::size_t(columns))
    masks.push_back(crop_to_box(
        MaskView(cv::Mat(rows, columns, CV_8UC1, const_cast<std::uint8_t*>(&bytes[at])))));
  return masks;
}

float largest_difference(const FloatMap& a, const FloatMap& b) {
  REQUIRE(size_of(a) == size_of(b));
  return (a - b).abs().maxCoeff();
}

/// All maps in 0..1: IDM sees no more of a density map, and each side has a scale of its own.
FloatMap full_range(const FloatMap& map) {
  return (map - map.minCoeff()) / (map.maxCoeff() - map.minCoeff());
}

/// The images, and what Python made of them.
struct Expected {
  json all = read_json(folder / "expected.json");
  cv::Mat support = image_of(read_npy(folder / "support.npy"));
  cv::Mat query = image_of(read_npy(folder / "query.npy"));
  Mask object = masks_from(read_npy(folder / "support_mask.npy")).at(0);

  cv::Mat support_mask() const {
    cv::Mat mask = cv::Mat::zeros(support.size(), CV_8UC1);
    for (int y = object.box.y0; y < object.box.y1; ++y)
      std::transform(object.row(y), object.row(y) + object.box.width(), mask.ptr(y) + object.box.x0,
                     [](std::uint8_t inside) { return static_cast<std::uint8_t>(255 * inside); });
    return mask;
  }
  FloatMap map(const fs::path& name) const {
    return persense::testing::map_of(read_npy(folder / name));
  }
  Detections detections() const {
    return {detections_from(all.at("label")), detections_from(all.at("phrase"))};
  }
};

/// The largest differences of a comparison, for the log.
struct Differences {
  float density = 0, score = 0;
  double overlap = 1;
  std::size_t candidates = 0, prompts = 0;
};

void compare(const ScoredMask& got, const Mask& mask, float score, Differences& worst) {
  const double shared = overlap(got.mask, mask);
  CHECK(shared > 0.999);
  CHECK(std::abs(got.score - score) < rounding);
  worst.overlap = std::min(worst.overlap, shared);
  worst.score = std::max(worst.score, std::abs(got.score - score));
}

void compare(const TracePass& got, const json& pass, const fs::path& files, Differences& worst) {
  // in parentheses: LibTorch's glog tries to print vectors of anything, and fails
  CHECK((got.exemplars == boxes_from(pass.at("exemplars"))));
  const FloatMap density = persense::testing::map_of(read_npy(files / "density.npy"));
  const float moved = largest_difference(full_range(got.density), full_range(density));
  CHECK(moved < density_rounding);
  worst.density = std::max(worst.density, moved);
  CHECK((got.candidates == points_from(pass.at("candidates"))));
  CHECK((got.prompts == points_from(pass.at("prompts"))));
  const auto masks = masks_from(read_npy(files / "masks.npy"));
  REQUIRE(got.masks.size() == masks.size());
  for (std::size_t i = 0; i < masks.size(); ++i) {
    INFO("prompt " << i << " of " << masks.size());
    compare(got.masks[i], masks[i], pass.at("scores")[i].get<float>(), worst);
  }
  worst.candidates += got.candidates.size();
  worst.prompts += got.prompts.size();
}

/// That a comparison compares something: enough points, some of them turned away, masks that
/// differ.
void require_substance(const json& passes) {
  REQUIRE(passes.size() == 2);
  CHECK(passes[1].at("exemplars").size() == 4);
  for (const json& pass : passes) {
    CHECK(pass.at("candidates").size() >= 10);
    CHECK(pass.at("prompts").size() >= 8);
    CHECK(pass.at("prompts").size() < pass.at("candidates").size());
    const auto scores = pass.at("scores").get<std::vector<float>>();
    const auto points = points_from(pass.at("prompts"));
    CHECK(std::set<float>(scores.begin(), scores.end()).size() ==
          std::set<Point>(points.begin(), points.end()).size());
  }
}

Stages stages_with(const std::string& dmg) {
  Stages stages;
  stages.encoder = (folder / "encoder.pt").string();
  stages.decoder = (folder / "decoder.pt").string();
  stages.dmg = (folder / (dmg + ".pt")).string();
  return stages;
}

template <class Dmg, class DmgOptions>
auto pipeline_with(const std::string& dmg, const Detections& detections) {
  const Stages stages = stages_with(dmg);
  set_threads(0);
  TorchEncoder encoder(stages.encoder);
  SamDecoder decoder(stages.decoder, encoder);
  return Pipeline(std::move(encoder), GivenDetector{detections},
                  Dmg(Module(stages.dmg, Stage::dmg), DmgOptions{.rules = Rules::reference}),
                  std::move(decoder), stages.adapt(Options::reference()));
}

template <class Dmg, class DmgOptions>
void compare_with_python(const std::string& dmg) {
  const Expected expected;
  const json& method = expected.all.at("methods").at(dmg);
  require_substance(method.at("passes"));

  const auto pipeline = pipeline_with<Dmg, DmgOptions>(dmg, expected.detections());
  REQUIRE(pipeline.options().idm.threshold == method.at("threshold").get<int>());
  RunOptions run;
  run.trace = true;
  const auto support =
      pipeline.support(ImageView::of_rgb(expected.support), MaskView(expected.support_mask()));
  const Result result = pipeline.segment(support, ImageView::of_rgb(expected.query), run);

  const Trace& trace = result.trace().value();
  CHECK(largest_difference(trace.similarity, expected.map("similarity.npy")) < rounding);
  CHECK(trace.location_prior ==
        points_from(json::array({expected.all.at("location_prior")})).at(0));
  Differences worst;
  const json& exemplar = expected.all.at("exemplar");
  compare(trace.exemplar_mask, masks_from(read_npy(folder / "exemplar_mask.npy")).at(0),
          exemplar.at("score").get<float>(), worst);
  CHECK(static_cast<Box>(trace.exemplar_mask.mask.box) == box_from(exemplar.at("box")));
  REQUIRE(trace.passes.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    INFO("pass " << i);
    compare(trace.passes[i], method.at("passes")[i], folder / dmg / std::to_string(i), worst);
  }
  // what Python hands to PPSM is rounded up where the released code rounds it up
  const double count = method.at("passes")[1].at("count").get<double>();
  const bool whole = pipeline.options().ppsm.count_rounding == CountRounding::ceil;
  CHECK((whole ? ceil_count(result.estimated_count()) : result.estimated_count()) ==
        Approx(count).epsilon(rounding));
  CHECK(result.count() == result.trace()->passes[1].prompts.size());
  std::cout << fmt::format(
      "{}: {} candidates and {} prompts equal; density differs by {:.1e}, scores by {:.1e}, IoU of "
      "masks at least {:.6f}\n",
      dmg, worst.candidates, worst.prompts, worst.density, worst.score, worst.overlap);
}

bool made() { return fs::exists(folder / "expected.json"); }

constexpr const char* not_made = "no networks and expectations at " PERSENSE_END_TO_END
                                 ": ctest makes them (end_to_end.py, with PyTorch and OpenCV)";

TEST_CASE("Pipeline: an archive's embedding and guidance are those of the eager network",
          "[torch][end_to_end]") {
  if (!made()) SKIP(not_made);
  const Expected expected;
  const TorchEncoder encoder(folder / "encoder.pt");
  const auto embedding = encoder.encode(ImageView::of_rgb(expected.query));
  const Array features = read_npy(folder / "embedding.npy");
  const auto values = features.floats();
  const FloatMap want =
      Eigen::Map<const FloatMap>(values.data(), features.dim(1), features.dim(2) * features.dim(3));
  CHECK(largest_difference(map_of(embedding.features()[0].flatten(1)), want) < rounding);

  const auto prototype = encoder.prototype(encoder.encode(ImageView::of_rgb(expected.support)),
                                           MaskView(expected.support_mask()));
  const auto target = read_npy(folder / "target.npy").floats();
  const FloatMap mean =
      Eigen::Map<const FloatMap>(target.data(), 1, static_cast<Eigen::Index>(target.size()));
  CHECK(largest_difference(map_of(prototype.mean.unsqueeze(0)), mean) < rounding);
  CHECK(largest_difference(map_of(embedding.attention(prototype)), expected.map("attention.npy")) <
        rounding);
}

TEST_CASE("Pipeline: with CounTR every step gives what the method in plain Python gives",
          "[torch][end_to_end]") {
  if (!made()) SKIP(not_made);
  compare_with_python<CountrDmg, countr::Options>("countr");
}

TEST_CASE("Pipeline: with DSALVANet every step gives what the method in plain Python gives",
          "[torch][end_to_end]") {
  if (!made()) SKIP(not_made);
  compare_with_python<DsalvanetDmg, dsalvanet::Options>("dsalvanet");
}

TEST_CASE("Engine: archives give what a pipeline of the same stages gives", "[torch][end_to_end]") {
  if (!made()) SKIP(not_made);
  const Expected expected;
  const cv::Mat mask = expected.support_mask();
  RunOptions run;
  run.trace = true;
  const Stages stages = stages_with("countr");
  const Engine engine(stages, stages.adapt(Options::reference()));
  const Result chosen =
      engine.segment(engine.support(ImageView::of_rgb(expected.support), MaskView(mask)),
                     ImageView::of_rgb(expected.query), run);
  const Detections& found = chosen.trace().value().detections;
  REQUIRE_FALSE(found.phrase.empty());

  const auto pipeline = pipeline_with<CountrDmg, countr::Options>("countr", found);
  const Result direct =
      pipeline.segment(pipeline.support(ImageView::of_rgb(expected.support), MaskView(mask)),
                       ImageView::of_rgb(expected.query), run);
  REQUIRE(chosen.trace()->passes.size() == direct.trace().value().passes.size());
  for (std::size_t i = 0; i < direct.trace()->passes.size(); ++i) {
    const TracePass &a = chosen.trace()->passes[i], &b = direct.trace()->passes[i];
    CHECK((a.exemplars == b.exemplars));
    CHECK((a.candidates == b.candidates));
    CHECK((a.prompts == b.prompts));
  }
  REQUIRE(direct.count() >= 5);
  REQUIRE(chosen.count() == direct.count());
  for (std::size_t i = 0; i < direct.count(); ++i) {
    CHECK(chosen.instances[i].point == direct.instances[i].point);
    CHECK(overlap(chosen.instances[i].mask, direct.instances[i].mask) == 1);
    CHECK(chosen.instances[i].score == Approx(direct.instances[i].score).margin(rounding));
  }
}

}  // namespace
}  // namespace persense::torchscript
