// PPSM and make_instances with a thousand objects: what they cost must follow the objects' number
// and area, not the frame's pixels times the objects.
#include <benchmark/benchmark.h>

#include <opencv2/imgproc.hpp>

#include "persense/instances.hpp"
#include "persense/ppsm.hpp"
#include "table.hpp"

using namespace persense;
using namespace persense::benchmarks;

namespace {

constexpr Size frame{4000, 3000};
constexpr int diameter =
    60;  // of every object, so that a thousand of them fill a quarter of the frame

/// Objects on a grid that covers the frame; each overlaps nobody.
std::vector<Point> grid(int objects) {
  const int columns = 50, step_x = frame.width / columns, step_y = frame.height / 40;
  std::vector<Point> points;
  for (int i = 0; i < objects; ++i)
    points.push_back({(i % columns) * step_x + step_x / 2, (i / columns) * step_y + step_y / 2});
  return points;
}

Mask disc_at(Point p) {
  cv::Mat disc = cv::Mat::zeros(diameter, diameter, CV_8UC1);
  cv::circle(disc, {diameter / 2, diameter / 2}, diameter / 2 - 1, 1, cv::FILLED);
  return crop_to_box(MaskView(disc), {p.x - diameter / 2, p.y - diameter / 2});
}

void run_ppsm(benchmark::State& state, int objects) {
  const auto points = grid(objects);
  std::vector<Box> boxes;
  for (const Point p : points) boxes.push_back(static_cast<Box>(disc_at(p).box));
  FloatMap similarity = FloatMap::Constant(frame.height, frame.width, 0.5f);
  for (auto _ : state) benchmark::DoNotOptimize(ppsm(points, similarity, objects, boxes));
}

/// Every object twice, the second time a little lower: half of the masks are repeats.
void run_instances(benchmark::State& state, int objects) {
  std::vector<Prompt> prompts;
  std::vector<ScoredMask> masks;
  for (const int shift : {0, 3})
    for (const Point p : grid(objects / 2)) {
      prompts.push_back({{p.x, p.y + shift}, Prompt::Role::final_pass});
      masks.push_back({disc_at(prompts.back().point), shift == 0 ? 0.9f : 0.8f});
    }
  std::size_t kept = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto copies = masks;
    state.ResumeTiming();
    kept = make_instances(prompts, std::move(copies)).size();
  }
  if (kept != static_cast<std::size_t>(objects / 2))
    state.SkipWithError("make_instances kept another number than the objects'");
}

using Body = void (*)(benchmark::State&, int);

}  // namespace

int main(int argc, char** argv) {
  const std::pair<const char*, Body> bodies[] = {{"ppsm", run_ppsm},
                                                 {"make_instances", run_instances}};
  const auto name = [](const char* what, int objects) {
    return fmt::format("{} 4000x3000, {} masks", what, objects);
  };
  for (const auto& [what, body] : bodies)
    for (const int objects : {100, 1000})
      benchmark::RegisterBenchmark(
          name(what, objects).c_str(),
          [body = body, objects](benchmark::State& state) { body(state, objects); })
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
  Medians medians;
  run_interleaved(argc, argv, "9", medians);
  for (const auto& [what, body] : bodies) {
    const auto few = medians.seconds(name(what, 100)), many = medians.seconds(name(what, 1000));
    if (!few || !many) continue;
    const double growth = *many / *few;
    Row row{name(what, 1000), time_text(*many), fmt::format("100 masks: {}", time_text(*few))};
    row.ratio = fmt::format("{:.1f}", growth);
    row.wanted = "<= 20";  // quadratic would be 100
    row.reached = growth <= 20;
    print(row);
  }
}
