#include "map_head.hpp"

#include <algorithm>
#include <cmath>

namespace persense::mini::native {

namespace {

constexpr int bottom_channels = 192, condition_length = 96;

/// What a linear layer makes of one vector.
Eigen::RowVectorXf applied(const Convolution& layer, const Eigen::RowVectorXf& vector,
                           bool rectified = false) {
  const Input one{1, 1, 1, static_cast<int>(vector.size()), [&vector](int, int, float* to) {
                    std::copy_n(vector.data(), vector.size(), to);
                  }};
  const Batch out = layer(one, {.rectified = rectified});
  return Eigen::Map<const Eigen::RowVectorXf>(out.rows.ptr<float>(), out.rows.channels());
}

Eigen::RowVectorXf unit(const Eigen::RowVectorXf& vector) {
  return vector / std::max(vector.norm(), 1e-12f);
}

}  // namespace

Comparison::Comparison(const Eigen::RowVectorXf& own, const Eigen::RowVectorXf& ring)
    : weights(own.size(), comparisons), shift(Eigen::RowVectorXf::Zero(comparisons)) {
  constexpr float little = 1e-2f;
  const float root = std::sqrt(static_cast<float>(own.size()));
  const Eigen::RowVectorXf apart = own - ring, unit_own = unit(own), unit_ring = unit(ring);
  const float far = std::sqrt(apart.squaredNorm() + little);
  const Eigen::RowVectorXf across = apart / far;
  weights.col(0) = unit_own.transpose() / root;
  weights.col(1) = unit_ring.transpose() / root;
  weights.col(2) = (unit_own - unit_ring).transpose() * (3 / root);
  weights.col(on_the_way) = across.transpose() / far;
  shift(on_the_way) = ((own + ring) * 0.5f).dot(across) / far;
  const Eigen::RowVectorXf bias = -shift;
  maps = Convolution({weights.data(), weights.data() + weights.size()},
                     {bias.data(), bias.data() + bias.size()}, comparisons,
                     static_cast<int>(own.size()), 1, 1);
}

MapHead::Merge MapHead::merge(const Weights& weights, const std::string& name, int channels,
                              int below) const {
  return {weights.convolution(name + ".same", channels, channels + comparisons),
          weights.convolution(name + ".below", channels, below, 1, 1, false),
          weights.linear(name + ".steer", 2 * channels, condition_length),
          weights.block(name + ".block", channels)};
}

MapHead::MapHead(const Weights& weights)
    : steer_(weights.linear("steer", condition_length, prototype_length)),
      bottom_(weights.convolution("bottom", bottom_channels, 128 + comparisons, 3, 2)),
      bottom_steer_(weights.linear("bottom_steer", 2 * bottom_channels, condition_length)),
      bottom_blocks_{weights.block("bottom_blocks.0", bottom_channels),
                     weights.block("bottom_blocks.1", bottom_channels)},
      merges_{merge(weights, "merge3", 128, bottom_channels), merge(weights, "merge2", 64, 128),
              merge(weights, "merge1", 32, 64)},
      head_(weights.convolution("head.0", 32, 32, 3)),
      last_(weights.convolution("head.2", map_channels, 32)) {}

Condition MapHead::conditioning(const Eigen::RowVectorXf& prototype) const {
  Condition condition;
  Eigen::Index at = 0;
  for (const int channels : feature_channels) {
    condition.compared.emplace_back(prototype.segment(at, channels),
                                    prototype.segment(at + channels, channels));
    at += 2 * channels;
  }
  const Eigen::RowVectorXf steer = applied(steer_, prototype, true);
  for (std::size_t i = 0; i < condition.gain.size(); ++i) {
    const Eigen::RowVectorXf both = applied(i == 0 ? bottom_steer_ : merges_[i - 1].steer, steer);
    const Eigen::Index half = both.size() / 2;
    for (Eigen::Index c = 0; c < half; ++c) {
      condition.gain[i].push_back(1 + both(c));
      condition.shift[i].push_back(both(half + c));
    }
  }
  return condition;
}

Batch MapHead::operator()(const std::array<Input, 3>& features, const Condition& condition) const {
  std::array<Batch, 3> compared;
  for (std::size_t i = 0; i < compared.size(); ++i)
    compared[i] = condition.compared[i].maps(features[i]);
  const auto steered = [&](const Batch& batch, std::size_t i) {
    return scaled(as_is(batch), condition.gain[i].data(), condition.shift[i].data());
  };
  Batch x = bottom_(joined({features[2], as_is(compared[2])}));
  x = bottom_blocks_[0](steered(x, 0));
  x = bottom_blocks_[1](as_is(x));
  for (std::size_t i = 0; i < merges_.size(); ++i) {
    const Input& own = features[2 - i];
    // narrowed first, then enlarged: the same sum for a quarter of the work
    const Batch below = merges_[i].below(as_is(x));
    const Input larger = enlarged(as_is(below), own.height, own.width);
    x = merges_[i].same(joined({own, as_is(compared[2 - i])}), {.added = &larger});
    x = merges_[i].block(steered(x, i + 1));
  }
  return last_(as_is(head_(as_is(x), {.rectified = true})));
}

}  // namespace persense::mini::native
