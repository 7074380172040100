// examples/scenes/render_scenes.cpp: writes an episode of rendered scenes to a folder.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <bit>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "scene.hpp"

namespace {

namespace fs = std::filesystem;
using persense::scenes::Scene;
using persense::scenes::SceneOptions;

constexpr const char* description = R"(Examples:
  render_scenes --kind beans --count 80 --size 640x480 --seed 7 -o beans
  render_scenes --kind cells --count 1000 --size 4000x3000 --density -o cells
  render_scenes --list

Renders one support picture with the mask of one object, and queries that show the same class:
  00.jpg  00.png            support picture, mask of one of its objects (0 or 255)
  01.jpg  01.png            query, mask of all its objects (0 or 255)
  01_instances.png          16-bit labels of its objects, 0 elsewhere
  01_density.npy            float32 density map whose sum is the count (with --density)
)";

struct Arguments {
  SceneOptions scene;
  std::string kind = "beans";
  std::string size = "640x480";
  std::string folder;
  int queries = 1;
  bool density = false;
  bool list = false;
};

void parse_size(const std::string& text, SceneOptions& scene) {
  int used = 0;
  const int fields = std::sscanf(text.c_str(), "%5dx%5d%n", &scene.width, &scene.height, &used);
  if (fields != 2 || static_cast<std::size_t>(used) != text.size()) {
    throw std::invalid_argument(
        fmt::format("size: got \"{}\", expected WIDTHxHEIGHT, for example 640x480", text));
  }
}

void write_image(const fs::path& path, const cv::Mat& image,
                 const std::vector<int>& parameters = {}) {
  if (!cv::imwrite(path.string(), image, parameters)) {
    throw std::runtime_error(fmt::format("{}: cannot be written", path.string()));
  }
}

void write_jpeg(const fs::path& path, const cv::Mat& rgb) {
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);  // the order imwrite takes
  write_image(path, bgr, {cv::IMWRITE_JPEG_QUALITY, 92});
}

/// Writes a CV_32FC1 map as a NumPy file, version 1.0: '<f4', C order.
/// @par Source  numpy.lib.format.
void write_npy(const fs::path& path, const cv::Mat& map) {
  std::string header = fmt::format(
      "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", map.rows, map.cols);
  // Magic, version and length take 10 bytes; the header ends with a newline at a multiple of 64.
  header.append((64 - (10 + header.size() + 1) % 64) % 64, ' ').push_back('\n');
  std::ofstream file(path, std::ios::binary);
  file.write("\x93NUMPY\x01\x00", 8);
  file.put(static_cast<char>(header.size() & 0xFF)).put(static_cast<char>(header.size() >> 8));
  file << header;
  std::vector<char> bytes(static_cast<std::size_t>(map.cols) * 4);
  for (int y = 0; y < map.rows; ++y) {
    for (int x = 0; x < map.cols; ++x) {
      const auto bits = std::bit_cast<std::uint32_t>(map.at<float>(y, x));
      // By hand, so that the file is little endian on every machine.
      for (int i = 0; i < 4; ++i)
        bytes[static_cast<std::size_t>(4 * x + i)] = static_cast<char>(bits >> (8 * i) & 0xFF);
    }
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  file.close();
  if (!file) throw std::runtime_error(fmt::format("{}: cannot be written", path.string()));
}

void write_query(const fs::path& folder, int number, const Scene& scene, bool density) {
  const std::string stem = fmt::format("{:02}", number);
  write_jpeg(folder / (stem + ".jpg"), scene.image);
  write_image(folder / (stem + ".png"), scene.labels > 0);
  cv::Mat labels;
  scene.labels.convertTo(labels, CV_16U);
  write_image(folder / (stem + "_instances.png"), labels);
  if (density) write_npy(folder / (stem + "_density.npy"), scene.density);
  fmt::print("{}: {} objects, {:.1f} pixels across\n", (folder / (stem + ".jpg")).string(),
             scene.objects.size(), scene.object_diameter);
}

void write_episode(const Arguments& arguments) {
  // Rendered before the folder is made: bad options leave nothing behind.
  const auto episode = persense::scenes::render_episode(arguments.scene);
  const fs::path folder = arguments.folder;
  fs::create_directories(folder);
  write_jpeg(folder / "00.jpg", episode.support.image);
  write_image(folder / "00.png", episode.support_mask);
  write_query(folder, 1, episode.query, arguments.density);
  for (int i = 1; i < arguments.queries; ++i) {
    const auto options = persense::scenes::query_options(arguments.scene, i);
    write_query(folder, i + 1, persense::scenes::render_scene(options), arguments.density);
  }
}

void add_options(CLI::App& app, Arguments& arguments) {
  SceneOptions& scene = arguments.scene;
  app.add_option("--kind", arguments.kind, "Class of the objects; --list prints them all")
      ->capture_default_str();
  app.add_option("--count", scene.count, "Objects in a query, 1 to 65535")->capture_default_str();
  app.add_option("--size", arguments.size, "Query size, pixels, WIDTHxHEIGHT")
      ->capture_default_str();
  app.add_option("--seed", scene.seed, "Any whole number; the same one gives the same pictures")
      ->capture_default_str();
  app.add_option("-o,--output", arguments.folder, "Folder to write to; made when missing");
  app.add_option("--queries", arguments.queries, "Number of queries, 1 to 99")
      ->capture_default_str();
  app.add_flag("--density", arguments.density, "Also write density maps");
  app.add_option("--style-seed", scene.style_seed,
                 "Palette, light and background; 0: follow --seed")
      ->capture_default_str();
  app.add_option("--diameter", scene.object_diameter,
                 "Mean object diameter, pixels; 0: from count and size")
      ->capture_default_str();
  app.add_option("--size-spread", scene.size_spread, "Relative spread of the diameters, 0 to 0.5")
      ->capture_default_str();
  app.add_option("--overlap", scene.overlap,
                 "0: no object covers another; 1: up to 60 % may be covered")
      ->capture_default_str();
  app.add_option("--distractors", scene.distractors, "Objects of other classes")
      ->capture_default_str();
  app.add_option("--noise", scene.noise, "Sensor noise, grey levels")->capture_default_str();
  app.add_option("--clutter", scene.clutter, "Contrast of the background and debris, 0 to 1")
      ->capture_default_str();
  app.add_option("--density-sigma", scene.density_sigma,
                 "Gaussian of the density map, pixels; 0: a quarter diameter")
      ->capture_default_str();
  app.add_flag("--list", arguments.list, "Print the kinds and exit");
}

int run(Arguments& arguments) {
  if (arguments.list) {
    for (const auto kind : persense::scenes::all_kinds())
      fmt::print("{}\n", persense::scenes::name_of(kind));
    return 0;
  }
  if (arguments.folder.empty()) throw std::invalid_argument("output: missing, expected -o FOLDER");
  if (arguments.queries < 1 || arguments.queries > 99) {
    throw std::invalid_argument(
        fmt::format("queries: got {}, expected 1 to 99", arguments.queries));
  }
  arguments.scene.kind = persense::scenes::kind_named(arguments.kind);
  parse_size(arguments.size, arguments.scene);
  write_episode(arguments);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(description);
  add_options(app, arguments);
  try {
    app.parse(argc, argv);
    return run(arguments);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "render_scenes: {}\n", error.what());
    return 2;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "render_scenes: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "render_scenes: {}\n", error.what());
    return 1;
  }
}
