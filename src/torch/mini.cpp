#include "persense/torch/mini.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "mini_archive.hpp"
#include "persense/classic/layers.hpp"
#include "persense/mini/cut.hpp"
#include "persense/mini/kinds.hpp"
#include "persense/support.hpp"

namespace persense::torchscript {

namespace {

using classic::Cut;
using classic::Piece;

constexpr int patch_side = 64;  // of the support's, as in training
constexpr int multiple = 16;    // of the network's input sides
constexpr int border = 16;      // mirrored around a picture
constexpr int margin = 96;  // around a tile: what lies beyond moves a probability by .003 at most
constexpr int longest_tile = 1152;
constexpr double most_pixels = 8e6;        // of a working image: time and memory stay bounded
constexpr double largest_zoom = 4;         // beyond is nothing but blur
constexpr double finer_zoom = 1.6;         // of the scale for smaller objects
constexpr double least_finer_zoom = 1.2;   // less is not worth its time
constexpr double most_finer_pixels = 6e5;  // of a working image at that scale, for the same reason
constexpr double lowest_level = 0.35;      // of a picture's better scores: below are no objects
constexpr double least_object = 0.25;      // mean logit of being any object's, of an object

/// What each value of a picture becomes: 0 about its darkest, 1 about its brightest. (1, 256)
/// CV_32FC1, for cv::LUT. The very rule of `persense.train.episodes.stretch`.
cv::Mat stretching(const cv::Mat& rgb) {
  std::array<std::int64_t, 256> below{};
  for (int y = 0; y < rgb.rows; ++y) {
    const std::uint8_t* row = rgb.ptr(y);
    for (int i = 0; i < 3 * rgb.cols; ++i) ++below[row[i]];
  }
  std::partial_sum(below.begin(), below.end(), below.begin());
  const std::int64_t n = below.back();
  const auto least = [&](std::int64_t thousandths) {
    const auto fewer = [](std::int64_t count, std::int64_t asked) { return 1000 * count < asked; };
    const auto at = std::lower_bound(below.begin(), below.end(), thousandths * n, fewer);
    return static_cast<int>(at - below.begin());
  };
  const int low = least(5), high = least(998);
  constexpr float darkest = -0.25f, brightest = 1.5f;
  cv::Mat table(1, 256, CV_32FC1);
  for (int v = 0; v < 256; ++v)
    table.at<float>(v) =
        std::clamp(static_cast<float>(v - low) / static_cast<float>(std::max(high - low, 8)),
                   darkest, brightest);
  return table;
}

cv::Mat resized(const cv::Mat& image, cv::Size size) {
  cv::Mat out;
  const bool shrinks = size.width < image.cols;
  cv::resize(image, out, size, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_LINEAR);
  return out;
}

/// (1, 3, H, W) of CV_32FC3.
at::Tensor tensor_of(const cv::Mat& image, const Placement& placement) {
  const cv::Mat whole = image.isContinuous() ? image : image.clone();
  const at::Tensor pixels = at::from_blob(const_cast<float*>(whole.ptr<float>()),
                                          {1, whole.rows, whole.cols, 3}, at::kFloat);
  return pixels.permute({0, 3, 1, 2})
      .to(placement.device, placement.dtype, /*non_blocking=*/false, /*copy=*/true,
          at::MemoryFormat::ChannelsLast);
}

/// One plane of (C, h, w), contiguous float on the CPU.
cv::Mat plane(const at::Tensor& maps, int channel) {
  return cv::Mat(static_cast<int>(maps.size(1)), static_cast<int>(maps.size(2)), CV_32FC1,
                 maps.data_ptr<float>() + channel * maps.stride(0));
}

/// Parts of a working image that the network sees one at a time.
struct Tile {
  cv::Rect seen;  ///< in the mirrored working image
  cv::Rect kept;  ///< of the maps' cells, in the whole picture's maps
  cv::Point at;   ///< where `kept` begins in the tile's own maps
};

std::vector<Tile> tiles_of(cv::Size work, cv::Size mirrored) {
  const auto cuts = [](int length) {
    const int parts = (length + longest_tile - 1) / longest_tile;
    std::vector<int> edges{0};
    for (int i = 1; i < parts; ++i)  // on whole multiples
      edges.push_back(static_cast<int>(static_cast<double>(length) * i / parts) / multiple *
                      multiple);
    edges.push_back(length);
    return edges;
  };
  const std::vector<int> xs = cuts(work.width), ys = cuts(work.height);
  std::vector<Tile> tiles;
  const auto range = [](int begin, int end, int length) {
    // in the mirrored image the picture begins at `border`
    const int from = std::max(0, begin + border - margin) / multiple * multiple;
    const int to = std::min(length, (end + border + margin + multiple - 1) / multiple * multiple);
    return std::pair(from, to);
  };
  const int s = mini::stride;
  for (std::size_t j = 0; j + 1 < ys.size(); ++j)
    for (std::size_t i = 0; i + 1 < xs.size(); ++i) {
      const auto [x0, x1] = range(xs[i], xs[i + 1], mirrored.width);
      const auto [y0, y1] = range(ys[j], ys[j + 1], mirrored.height);
      const cv::Rect kept(cv::Point(xs[i] / s, ys[j] / s),
                          cv::Point((xs[i + 1] + s - 1) / s, (ys[j + 1] + s - 1) / s));
      tiles.push_back({cv::Rect(cv::Point(x0, y0), cv::Point(x1, y1)),
                       kept,
                       {(border - x0) / s + kept.x, (border - y0) / s + kept.y}});
    }
  return tiles;
}

/// Channels of the network's maps: see persense.networks.mini.
constexpr int target_map = 0, peak_map = 1, offset_x_map = 2, offset_y_map = 3, object_map = 4;

/// The logit of the foreground. The target map leaves out what differs a little from the support
/// object, which is judged better object by object: so most of the foreground is what could be an
/// object of any kind.
cv::Mat foreground(const cv::Mat& target, const cv::Mat& object) {
  constexpr double any_object = 0.6;
  cv::Mat out;
  cv::addWeighted(target, 1 - any_object, object, any_object, 0, out);
  return out;
}

/// How far the pieces found at one scale are to be trusted: best about the size that the network
/// was trained for. Linear between the knots, constant beyond.
struct Knot {
  double diameter, trust;
};
using Trust = std::array<Knot, 4>;
constexpr Trust in_full = {Knot{5, 0.7}, Knot{8, 1}, Knot{45, 1}, Knot{70, 0.5}};
constexpr Trust in_half = {Knot{14, 0.45}, Knot{20, 1}, Knot{50, 1}, Knot{80, 0.6}};
constexpr Trust in_finer = {Knot{5, 0.63}, Knot{8, 0.9}, Knot{18, 0.9}, Knot{28, 0}};

/// A tile's looks, which stay where the network is.
struct Looks {
  at::Tensor cells;  ///< (h, w, L)
  cv::Rect kept;     ///< those of the whole picture's cells that are the tile's own,
  cv::Point at;      ///< and where they begin in `cells`
};

/// What pieces are judged by: maps of cells, CV_32FC1, and looks.
struct Evidence {
  cv::Mat target;  ///< logit of being a target's
  cv::Mat object;  ///< logit of being any object's
  std::vector<Looks> looks;
};

}  // namespace

struct MiniEmbedding::State {
  Module module;
  cv::Mat rgb;       // CV_8UC3
  cv::Mat table;     // that stretches it
  double scale = 1;  // pixels of the working image in one of the image, by length
  std::once_flag cut_made;
  std::unique_ptr<const Cut> pieces;

