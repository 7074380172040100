// mini_network.hpp (private): what the stages ask of the network, whatever runs it.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "map_decoder.hpp"
#include "persense/models/manifest.hpp"
#include "region.hpp"

namespace persense {
class Archive;  // models/archive.hpp
}

namespace persense::mini {

/// Vectors of objects, one in a row.
using Vectors = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// What a network keeps of a level, or of a window of one, where it runs (in a GPU's memory, say).
class Features {
 public:
  virtual ~Features() = default;
};

/// What a network makes of a prototype once, for the maps of any number of levels.
class Conditioning {
 public:
  virtual ~Conditioning() = default;
};

/// An image, or a window of it, at one scale: its pixels as the network sees them, and their
/// features. See level_images.hpp.
struct Level {
  int k = 0;             ///< the scale is 2^k
  cv::Size size;         ///< of the image, or window, at this scale
  cv::Mat pixels;        ///< CV_8UC3, mirrored below and to the right of it; sides: multiples of 16
  cv::Mat stretch;       ///< (1, 256) CV_32FC1, of the whole image
  cv::Matx23d to_image;  ///< x, y of its pixels to those of the image
  std::shared_ptr<const Features> features;

  /// Stretched pixels of a part: CV_32FC3.
  cv::Mat stretched(const cv::Rect& part) const;
};

/// Maps of a level, or of a window.
struct Maps {
  cv::Mat mat;                           ///< CV_32FC(map_channels), at stride map_stride
  std::shared_ptr<const Features> kept;  ///< the same where the network keeps it, or nothing
};

/// A level, or a window of one, as one prototype sees it.
struct MappedLevel {
  std::shared_ptr<const Level> level;
  Maps maps;
  cv::Rect2d core;  ///< of a tile: where peaks are its own, pixels of the image; empty: a level
};

/// Regions of one level, with what is said of them.
struct DescribedRegions {
  const MappedLevel* of;
  std::span<const Description> regions;
};

/// Regions as the network compares them.
struct Descriptors {
  Vectors embeddings;  ///< (N, D)
  Vectors evidence;    ///< (N, map_channels); no rows where the levels have no maps
};

/// A region whose outline is to be refined, and the corner of the window for it: even numbers.
struct RefinedRegion {
  const MappedLevel* of;
  const Region* region;
  cv::Point corner;
};

/// Of each candidate, in [0, 1].
struct Probabilities {
  std::vector<float> same_class;  ///< probability of the exemplars' class
  std::vector<float> quality;     ///< expected overlap with a whole object
};

/// The calls of the network, in tiles and batches. What all networks need beside is in
/// level_parts.hpp and network_inputs.hpp.
/// @par Threads  Any number of threads may use one.
class Network {
 public:
  virtual ~Network() = default;

  /// Of its archive; there as long as the network is.
  virtual const Manifest& manifest() const = 0;

  /// Calls body, with errors of what runs the network in our words.
  /// @param doing  "describe an example", for messages.
  virtual void guarded(const char* doing, const std::function<void()>& body) const = 0;

  /// Features of windows, all of one size, whose pixels are known. Reports its progress.
  virtual std::vector<std::shared_ptr<const Features>> features(
      std::span<const Level* const> windows) const = 0;
  /// Features of a level of any size, read in parts where it is large. Reports its progress.
  virtual std::shared_ptr<const Features> features(const Level& level) const = 0;

  /// What an object of a level looks like to the maps. @param mask  CV_8UC1 of 0 and 1, of `part`,
  ///   whose corner lies on a multiple of 8.
  virtual Eigen::RowVectorXf pool(const Level& level, const cv::Rect& part,
                                  const cv::Mat& mask) const = 0;
  virtual std::shared_ptr<const Conditioning> conditioning(
      const Eigen::RowVectorXf& vector) const = 0;
  /// The maps of a level of any size. Reports its progress.
  virtual Maps maps(const Level& level, const Conditioning& conditioning) const = 0;
  /// The maps of windows, all of one size.
  virtual std::vector<Maps> maps(std::span<const std::shared_ptr<const Level>> windows,
                                 const Conditioning& conditioning) const = 0;
  /// How much more the finest features are like the object than like what surrounds it: CV_32FC1 at
  /// stride 2, above 0 where they are. Whatever the size of the object there.
  virtual cv::Mat likeness(const Level& level, const Conditioning& conditioning) const = 0;
  /// Rows in the order of the levels and their regions. Either all levels have maps or none has.
  virtual Descriptors describe(std::span<const DescribedRegions> levels) const = 0;
  /// @param sizes  log2 of equivalent diameters, as Description has them.
  virtual Probabilities classify(const Descriptors& candidates, std::span<const float> sizes,
                                 const Vectors& exemplars,
                                 std::span<const float> exemplar_sizes) const = 0;
  /// Logits of belonging to each region, in windows: CV_32FC1, refine_side each way.
  virtual std::vector<cv::Mat> refine(std::span<const RefinedRegion> regions) const = 0;
};

/// The network of an archive on the CPU, in single precision and without LibTorch. Its bytes are
/// needed no longer.
/// @throws Unreadable, BadModel, as the archive is read.
std::shared_ptr<const Network> native_network(std::shared_ptr<const Archive> archive);

}  // namespace persense::mini
