#include "persense/torch/mini.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <future>
#include <opencv2/imgproc.hpp>
#include <span>
#include <type_traits>
#include <utility>

#include "mini_archive.hpp"
#include "mini_picture.hpp"
#include "module_errors.hpp"
#include "persense/classic/layers.hpp"
#include "persense/mask.hpp"
#include "persense/mini/cut.hpp"
#include "persense/mini/kinds.hpp"
#include "persense/progress.hpp"
#include "persense/support.hpp"

namespace persense::torchscript {

namespace {

using classic::Cut;
using classic::Piece;

constexpr int patch_side = 64;  // of the support's, as in training
// Pixels up to which a working image is seen at once. Margins of tiles cost time, but what is seen
// at once costs memory, of which a large picture takes some itself.
constexpr double most_at_once = 1.15e6, most_at_once_of_large = 5.5e5;
constexpr std::size_t large_picture = 4'000'000;  // pixels
constexpr double most_pixels = 8e6;        // of a working image: time and memory stay bounded
constexpr double largest_zoom = 4;         // beyond is nothing but blur
constexpr double finer_zoom = 1.6;         // of the scale for smaller objects
constexpr double least_finer_zoom = 1.2;   // less is not worth its time
constexpr double most_finer_pixels = 6e5;  // of a working image at that scale, for the same reason
// Median diameter of what was found, in the support object's, beyond which it is looked at once
// more at the scale of those, and pixels of the working image there: see src/mini/README.md.
constexpr double least_found = 0.6, most_found = 1.7, most_pixels_again = 1.2e6;
constexpr double lowest_level = 0.35;  // of a picture's better scores: below are no objects
constexpr double least_object = 0.25;  // mean logit of being any object's, of an object

/// One plane of (C, h, w), contiguous float on the CPU.
cv::Mat plane(const at::Tensor& maps, int channel) {
  return cv::Mat(static_cast<int>(maps.size(1)), static_cast<int>(maps.size(2)), CV_32FC1,
                 maps.data_ptr<float>() + channel * maps.stride(0));
}

/// Contiguous float on the CPU; from a GPU into memory that it writes to by itself and that is used
/// again.
at::Tensor on_cpu(const at::Tensor& values) {
  const auto options = at::TensorOptions(at::kFloat).pinned_memory(values.is_cuda());
  return at::empty(values.sizes(), options).copy_(values.to(at::kFloat));
}

/// Rows and columns of (h, w, ...).
at::Tensor part(const at::Tensor& map, const cv::Rect& of) {
  return map.narrow(0, of.y, of.height).narrow(1, of.x, of.width);
}

/// These rows of (N, ...), contiguous.
at::Tensor rows_of(const at::Tensor& all, std::vector<std::int64_t>& rows) {
  const at::Tensor chosen =
      at::from_blob(rows.data(), {static_cast<std::int64_t>(rows.size())}, at::kLong);
  return all.index_select(0, chosen.to(all.device()));
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

/// What pieces are judged by: of every cell, and the picture itself.
struct Evidence {
  cv::Mat target;                ///< logit of being a target's: CV_32FC1
  cv::Mat object;                ///< logit of being any object's: CV_32FC1
  at::Tensor looks;              ///< (h, w, L), in half precision, where the network is
  std::future<cv::Mat> picture;  ///< the working image: CV_8UC3
};

}  // namespace

struct MiniEmbedding::State {
  /// What the trunk made of each tile of a picture.
  using Features = std::vector<std::vector<at::Tensor>>;
  struct WorkSize {
    int width, height;
    bool operator==(const WorkSize&) const = default;
  };
  static constexpr std::size_t kept_scales = 3;  // those of one run
  static constexpr double most_kept = 1.2e6;     // pixels of a working image: some 100 MB

  Module module;
  cv::Mat rgb;    // CV_8UC3
  cv::Mat table;  // that stretches it
  mutable persense::detail::Memo<WorkSize, Features> features{kept_scales};
  mutable persense::detail::Memo<persense::detail::Identity, Cut> cuts{4};

  State(Module network, ImageView image)
      : module(std::move(network)), rgb(image.mat().clone()), table(stretching(rgb)) {}