  State(Module network, ImageView image, double working_scale)
      : module(std::move(network)),
        rgb(image.mat().clone()),
        table(stretching(rgb)),
        scale(working_scale) {}

  /// The whole picture stretched, at each of these scales: CV_32FC3.
  std::vector<cv::Mat> pictures(const std::vector<double>& scales) const;
  /// What the network says of a picture. @param evidence  is filled, unless null.
  mini::Maps see(const cv::Mat& picture, const MiniPrototype& prototype, Evidence* evidence) const;
  Cut layer(const mini::Maps& maps, const Trust& trusted) const;
  double finer_scale() const;
  Cut cut(const MiniPrototype& prototype) const;
  void judge(Cut& cut, const Evidence& evidence, const MiniPrototype& prototype) const;
};

std::vector<cv::Mat> MiniEmbedding::State::pictures(const std::vector<double>& scales) const {
  cv::Mat whole;
  cv::LUT(rgb, table, whole);
  std::vector<cv::Mat> pictures;
  for (const double at : scales) {
    const auto side = [at](int length) {
      return std::max(1, static_cast<int>(std::lround(length * at)));
    };
    pictures.push_back(resized(whole, {side(rgb.cols), side(rgb.rows)}));
  }
  return pictures;
}

mini::Maps MiniEmbedding::State::see(const cv::Mat& picture, const MiniPrototype& prototype,
                                     Evidence* evidence) const {
  const c10::InferenceMode no_gradients;
  mini::Maps seen;
  const cv::Size work = seen.work = picture.size();
  const auto up = [](int length) { return (length + multiple - 1) / multiple * multiple; };
  const cv::Size mirrored(up(work.width + 2 * border), up(work.height + 2 * border));
  cv::Mat framed;
  cv::copyMakeBorder(picture, framed, border, mirrored.height - work.height - border, border,
                     mirrored.width - work.width - border, cv::BORDER_REFLECT_101);
  const cv::Size cells((work.width + 1) / mini::stride, (work.height + 1) / mini::stride);
  for (cv::Mat* map : {&seen.target, &seen.peak, &seen.offset_x, &seen.offset_y})
    map->create(cells, CV_32FC1);
  if (evidence != nullptr)
    for (cv::Mat* map : {&evidence->target, &evidence->object}) map->create(cells, CV_32FC1);
  for (const Tile& tile : tiles_of(work, mirrored)) {
    const auto features = module.call("trunk", {tensor_of(framed(tile.seen), module.placement())});
    const at::Tensor maps =
        module.call("maps", {features[0], features[1], features[2], prototype.vector})[0][0]
            .to(at::kCPU, at::kFloat)
            .contiguous();
    const cv::Rect from(tile.at, tile.kept.size());
    const auto own = [&](int channel) { return plane(maps, channel)(from); };
    foreground(own(target_map), own(object_map)).copyTo(seen.target(tile.kept));
    own(peak_map).copyTo(seen.peak(tile.kept));
    own(offset_x_map).copyTo(seen.offset_x(tile.kept));
    own(offset_y_map).copyTo(seen.offset_y(tile.kept));
    if (evidence == nullptr) continue;
    own(target_map).copyTo(evidence->target(tile.kept));
    own(object_map).copyTo(evidence->object(tile.kept));
    evidence->looks.push_back({features[3][0].permute({1, 2, 0}), tile.kept, tile.at});
  }
  return seen;
}

namespace {

/// The cells of the maps that lie in pieces.
class PieceCells {
 public:
  PieceCells(const Cut& cut, cv::Size map) : count_(cut.pieces.size(), 0) {
    for (int y = 0; y < map.height; ++y)
      for (int x = 0; x < map.width; ++x)
        if (const int label = cut.labels.at<int>(std::min(y * mini::stride, cut.labels.rows - 1),
                                                 std::min(x * mini::stride, cut.labels.cols - 1));
            label > 0)
          add({x, y}, static_cast<std::size_t>(label - 1));
    for (std::size_t i = 0; i < count_.size(); ++i)
      if (count_[i] == 0) {  // it lies between the cells
        const auto& core = cut.pieces[i].core;
        add({std::min(core.x / mini::stride, map.width - 1),
             std::min(core.y / mini::stride, map.height - 1)},
            i);
      }
  }

