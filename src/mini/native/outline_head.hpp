// outline_head.hpp (private): outlines of candidates at the level's own resolution.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "../network_inputs.hpp"
#include "weights.hpp"

namespace persense::mini::native {

/// Windows in which outlines are refined, and the same parts of the maps and of the finest
/// features.
struct Windows {
  std::vector<RefinementInput> inputs;
  std::vector<cv::Mat> maps, features;
};

class OutlineHead {
 public:
  explicit OutlineHead(const Weights& weights);

  /// Logits of belonging to the candidate, CV_32FC1, refine_side each way.
  Batch operator()(const Windows& windows) const;

 private:
  Batch hints(const Windows& windows) const;

  Convolution guide_, fine_, fine_down_, coarse_down_, coarse_up_, fine_up_, outline_, last_;
  Block fine_block_, coarse_block_;
};

}  // namespace persense::mini::native
