// The network of an archive on the CPU: each call of mini::Network from the layers beside this
// file.
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "../level_parts.hpp"
#include "candidate_head.hpp"
#include "map_head.hpp"
#include "models/archive.hpp"
#include "outline_head.hpp"
#include "persense/detail/parallel.hpp"
#include "persense/progress.hpp"
#include "trunk.hpp"

namespace persense::mini {

namespace {

using namespace native;

struct KeptFeatures final : Features {
  std::array<cv::Mat, 3> strides;  ///< CV_32FC or CV_16FC: at strides 2, 4, 8
};

const std::array<cv::Mat, 3>& features_of(const Level& level) {
  return static_cast<const KeptFeatures&>(*level.features).strides;
}

/// The same part of features of all strides. @param part  pixels of the level.
std::array<cv::Mat, 3> part_of(const std::array<cv::Mat, 3>& features, const cv::Rect& part) {
  std::array<cv::Mat, 3> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = features[i](cells_of(part, 2 << i));
  return parts;
}

/// How features of so many pixels are kept: those of many in half the memory.
int kept_as(double pixels) {
  constexpr double large = 1e6;
  return pixels > large ? CV_16F : CV_32F;
}

class NativeNetwork final : public Network {
 public:
  explicit NativeNetwork(const Archive& archive) : NativeNetwork(archive, Weights(archive)) {}

  const Manifest& manifest() const override { return manifest_; }
  void guarded(const char*, const std::function<void()>& body) const override { body(); }

  std::vector<std::shared_ptr<const Features>> features(
      std::span<const Level* const> windows) const override;
  std::shared_ptr<const Features> features(const Level& level) const override;
  Eigen::RowVectorXf pool(const Level& level, const cv::Rect& part,
                          const cv::Mat& mask) const override {
    return pooled(part_of(features_of(level), part), mask);
  }
  std::shared_ptr<const Conditioning> conditioning(
      const Eigen::RowVectorXf& vector) const override {
    return std::make_shared<Condition>(maps_.conditioning(vector));
  }
  Maps maps(const Level& level, const Conditioning& conditioning) const override;
  std::vector<Maps> maps(std::span<const std::shared_ptr<const Level>> windows,
                         const Conditioning& conditioning) const override;
  cv::Mat likeness(const Level& level, const Conditioning& conditioning) const override;
  Descriptors describe(std::span<const DescribedRegions> levels) const override;
  Probabilities classify(const Descriptors& candidates, std::span<const float> sizes,
                         const Vectors& exemplars,
                         std::span<const float> exemplar_sizes) const override;
  std::vector<cv::Mat> refine(std::span<const RefinedRegion> regions) const override;

 private:
  NativeNetwork(const Archive& archive, const Weights& weights)
      : manifest_(archive.manifest(Stage::all)),
        trunk_(weights),
        maps_(weights),
        candidates_(weights),
        outlines_(weights) {}

