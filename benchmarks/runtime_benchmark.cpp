// SAM by LibTorch and by ONNX Runtime, from the two files of the same network: encoding, decoding
// 16 prompts, and the most memory that a process with both stages had. Two threads.
//
// PERSENSE_MODELS is a folder with encoder and decoder as .pt and .onnx (persense_export sam
// --format both); PERSENSE_ONNXRUNTIME may name the library.
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "child_process.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/encoder.hpp"
#include "sam_scene.hpp"
#include "seconds.hpp"
#include "table.hpp"

using namespace persense;
using namespace persense::benchmarks;

namespace {

constexpr int prompt_count = 16, threads = 2;

struct Measured {
  Seconds encode, decode;
  double megabytes = 0;
  std::vector<double> areas, scores;
};

/// The process that is measured: answers a line with seconds, and area and score of each mask.
int answer(const std::filesystem::path& folder, const std::string& kind) {
  using namespace torchscript;
  set_threads(threads);
  const TorchEncoder encoder(folder / ("encoder" + kind));
  const SamDecoder decoder(folder / ("decoder" + kind), encoder, {.guidance = false});
  const cv::Mat image = picture();
  cv::Mat object = cv::Mat::zeros(image.size(), CV_8UC1);
  object(cv::Rect(100, 100, 80, 80)) = 255;
  TorchEmbedding embedding = encoder.encode(ImageView::of_rgb(image));
  const TorchPrototype prototype = encoder.prototype(embedding, MaskView(object));
  const std::vector<Prompt> asked = prompts(prompt_count, {image.cols, image.rows});
  std::vector<ScoredMask> masks;
  const Seconds encode = seconds_of([&] { embedding = encoder.encode(ImageView::of_rgb(image)); });
  const Seconds decode = seconds_of([&] { masks = decoder.decode(embedding, prototype, asked); });
  fmt::print("{} {} {} {}", encode.wall, encode.processor, decode.wall, decode.processor);
  for (const ScoredMask& m : masks) fmt::print(" {} {}", m.mask.area(), m.score);
  fmt::print("\n");
  return 0;
}

Measured measure(const char* self, const std::string& folder, const char* kind) {
  ChildProcess child({self, "--measure", folder, kind});
  std::istringstream words(child.ask(""));
  Measured measured;
  words >> measured.encode.wall >> measured.encode.processor >> measured.decode.wall >>
      measured.decode.processor;
  for (double area = 0, score = 0; words >> area >> score;) {
    measured.areas.push_back(area);
    measured.scores.push_back(score);
  }
  rusage used{};
  child.wait(&used);
  measured.megabytes = static_cast<double>(used.ru_maxrss) / 1e3;
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--measure") return answer(argv[2], argv[3]);
  const char* const folder = std::getenv("PERSENSE_MODELS");
  if (folder == nullptr) {
    fmt::print(stderr, "runtime_benchmark: left out, PERSENSE_MODELS is not set\n");
    return 0;
  }
  const Measured onnx = measure(argv[0], folder, ".onnx"), torch = measure(argv[0], folder, ".pt");
  const auto row = [](const std::string& what, double ours, double beside, auto&& text) {
    print({what, text(ours), "TorchScript: " + text(beside), fmt::format("{:.2f}", ours / beside)});
  };
  const auto megabytes = [](double number) { return fmt::format("{:.0f} MB", number); };
  const auto times = [&](const std::string& what, const Seconds& ours, const Seconds& beside) {
    row("ONNX: " + what, ours.wall, beside.wall, time_text);
    row("ONNX: " + what + ", CPU time", ours.processor, beside.processor, time_text);
  };
  times("encode an image", onnx.encode, torch.encode);
  times("16 prompts, 3 decodes each", onnx.decode, torch.decode);
  row("ONNX: peak memory of both", onnx.megabytes, torch.megabytes, megabytes);
  double area = 0, score = 0;
  for (std::size_t i = 0; i < std::min(onnx.areas.size(), torch.areas.size()); ++i) {
    area = std::max(area, std::abs(onnx.areas[i] / torch.areas[i] - 1));
    score = std::max(score, std::abs(onnx.scores[i] - torch.scores[i]));
  }
  print({"ONNX: largest difference of masks", fmt::format("{:.1e}", area),
         fmt::format("of the area; scores {:.1e}", score), "", "<= 1e-3", area <= 1e-3});
}
