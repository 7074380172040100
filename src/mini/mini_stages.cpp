#include <algorithm>
#include <cmath>
#include <numeric>
#include <opencv2/imgproc.hpp>

#include "colour_rule.hpp"
#include "mini_state.hpp"
#include "models/archive.hpp"
#include "persense/detail/median.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/mini/mini.hpp"

namespace persense::mini {

MiniExample MiniEmbedding::example(const Mask& mask) const {
  MiniExample made = state_->guarded("describe an example", [&] { return state_->example(mask); });
  made.colours = colour_rule(state_->pyramid, mask);
  return made;
}

FloatMap MiniEmbedding::similarity(const MiniPrototype& prototype, Size size) const {
  const auto classified = state_->classify(prototype, {});
  const Proposals& proposals = *classified->proposals;
  const float least = std::clamp(prototype.thresholds.same_alone, 1e-3f, 0.999f);
  const cv::Size image = state_->pyramid.size();
  cv::Mat map(image, CV_32FC1, cv::Scalar(-1));
  std::vector<std::size_t> order(proposals.candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return classified->score(a) < classified->score(b);
  });
  for (const std::size_t i : order) {
    const Candidate& c = proposals.candidates[i];
    const float same = classified->probabilities.same_class[i];
    const float value = same >= least ? (same - least) / (1 - least) : same / least - 1;
    const Mask mask = state_->mask_of(proposals.levels[c.level], c.region, {}, {});
    for (int y = mask.box.y0; y < mask.box.y1; ++y)
      for (int x = mask.box.x0; x < mask.box.x1; ++x)
        if (mask.row(y)[x - mask.box.x0] != 0) map.at<float>(y, x) = value;
    // the peak is the candidate's, where the prompt will lie, though it may be in the hole of a
    // ring
    cv::circle(map, {cvRound(c.at.x), cvRound(c.at.y)}, std::max(1, cvRound(c.near)), value,
               cv::FILLED);
  }
  FloatMap out(size.height, size.width);
  cv::Mat to = as_mat(out);
  cv::resize(map, to, to.size(), 0, 0, cv::INTER_NEAREST);
  return out;
}

std::vector<Detection> MiniEmbedding::detections(const MiniPrototype& prototype) const {
  const auto classified = state_->classify(prototype, {});
  const Proposals& proposals = *classified->proposals;
  std::vector<Detection> found;
  for (std::size_t i = 0; i < proposals.candidates.size(); ++i)
    if (classified->probabilities.same_class[i] >= prototype.thresholds.same_alone &&
        !proposals.candidates[i].box.empty())
      found.push_back({static_cast<Box>(proposals.candidates[i].box), classified->score(i)});
  return found;
}

namespace {

/// A Gaussian of this mass, all of which lies on the map. Lengths in cells.
void add_bell(DensityMap& map, cv::Point2d at, double sigma, double mass) {
  const int reach = static_cast<int>(std::ceil(3 * sigma));
  const auto span = [&](double middle, Eigen::Index length) {
    const int last = static_cast<int>(length) - 1;
    const int centre = std::clamp(static_cast<int>(std::lround(middle)), 0, last);
    return std::pair(std::max(centre - reach, 0), std::min(centre + reach, last));
  };
  const auto [x0, x1] = span(at.x, map.cols());
  const auto [y0, y1] = span(at.y, map.rows());
  const auto bell = [&](int first, int last, double middle) {
    Eigen::ArrayXd values(last - first + 1);
    for (int i = first; i <= last; ++i)
      values(i - first) = std::exp(-0.5 * std::pow((i - middle) / sigma, 2));
    return Eigen::ArrayXd(values / std::max(values.sum(), 1e-12));
  };
  const Eigen::ArrayXd across = bell(x0, x1, at.x), down = bell(y0, y1, at.y);
  map.block(y0, x0, down.size(), across.size()) +=
      (mass * down.matrix() * across.matrix().transpose()).array().cast<float>();
}

}  // namespace

