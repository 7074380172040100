// proposals.hpp (private): what may be an object of an image, and how likely it is one.
#pragma once

#include <map>
#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <utility>
#include <vector>

#include "mini_network.hpp"
#include "persense/geometry.hpp"
#include "persense/mini/mini.hpp"

namespace persense::mini {

/// A region that may be an object.
struct Candidate {
  std::size_t level;  ///< index into the proposals'
  Region region;
  cv::Point2d at;  ///< the peak, pixels of the image
  double near;     ///< from where a prompt means it, be it beside the region: pixels of the image
  PixelBox box;    ///< pixels of the image that the region may touch
};

/// What the maps of an image propose for one prototype.
struct Proposals {
  std::vector<MappedLevel> levels;  ///< tiles of one scale side by side, the coarsest first
  std::vector<Candidate> candidates;
  std::vector<float> sizes;  ///< log2 of their equivalent diameters, pixels of the image
  Descriptors descriptors;
};

/// Proposals, compared with examples and exemplars.
struct Classified {
  std::shared_ptr<const Proposals> proposals;
  Probabilities probabilities;

  float score(std::size_t i) const {
    return probabilities.same_class[i] * probabilities.quality[i];
  }
};

/// The candidates that stand for one object each, the best first: none that means the same as a
/// better one, be it of another level or another foreground.
std::vector<std::size_t> distinct(const Classified& classified);

/// The embeddings of examples, one below the other.
Vectors embeddings_of(const std::vector<MiniExample>& examples);
std::vector<float> sizes_of(const std::vector<MiniExample>& examples);

/// Makes the proposals of one image for one prototype, level by level.
class Proposer {
 public:
  /// @param examples  what the maps are conditioned on: the prototype's, and exemplars.
  Proposer(const MiniEmbedding::State& image, const MiniPrototype& prototype,
           const std::vector<MiniExample>& examples);

  /// Of all levels where objects of the support's size, or twice or four times that or less, may
  /// be.
  Proposals first() &&;
  /// Of the levels and tiles where something was found for the support alone.
  Proposals again(const Classified& first) &&;

 private:
  using Places = std::map<std::pair<int, int>, int>;

  void add_level(int k);
  void add_tiles(std::span<const std::shared_ptr<const Level>> tiles,
                 std::span<const cv::Rect2d> cores);
  void add_tiles_at(int k, std::span<const cv::Point> cores);
  bool add_finer_level(int k);
  void add_likely_places(const LevelRange& range);
  void add_candidates(std::size_t from);
  std::vector<std::size_t> accepted() const;
  double pixels_left(bool is_nothing_found) const;
  Places unexplained(int k, std::span<const std::size_t> accepted) const;
  bool owns(std::size_t from, std::size_t at, cv::Point2d place) const;

  const MiniEmbedding::State& image_;
  const MiniPrototype& prototype_;
  std::shared_ptr<const Conditioning> conditioning_;
  Proposals made_;
};

}  // namespace persense::mini