  /// Mean over each piece.
  std::vector<double> means(const cv::Mat& map) const {
    std::vector<double> sums(count_.size(), 0.0);
    for (const Cell& cell : cells_) sums[cell.piece] += map.at<float>(cell.at);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= count_[i];
    return sums;
  }

  /// Means and deviations of the pieces' looks, (N, 2 L) on the CPU.
  at::Tensor looks(const std::vector<Looks>& tiles) const {
    const auto channels = static_cast<std::size_t>(tiles.front().cells.size(2));
    std::vector<double> sums(count_.size() * 2 * channels, 0.0);  // of values, of their squares
    for (const Looks& tile : tiles) add_sums(tile, channels, sums);
    constexpr double least_variance = 1e-4;  // as in training
    const at::Tensor looks = at::empty(
        {static_cast<std::int64_t>(count_.size()), static_cast<std::int64_t>(2 * channels)},
        at::kFloat);
    float* out = looks.data_ptr<float>();
    for (std::size_t i = 0; i < count_.size(); ++i, out += 2 * channels) {
      const double* sum = &sums[i * 2 * channels];
      for (std::size_t k = 0; k < channels; ++k) {
        const double mean = sum[k] / count_[i];
        const double variance = std::max(0.0, sum[channels + k] / count_[i] - mean * mean);
        out[k] = static_cast<float>(mean);
        out[channels + k] = static_cast<float>(std::sqrt(variance + least_variance));
      }
    }
    return looks;
  }