  Manifest manifest_;
  Trunk trunk_;
  MapHead maps_;
  CandidateHead candidates_;
  OutlineHead outlines_;
};

std::vector<std::shared_ptr<const Features>> NativeNetwork::features(
    std::span<const Level* const> windows) const {
  std::vector<std::shared_ptr<const Features>> all;
  if (windows.empty()) return all;
  const int depth =
      kept_as(static_cast<double>(windows.size()) * windows.front()->pixels.size().area());
  for (std::size_t from = 0; from < windows.size(); from += batch) {
    const std::size_t end = std::min(windows.size(), from + batch);
    std::vector<cv::Mat> images;
    for (const Level* window : windows.subspan(from, end - from))
      images.push_back(window->stretched(cv::Rect({}, window->pixels.size())));
    const std::array<Batch, 3> found = trunk_(as_is(images));
    for (std::size_t i = 0; i < images.size(); ++i) {
      auto kept = std::make_shared<KeptFeatures>();
      for (std::size_t f = 0; f < found.size(); ++f)
        found[f].image(static_cast<int>(i)).convertTo(kept->strides[f], depth);
      all.push_back(std::move(kept));
    }
    report_progress(static_cast<double>(end) / static_cast<double>(windows.size()));
  }
  return all;
}

std::shared_ptr<const Features> NativeNetwork::features(const Level& level) const {
  auto kept = std::make_shared<KeptFeatures>();
  const cv::Size size = level.pixels.size();
  const int depth = kept_as(size.area());
  for (std::size_t f = 0; f < kept->strides.size(); ++f)
    kept->strides[f].create(size.height / (2 << f), size.width / (2 << f),
                            CV_MAKETYPE(depth, feature_channels[f]));
  each_part(size, [&](const SeenPart& part) {
    const std::vector<cv::Mat> image{level.stretched(part.seen)};
    const std::array<Batch, 3> found = trunk_(as_is(image));
    for (std::size_t f = 0; f < found.size(); ++f) {
      cv::Mat to = kept->strides[f](cells_of(part.kept, 2 << f));
      found[f].rows(cells_of(part.own(), 2 << f)).convertTo(to, depth);
    }
  });
  return kept;
}

Maps NativeNetwork::maps(const Level& level, const Conditioning& conditioning) const {
  const cv::Size size = level.pixels.size();
  Maps maps{cv::Mat(size.height / map_stride, size.width / map_stride, CV_32FC(map_channels)), {}};
  each_part(size, [&](const SeenPart& part) {
    const std::array<cv::Mat, 3> seen = part_of(features_of(level), part.seen);
    const std::vector<cv::Mat> at_2{seen[0]}, at_4{seen[1]}, at_8{seen[2]};
    const Batch found =
        maps_({as_is(at_2), as_is(at_4), as_is(at_8)}, static_cast<const Condition&>(conditioning));
    found.rows(cells_of(part.own(), map_stride)).copyTo(maps.mat(cells_of(part.kept, map_stride)));
  });
  return maps;
}

std::vector<Maps> NativeNetwork::maps(std::span<const std::shared_ptr<const Level>> windows,
                                      const Conditioning& conditioning) const {
  std::vector<Maps> all;
  for (std::size_t from = 0; from < windows.size(); from += batch) {
    const std::size_t end = std::min(windows.size(), from + batch);
    std::array<std::vector<cv::Mat>, 3> features;
    for (const auto& window : windows.subspan(from, end - from))
      for (std::size_t f = 0; f < features.size(); ++f)
        features[f].push_back(features_of(*window)[f]);
    const Batch found = maps_({as_is(features[0]), as_is(features[1]), as_is(features[2])},
                              static_cast<const Condition&>(conditioning));
    for (int i = 0; i < found.count; ++i) all.push_back({found.image(i).clone(), {}});
  }
  return all;
}

cv::Mat NativeNetwork::likeness(const Level& level, const Conditioning& conditioning) const {
  const auto& condition = static_cast<const Condition&>(conditioning);
  std::array<cv::Mat, 2> found;
  for (std::size_t f = 0; f < found.size(); ++f) {
    const std::vector<cv::Mat> features{features_of(level)[f]};
    cv::extractChannel(condition.compared[f].maps(as_is(features)).rows, found[f], on_the_way);
  }
  cv::Mat coarse;
  cv::resize(found[1], coarse, found[0].size(), 0, 0, cv::INTER_LINEAR);
  return found[0] + coarse;
}

/// Means of the maps where a candidate's crop is covered.
void write_evidence(const cv::Mat& maps, const float* square, const cv::Mat& crop, float* to) {
  constexpr float little = 1e-3f;
  Vectors values(grid_side * grid_side, map_channels);
  sample_grid(maps, square, map_stride, values.data(), map_channels);
  const Eigen::VectorXf cover = cover_of(crop);
  Eigen::Map<Eigen::RowVectorXf>(to, map_channels) =
      cover.transpose() * values / (cover.sum() + little);
}

Descriptors NativeNetwork::describe(std::span<const DescribedRegions> levels) const {
  const RegionInputs in = region_inputs(levels);
  const auto n = static_cast<int>(in.shapes.rows());
  const bool mapped = !levels.empty() && !levels.front().of->maps.mat.empty();
  Descriptors found{Vectors(n, embedding_length), Vectors(mapped ? n : 0, map_channels)};
  std::vector<const DescribedRegions*> of;  // each row's
  for (const DescribedRegions& d : levels) of.insert(of.end(), d.regions.size(), &d);
  for (int from = 0; from < n; from += batch) {
    const int some = std::min<int>(batch, n - from);
    // OpenCV takes no const memory; nothing is written to it
    Batch crops{cv::Mat(some * crop_side, crop_side, CV_32FC4,
                        const_cast<float*>(in.crops.row(from).data())),
                some};
    Batch grids{cv::Mat(some * grid_side, grid_side, CV_32FC(all_features)), some};
    persense::detail::parallel_for(static_cast<std::size_t>(some), [&](std::size_t i) {
      const int row = from + static_cast<int>(i);
      const MappedLevel& level = *of[static_cast<std::size_t>(row)]->of;
      const float* const square = in.squares.row(row).data();
      float* to = grids.image(static_cast<int>(i)).ptr<float>();
      for (std::size_t f = 0; f < feature_channels.size(); to += feature_channels[f++])
        sample_grid(features_of(*level.level)[f], square, 2 << f, to, all_features);
      if (mapped)
        write_evidence(level.maps.mat, square, crops.image(static_cast<int>(i)),
                       found.evidence.row(row).data());
    });
    found.embeddings.middleRows(from, some) =
        candidates_.embed(crops, grids, in.shapes.middleRows(from, some));
  }
  return found;
}

Probabilities NativeNetwork::classify(const Descriptors& candidates, std::span<const float> sizes,
                                      const Vectors& exemplars,
                                      std::span<const float> exemplar_sizes) const {
  Probabilities probabilities;
  const Vectors logits = candidates_.decide(candidates, sizes, exemplars, exemplar_sizes);
  const auto sigmoid = [](float logit) { return 1 / (1 + std::exp(-logit)); };
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    probabilities.same_class.push_back(sigmoid(logits(i, 0)));
    probabilities.quality.push_back(sigmoid(logits(i, 1)));
  }
  return probabilities;
}

std::vector<cv::Mat> NativeNetwork::refine(std::span<const RefinedRegion> regions) const {
  std::vector<cv::Mat> outlines;
  for (std::size_t from = 0; from < regions.size(); from += batch) {
    Windows windows;
    for (const RefinedRegion& one :
         regions.subspan(from, std::min<std::size_t>(batch, regions.size() - from))) {
      windows.inputs.push_back(refinement_input(one));
      const cv::Rect cells = cells_of(windows.inputs.back().window, map_stride);
      windows.maps.push_back(one.of->maps.mat(cells));
      windows.features.push_back(features_of(*one.of->level)[0](cells));
    }
    const Batch logits = outlines_(windows);
    for (int i = 0; i < logits.count; ++i) outlines.push_back(logits.image(i).clone());
  }
  return outlines;
}

}  // namespace

std::shared_ptr<const Network> native_network(std::shared_ptr<const Archive> archive) {
  return std::make_shared<const NativeNetwork>(*archive);
}

}  // namespace persense::mini