  /// Pixels of the working image in one of the image, by length.
  double scale_of(const MiniPrototype& prototype) const;
  cv::Size size_at(double scale) const;
  Features features_of(const MiniPicture& picture) const;
  /// What the network says of a picture. @param evidence  is filled, unless null.
  mini::Maps see(const MiniPicture& picture, const MiniPrototype& prototype,
                 Evidence* evidence) const;
  /// At the maps' own resolution.
  Cut cut_at(const mini::Maps& maps, const Trust& trusted) const;
  double finer_scale(double scale) const;
  /// At which what was found is as wide as the network expects; 0 where it nearly is, or would be
  /// at no scale that is worth it.
  double scale_for(const Cut& found, double scale) const;
  std::vector<MiniPicture> pictures(const std::vector<double>& scales) const;
  mini::Maps look(const MiniPicture& picture, const MiniPrototype& prototype,
                  Evidence* evidence) const;
  /// The pieces of each scale, the full one's first. @param evidence  is filled with that one's.
  std::vector<classic::Layer> layers(const MiniPrototype& prototype, Evidence& evidence) const;
  /// The better pieces of all scales. @param evidence  as of layers.
  Cut found(const MiniPrototype& prototype, Evidence& evidence) const;
  Cut cut(const MiniPrototype& prototype) const;
  void judge(Cut& cut, Evidence& evidence, const MiniPrototype& prototype) const;
};

double MiniEmbedding::State::scale_of(const MiniPrototype& prototype) const {
  const double bound = std::sqrt(most_pixels / static_cast<double>(rgb.total()));
  return std::min({prototype.scale, largest_zoom, bound});
}

cv::Size MiniEmbedding::State::size_at(double at) const {
  const auto side = [at](int length) {
    return std::max(1, static_cast<int>(std::lround(length * at)));
  };
  return {side(rgb.cols), side(rgb.rows)};
}

MiniEmbedding::State::Features MiniEmbedding::State::features_of(const MiniPicture& picture) const {
  Features all;
  const double most = rgb.total() > large_picture ? most_at_once_of_large : most_at_once;
  for (const Tile& tile : tiles_of(picture.size(), most))
    all.push_back(module.call("trunk", {picture.seen(tile, module.placement())}));
  return all;
}

mini::Maps MiniEmbedding::State::see(const MiniPicture& picture, const MiniPrototype& prototype,
                                     Evidence* evidence) const {
  const c10::InferenceMode no_gradients;
  mini::Maps seen;
  const cv::Size work = seen.work = picture.size();
  const cv::Size cells((work.width + 1) / mini::stride, (work.height + 1) / mini::stride);
  for (cv::Mat* map : {&seen.target, &seen.peak, &seen.offset_x, &seen.offset_y})
    map->create(cells, CV_32FC1);
  if (evidence != nullptr)
    for (cv::Mat* map : {&evidence->target, &evidence->object}) map->create(cells, CV_32FC1);
  const double most = rgb.total() > large_picture ? most_at_once_of_large : most_at_once;
  std::shared_ptr<const Features> kept;
  if (static_cast<double>(work.area()) <= most_kept)
    kept = this->features.get({work.width, work.height}, [&] { return features_of(picture); });
  const std::vector<Tile> tiles = tiles_of(work, most);
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    report_progress(static_cast<double>(t) / static_cast<double>(tiles.size()));
    const Tile& tile = tiles[t];
    const cv::Rect from(tile.at, tile.kept.size());
    auto of_tile =
        kept ? (*kept)[t] : module.call("trunk", {picture.seen(tile, module.placement())});
    if (evidence != nullptr) {
      const at::Tensor looks = of_tile[3][0].permute({1, 2, 0});
      if (!evidence->looks.defined())
        evidence->looks =
            at::empty({cells.height, cells.width, looks.size(2)}, looks.options().dtype(at::kHalf));
      part(evidence->looks, tile.kept).copy_(part(looks, from));
    }
    of_tile.resize(3);  // the looks' memory is free again
    const at::Tensor maps =
        on_cpu(module.call("maps", {of_tile[0], of_tile[1], of_tile[2], prototype.steering})[0][0]);
    const auto own = [&](int channel) { return plane(maps, channel)(from); };
    foreground(own(target_map), own(object_map)).copyTo(seen.target(tile.kept));
    own(peak_map).copyTo(seen.peak(tile.kept));
    own(offset_x_map).copyTo(seen.offset_x(tile.kept));
    own(offset_y_map).copyTo(seen.offset_y(tile.kept));
    if (evidence == nullptr) continue;
    own(target_map).copyTo(evidence->target(tile.kept));
    own(object_map).copyTo(evidence->object(tile.kept));
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

  /// Means and deviations of the pieces' looks, (N, 2 L) on the CPU, of those of cells (h, w, L).
  at::Tensor looks(const at::Tensor& of_cells) const {
    const auto channels = static_cast<std::size_t>(of_cells.size(2));
    const std::vector<double> sums = sums_of_looks(of_cells, channels);
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

  /// Of every piece's cells, those of values and then those of their squares. Only cells that lie
  /// in pieces leave the device, some at a time.
  std::vector<double> sums_of_looks(const at::Tensor& of_cells, std::size_t channels) const {
    constexpr std::size_t most = 1 << 16;
    std::vector<double> sums(count_.size() * 2 * channels, 0.0);
    std::vector<std::int64_t> places;
    for (std::size_t from = 0; from < cells_.size(); from += most) {
      const auto some = std::span(cells_).subspan(from, std::min(most, cells_.size() - from));
      places.clear();
      for (const Cell& cell : some) places.push_back(cell.at.y * of_cells.size(1) + cell.at.x);
      const at::Tensor values = on_cpu(rows_of(of_cells.flatten(0, 1), places));
      const float* value = values.data_ptr<float>();
      for (const Cell& cell : some) {
        double* sum = &sums[cell.piece * 2 * channels];
        for (std::size_t k = 0; k < channels; ++k, ++value) {
          sum[k] += *value;
          sum[channels + k] += double{*value} * *value;
        }
      }
    }
    return sums;
  }

  std::vector<Cell> cells_;    // by rows; those of pieces between the cells last
  std::vector<double> count_;  // of each piece
};

constexpr auto beside = std::launch::async | std::launch::deferred;  // where there are threads

/// Does `work` on another thread while a GPU has work of its own; else at once, as the CPU is no
/// faster with both side by side.
template <class Work>
std::future<std::invoke_result_t<Work&>> beside_gpu(const Module& module, Work work) {
  if (module.placement().device.is_cuda()) return std::async(beside, work);
  std::promise<std::invoke_result_t<Work&>> done;
  done.set_value(work());
  return done.get_future();
}

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

/// Colours of a cut's pieces, as classic::Look has them. @param rgb  as large as the cut.
std::vector<classic::Look> colours_of(const cv::Mat& rgb, const Cut& cut) {
  return classic::looks_of(cut.labels, static_cast<int>(cut.pieces.size()),
                           [&](int y, const cv::Range& columns) {
                             return classic::lab_of(rgb(cv::Range(y, y + 1), columns));
                           });
}

/// For each of some looks (E, 2 L), how alike all of these (N, 2 L) are to it. Many at once: a call
/// takes longer to start than to compare a few.
std::vector<std::vector<double>> likeness(const Module& module, const at::Tensor& looks,
                                          const at::Tensor& to) {
  constexpr std::int64_t most_pairs = 1 << 14;  // of a call, for memory's sake
  const std::int64_t n = looks.size(0), length = looks.size(1);
  const std::int64_t step = std::max<std::int64_t>(1, most_pairs / n);
  std::vector<std::vector<double>> rows;
  for (std::int64_t from = 0; from < to.size(0); from += step) {
    const std::int64_t count = std::min(step, to.size(0) - from);
    const auto pairs = [&](const at::Tensor& of) {
      return of.expand({count, n, length}).flatten(0, 1);
    };
    const at::Tensor logits = module
                                  .call("compare", {pairs(to.narrow(0, from, count).unsqueeze(1)),
                                                    pairs(looks.unsqueeze(0))})[0]
                                  .to(at::kCPU, at::kDouble)
                                  .contiguous();
    const double* logit = logits.data_ptr<double>();
    for (std::int64_t i = 0; i < count; ++i, logit += n) rows.emplace_back(logit, logit + n);
  }
  return rows;
}

}  // namespace

/// Scores nothing where a piece is hardly any object, and says which are of the support object's
/// kind.
void MiniEmbedding::State::judge(Cut& cut, Evidence& evidence,
                                 const MiniPrototype& prototype) const {
  const c10::InferenceMode no_gradients;
  auto colours =
      beside_gpu(module, [&cut, &evidence] { return colours_of(evidence.picture.get(), cut); });
  const double lowest = lowest_level * upper_tenth(cut.pieces);
  const PieceCells cells(cut, evidence.target.size());
  const std::vector<double> object = cells.means(evidence.object);
  for (std::size_t i = 0; i < object.size(); ++i)
    if (cut.pieces[i].score < lowest || object[i] < least_object) cut.pieces[i].score = 0;
  const auto& where = module.placement();
  const at::Tensor looks = cells.looks(evidence.looks).to(where.device, where.dtype);
  const auto like = [&](const std::vector<std::size_t>& exemplars) {
    std::vector<std::int64_t> rows(exemplars.begin(), exemplars.end());
    return likeness(module, looks, rows_of(looks, rows));
  };
  const std::int64_t length = looks.size(1);
  const auto nearest = [&](const at::Tensor& examples) {  // likeness to the nearest of them
    const at::Tensor own = examples.narrow(1, examples.size(1) - length, length);
    const std::vector<std::vector<double>> rows = likeness(module, looks, own);
    std::vector<double> most = rows[0];
    for (const std::vector<double>& row : rows)
      std::transform(row.begin(), row.end(), most.begin(), most.begin(),
                     [](double a, double b) { return std::max(a, b); });
    return most;
  };
  mini::PieceLooks of_pieces;
  of_pieces.to_support = nearest(prototype.vectors);
  if (prototype.negative_vectors.defined()) {
    const std::vector<double> to_negative = nearest(prototype.negative_vectors);
    for (std::size_t i = 0; i < to_negative.size(); ++i)
      if (to_negative[i] > of_pieces.to_support[i]) cut.pieces[i].score = 0;
  }
  of_pieces.target = cells.means(evidence.target);
  of_pieces.colour = colours.get();
  mini::tell_kinds(cut.pieces, of_pieces, like, lowest);
}

Cut MiniEmbedding::State::cut_at(const mini::Maps& maps, const Trust& trusted) const {
  const double per_pixel = static_cast<double>(maps.work.area()) / static_cast<double>(rgb.total());
  Cut cut = mini::cut_of(maps, per_pixel);
  for (Piece& piece : cut.pieces) piece.score *= trust(trusted, equivalent_diameter(piece.area));
  return cut;
}

double MiniEmbedding::State::finer_scale(double scale) const {
  const double most = std::sqrt(most_finer_pixels / static_cast<double>(rgb.total()));
  const double finer = std::min({finer_zoom * scale, largest_zoom, most});
  return finer < least_finer_zoom * scale ? 0 : finer;
}

double MiniEmbedding::State::scale_for(const Cut& found, double scale) const {
  constexpr std::size_t fewest = 3;
  if (found.pieces.size() < fewest) return 0;
  const double lowest = lowest_level * upper_tenth(found.pieces);
  std::vector<double> diameters;
  for (const Piece& piece : found.pieces)
    if (piece.score >= lowest) diameters.push_back(equivalent_diameter(piece.area));
  if (diameters.size() < fewest) return 0;
  const double size = classic::detail::median(diameters) / mini::canonical;
  if (size >= least_found && size <= most_found) return 0;
  const double most = std::sqrt(most_pixels_again / static_cast<double>(rgb.total()));
  const double wanted = std::min({scale / size, largest_zoom, most});
  return size > 1 || wanted > least_finer_zoom * scale ? wanted : 0;
}

std::vector<MiniPicture> MiniEmbedding::State::pictures(const std::vector<double>& scales) const {
  std::vector<cv::Size> sizes;
  for (const double at : scales) sizes.push_back(size_at(at));
  return translate(module, "prepare a picture",
                   [&] { return pictures_of(rgb, table, sizes, module.placement().device); });
}

mini::Maps MiniEmbedding::State::look(const MiniPicture& picture, const MiniPrototype& prototype,
                                      Evidence* evidence) const {
  return translate(module, "look at a picture", [&] { return see(picture, prototype, evidence); });
}

std::vector<classic::Layer> MiniEmbedding::State::layers(const MiniPrototype& prototype,
                                                         Evidence& evidence) const {
  struct Pass {
    double scale;
    const Trust& trusted;
    Evidence* evidence = nullptr;
    std::future<classic::Layer> layer = {};
  };
  const double scale = scale_of(prototype);
  std::vector<Pass> passes;
  passes.push_back({scale, in_full, &evidence});
  const double half = 0.5 * scale;  // for larger objects, which fall apart at full scale
  if (std::min(rgb.cols, rgb.rows) * half >= mini::canonical) passes.push_back({half, in_half});
  if (const double finer = finer_scale(scale); finer > 0) passes.push_back({finer, in_finer});
  std::vector<Pass*> finest_first;  // so that the longest cut is not the last
  for (Pass& pass : passes) finest_first.push_back(&pass);
  std::sort(finest_first.begin(), finest_first.end(),
            [](const Pass* a, const Pass* b) { return a->scale > b->scale; });

  // beside a GPU at once; on the CPU when it is asked for, so that the network can have its memory
  evidence.picture =
      std::async(module.placement().device.is_cuda() ? beside : std::launch::deferred,
                 [this, scale] { return resized(rgb, size_at(scale)); });
  std::vector<double> scales;
  for (const Pass* pass : finest_first) scales.push_back(pass->scale);
  std::vector<MiniPicture> shown = pictures(scales);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    Pass* const pass = finest_first[i];
    const mini::Maps maps = look(std::exchange(shown[i], {}), prototype, pass->evidence);
    pass->layer = beside_gpu(module, [this, maps, scale, &trusted = pass->trusted] {
      return classic::Layer{classic::resampled(cut_at(maps, trusted), size_at(scale)), 1.0};
    });
  }
  std::vector<classic::Layer> layers;
  for (Pass& pass : passes) layers.push_back(pass.layer.get());
  return layers;
}

Cut MiniEmbedding::State::found(const MiniPrototype& prototype, Evidence& evidence) const {
  std::vector<classic::Layer> all = layers(prototype, evidence);
  Cut cut = classic::join(all);
  const double scale = scale_of(prototype), again = scale_for(cut, scale);
  if (again == 0) return cut;
  cut = {};  // the next look can have its memory
  const mini::Maps maps = look(pictures({again})[0], prototype, nullptr);
  all.push_back({classic::resampled(cut_at(maps, in_full), size_at(scale)), 1.0});
  return classic::join(all);
}

Cut MiniEmbedding::State::cut(const MiniPrototype& prototype) const {
  Evidence evidence;
  Cut cut = found(prototype, evidence);
  if (!cut.pieces.empty()) judge(cut, evidence, prototype);
  return cut;
}

namespace {

/// What surrounds the middle of an object's box, `patch_side` pixels square at this scale, as
/// training sees it: CV_32FC1 or CV_32FC3.
class Patch {
 public:
  Patch(const cv::Mat& mask, double scale) : scale_(scale) {
    const PixelBox box = tight_box(MaskView(mask));
    middle_ = {box.x0 + 0.5 * (box.width() - 1), box.y0 + 0.5 * (box.height() - 1)};
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

at::Tensor MiniEmbedding::vector(const Mask& mask) const {
  const c10::InferenceMode no_gradients;
  const cv::Mat inside = to_frame(mask, {state_->rgb.cols, state_->rgb.rows});
  const Patch patch(inside,
                    mini::canonical / equivalent_diameter(static_cast<double>(mask.area())));
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
  return module.call("pool", {features[0], features[1], features[2], features[3], covered})[0];
}

std::shared_ptr<const Cut> MiniEmbedding::cut(const MiniPrototype& prototype) const {
  return state_->cuts.get(prototype.identity, [&] { return state_->cut(prototype); });
}

FloatMap MiniEmbedding::similarity(const MiniPrototype& prototype, Size size) const {
  const std::shared_ptr<const Cut> found = cut(prototype);
  const Cut& pieces = *found;
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
  module_.require_methods({"trunk", "pool", "steering", "maps", "compare"});
}

MiniEmbedding MiniEncoder::encode(ImageView image) const {
  return MiniEmbedding(std::make_shared<MiniEmbedding::State>(module_, image));
}

MiniPrototype MiniEncoder::prototype(std::span<const EncodedExample<Embedding>> examples) const {
  const c10::InferenceMode no_gradients;
  std::vector<at::Tensor> vectors, negative;
  std::vector<double> diameters;
  for (const auto& e : examples) {
    (e.negative ? negative : vectors).push_back(e.embedding->vector(*e.mask));
    if (!e.negative) diameters.push_back(equivalent_diameter(static_cast<double>(e.mask->area())));
  }
  const at::Tensor mean =
      vectors.size() == 1 ? vectors[0] : at::cat(vectors).mean(0, /*keepdim=*/true);
  MiniPrototype prototype;
  // not quantised: what the trunk made of an image is kept by the working image's size, and the
  // constants that tell kinds apart were chosen at this very scale
  prototype.scale = mini::canonical / classic::detail::median(diameters);
  prototype.steering = module_.call("steering", {mean});
  prototype.vectors = at::cat(vectors);
  if (!negative.empty()) prototype.negative_vectors = at::cat(negative);
  return prototype;
}

}  // namespace persense::torchscript
