// SAM ViT-B from an archive beside its published predictor, on the same random weights and image:
// encoding, and decoding 1 to 218 prompts, three decodes each.
//
// PERSENSE_UPSTREAM is a folder with the package segment-anything (run.sh makes it); the archives
// are exported on the first run and kept beside it.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "child_process.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/encoder.hpp"
#include "sam_scene.hpp"
#include "table.hpp"

using namespace persense;
using namespace persense::benchmarks;
namespace fs = std::filesystem;

namespace {

constexpr int counts[] = {1, 16, 39, 218};

fs::path upstream_folder() {
  const char* folder = std::getenv("PERSENSE_UPSTREAM");
  return folder != nullptr ? folder : "";
}

std::vector<std::string> python(std::vector<std::string> arguments) {
  const char* const other = std::getenv("PERSENSE_TORCH_PYTHON");
  std::vector<std::string> command{"env",
                                   fmt::format("PYTHONPATH={}:{}/bindings/python/training",
                                               upstream_folder().string(), PERSENSE_SOURCE),
                                   other != nullptr ? other : "/usr/bin/python3"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

/// Archives with the predictor's weights.
fs::path export_archives(ChildProcess& upstream) {
  const fs::path folder = upstream_folder() / "vit_b";
  if (fs::exists(folder / "encoder.pt") && fs::exists(folder / "decoder.pt")) return folder;
  fs::create_directories(folder);
  const fs::path checkpoint = folder / "sam_vit_b_random.pth";
  upstream.ask("make " + checkpoint.string());
  ChildProcess exporter(python({"-m", "persense_export", "sam", "--checkpoint", checkpoint.string(),
                                "-o", folder.string()}));
  if (exporter.wait() != 0) throw std::runtime_error("persense_export failed");
  return folder;
}

double set_image(ChildProcess& upstream, const cv::Mat& image) {
  const fs::path file = upstream_folder() / fmt::format("image-{}.bin", getpid());
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data),
             static_cast<std::streamsize>(image.total() * image.elemSize()));
  const double seconds =
      std::stod(upstream.ask(fmt::format("image {} {} {}", file.string(), image.cols, image.rows)));
  fs::remove(file);
  return seconds;
}

std::string ask_decode(ChildProcess& upstream, const std::vector<Prompt>& prompts) {
  std::string line = fmt::format("decode {}", prompts.size());
  for (const Prompt& p : prompts) line += fmt::format(" {} {}", p.point.x, p.point.y);
  return upstream.ask(line);
}

/// The largest difference of the masks' areas (as a share) and scores from the predictor's.
void compare(const std::vector<ScoredMask>& ours, const std::string& answer) {
  std::istringstream words(answer);
  double seconds = 0, worst_area = 0, worst_score = 0;
  words >> seconds;
  for (const ScoredMask& m : ours) {
    double area = 0, x = 0, y = 0, score = 0;
    words >> area >> x >> y >> score;
    worst_area = std::max(
        worst_area, std::abs(static_cast<double>(m.mask.area()) - area) / std::max(area, 1.0));
    worst_score = std::max(worst_score, std::abs(m.score - score));
  }
  fmt::print(stderr, "{} masks: areas differ by at most {:.2g} of themselves, scores by {:.2g}\n",
             ours.size(), worst_area, worst_score);
  print({fmt::format("SAM ViT-B, {} masks, largest difference", ours.size()),
         fmt::format("{:.1e}", worst_area), fmt::format("of the area; scores {:.1e}", worst_score),
         "", "<= 1e-3", worst_area <= 1e-3});
}

}  // namespace

int main(int argc, char** argv) {
  if (upstream_folder().empty()) {
    fmt::print(stderr, "decode_benchmark: left out, PERSENSE_UPSTREAM is not set\n");
    return 0;
  }
  using namespace torchscript;
  ChildProcess upstream(python({PERSENSE_BENCHMARKS_DIR "/upstream_sam.py"}));
  const fs::path models = export_archives(upstream);
  const TorchEncoder encoder(models / "encoder.pt");
  const SamDecoder decoder(models / "decoder.pt", encoder, {.guidance = false});
  const Module bare(models / "encoder.pt", Stage::encoder);
  const cv::Mat image = picture();
  const Size size{image.cols, image.rows};
  const at::Tensor input = encoder.input(ImageView::of_rgb(image));
  const TorchEmbedding embedding = encoder.encode(ImageView::of_rgb(image));
  cv::Mat mask = cv::Mat::zeros(image.size(), CV_8UC1);
  mask(cv::Rect(100, 100, 80, 80)) = 255;
  const TorchPrototype prototype = encoder.prototype(embedding, MaskView(mask));

  set_image(upstream, image);
  for (const int n : counts)
    if (n <= 39)
      compare(decoder.decode(embedding, prototype, prompts(n, size)),
              ask_decode(upstream, prompts(n, size)));

  const auto add = [](const std::string& name, auto&& run) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [run](benchmark::State& state) {
                                   for (auto _ : state) state.SetIterationTime(run());
                                 })
        ->Unit(benchmark::kSecond)
        ->UseManualTime()
        ->Iterations(1);
  };
  const auto timed = [](auto&& run) {
    return [run] {
      const auto begin = std::chrono::steady_clock::now();
      run();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
  };
  add("encode/ours", timed([&] { encoder.encode(ImageView::of_rgb(image)); }));
  add("encode/bare", timed([&] { bare({input}); }));
  add("encode/upstream", [&] { return set_image(upstream, image); });
  for (const int n : counts) {
    add(fmt::format("decode/ours/{}", n),
        timed([&, n] { decoder.decode(embedding, prototype, prompts(n, size)); }));
    add(fmt::format("decode/upstream/{}", n),
        [&, n] { return std::stod(ask_decode(upstream, prompts(n, size))); });
  }
  Medians medians;
  run_interleaved(argc, argv, "3", medians);

  const auto seconds = [&](const std::string& name) { return medians.seconds(name).value_or(0); };
  const double ours = seconds("encode/ours");
  if (ours > 0) {
    const double ratio = ours / seconds("encode/bare");
    print({"SAM ViT-B, encode", time_text(ours),
           fmt::format("bare module: {}", time_text(seconds("encode/bare"))),
           fmt::format("{:.2f}", ratio), "<= 1.05", ratio <= 1.05});
    print({"SAM ViT-B, encode", time_text(ours),
           fmt::format("SamPredictor: {}", time_text(seconds("encode/upstream"))),
           fmt::format("{:.2f}", seconds("encode/upstream") / ours)});
  }
  for (const int n : counts) {
    const double mine = seconds(fmt::format("decode/ours/{}", n));
    const double theirs = seconds(fmt::format("decode/upstream/{}", n));
    if (mine > 0)
      print({fmt::format("SAM ViT-B, {} prompts, 3 decodes each", n), time_text(mine),
             fmt::format("SamPredictor: {}", time_text(theirs)),
             fmt::format("{:.2f}", theirs / mine)});
  }
}
