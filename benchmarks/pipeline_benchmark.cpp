// The whole pipeline on rendered scenes, with each of the two defaults: time per step, and the peak
// memory of the program.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string_view>
#include <vector>

#include "child_process.hpp"
#include "persense/engine.hpp"
#include "scene.hpp"
#include "table.hpp"

namespace fs = std::filesystem;
using namespace persense;
using namespace persense::benchmarks;

namespace {

struct Case {
  const char* stages;
  Size image;
  int objects;
  double wanted_seconds;  ///< 0: no figure was set
  double wanted_gigabytes;
  const char* device = "cpu";

  Stages chosen() const {
    Stages chosen = Stages::named(stages);
    chosen.device = device;
    return chosen;
  }
  bool on_gpu() const { return std::string_view(device) != "cpu"; }

  scenes::SceneOptions scene() const {
    scenes::SceneOptions options;
    options.kind = scenes::Kind::beans;
    options.width = image.width;
    options.height = image.height;
    options.count = objects;
    return options;
  }
  std::string name() const {
    return fmt::format("{}{} {}x{}, {} objects", stages, on_gpu() ? " on a GPU" : "", image.width,
                       image.height, objects);
  }
};

constexpr Size one_megapixel{1152, 868}, twelve{4000, 3000};

bool has_gpu() try {
  Stages stages = Stages::named("mini");
  stages.device = "cuda";
  const Engine engine(stages);
  return true;
} catch (const Error&) {  // there is none, or no LibTorch
  return false;
}

std::vector<Case> cases_on_cpu() {
  return {{"classic", one_megapixel, 200, 0.3, 1.2},
          {"classic", twelve, 1000, 4, 1.2},
          {"mini", one_megapixel, 200, 1, 1},
          {"mini", twelve, 1000, 12, 1},
          {"mini", twelve, 3000, 12, 1}};
}

std::vector<Case> cases_on_gpu() {
  if (!has_gpu()) return {};
  return {{"mini", one_megapixel, 200, 0.04, 0, "cuda"}, {"mini", twelve, 1000, 0, 0, "cuda"}};
}

/// The support of an episode, prepared once, and its query, as every iteration meets them.
struct Prepared {
  Engine engine;
  scenes::Episode episode;
  EngineSupport support;

  explicit Prepared(const Case& c)
      : engine(c.chosen()),
        episode(scenes::render_episode(c.scene())),
        support(engine.support(ImageView::of_rgb(episode.support.image),
                               MaskView(episode.support_mask))) {}
};

void segment(benchmark::State& state, const Case& c) {
  const Prepared prepared(c);
  if (c.on_gpu())  // for the first image of a size, it is chosen how to compute each layer
    prepared.engine.segment(prepared.support, ImageView::of_rgb(prepared.episode.query.image));
  Timings sum;
  std::size_t found = 0;
  for (auto _ : state) {
    const Result result =
        prepared.engine.segment(prepared.support, ImageView::of_rgb(prepared.episode.query.image));
    found = result.count();
    for (std::size_t i = 0; i < step_count; ++i) sum.seconds[i] += result.timings.seconds[i];
  }
  state.counters["found"] = static_cast<double>(found);
  for (std::size_t i = 0; i < step_count; ++i)
    state.counters[name_of(static_cast<Step>(i))] =
        1e3 * sum.seconds[i] / static_cast<double>(state.iterations());
}

void print_rows(const Case& c, const Medians& medians) {
  const auto seconds = medians.seconds(c.name());
  if (!seconds) return;
  Row row{c.name(), time_text(*seconds),
          fmt::format("{:.0f} instances found", medians.counter(c.name(), "found"))};
  if (c.wanted_seconds > 0) {
    row.wanted = fmt::format("<= {} s", c.wanted_seconds);
    row.reached = *seconds <= c.wanted_seconds;
  }
  print(row);
  for (std::size_t i = 0; i < step_count; ++i) {
    const char* const step = name_of(static_cast<Step>(i));
    const double share = medians.counter(c.name(), step) / 1e3;
    print({fmt::format("  of that {}", step), time_text(share), "",
           fmt::format("{:.0f}%", 100 * share / *seconds)});
  }
}

/// Runs the program on a rendered scene while this process is still small (see ChildProcess::wait).
void print_peak_memory(const Case& c) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("persense-peak-{}", getpid());
  const std::string at = folder.string() + "/";
  const int rendered =
      ChildProcess({PERSENSE_RENDER_SCENES, "--kind", "beans", "--count", std::to_string(c.objects),
                    "--size", fmt::format("{}x{}", c.image.width, c.image.height), "-o", at})
          .wait();
  rusage usage{};
  const int segmented = rendered != 0
                            ? rendered
                            : ChildProcess({PERSENSE_PROGRAM, "segment", "--models", c.stages,
                                            "--support", at + "00.jpg", "--mask", at + "00.png",
                                            at + "01.jpg", "-o", at + "out", "--overlay"})
                                  .wait(&usage);
  fs::remove_all(folder);
  if (segmented != 0) {
    fmt::print(stderr, "pipeline_benchmark: peak memory not measured, exit code {}\n", segmented);
    return;
  }
  const double gigabytes = static_cast<double>(usage.ru_maxrss) * 1024 / 1e9;
  print({fmt::format("persense segment --models {}, {}x{}, {} objects", c.stages, c.image.width,
                     c.image.height, c.objects),
         fmt::format("{:.2f} GB", gigabytes), "peak memory, with files", "",
         fmt::format("<= {} GB", c.wanted_gigabytes), gigabytes <= c.wanted_gigabytes});
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Case> all = cases_on_cpu();
  for (const Case& c : all) print_peak_memory(c);
  const std::vector<Case> on_gpu = cases_on_gpu();
  all.insert(all.end(), on_gpu.begin(), on_gpu.end());
  for (const Case& c : all)
    benchmark::RegisterBenchmark(c.name().c_str(),
                                 [&c](benchmark::State& state) { segment(state, c); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  Medians medians;
  run_interleaved(argc, argv, "5", medians);
  for (const Case& c : all) print_rows(c, medians);
}
