#include "candidate_head.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "persense/detail/parallel.hpp"

namespace persense::mini::native {

namespace {

constexpr int pair_length = 96, queries = 8;
constexpr int summed_length = 2 * 128 + shape_length + 3 * all_features;

}  // namespace

namespace {

/// Where the points of a grid lie in a matrix: columns and rows.
using Places = std::array<cv::Point2f, grid_side * grid_side>;

/// @param square, stride  as in sample_grid.
Places places_in(cv::Size matrix, const float* square, int stride) {
  Places places;
  const auto step = [&](int n) {
    return square[2] * ((static_cast<float>(n) + 0.5f) / grid_side - 0.5f);
  };
  const auto place = [&](float at, int length) {
    return std::clamp((at + 0.5f) / static_cast<float>(stride) - 0.5f, 0.0f,
                      static_cast<float>(length - 1));
  };
  for (int i = 0; i < grid_side * grid_side; ++i) {
    const float u = step(i % grid_side), v = step(i / grid_side);
    places[static_cast<std::size_t>(i)] = {
        place(square[0] + square[3] * u - square[4] * v, matrix.width),
        place(square[1] + square[4] * u + square[3] * v, matrix.height)};
  }
  return places;
}

/// The part of a matrix that the places lie in, in single precision; the places become its.
cv::Mat floats_about(const cv::Mat& matrix, Places& places) {
  if (matrix.depth() == CV_32F) return matrix;
  const cv::Rect2f around =
      cv::boundingRect(cv::Mat(1, grid_side * grid_side, CV_32FC2, places.data()));
  const cv::Rect part =
      cv::Rect(static_cast<int>(around.x) - 1, static_cast<int>(around.y) - 1,
               static_cast<int>(around.width) + 3, static_cast<int>(around.height) + 3) &
      cv::Rect({}, matrix.size());
  for (cv::Point2f& p : places) p -= cv::Point2f(part.tl());
  return as_floats(matrix(part));
}

}  // namespace

void sample_grid(const cv::Mat& matrix, const float* square, int stride, float* values, int apart) {
  Places places = places_in(matrix.size(), square, stride);
  const cv::Mat floats = floats_about(matrix, places);
  const int channels = floats.channels();
  const auto row_step = static_cast<std::ptrdiff_t>(floats.step1());
  for (const cv::Point2f& at : places) {
    const int left = std::min(static_cast<int>(at.x), floats.cols - 2);
    const int top = std::min(static_cast<int>(at.y), floats.rows - 2);
    const float across = at.x - static_cast<float>(left), down = at.y - static_cast<float>(top);
    const float* const p = floats.ptr<float>(top, left);
    for (int c = 0; c < channels; ++c) {
      const float above = p[c] + across * (p[channels + c] - p[c]);
      const float below = p[row_step + c] + across * (p[row_step + channels + c] - p[row_step + c]);
      values[c] = above + down * (below - above);
    }
    values += apart;
  }
}

Eigen::VectorXf cover_of(const cv::Mat& crop) {
  constexpr int cell = crop_side / grid_side;
  Eigen::VectorXf cover = Eigen::VectorXf::Zero(grid_side * grid_side);
  for (int y = 0; y < crop_side; ++y)
    for (int x = 0; x < crop_side; ++x)
      cover(y / cell * grid_side + x / cell) += crop.at<cv::Vec4f>(y, x)[3] / (cell * cell);
  return cover;
}

CandidateHead::Linear CandidateHead::linear(const Weights& weights, const std::string& name,
                                            int outputs, int inputs) {
  const auto o = static_cast<std::size_t>(outputs), i = static_cast<std::size_t>(inputs);
  const std::vector<float> matrix = weights.tensor(name + ".weight", {o, i}),
                           bias = weights.tensor(name + ".bias", {o});
  return {Eigen::Map<const Vectors>(matrix.data(), outputs, inputs).transpose(),
          Eigen::Map<const Eigen::RowVectorXf>(bias.data(), outputs)};
}

CandidateHead::Norm CandidateHead::norm(const Weights& weights, const std::string& name,
                                        int length) {
  const ChannelNorm norm = weights.norm(name, length);
  return {Eigen::Map<const Eigen::RowVectorXf>(norm.gain.data(), length),
          Eigen::Map<const Eigen::RowVectorXf>(norm.shift.data(), length)};
}

CandidateHead::Company CandidateHead::company(const Weights& weights, const std::string& name) {
  constexpr int d = embedding_length;
  const auto of = [&](const char* layer, int outputs = embedding_length,
                      int inputs = embedding_length) {
    return linear(weights, name + layer, outputs, inputs);
  };
  const std::vector<float> asked = weights.tensor(name + ".queries", {queries, d});
  return {Eigen::Map<const Vectors>(asked.data(), queries, d),
          norm(weights, name + ".norm", d),
          norm(weights, name + ".summary.0", d),
          norm(weights, name + ".after.0", d),
          of(".key"),
          of(".value"),
          of(".summary.1"),
          of(".ask"),
          of(".tell_key"),
          of(".tell_value"),
          of(".after.1", 2 * d, d),
          of(".after.3", d, 2 * d)};
}

CandidateHead::CandidateHead(const Weights& weights)
    : crop1_(weights.convolution("crop1", 32, 4, 5, 2)),
      crop2_(weights.convolution("crop2", 64, 32, 3, 2)),
      join_(weights.convolution("join", 96, 64 + all_features)),
      join_down_(weights.convolution("join_down", 128, 96, 3, 2)),
      join_block_(weights.block("join_block", 96)),
      join_last_(weights.block("join_last", 128)),
      embed1_(weights.linear("embed1", 192, summed_length)),
      embed2_(weights.linear("embed2", embedding_length, 192)),
      pair_(weights.linear("pair", pair_length, 2 * embedding_length + 2)),
      token_(weights.linear("token", embedding_length,
                            embedding_length + 2 * pair_length + map_channels)),
      embed_norm_(norm(weights, "embed_norm", embedding_length)),
      attend_(linear(weights, "attend", 1, pair_length)),
      verdict_(linear(weights, "verdict", 2, embedding_length)),
      companies_{company(weights, "company1"), company(weights, "company2")} {}

namespace {

/// Vectors as pixels, for a layer that sees one at a time; many in a row, so that they are computed
/// together.
Input as_pixels(const Vectors& rows) {
  constexpr int together = 48;
  const int count = static_cast<int>(rows.rows()), length = static_cast<int>(rows.cols());
  const int width = std::min(together, std::max(count, 1));
  return {1, (count + width - 1) / width, width, length,
          [&rows, width, length](int, int y, float* to) {
            const Eigen::Index first = Eigen::Index{y} * width,
                               some = std::min<Eigen::Index>(width, rows.rows() - first);
            std::fill_n(std::copy_n(rows.data() + first * length, some * length, to),
                        (width - some) * length, 0.0f);
          }};
}

/// And back. @param count  without what the last row was filled up with.
Vectors as_vectors(const Batch& pixels, Eigen::Index count) {
  return Eigen::Map<const Vectors>(pixels.rows.ptr<float>(), count, pixels.rows.channels());
}

/// Cells of a candidate's grid, and of its crop's last convolution.
using Cells = Eigen::Map<const Vectors>;

/// Means inside and around a candidate, and deviations inside. @param cover  of each cell.
void write_means(const Cells& grid, const Eigen::VectorXf& cover, float* to) {
  constexpr float little = 1e-4f;
  const auto mean = [&](const Vectors& values,
                        const Eigen::VectorXf& weights) -> Eigen::RowVectorXf {
    return (weights.transpose() * values) / (weights.sum() + little);
  };
  const Eigen::RowVectorXf inside = mean(grid, cover);
  const Vectors apart = (grid.rowwise() - inside).array().square();
  Eigen::Map<Eigen::RowVectorXf> means(to, 3 * all_features);
  means << inside, (mean(apart, cover).array() + little).sqrt().matrix(),
      mean(grid, Eigen::VectorXf::Ones(cover.size()) - cover);
}

}  // namespace

Vectors CandidateHead::embed(const Batch& crops, const Batch& grids, const Vectors& shapes) const {
  Input seen = as_is(crops);
  seen.read = [read = std::move(seen.read)](int i, int y, float* to) {
    read(i, y, to);
    for (int k = 0; k < crop_side * 4; ++k) to[k] = 2 * to[k] - 1;
  };
  Batch x = crop1_(seen, {.rectified = true});
  x = crop2_(as_is(x), {.rectified = true});
  x = join_(joined({as_is(x), as_is(grids)}), {.rectified = true});
  x = join_block_(as_is(x));
  x = join_down_(as_is(x), {.rectified = true});
  x = join_last_(as_is(x));
  Vectors summed(crops.count, summed_length);
  persense::detail::parallel_for(static_cast<std::size_t>(crops.count), [&](std::size_t n) {
    const int i = static_cast<int>(n);
    const cv::Mat last = x.image(i);
    const Cells found(last.ptr<float>(), last.rows * last.cols, last.channels());
    const Cells grid(grids.image(i).ptr<float>(), grid_side * grid_side, all_features);
    summed.row(i).head(2 * found.cols()) << found.colwise().mean(), found.colwise().maxCoeff();
    summed.row(i).segment(2 * found.cols(), shape_length) = shapes.row(i);
    write_means(grid, cover_of(crops.image(i)),
                summed.row(i).data() + 2 * found.cols() + shape_length);
  });
  const Batch wide = embed1_(as_pixels(summed), {.rectified = true});
  return embed_norm_(as_vectors(embed2_(as_is(wide)), crops.count));
}

Vectors CandidateHead::Norm::operator()(const Vectors& rows) const {
  constexpr float epsilon = 1e-5f;
  Vectors out = rows.colwise() - rows.rowwise().mean();
  for (Eigen::Index i = 0; i < out.rows(); ++i) {
    const float variance = out.row(i).squaredNorm() / static_cast<float>(out.cols());
    out.row(i) = (out.row(i) / std::sqrt(variance + epsilon)).cwiseProduct(gain) + shift;
  }
  return out;
}

namespace {

/// Shares along each row. @param closeness  becomes them.
void softmax(Eigen::Ref<Vectors> closeness) {
  for (Eigen::Index i = 0; i < closeness.rows(); ++i) {
    auto row = closeness.row(i).array();
    row = (row - row.maxCoeff()).exp();
    row /= row.sum();
  }
}

}  // namespace

Vectors CandidateHead::Company::operator()(const Vectors& tokens) const {
  const float root = 1 / std::sqrt(static_cast<float>(tokens.cols()));
  const Vectors x = norm(tokens);
  Vectors share = (queries * key(x).transpose()) * root;  // (queries, candidates)
  softmax(share);
  Vectors summed = share * value(x) + queries;
  summed += summary(summary_norm(summed)).cwiseMax(0);
  Vectors heed = (ask(x) * tell_key(summed).transpose()) * root;
  softmax(heed);
  const Vectors told = tokens + heed * tell_value(summed);
  return told + narrow(widen(after_norm(told)).cwiseMax(0));
}

/// Of each candidate: pairs with the exemplars, by how much each of them says, and by their mean.
Vectors CandidateHead::likeness(const Descriptors& candidates, std::span<const float> sizes,
                                const Vectors& exemplars,
                                std::span<const float> exemplar_sizes) const {
  constexpr int d = embedding_length;
  const int count = static_cast<int>(sizes.size()), shown = static_cast<int>(exemplars.rows());
  const Input pairs{1, count, shown, 2 * d + 2, [&](int, int i, float* to) {
                      for (int k = 0; k < shown; ++k, to += 2 * d + 2) {
                        const float* const c = candidates.embeddings.row(i).data();
                        const float* const e = exemplars.row(k).data();
                        for (int j = 0; j < d; ++j) to[j] = std::abs(c[j] - e[j]);
                        for (int j = 0; j < d; ++j) to[d + j] = c[j] * e[j];
                        const float octaves = sizes[static_cast<std::size_t>(i)] -
                                              exemplar_sizes[static_cast<std::size_t>(k)];
                        to[2 * d] = std::clamp(octaves * 0.5f, -2.0f, 2.0f);
                        to[2 * d + 1] = std::abs(to[2 * d]);
                      }
                    }};
  const Batch compared = pair_(pairs, {.rectified = true});
  Vectors found(count, 2 * pair_length);
  for (int i = 0; i < count; ++i) {
    const Eigen::Map<const Vectors> pair(compared.rows.ptr<float>(i), shown, pair_length);
    Vectors heed = attend_(pair).transpose();
    softmax(heed);
    found.row(i) << heed * pair, pair.colwise().mean();
  }
  return found;
}

Vectors CandidateHead::decide(const Descriptors& candidates, std::span<const float> sizes,
                              const Vectors& exemplars,
                              std::span<const float> exemplar_sizes) const {
  Vectors known(candidates.embeddings.rows(), embedding_length + map_channels + 2 * pair_length);
  known << candidates.embeddings, candidates.evidence,
      likeness(candidates, sizes, exemplars, exemplar_sizes);
  Vectors tokens = as_vectors(token_(as_pixels(known), {.rectified = true}), known.rows());
  for (const Company& company : companies_) tokens = company(tokens);
  return verdict_(tokens);
}

}  // namespace persense::mini::native
