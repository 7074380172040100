#include "scene.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include "painting.hpp"
#include "placing.hpp"
#include "purpose.hpp"
#include "ranges.hpp"

namespace persense::scenes {
namespace {

using namespace detail;

constexpr std::array kinds{Kind::beans,   Kind::berries, Kind::cells,   Kind::coffee,
                           Kind::coins,   Kind::grains,  Kind::hexnuts, Kind::leaves,
                           Kind::pebbles, Kind::pills,   Kind::stained};
constexpr std::array<std::string_view, 11> kind_names{"beans",   "berries", "cells",   "coffee",
                                                      "coins",   "grains",  "hexnuts", "leaves",
                                                      "pebbles", "pills",   "stained"};
static_assert(kinds.size() == kind_names.size());

// ---- Options --------------------------------------------------------------------------------

void validate(const SceneOptions& options) {
  name_of(options.kind);
  require_range("width", options.width, 16, 16384);
  require_range("height", options.height, 16, 16384);
  require_range("count", options.count, 1, 65535);
  require_range("size_spread", options.size_spread, 0.0f, 0.5f);
  require_range("overlap", options.overlap, 0.0f, 1.0f);
  require_range("distractors", options.distractors, 0, 65535);
  require_range("noise", options.noise, 0.0f, 64.0f);
  require_range("clutter", options.clutter, 0.0f, 1.0f);
  require_range("density_sigma", options.density_sigma, 0.0f, 256.0f);
  if (options.object_diameter != 0) {
    const auto shorter = static_cast<float>(std::min(options.width, options.height));
    require_range("object_diameter", options.object_diameter, smallest_diameter, shorter);
  }
}

// ---- Truth ----------------------------------------------------------------------------------

/// Weights of a Gaussian at the whole pixels in 0 .. size - 1 near `centre`, which sum to 1.
std::vector<double> bell(float centre, float sigma, int size, int& begin) {
  begin = std::clamp(static_cast<int>(std::floor(centre - 4 * sigma)), 0, size - 1);
  const int end = std::clamp(static_cast<int>(std::ceil(centre + 4 * sigma)), begin, size - 1);
  std::vector<double> weights;
  for (int i = begin; i <= end; ++i) {
    const float z = (static_cast<float>(i) - centre) / sigma;
    weights.push_back(exp_of_minus(std::min(20.0f, 0.5f * z * z)));
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

cv::Mat density_of(const SceneOptions& options, const std::vector<ObjectTruth>& objects) {
  cv::Mat density = cv::Mat::zeros(options.height, options.width, CV_32FC1);
  for (const ObjectTruth& object : objects) {
    const float asked =
        options.density_sigma > 0 ? options.density_sigma : object.equivalent_diameter / 4;
    const float sigma = std::max(asked, 0.5f);
    int left = 0, top = 0;
    // Both directions are normalised inside the frame, so their product is too.
    const std::vector<double> across = bell(object.centre.x, sigma, options.width, left);
    const std::vector<double> down = bell(object.centre.y, sigma, options.height, top);
    for (std::size_t i = 0; i < down.size(); ++i) {
      auto* row = density.ptr<float>(top + static_cast<int>(i)) + left;
      for (std::size_t j = 0; j < across.size(); ++j)
        row[j] += static_cast<float>(down[i] * across[j]);
    }
  }
  return density;
}

void split_labels(const cv::Mat& owner, Scene& scene) {
  scene.labels = cv::max(owner, 0);
  scene.distractor_labels = cv::max(-owner, 0);
}

/// The class's own seed: that of the options, or else of their placement; never 0.
std::uint64_t class_seed(const SceneOptions& options) {
  if (options.style_seed != 0) return options.style_seed;
  return options.seed != 0 ? options.seed : mixed(0);
}

Scene render(const SceneOptions& options, bool first_in_middle) {
  validate(options);
  const Style style = draw_style(options.kind, class_seed(options));
  Scene scene;
  Placement placement = place_all(options, style, first_in_middle, scene.object_diameter);
  split_labels(placement.owner, scene);
  placement.owner.release();
  scene.objects = std::move(placement.objects);
  scene.image = paint(options, style, placement.items, scene.object_diameter);
  scene.density = density_of(options, scene.objects);
  return scene;
}

}  // namespace

std::span<const Kind> all_kinds() { return kinds; }

std::string_view name_of(Kind kind) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kind) return kind_names[i];
  }
  throw std::invalid_argument(
      fmt::format("kind: got {}, expected 0 to {}", static_cast<int>(kind), kinds.size() - 1));
}

Kind kind_named(std::string_view name) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kind_names[i] == name) return kinds[i];
  }
  throw std::invalid_argument(
      fmt::format("kind: got \"{}\", expected one of {}", name, fmt::join(kind_names, ", ")));
}

Scene render_scene(const SceneOptions& options) { return render(options, false); }

SceneOptions query_options(const SceneOptions& options, int index) {
  if (index < 0)
    throw std::invalid_argument(fmt::format("index: got {}, expected 0 or more", index));
  SceneOptions result = options;
  result.style_seed = class_seed(options);
  if (index > 0)
    result.seed = Random(options.seed, Purpose::query, static_cast<std::uint64_t>(index)).bits();
  return result;
}

Episode render_episode(const SceneOptions& options) {
  Episode episode;
  episode.query = render_scene(query_options(options, 0));
  SceneOptions support = query_options(options, 0);
  support.seed = Random(options.seed, Purpose::support, 0).bits();
  support.width = std::max(16, options.width / 2);
  support.height = std::max(16, options.height / 2);
  support.count = std::max(1, options.count / 5);
  support.distractors = options.distractors / 5;
  support.overlap = 0.5f * options.overlap;
  support.object_diameter =
      std::min(episode.query.object_diameter,
               0.6f * static_cast<float>(std::min(support.width, support.height)));
  episode.support = render(support, true);
  episode.support_mask = episode.support.labels == 1;
  return episode;
}

}  // namespace persense::scenes
