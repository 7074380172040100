// benchmarks/sam_scene.hpp: the image and the prompts that SAM's stages are measured on.
#pragma once

#include <cmath>
#include <opencv2/core.hpp>
#include <vector>

#include "persense/stages.hpp"
#include "scene.hpp"

namespace persense::benchmarks {

/// 218 beans.
inline cv::Mat picture() {
  scenes::SceneOptions options;
  options.kind = scenes::Kind::beans;
  options.width = 967;
  options.height = 839;
  options.count = 218;
  options.seed = 1;
  return scenes::render_scene(options).image;
}

/// Points all over the image, for three decodes each.
inline std::vector<Prompt> prompts(int count, Size size) {
  std::vector<Prompt> all;
  for (int i = 0; i < count; ++i)  // spread by two irrational steps
    all.push_back({{static_cast<int>(std::fmod(0.5 + i * 0.7548776662, 1.0) * size.width),
                    static_cast<int>(std::fmod(0.5 + i * 0.5698402910, 1.0) * size.height)},
                   Prompt::Role::exemplar});
  return all;
}

}  // namespace persense::benchmarks