 private:
  struct Cell {
    cv::Point at;
    std::size_t piece;
  };

  void add(cv::Point at, std::size_t piece) {
    cells_.push_back({at, piece});
    count_[piece] += 1;
  }

  /// Only the cells of a tile that lie in pieces leave the device.
  void add_sums(const Looks& tile, std::size_t channels, std::vector<double>& sums) const {
    std::vector<std::int64_t> places;
    std::vector<std::size_t> owners;
    const std::int64_t width = tile.cells.size(1);
    for (const Cell& cell : cells_)
      if (tile.kept.contains(cell.at)) {
        const cv::Point p = cell.at - tile.kept.tl() + tile.at;
        places.push_back(p.y * width + p.x);
        owners.push_back(cell.piece);
      }
    if (places.empty()) return;
    const at::Tensor chosen =
        at::from_blob(places.data(), {static_cast<std::int64_t>(places.size())}, at::kLong);
    const at::Tensor values = tile.cells.reshape({-1, tile.cells.size(2)})
                                  .index_select(0, chosen.to(tile.cells.device()))
                                  .to(at::kCPU, at::kFloat)
                                  .contiguous();
    const float* value = values.data_ptr<float>();
    for (const std::size_t owner : owners) {
      double* sum = &sums[owner * 2 * channels];
      for (std::size_t k = 0; k < channels; ++k, ++value) {
        sum[k] += *value;
        sum[channels + k] += double{*value} * *value;
      }
    }
  }

