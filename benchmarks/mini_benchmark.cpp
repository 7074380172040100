// The learned default by its own runtime and by LibTorch: a query of the bundled sample from its
// pixels to masks, and the most memory that a process with one of the two had. Two threads.
#include <sys/resource.h>

#include <cmath>
#include <sstream>

#include "child_process.hpp"
#include "persense/io/images.hpp"
#include "persense/pipeline.hpp"
#include "persense/torch/mini.hpp"
#include "seconds.hpp"
#include "table.hpp"

using namespace persense;
using namespace persense::benchmarks;

namespace {

constexpr int threads = 2;

struct Measured {
  Seconds query;
  std::size_t objects = 0;
  double scores = 0, megabytes = 0;
};

mini::MiniEncoder encoder(const std::string& runtime) {
  if (runtime == "LibTorch") {
    torchscript::set_threads(threads);
    return mini::MiniEncoder(torchscript::mini_network(mini::mini_archive()));
  }
  return mini::MiniEncoder();
}

/// The process that is measured: answers a line with seconds, and number and scores of objects.
int answer(const std::string& runtime) {
  mini::set_threads(threads);
  const std::filesystem::path sample(PERSENSE_SAMPLE);
  const Image support_image = io::read_image(sample / "00.jpg"),
              query = io::read_image(sample / "01.jpg");
  const cv::Mat mask = io::read_mask(sample / "00.png");
  const Pipeline pipeline(encoder(runtime), mini::MiniDetector{}, mini::MiniDmg{},
                          mini::MiniDecoder{});
  const auto support = pipeline.support(support_image.view(), MaskView(mask));
  Result result;
  const Seconds seconds = seconds_of([&] { result = pipeline.segment(support, query.view()); });
  double scores = 0;
  for (const Instance& instance : result.instances) scores += instance.score;
  fmt::print("{} {} {} {}\n", seconds.wall, seconds.processor, result.count(), scores);
  return 0;
}

Measured measure(const char* self, const std::string& runtime) {
  ChildProcess child({self, "--measure", runtime});
  std::istringstream words(child.ask(""));
  Measured measured;
  words >> measured.query.wall >> measured.query.processor >> measured.objects >> measured.scores;
  rusage used{};
  child.wait(&used);
  measured.megabytes = static_cast<double>(used.ru_maxrss) / 1e3;
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--measure") return answer(argv[2]);
  const Measured own = measure(argv[0], "own"), torch = measure(argv[0], "LibTorch");
  const auto row = [](const std::string& what, double ours, double beside, auto&& text) {
    print({"mini: " + what, text(ours), "LibTorch: " + text(beside),
           fmt::format("{:.2f}", ours / beside)});
  };
  row("a query", own.query.wall, torch.query.wall, time_text);
  row("a query, CPU time", own.query.processor, torch.query.processor, time_text);
  row("peak memory", own.megabytes, torch.megabytes,
      [](double number) { return fmt::format("{:.0f} MB", number); });
  const bool same = own.objects == torch.objects && std::abs(own.scores - torch.scores) < 1e-2;
  print(
      {"mini: objects found", fmt::format("{}", own.objects),
       fmt::format("LibTorch: {}; sum of scores {:.1e}", torch.objects, own.scores - torch.scores),
       "", "same", same});
}
