// The learned default's own runtime against LibTorch: the same archive, the same calls.
#include <algorithm>
#include <cmath>
#include <memory>
#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "level_geometry.hpp"
#include "level_images.hpp"
#include "models/archive.hpp"
#include "persense/io/images.hpp"
#include "persense/torch/mini.hpp"

using namespace persense;
using namespace persense::mini;

namespace {

/// Sums of up to some thousand products in another order, ten layers one after the other.
constexpr double rounding = 1e-4;

double difference(const cv::Mat& a, const cv::Mat& b) {
  REQUIRE(a.size() == b.size());
  return cv::norm(a.reshape(1), b.reshape(1), cv::NORM_INF);
}
double difference(const Vectors& a, const Vectors& b) {
  REQUIRE(a.rows() == b.rows());
  REQUIRE(a.cols() == b.cols());
  return a.rows() == 0 ? 0 : (a - b).cwiseAbs().maxCoeff();
}
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, double{std::abs(a[i] - b[i])});
  return most;
}

/// What a network says of an image, of which one object is known.
struct Said {
  Eigen::RowVectorXf vector;
  cv::Mat maps, likeness;
  std::vector<Maps> windows;
  Descriptors descriptors;
  Probabilities probabilities;
  std::vector<cv::Mat> outlines;
};

/// @param regions  found by the first network that is asked, so that both describe the same ones.
Said say(const Network& network, const Pyramid& pyramid, int k, std::vector<Region>& regions) {
  Said said;
  MappedLevel mapped;
  auto level = std::make_shared<Level>(whole_level(pyramid, k));
  level->features = network.features(*level);
  mapped.level = level;
  const cv::Rect part(64, 64, 64, 64);
  cv::Mat mask = cv::Mat::zeros(part.size(), CV_8UC1);
  cv::circle(mask, {31, 33}, 10, 1, cv::FILLED);
  said.vector = network.pool(*level, part, mask);
  const auto conditioning = network.conditioning(said.vector);
  mapped.maps = network.maps(*level, *conditioning);
  said.maps = mapped.maps.mat.clone();  // which may be of a tensor's memory
  said.likeness = network.likeness(*level, *conditioning);
  const std::vector<cv::Point> corners{{0, 0}, {40, 16}, {-24, 8}};
  const auto tiles = tiles_of(network, pyramid, k, corners);
  said.windows = network.maps(tiles, *conditioning);
  if (regions.empty()) regions = find_regions(said.maps, level->size, {.least_peak = 0.01});
  REQUIRE(regions.size() > 3);
  std::vector<Description> described;
  std::vector<float> sizes;
  std::vector<RefinedRegion> refined;
  for (const Region& region : regions) {
    described.push_back(describe(region, pyramid, level->to_image));
    sizes.push_back(described.back().size);
    refined.push_back(refinement_of(mapped, region));
  }
  const DescribedRegions all{&mapped, described};
  said.descriptors = network.describe(std::span(&all, 1));
  said.probabilities = network.classify(
      said.descriptors, sizes, said.descriptors.embeddings.topRows(3), std::span(sizes).first(3));
  said.outlines = network.refine(refined);
  return said;
}

}  // namespace

TEST_CASE("mini without LibTorch: every call says what LibTorch says", "[torch][mini]") {
  const Image image =
      io::read_image(std::filesystem::path(PERSENSE_SOURCE_DIR) / "examples/data/beans/01.jpg");
  const Pyramid pyramid(image.view());
  const int k = GENERATE(
      -1, 0, 1);  // 1: more than a million pixels, whose features are kept in half precision
  CAPTURE(k);
  const auto native = native_network(std::make_shared<const Archive>(mini_archive()));
  const auto torch = torchscript::mini_network(mini_archive());
  std::vector<Region> regions;
  const Said ours = say(*native, pyramid, k, regions), theirs = say(*torch, pyramid, k, regions);
  // logits and lengths of vectors of up to some ten; in half precision 2^-11 of that
  const double tolerance = k == 1 ? 2e-2 : rounding;
  CHECK(difference(Vectors(ours.vector), Vectors(theirs.vector)) < tolerance);
  CHECK(difference(ours.maps, theirs.maps) < tolerance);
  CHECK(difference(ours.likeness, theirs.likeness) < tolerance);
  REQUIRE(ours.windows.size() == theirs.windows.size());
  for (std::size_t i = 0; i < ours.windows.size(); ++i)
    CHECK(difference(ours.windows[i].mat, theirs.windows[i].mat) < rounding);
  CHECK(difference(ours.descriptors.embeddings, theirs.descriptors.embeddings) < tolerance);
  CHECK(difference(ours.descriptors.evidence, theirs.descriptors.evidence) < tolerance);
  CHECK(difference(ours.probabilities.same_class, theirs.probabilities.same_class) < tolerance);
  CHECK(difference(ours.probabilities.quality, theirs.probabilities.quality) < tolerance);
  REQUIRE(ours.outlines.size() == theirs.outlines.size());
  for (std::size_t i = 0; i < ours.outlines.size(); ++i)
    CHECK(difference(ours.outlines[i], theirs.outlines[i]) < tolerance);
}
