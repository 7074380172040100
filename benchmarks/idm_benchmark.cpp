// IDM against full-frame versions of it, in C++ and in Python, on the same maps and in one run.
// Before anything is timed, all three must give the same points.
//
// Python with NumPy and OpenCV is looked for in $PERSENSE_PYTHON, then in build/python; without it
// its part is left out.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>

#include "child_process.hpp"
#include "density_maps.hpp"
#include "full_frame_idm.hpp"
#include "persense/idm.hpp"
#include "persense/io/npy.hpp"
#include "table.hpp"

namespace fs = std::filesystem;
using namespace persense;
using namespace persense::benchmarks;

namespace {

constexpr IdmOptions released_rules{30, Rules::reference};

struct Case {
  Size image;
  int objects;
  double wanted;  ///< how many times faster than the full-frame C++ version; 0: no demand
  DensityMap map = density_map(objects, {512, 512});
  int composites = 0;

  std::string key() const { return fmt::format("{}x{}/{}", image.width, image.height, objects); }
};

std::vector<Case> make_cases() {
  std::vector<Case> cases;
  for (const int objects : {39, 218}) cases.push_back({{967, 839}, objects, 15});
  for (const int objects : {39, 218, 1000}) cases.push_back({{2000, 1500}, objects, 0});
  for (const int objects : {39, 218, 1000}) cases.push_back({{4000, 3000}, objects, 20});
  return cases;
}

/// The Python version, or nothing where there is no Python with what it needs.
std::unique_ptr<ChildProcess> start_python() {
  const char* const named = std::getenv("PERSENSE_PYTHON");
  const std::string python = named ? named : PERSENSE_PYTHON_DEFAULT;
  if (ChildProcess({python, "-c", "import numpy, cv2"}).wait() != 0) {
    fmt::print(stderr, "idm_benchmark: no NumPy and OpenCV with {}: Python is left out\n", python);
    return nullptr;
  }
  return std::make_unique<ChildProcess>(
      std::vector<std::string>{python, PERSENSE_BENCHMARKS_DIR "/full_frame_idm.py"});
}

std::vector<Point> load_in_python(ChildProcess& python, const Case& c) {
  const fs::path path = fs::temp_directory_path() / fmt::format("persense-idm-{}.npy", getpid());
  io::write_npy(path, c.map);
  std::istringstream answer(python.ask(
      fmt::format("load {} {} {} {}", c.key(), path.string(), c.image.width, c.image.height)));
  fs::remove(path);
  std::vector<Point> points;
  for (Point p; answer >> p.x >> p.y;) points.push_back(p);
  return points;
}

cv::Size cv_size(Size size) { return {size.width, size.height}; }

/// @return whether all versions give the same points for the case.
bool same_points(Case& c, ChildProcess* python) {
  const auto points = idm(c.map, c.image, released_rules).points;
  const auto full = full_frame_idm(as_mat(c.map), cv_size(c.image));
  c.composites = full.composites;
  if (points != full.points) {
    fmt::print(stderr, "{}: points differ from the full-frame C++ version's\n", c.key());
    return false;
  }
  if (python && points != load_in_python(*python, c)) {
    fmt::print(stderr, "{}: points differ from the full-frame Python version's\n", c.key());
    return false;
  }
  fmt::print(stderr, "{}: {} points, {} composites, the same in all versions\n", c.key(),
             points.size(), c.composites);
  return true;
}

void register_case(const Case& c, ChildProcess* python) {
  benchmark::RegisterBenchmark(("persense/" + c.key()).c_str(),
                               [&c](benchmark::State& state) {
                                 for (auto _ : state)
                                   benchmark::DoNotOptimize(idm(c.map, c.image, released_rules));
                               })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
  benchmark::RegisterBenchmark(
      ("C++/" + c.key()).c_str(),
      [&c](benchmark::State& state) {
        for (auto _ : state)
          benchmark::DoNotOptimize(full_frame_idm(as_mat(c.map), cv_size(c.image)));
      })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
  if (!python) return;
  benchmark::RegisterBenchmark(("Python/" + c.key()).c_str(),
                               [&c, python](benchmark::State& state) {
                                 for (auto _ : state)
                                   state.SetIterationTime(std::stod(python->ask("run " + c.key())));
                               })
      ->Unit(benchmark::kMillisecond)
      ->UseManualTime();
}

void print_rows(const Case& c, const Medians& medians) {
  const auto ours = medians.seconds("persense/" + c.key());
  if (!ours) return;
  const std::string what = fmt::format("IDM {}x{}, {} objects, {} composites", c.image.width,
                                       c.image.height, c.objects, c.composites);
  for (const char* version : {"C++", "Python"}) {
    const auto theirs = medians.seconds(fmt::format("{}/{}", version, c.key()));
    if (!theirs) continue;
    const double ratio = *theirs / *ours;
    Row row{what, time_text(*ours), fmt::format("full-frame {}: {}", version, time_text(*theirs)),
            fmt::format("{:.1f}", ratio)};
    if (c.wanted > 0) {
      row.wanted = fmt::format(">= {:.0f}", c.wanted);
      row.reached = ratio >= c.wanted;
    }
    print(row);
  }
}

/// What becomes of our time from one case to another; at most `wanted` times as much.
void print_growth(const std::string& what, const Case& from, const Case& to, double wanted,
                  const Medians& medians) {
  const auto before = medians.seconds("persense/" + from.key());
  const auto after = medians.seconds("persense/" + to.key());
  if (!before || !after) return;
  const double growth = *after / *before;
  print({what, time_text(*after), fmt::format("{}: {}", from.key(), time_text(*before)),
         fmt::format("{:.1f}", growth), fmt::format("<= {:.1f}", wanted), growth <= wanted});
}

/// Linear in the pixels; and in the objects only as their outlines' length, which is their root.
void print_growths(const std::vector<Case>& cases, const Medians& medians) {
  const auto find = [&](Size image, int objects) -> const Case& {
    return *std::find_if(cases.begin(), cases.end(),
                         [&](const Case& c) { return c.image == image && c.objects == objects; });
  };
  const Case& small = find({967, 839}, 39);
  const Case& few = find({4000, 3000}, 39);
  const Case& many = find({4000, 3000}, 1000);
  const double pixels =
      static_cast<double>(few.image.pixels()) / static_cast<double>(small.image.pixels());
  print_growth(fmt::format("IDM, {:.1f} times the pixels", pixels), small, few, pixels, medians);
  print_growth("IDM, 1000 objects instead of 39", few, many, std::sqrt(1000.0 / 39), medians);
}

}  // namespace

int main(int argc, char** argv) {
  auto cases = make_cases();
  const auto python = start_python();
  for (auto& c : cases) {
    if (!same_points(c, python.get())) return 1;
    register_case(c, python.get());
  }
  Medians medians;
  run_interleaved(argc, argv, "9", medians);
  for (const auto& c : cases) print_rows(c, medians);
  print_growths(cases, medians);
}
