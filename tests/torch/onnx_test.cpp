// ONNX models beside the TorchScript archives of the same networks: onnx_models.py makes both.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <persense.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "catch.hpp"
#include "cli/workspace.hpp"
#include "golden/golden.hpp"
#include "io/scratch.hpp"
#include "mask_overlap.hpp"
#include "onnx/session.hpp"
#include "persense/engine.hpp"
#include "persense/torch/countr.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/dsalvanet.hpp"
#include "persense/torch/encoder.hpp"
#include "persense/torch/grounding.hpp"
#include "unicode.hpp"

namespace persense::torchscript {
namespace {

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using persense::testing::image_of;
using persense::testing::read_npy;

const fs::path folder = PERSENSE_ONNX;
const char* const variable = "PERSENSE_ONNXRUNTIME";

/// Why a test cannot run here; empty: it can, and ONNX Runtime is where the library looks.
std::string missing() {
  if (!PERSENSE_HAS_ONNX) return "a build without ONNX models";
  const std::string library = persense::test::read_text(folder / "library.txt");
  if (library.empty())
    return "no models at " + folder.string() +
           ": ctest makes them (onnx_models.py, with PyTorch, onnx and onnxruntime)";
  ::setenv(variable, library.c_str(), /*overwrite=*/0);
  return {};
}

#define NEEDS_ONNX() \
  if (const std::string why = missing(); !why.empty()) SKIP(why)

// Other kernels take sums in another order. Measured on these networks: 1e-6 to 2e-5 of an array's
// deviation, for the density networks, which enlarge it, 5e-4.
constexpr double rounding = 1e-4, density_rounding = 2e-3;

/// Largest difference as a share of what the second one deviates by.
double difference(const at::Tensor& got, const at::Tensor& want) {
  REQUIRE(got.sizes() == want.sizes());
  REQUIRE(got.scalar_type() == want.scalar_type());
  return ((got - want).abs().max() / want.std()).item<double>();
}

double difference(const FloatMap& got, const FloatMap& want) {
  REQUIRE(size_of(got) == size_of(want));
  const float deviation = std::sqrt((want - want.mean()).square().mean());
  return (got - want).abs().maxCoeff() / deviation;
}

cv::Mat query() { return image_of(read_npy(folder / "query.npy")); }
cv::Mat support() { return image_of(read_npy(folder / "support.npy")); }
cv::Mat support_mask() {
  const auto array = read_npy(folder / "support_mask.npy");
  const std::vector<std::uint8_t> bytes(array.values.begin(), array.values.end());
  return cv::Mat(array.dim(0), array.dim(1), CV_8UC1, const_cast<std::uint8_t*>(bytes.data()))
      .clone();
}

TEST_CASE("ONNX encoder: embeddings and manifest are those of the archive", "[torch][onnx]") {
  NEEDS_ONNX();
  const TorchEncoder archive(folder / "encoder.pt"), model(folder / "encoder.onnx");
  CHECK(model.manifest().name == archive.manifest().name);
  CHECK(model.manifest().input.mean == archive.manifest().input.mean);
  CHECK(model.manifest().upstream == archive.manifest().upstream);
  for (const cv::Mat& image : {query(), support()}) {
    const auto features = model.encode(ImageView::of_rgb(image)).features();
    CHECK(difference(features, archive.encode(ImageView::of_rgb(image)).features()) < rounding);
  }
}

/// What guides or prompts a decode, as much as is asked for.
struct Asked {
  bool points, box, mask, guidance;
};

TEST_CASE("ONNX decoder: whatever is left out, the answer is that of the archive",
          "[torch][onnx]") {
  NEEDS_ONNX();
  const TorchEncoder encoder(folder / "encoder.pt");
  const SamDecoder archive(folder / "decoder.pt", encoder), model(folder / "decoder.onnx", encoder);
  const auto embedding = encoder.encode(ImageView::of_rgb(query()));
  const auto prototype =
      encoder.prototype(encoder.encode(ImageView::of_rgb(support())), MaskView(support_mask()));
  const std::int64_t low = 4 * archive.manifest().input.size / archive.manifest().output.stride;
  for (const std::int64_t n : {1, 5})
    for (const Asked asked : {Asked{true, false, false, false}, Asked{false, true, false, false},
                              Asked{true, true, true, false}, Asked{true, false, true, true},
                              Asked{false, true, true, true}, Asked{true, false, false, true}}) {
      INFO(n << " prompts: points " << asked.points << ", box " << asked.box << ", mask "
             << asked.mask << ", guidance " << asked.guidance);
      SamPrompts prompts;
      const at::Tensor along = at::arange(n, at::kFloat).mul_(30).unsqueeze(1);
      if (asked.points) {
        prompts.points = (at::tensor({50.0f, 60.0f, 90.0f, 40.0f}) + along).view({n, 2, 2});
        prompts.labels = at::tensor({1, 0}).repeat({n, 1});
      }
      if (asked.box) prompts.boxes = at::tensor({20.0f, 30.0f, 90.0f, 110.0f}) + along;
      if (asked.mask) prompts.masks = at::linspace(-5, 5, n * low * low).view({n, 1, low, low});
      const SamGuidance guidance =
          asked.guidance ? archive.guidance(embedding, prototype) : SamGuidance{};
      const SamPrediction got = model.predict(embedding, prompts, guidance);
      const SamPrediction want = archive.predict(embedding, prompts, guidance);
      CHECK(difference(got.low_res, want.low_res) < rounding);
      CHECK((got.scores - want.scores).abs().max().item<double>() < rounding);
    }
}

TEST_CASE("ONNX density maps: those of the archives, for one exemplar and several",
          "[torch][onnx]") {
  NEEDS_ONNX();
  const cv::Mat image = query();
  const std::vector<Box> boxes{{30, 40, 60, 68}, {100, 90, 131, 120}, {200, 150, 226, 180}};
  const auto compare = [&](const auto& model, const auto& archive) {
    for (const std::size_t count : {1, 3}) {
      const auto some = std::span(boxes).first(count);
      const double worst = difference(model.density(ImageView::of_rgb(image), some),
                                      archive.density(ImageView::of_rgb(image), some));
      CHECK(worst < density_rounding);
    }
  };
  const auto module = [](const char* file) { return Module(folder / file, Stage::dmg); };
  compare(CountrDmg(module("countr.onnx")), CountrDmg(module("countr.pt")));
  compare(DsalvanetDmg(module("dsalvanet.onnx")), DsalvanetDmg(module("dsalvanet.pt")));
}

TEST_CASE("ONNX detector: finds what the archive finds, by the vocabulary in its metadata",
          "[torch][onnx]") {
  NEEDS_ONNX();
  if (!unicode::is_available()) SKIP("a build without utf8proc");
  const Module archive(folder / "detector.pt", Stage::detector);
  const Module model(folder / "detector.onnx", Stage::detector);
  CHECK(model.vocabulary() == archive.vocabulary());
  const cv::Mat image = query();
  for (const Captions captions : {Captions::separate, Captions::joint}) {
    const auto find = [&](const Module& module) {
      return GroundingDetector(module, captions)
          .detect(ImageView::of_rgb(image), "disc", "all discs");
    };
    const Detections got = find(model), want = find(archive);
    REQUIRE(want.label.size() >= 10);
    REQUIRE(got.label.size() == want.label.size());
    for (std::size_t i = 0; i < want.label.size(); ++i) {
      CHECK(got.label[i].confidence == Approx(want.label[i].confidence).margin(rounding));
      CHECK(got.label[i].box.x0 == Approx(want.label[i].box.x0).margin(0.05));
      CHECK(got.label[i].box.y1 == Approx(want.label[i].box.y1).margin(0.05));
    }
  }
}

Stages stages_of(const std::string& kind) {
  Stages stages;
  stages.encoder = (folder / ("encoder" + kind)).string();
  stages.decoder = (folder / ("decoder" + kind)).string();
  stages.dmg = (folder / ("countr" + kind)).string();
  return stages;
}

Result segment(const Engine& engine) {
  const cv::Mat image = support(), mask = support_mask(), other = query();
  return engine.segment(engine.support(ImageView::of_rgb(image), MaskView(mask)),
                        ImageView::of_rgb(other));
}

TEST_CASE("ONNX engine: models and archives give the same objects, and mix", "[torch][onnx]") {
  NEEDS_ONNX();
  const Stages archives = stages_of(".pt");
  const Options options = archives.adapt(Options::reference());
  const Result want = segment(Engine(archives, options));
  REQUIRE(want.count() >= 5);
  Stages mixed = archives;
  mixed.encoder = stages_of(".onnx").encoder;
  for (const Stages& stages : {stages_of(".onnx"), mixed}) {
    CHECK(stages.adapt(Options::reference()).idm.threshold == options.idm.threshold);
    const Result got = segment(Engine(stages, options));
    REQUIRE(got.count() == want.count());
    for (std::size_t i = 0; i < want.count(); ++i) {
      CHECK(got.instances[i].point == want.instances[i].point);
      CHECK(got.instances[i].score == Approx(want.instances[i].score).margin(1e-3));
      CHECK(overlap(got.instances[i].mask, want.instances[i].mask) > 0.99);
    }
  }
}

TEST_CASE("ONNX engine: the number of threads changes no bit, nor do many callers",
          "[torch][onnx]") {
  NEEDS_ONNX();
  const int before = at::get_num_threads();
  const cv::Mat image = query();
  std::vector<at::Tensor> features;
  for (const int threads : {1, 2, 4}) {
    set_threads(threads);
    const TorchEncoder encoder(folder / "encoder.onnx");
    std::vector<at::Tensor> found(threads == 4 ? 8 : 1);
    {
      std::vector<std::jthread> callers;
      for (at::Tensor& one : found)
        callers.emplace_back([&] { one = encoder.encode(ImageView::of_rgb(image)).features(); });
    }
    features.insert(features.end(), found.begin(), found.end());
  }
  set_threads(before);
  for (const at::Tensor& one : features) CHECK(one.equal(features[0]));
}

TEST_CASE("ONNX: tensors outlive the network that gave them", "[torch][onnx]") {
  NEEDS_ONNX();
  const auto encode = [] {
    return TorchEncoder(folder / "encoder.onnx").encode(ImageView::of_rgb(query())).features();
  };
  const at::Tensor first = encode(), again = encode();
  CHECK(first.equal(again));
}

TEST_CASE("Stages::in_folder: takes .onnx where a slot has no .pt", "[torch][onnx]") {
  const Scratch scratch;
  const auto put = [&](const char* name) { put_bytes(scratch / name, {0}); };
  put("encoder.onnx");
  put("dmg.onnx");
  put("dmg.pt");
  const Stages stages = Stages::in_folder(scratch.path().string());
  CHECK(stages.encoder == (scratch / "encoder.onnx").string());
  CHECK(stages.dmg == (scratch / "dmg.pt").string());
  CHECK(stages.decoder == Stages::default_name());
}

TEST_CASE("C ABI: slots take ONNX models", "[torch][onnx][capi]") {
  NEEDS_ONNX();
  const Stages models = stages_of(".onnx");
  persense_pipeline_options options;
  persense_pipeline_options_init(&options, sizeof options);
  options.models = "classic";
  options.encoder = models.encoder.c_str();
  options.decoder = models.decoder.c_str();
  persense_pipeline* pipeline = nullptr;
  REQUIRE(persense_pipeline_create(&options, &pipeline) == PERSENSE_OK);
  CHECK(persense_pipeline_get_stages(pipeline) ==
        std::string("encoder encoder.onnx, detector classic, dmg classic, decoder decoder.onnx"));
  persense_pipeline_free(pipeline);
}

TEST_CASE("persense: finds ONNX Runtime in the Python package beside its own",
          "[torch][onnx][cli]") {
  NEEDS_ONNX();
  const Workspace work;
  const fs::path packages = work / "packages", library = std::getenv(variable);
  fs::create_directories(packages / "persense");
  fs::create_directories(packages / "onnxruntime" / "capi");
  fs::copy_file(program(), packages / "persense" / "persense");
  fs::copy_file(PERSENSE_PLUGIN_PATH,
                packages / "persense" / fs::path(PERSENSE_PLUGIN_PATH).filename());
  fs::create_symlink(library, packages / "onnxruntime" / "capi" / library.filename());
  const Outcome outcome = work.shell(std::string(variable) + "= packages/persense/persense info " +
                                     (folder / "encoder.onnx").string());
  INFO(outcome.err);
  CHECK(outcome.exit == 0);
}

// ---- what is refused ----------------------------------------------------------------------------

/// The line that a model is refused with.
std::string refusal(const fs::path& file, Stage stage = Stage::encoder, Placement where = {}) {
  const std::string line = message_of<Error>([&] { const Module module(file, stage, where); });
  CHECK(line.find('\n') == std::string::npos);
  CHECK_THAT(line, ContainsSubstring(file.filename().string() + ": "));
  return line;
}

TEST_CASE("ONNX: another kind of file, or a model without a manifest, is one line",
          "[torch][onnx][errors]") {
  const Scratch scratch;
  const fs::path file = scratch / "encoder.onnx";
  const auto refused = [&](const fs::path& source) {
    fs::copy_file(source, file, fs::copy_options::overwrite_existing);
    return refusal(file);
  };
  const fs::path root = PERSENSE_SOURCE_DIR;
  const std::string expected =
      ", expected an ONNX model as `python -m persense_export --format onnx`";
  CHECK_THAT(refused(root / "src/mini/mini.pt"),
             ContainsSubstring("another kind of file" + expected));
  CHECK_THAT(refused(root / "LICENSE"), ContainsSubstring(": "));
  CHECK_THAT(refused(root / "tests/fuzz/corpus/onnx_model/packed"),
             ContainsSubstring("there is no persense.json in its metadata" + expected));
  CHECK_THAT(refused(root / "tests/fuzz/corpus/onnx_model/encoder"),
             ContainsSubstring("persense.json: name: got nothing, expected a text"));
}

TEST_CASE("ONNX: another stage, precision or input is one line", "[torch][onnx][errors]") {
  NEEDS_ONNX();
  CHECK_THAT(refusal(folder / "decoder.onnx"),
             ContainsSubstring("got a module of stage decoder (\"sam\"), expected one of stage "
                               "encoder"));
  CHECK_THAT(refusal(folder / "encoder.onnx", Stage::encoder, {at::kCPU, at::kBFloat16}),
             ContainsSubstring("dtype: got \"bf16\", expected fp32, in which ONNX models run"));
  CHECK_THAT(refusal(folder / "nowhere.onnx"), ContainsSubstring("no such file"));
  const Module encoder(folder / "encoder.onnx", Stage::encoder);
  const auto given = [&](std::vector<c10::IValue> inputs) {
    const std::string line = message_of<BadModel>([&] { encoder(std::move(inputs)); });
    CHECK(line.find('\n') == std::string::npos);
    return line;
  };
  CHECK_THAT(given({}), ContainsSubstring("encoder.onnx: its forward failed: got 0 inputs, "
                                          "expected 1"));
  CHECK_THAT(given({at::zeros({1, 3, 8, 8})}), ContainsSubstring("Got invalid dimensions"));
  CHECK_THAT(given({at::zeros({1, 3, 256, 256}, at::kDouble)}), ContainsSubstring("double"));
  CHECK_THAT(given({at::zeros({1, 3, 256, 256}, at::kChar)}), ContainsSubstring("Char"));
  CHECK_THAT(message_of<BadModel>([&] { encoder.call("trunk", {}); }),
             ContainsSubstring("got a module without the method trunk"));
}

TEST_CASE("ONNX: a GPU that this ONNX Runtime does not know is one line", "[torch][onnx][errors]") {
  NEEDS_ONNX();
  const std::string line = message_of<DeviceUnavailable>(
      [] { const onnx::Session session(folder / "encoder.onnx", {.threads = 1, .cuda = 3}); });
  if (line.find("no exception") == 0) SKIP("this ONNX Runtime knows GPUs");
  CHECK_THAT(line,
             ContainsSubstring("encoder.onnx: device: got \"cuda:3\", but this ONNX Runtime "));
  CHECK_THAT(line, ContainsSubstring(" is for the CPU alone"));
}

TEST_CASE("ONNX: a damaged model is refused in one line, or runs", "[torch][onnx][errors]") {
  NEEDS_ONNX();
  const Scratch scratch;
  const fs::path file = scratch / "encoder.onnx";
  const Bytes whole = bytes_of(folder / "encoder.onnx");
  for (const double share : {0.0, 0.001, 0.3, 0.9, 0.9999}) {
    const auto kept = static_cast<std::ptrdiff_t>(share * static_cast<double>(whole.size()));
    put_bytes(file, Bytes(whole.begin(), whole.begin() + kept));
    refusal(file);
  }
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 60; ++i) {
    Bytes damaged = whole;
    // half of them where the graph begins, of which the rest is weights
    const std::size_t from =
        i % 2 == 0 ? std::min<std::size_t>(whole.size(), 20'000) : whole.size();
    for (int k = 0; k < 4; ++k) damaged[random() % from] = static_cast<std::uint8_t>(random());
    put_bytes(file, damaged);
    try {
      const Module module(file, Stage::encoder);
      module({at::zeros({1, 3, 256, 256})});
    } catch (const Error& e) {
      ++refused;
      CHECK(std::string(e.what()).find('\n') == std::string::npos);
    }
  }
  CHECK(refused >= 10);
}

TEST_CASE("persense info: shows an ONNX model as the archive of the same network",
          "[torch][onnx][cli]") {
  NEEDS_ONNX();
  const Workspace work;
  const auto shown = [&](const char* name) {
    const Outcome outcome = work.run("info " + (folder / name).string() + " --json");
    INFO(outcome.err);
    CHECK(outcome.exit == 0);
    return persense::testing::json::parse(outcome.out);
  };
  for (const std::string name : {"encoder", "decoder", "detector"}) {
    auto model = shown((name + ".onnx").c_str()), archive = shown((name + ".pt").c_str());
    for (const char* differs : {"file", "bytes", "parts", "parameters"}) {
      model.erase(differs);
      archive.erase(differs);
    }
    CHECK(model == archive);
  }
}

TEST_CASE("persense: without ONNX Runtime, or with another library, a model is one line",
          "[torch][onnx][cli][errors]") {
  NEEDS_ONNX();
  const Workspace work;
  const auto info = [&](const std::string& library) {
    const Outcome outcome = work.shell(std::string(variable) + "=" + library + " $P info " +
                                       (folder / "encoder.onnx").string());
    CHECK(outcome.exit == 3);
    CHECK(outcome.lines() == 1);
    return outcome.err;
  };
  CHECK_THAT(info("/nowhere/libonnxruntime.so"),
             ContainsSubstring("encoder.onnx: ONNX Runtime, which runs it, cannot be opened "
                               "(/nowhere/libonnxruntime.so: "));
  CHECK_THAT(info("libm.so.6"), ContainsSubstring("libm.so.6: another library"));
}

}  // namespace
}  // namespace persense::torchscript
