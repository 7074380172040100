// candidate_head.hpp (private): what candidates look like, and which are of the exemplars' class.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <vector>

#include "../mini_network.hpp"
#include "trunk.hpp"

namespace persense::mini::native {

inline constexpr int grid_side = 8, embedding_length = 128;

/// Bilinear values of a matrix at the points of a grid in a square box, turned with it.
/// @param square  x, y of the middle and side in pixels of the level (0, 0 is the middle of the
/// first
///   pixel), cosine and sine of the turn. @param stride  of the matrix.
/// @param values  of a point, `apart` floats from those of the next one.
void sample_grid(const cv::Mat& matrix, const float* square, int stride, float* values, int apart);

/// Shares of the grid's cells that a candidate's mask covers. @param crop  CV_32FC4, crop_side each
/// way;
///   the mask is the fourth channel.
Eigen::VectorXf cover_of(const cv::Mat& crop);

class CandidateHead {
 public:
  explicit CandidateHead(const Weights& weights);

  /// Embeddings of candidates. @param crops  CV_32FC4 rows, see RegionInputs.
  /// @param grids  CV_32FC(all_features), as sample_grid gives them. @param shapes  (N,
  /// shape_length)
  Vectors embed(const Batch& crops, const Batch& grids, const Vectors& shapes) const;

  /// Logits (N, 2) of being of the exemplars' class, and of the overlap with a whole object.
  Vectors decide(const Descriptors& candidates, std::span<const float> sizes,
                 const Vectors& exemplars, std::span<const float> exemplar_sizes) const;

 private:
  /// A linear layer for few vectors at once.
  struct Linear {
    Vectors weights;  ///< (inputs, outputs)
    Eigen::RowVectorXf bias;

    Vectors operator()(const Vectors& rows) const { return (rows * weights).rowwise() + bias; }
  };
  /// Layer normalisation of vectors.
  struct Norm {
    Eigen::RowVectorXf gain, shift;

    Vectors operator()(const Vectors& rows) const;
  };
  /// A round in which learned queries attend to all candidates, and the candidates to them.
  struct Company {
    Vectors queries;
    Norm norm, summary_norm, after_norm;
    Linear key, value, summary, ask, tell_key, tell_value, widen, narrow;

    Vectors operator()(const Vectors& tokens) const;
  };
  static Linear linear(const Weights& weights, const std::string& name, int outputs, int inputs);
  static Norm norm(const Weights& weights, const std::string& name, int length);
  static Company company(const Weights& weights, const std::string& name);
  Vectors likeness(const Descriptors& candidates, std::span<const float> sizes,
                   const Vectors& exemplars, std::span<const float> exemplar_sizes) const;

  Convolution crop1_, crop2_, join_, join_down_;
  Block join_block_, join_last_;
  Convolution embed1_, embed2_, pair_, token_;
  Norm embed_norm_;
  Linear attend_, verdict_;
  std::array<Company, 2> companies_;
};

}  // namespace persense::mini::native
