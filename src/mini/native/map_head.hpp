// map_head.hpp (private): maps of a level, conditioned on a prototype.
#pragma once

#include <Eigen/Core>
#include <array>
#include <vector>

#include "../mini_network.hpp"
#include "trunk.hpp"

namespace persense::mini::native {

/// Features of one stride beside an object's and its surroundings': cosines with either, three
/// times their difference, and the place on the way from one to the other. All are linear in the
/// features.
struct Comparison {
  Eigen::MatrixXf weights;  ///< (channels, comparisons)
  Eigen::RowVectorXf shift;
  Convolution maps;

  /// @param own, ring  means over the object and around it.
  Comparison(const Eigen::RowVectorXf& own, const Eigen::RowVectorXf& ring);
};
inline constexpr int comparisons = 4, on_the_way = 3;  // the last of them

struct Condition final : Conditioning {
  std::vector<Comparison> compared;               ///< at strides 2, 4, 8
  std::array<std::vector<float>, 4> gain, shift;  ///< at strides 16, 8, 4, 2
};

class MapHead {
 public:
  explicit MapHead(const Weights& weights);

  Condition conditioning(const Eigen::RowVectorXf& prototype) const;
  /// @param features  at strides 2, 4, 8. @returns at stride 2: see mini::Map.
  Batch operator()(const std::array<Input, 3>& features, const Condition& condition) const;

 private:
  /// Joins a stride with what comes from below it.
  struct Merge {
    Convolution same, below, steer;
    Block block;
  };
  Merge merge(const Weights& weights, const std::string& name, int channels, int below) const;

  Convolution steer_, bottom_, bottom_steer_;
  std::array<Block, 2> bottom_blocks_;
  std::array<Merge, 3> merges_;  // at strides 8, 4, 2
  Convolution head_, last_;
};

}  // namespace persense::mini::native