  std::vector<Cell> cells_;    // by rows; those of pieces between the cells last
  std::vector<double> count_;  // of each piece
};

/// The score that a tenth of the pieces reach.
double upper_tenth(const std::vector<Piece>& pieces) {
  std::vector<double> scores;
  for (const Piece& piece : pieces) scores.push_back(piece.score);
  const auto at = static_cast<std::ptrdiff_t>(0.9 * static_cast<double>(scores.size() - 1));
  std::nth_element(scores.begin(), scores.begin() + at, scores.end());
  return scores[static_cast<std::size_t>(at)];
}

/// How far a piece of this diameter is to be trusted.
double trust(const Trust& knots, double diameter) {
  if (diameter <= knots.front().diameter) return knots.front().trust;
  for (std::size_t i = 1; i < knots.size(); ++i) {
    const Knot &a = knots[i - 1], &b = knots[i];
    if (diameter <= b.diameter)
      return a.trust + (b.trust - a.trust) * (diameter - a.diameter) / (b.diameter - a.diameter);
  }
  return knots.back().trust;
}

}  // namespace

/// Scores nothing where a piece is hardly any object, and says which are of the support object's
/// kind.
void MiniEmbedding::State::judge(Cut& cut, const Evidence& evidence,
                                 const MiniPrototype& prototype) const {
  const c10::InferenceMode no_gradients;
  const double lowest = lowest_level * upper_tenth(cut.pieces);
  const PieceCells cells(cut, evidence.target.size());
  const std::vector<double> object = cells.means(evidence.object);
  for (std::size_t i = 0; i < object.size(); ++i)
    if (cut.pieces[i].score < lowest || object[i] < least_object) cut.pieces[i].score = 0;
  const auto& where = module.placement();
  const at::Tensor looks = cells.looks(evidence.looks).to(where.device, where.dtype);
  const auto likeness_to = [&](const at::Tensor& one) {
    const at::Tensor logits = module.call("compare", {one.expand_as(looks), looks})[0]
                                  .to(at::kCPU, at::kDouble)
                                  .contiguous();
    return std::vector<double>(logits.data_ptr<double>(),
                               logits.data_ptr<double>() + logits.numel());
  };
  const std::int64_t length = looks.size(1);
  mini::PieceLooks of_pieces;
  of_pieces.to_support =
      likeness_to(prototype.vector.narrow(1, prototype.vector.size(1) - length, length));
  of_pieces.target = cells.means(evidence.target);
  of_pieces.colour = classic::looks_of(classic::lab_of(resized(rgb, cut.labels.size())), cut.labels,
                                       static_cast<int>(cut.pieces.size()));
  of_pieces.colour.erase(of_pieces.colour.begin());  // of the background
  const auto like = [&](std::size_t i) {
    return likeness_to(looks.narrow(0, static_cast<std::int64_t>(i), 1));
  };
  mini::tell_kinds(cut.pieces, of_pieces, like, lowest);
}

Cut MiniEmbedding::State::layer(const mini::Maps& maps, const Trust& trusted) const {
  const double per_pixel = static_cast<double>(maps.work.area()) / rgb.size().area();
  Cut cut = mini::cut_of(maps, per_pixel);
  for (Piece& piece : cut.pieces) piece.score *= trust(trusted, equivalent_diameter(piece.area));
  return cut;
}

double MiniEmbedding::State::finer_scale() const {
  const double most = std::sqrt(most_finer_pixels / rgb.size().area());
  const double finer = std::min({finer_zoom * scale, largest_zoom, most});
  return finer < least_finer_zoom * scale ? 0 : finer;
}

Cut MiniEmbedding::State::cut(const MiniPrototype& prototype) const {
  std::vector<double> scales{scale};
  std::vector<const Trust*> trusted{&in_full};
  const auto add = [&](double further, const Trust& how_far) {
    scales.push_back(further);
    trusted.push_back(&how_far);
  };
  const double half = 0.5 * scale;  // for larger objects, which fall apart at full scale
  if (std::min(rgb.cols, rgb.rows) * half >= mini::canonical) add(half, in_half);
  if (const double finer = finer_scale(); finer > 0) add(finer, in_finer);
  const std::vector<cv::Mat> at = pictures(scales);

  Evidence evidence;
  std::vector<classic::Layer> layers;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const Cut found = layer(see(at[i], prototype, i == 0 ? &evidence : nullptr), *trusted[i]);
    layers.push_back({i == 0 ? found : classic::resampled(found, at[0].size()), 1.0});
  }
  Cut cut = classic::join(layers);
  if (!cut.pieces.empty()) judge(cut, evidence, prototype);
  return cut;
}

namespace {

/// What surrounds the middle of an object's box, `patch_side` pixels square at this scale, as
/// training sees it: CV_32FC1 or CV_32FC3.
class Patch {
 public:
  Patch(const cv::Mat& mask, double scale) : scale_(scale) {
    const cv::Rect box = cv::boundingRect(mask);
    middle_ = {box.x + 0.5 * (box.width - 1), box.y + 0.5 * (box.height - 1)};
    if (scale < 0.95) sigma_ = 0.35 * std::sqrt(1 / (scale * scale) - 1);
    const int reach = static_cast<int>(std::ceil(0.75 * patch_side / scale + 4 * sigma_)) + 1;
    const cv::Point centre(middle_);
    near_ = cv::Rect(centre.x - reach, centre.y - reach, 2 * reach, 2 * reach) &
            cv::Rect({}, mask.size());
  }

