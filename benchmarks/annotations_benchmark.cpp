// Reads an annotation file as large as COCO's for its training images, made here: 117,266 images,
// 860,001 annotations, 450 MB; and draws a thousand of its masks.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include "persense/eval/annotations.hpp"
#include "table.hpp"

namespace {

namespace fs = std::filesystem;

constexpr int images = 117'266, annotations = 860'001, categories = 80;

/// As COCO writes it: polygons of about 20 vertices with two digits, one in a hundred a crowd.
void write_file(const fs::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"),
                                                             &std::fclose);
  if (!file) throw std::runtime_error("cannot write " + path.string());
  std::mt19937 random(1);
  const auto below = [&](double n) { return n * static_cast<double>(random()) / 4294967296.0; };
  std::string text = "{\"info\": {\"year\": 2017}, \"images\": [";
  for (int i = 0; i < images; ++i)
    text += fmt::format(
        "{}{{\"license\": 3, \"file_name\": \"{:012}.jpg\", \"coco_url\": "
        "\"http://images.cocodataset.org/train2017/{:012}.jpg\", \"height\": 480, \"width\": 640, "
        "\"date_captured\": \"2013-11-14 11:18:45\", \"id\": {}}}",
        i == 0 ? "" : ", ", i + 1, i + 1, i + 1);
  text += "], \"annotations\": [";
  for (int a = 0; a < annotations; ++a) {
    text += a == 0 ? "{\"segmentation\": " : ", {\"segmentation\": ";
    if (a % 100 == 99) {
      text += "{\"counts\": [100000, 50, 430, 50, 430, 50, 206190], \"size\": [480, 640]}";
    } else {
      text += "[[";
      const int vertices = 8 + static_cast<int>(below(26));
      for (int v = 0; v < 2 * vertices; ++v)
        text += fmt::format("{}{:.2f}", v == 0 ? "" : ", ", below(v % 2 == 0 ? 640 : 480));
      text += "]]";
    }
    text += fmt::format(
        ", \"area\": {:.4f}, \"iscrowd\": {}, \"image_id\": {}, \"bbox\": [473.07, 395.93, 38.65, "
        "28.67], \"category_id\": {}, \"id\": {}}}",
        below(1e5), a % 100 == 99 ? 1 : 0, 1 + static_cast<int>(below(images)),
        1 + static_cast<int>(below(categories)), a + 1);
    if (text.size() > (1u << 20)) {
      std::fwrite(text.data(), 1, text.size(), file.get());
      text.clear();
    }
  }
  text += "], \"categories\": [";
  for (int c = 1; c <= categories; ++c)
    text += fmt::format("{}{{\"supercategory\": \"x\", \"id\": {}, \"name\": \"class {}\"}}",
                        c == 1 ? "" : ", ", c, c);
  text += "]}";
  std::fwrite(text.data(), 1, text.size(), file.get());
}

double peak_megabytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Of this process: on a busy machine less than what passes on the clock.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main() {
  using namespace persense;
  const fs::path path =
      fs::temp_directory_path() / fmt::format("persense-annotations-{}.json", ::getpid());
  write_file(path);
  const double megabytes = static_cast<double>(fs::file_size(path)) / 1e6;
  const double before = peak_megabytes();
  const double processor = processor_seconds();
  const auto begin = std::chrono::steady_clock::now();
  const auto file = eval::AnnotationFile::open(path, eval::Broken::fail);
  const double seconds = since(begin), spent = processor_seconds() - processor;
  const auto drawing = std::chrono::steady_clock::now();
  std::int64_t pixels = 0;
  for (std::size_t i = 0; i < 1000; ++i) pixels += file->mask(file->annotations()[i * 860]).area();
  const double drawn = since(drawing);
  benchmarks::print(
      {fmt::format("COCO file of {:.0f} MB, {} annotations", megabytes, file->annotations().size()),
       benchmarks::time_text(seconds), fmt::format("processor: {}", benchmarks::time_text(spent)),
       "", "60 s", seconds <= 60});
  benchmarks::print({"  peak memory", fmt::format("{:.0f} MB", peak_megabytes()),
                     fmt::format("before reading: {:.0f} MB", before), "", "2 GB",
                     peak_megabytes() <= 2048});
  benchmarks::print(
      {fmt::format("  1000 masks drawn, {} pixels", pixels), benchmarks::time_text(drawn)});
  fs::remove(path);
}