/// All peaks are equally wide, whatever their level, so that they are equally high for IDM.
DensityMap MiniEmbedding::density(const MiniPrototype& prototype,
                                  std::span<const Exemplar> exemplars) const {
  constexpr double width = 0.2, cells = 1.5;  // sigma: of the smaller diameters; in cells
  constexpr double smaller = 0.1;             // of the candidates, by size
  const auto classified = state_->classify(prototype, exemplars);
  const Proposals& proposals = *classified->proposals;
  std::vector<float> sizes;
  for (std::size_t i = 0; i < proposals.candidates.size(); ++i)
    if (classified->probabilities.same_class[i] >= prototype.thresholds.same_alone)
      sizes.push_back(proposals.sizes[i]);
  std::sort(sizes.begin(), sizes.end());
  const double diameter =
      sizes.empty() ? prototype.diameter
                    : std::exp2(sizes[static_cast<std::size_t>(smaller * (sizes.size() - 1))]);
  const cv::Size image = state_->pyramid.size();
  const double cell = std::max(width * diameter / cells, 0.5);
  const auto length = [&](int side) {
    return std::max(1, static_cast<int>(std::ceil(side / cell)));
  };
  DensityMap map = DensityMap::Zero(length(image.height), length(image.width));
  const double x_scale = static_cast<double>(map.cols()) / image.width;
  const double y_scale = static_cast<double>(map.rows()) / image.height;
  const auto add = [&](cv::Point2d at, double mass) {
    add_bell(map, {(at.x + 0.5) * x_scale - 0.5, (at.y + 0.5) * y_scale - 0.5}, cells, mass);
  };
  for (const std::size_t i : distinct(*classified))
    add(proposals.candidates[i].at,
        proposals.candidates[i].region.mass * classified->probabilities.same_class[i]);
  return map;
}

namespace {

/// The archive's thresholds, but for what the options say.
MiniOptions thresholds_of(const Manifest::Calibration& archive, const MiniOptions& options) {
  const auto either = [](float asked, float own) { return asked >= 0 ? asked : own; };
  return {either(options.same, archive.same), either(options.quality, archive.quality),
          either(options.same_alone, archive.same_alone), either(options.present, archive.present)};
}

}  // namespace

MiniEncoder::MiniEncoder(std::shared_ptr<const Network> network, const MiniOptions& options)
    : network_(std::move(network)),
      thresholds_(thresholds_of(network_->manifest().calibration, options)) {}

MiniEncoder::MiniEncoder(const std::filesystem::path& archive, const MiniOptions& options)
    : MiniEncoder(native_network(std::make_shared<const Archive>(archive)), options) {}

MiniEncoder::MiniEncoder(const EmbeddedArchive& archive, const MiniOptions& options)
    : MiniEncoder(native_network(std::make_shared<const Archive>(archive)), options) {}

MiniEncoder MiniEncoder::with(const MiniOptions& options) const {
  MiniEncoder other = *this;
  other.thresholds_ = thresholds_of(network_->manifest().calibration, options);
  return other;
}

MiniEmbedding MiniEncoder::encode(ImageView image) const {
  return MiniEmbedding(std::make_shared<const MiniEmbedding::State>(network_, image));
}

MiniPrototype MiniEncoder::prototype(std::span<const EncodedExample<Embedding>> examples) const {
  MiniPrototype prototype;
  std::vector<double> diameters;
  for (const auto& e : examples) {
    (e.negative ? prototype.negatives : prototype.examples)
        .push_back(e.embedding->example(*e.mask));
    if (!e.negative) diameters.push_back(equivalent_diameter(static_cast<double>(e.mask->area())));
  }
  prototype.diameter = detail::median(diameters);
  prototype.thresholds = thresholds_;
  return prototype;
}

Eigen::RowVectorXf MiniEncoder::describe(const Embedding& embedding, const Mask& mask, Size) const {
  return embedding.example(mask).embedding;
}

}  // namespace persense::mini