  /// The part of the picture that the patch shows anything of.
  const cv::Rect& near() const { return near_; }

  /// @param part  `near()` of a picture. @param outside  how it goes on beyond the picture.
  cv::Mat of(const cv::Mat& part, cv::BorderTypes outside) const {
    cv::Mat smooth = part, patch;
    if (sigma_ > 0) cv::GaussianBlur(part, smooth, {}, sigma_, 0, outside);
    const double shift = 0.5 * (patch_side - 1);
    const cv::Matx23d forward(scale_, 0, shift - scale_ * (middle_.x - near_.x),  //
                              0, scale_, shift - scale_ * (middle_.y - near_.y));
    cv::warpAffine(smooth, patch, forward, {patch_side, patch_side}, cv::INTER_LINEAR, outside);
    return patch;
  }

 private:
  double scale_, sigma_ = 0;  // the smoothing of training, between the footprint of an area and of
                              // a triangle filter
  cv::Point2d middle_;
  cv::Rect near_;
};

}  // namespace

MiniPrototype MiniEmbedding::prototype(MaskView mask) const {
  const c10::InferenceMode no_gradients;
  const cv::Mat inside = mask.mat() != 0;
  const Patch patch(inside, mini::canonical / equivalent_diameter(cv::countNonZero(inside)));
  cv::Mat bright, cover;
  cv::LUT(state_->rgb(patch.near()), state_->table, bright);
  inside(patch.near()).convertTo(cover, CV_32FC1, 1.0 / 255);
  cv::Mat on = patch.of(cover, cv::BORDER_CONSTANT) >= 0.5f;
  on.convertTo(on, CV_32FC1, 1.0 / 255);

  const auto& module = state_->module;
  const auto& where = module.placement();
  const auto features =
      module.call("trunk", {tensor_of(patch.of(bright, cv::BORDER_REFLECT_101), where)});
  const at::Tensor covered =
      at::from_blob(on.ptr<float>(), {1, 1, patch_side, patch_side}, at::kFloat)
          .to(where.device, where.dtype, /*non_blocking=*/false, /*copy=*/true);
  return {module.call("pool", {features[0], features[1], features[2], features[3], covered})[0]};
}

const Cut& MiniEmbedding::cut(const MiniPrototype& prototype) const {
  std::call_once(state_->cut_made,
                 [&] { state_->pieces = std::make_unique<const Cut>(state_->cut(prototype)); });
  return *state_->pieces;
}

FloatMap MiniEmbedding::similarity(const MiniPrototype& prototype, Size size) const {
  const Cut& pieces = cut(prototype);
  cv::Mat map(pieces.labels.size(), CV_32FC1, cv::Scalar(-1));
  for (int y = 0; y < map.rows; ++y)
    for (int x = 0; x < map.cols; ++x)
      if (const int label = pieces.labels.at<int>(y, x); label > 0)
        map.at<float>(y, x) =
            static_cast<float>(2 * pieces.pieces[static_cast<std::size_t>(label - 1)].same - 1);
  FloatMap out(size.height, size.width);
  cv::Mat to = as_mat(out);
  cv::resize(map, to, to.size(), 0, 0, cv::INTER_NEAREST);
  return out;
}

MiniEncoder::MiniEncoder(Placement placement)
    : MiniEncoder(Module(mini_archive(), Stage::all, placement)) {}

MiniEncoder::MiniEncoder(const std::filesystem::path& archive, Placement placement)
    : MiniEncoder(Module(archive, Stage::all, placement)) {}

MiniEncoder::MiniEncoder(Module module) : module_(std::move(module)) {
  module_.require_methods({"trunk", "pool", "maps", "compare"});
}

MiniEmbedding MiniEncoder::encode(ImageView image, float hint) const {
  const double bound = std::sqrt(most_pixels / static_cast<double>(image.size().pixels()));
  const double wanted = hint > 0 ? mini::canonical / hint : 1.0;
  return MiniEmbedding(std::make_shared<MiniEmbedding::State>(
      module_, image, std::min({wanted, largest_zoom, bound})));
}

}  // namespace persense::torchscript
