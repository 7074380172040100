// persense/classic/decoder.hpp: masks for point prompts.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "persense/classic/pieces.hpp"
#include "persense/options.hpp"
#include "persense/regions/score_calibration.hpp"

namespace persense::classic {

/// What a piece's score is worth, on real pictures of mandarins, axons, particles and the burden of
/// a blast furnace, whose three kinds are look-alikes: `python -m persense.train.calibrate
/// classic`.
inline constexpr std::array<regions::ScoreKnot, 8> score_knots{{{0.0f, 0.0f},
                                                                {0.15f, 0.141f},
                                                                {0.25f, 0.237f},
                                                                {0.35f, 0.303f},
                                                                {0.45f, 0.497f},
                                                                {0.55f, 0.511f},
                                                                {0.7f, 0.813f},
                                                                {1.0f, 1.0f}}};

/// The piece under each prompt. Prompts compete: of several in one piece the most interior one gets
/// it and the others get an empty mask, so masks never overlap. Prompts on background get an empty
/// mask.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library.
class ClassicDecoder {
 public:
  explicit ClassicDecoder(Switch calibration = Switch::on)
      : knots_(calibration == Switch::on ? std::span<const regions::ScoreKnot>(score_knots)
                                         : std::span<const regions::ScoreKnot>()) {}

  template <HoldsClassicEncoder E>
  std::vector<ScoredMask> decode(const Query<E>& query, std::span<const Prompt> prompts) const {
    return masks(*pieces_of(ClassicQuery(query), query.exemplars), query.image.size(), prompts,
                 knots_);
  }

  /// @param knots  of the scores' calibration; none: scores as the cut has them.
  static std::vector<ScoredMask> masks(const Cut& cut, Size image, std::span<const Prompt> prompts,
                                       std::span<const regions::ScoreKnot> knots) {
    const std::vector<int> owner = owners(cut, image, prompts);
    const Upsampling upsampling(cut, image);
    std::vector<ScoredMask> masks(prompts.size());
    cv::parallel_for_(cv::Range(0, static_cast<int>(owner.size())), [&](const cv::Range& range) {
      for (int i = range.start; i < range.end; ++i) {
        const Piece& piece = cut.pieces[static_cast<std::size_t>(i)];
        const int prompt = owner[static_cast<std::size_t>(i)];
        if (prompt < 0 || piece.score < lowest_piece_score) continue;
        masks[static_cast<std::size_t>(prompt)] = {
            upsampling.mask_of(cut.labels, i + 1, piece.box),
            regions::calibrated(static_cast<float>(piece.score), knots)};
      }
    });
    return masks;
  }

 private:
  std::span<const regions::ScoreKnot> knots_;

  /// Per piece: the prompt that gets it, or -1.
  static std::vector<int> owners(const Cut& cut, Size image, std::span<const Prompt> prompts) {
    const detail::WorkScale scale(cut, image);
    std::vector<int> owner(cut.pieces.size(), -1);
    std::vector<float> depth(cut.pieces.size(), -1.0f);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const Point p = prompts[i].point;
      const int x = std::clamp(static_cast<int>((p.x + 0.5) * scale.x), 0, cut.labels.cols - 1);
      const int y = std::clamp(static_cast<int>((p.y + 0.5) * scale.y), 0, cut.labels.rows - 1);
      const int label = cut.labels.at<int>(y, x);
      if (label == 0) continue;
      const auto piece = static_cast<std::size_t>(label - 1);
      if (cut.interior.at<float>(y, x) <= depth[piece]) continue;
      depth[piece] = cut.interior.at<float>(y, x);
      owner[piece] = static_cast<int>(i);
    }
    return owner;
  }

  /// From working resolution to image resolution, one piece at a time: a pixel belongs to the piece
  /// that holds more than half of its bilinear neighbourhood, so pieces stay apart and outlines
  /// smooth.
  class Upsampling {
   public:
    Upsampling(const Cut& cut, Size image)
        : across_(persense::detail::linear_taps(cut.labels.cols, image.width)),
          down_(persense::detail::linear_taps(cut.labels.rows, image.height)) {}

    Mask mask_of(const cv::Mat& labels, int label, const PixelBox& work) const {
      const auto [x0, x1] = readers(across_, work.x0, work.x1);
      const auto [y0, y1] = readers(down_, work.y0, work.y1);
      cv::Mat crop(y1 - y0, x1 - x0, CV_8UC1);
      for (int y = y0; y < y1; ++y) {
        const int* upper = labels.ptr<int>(down_.first[y]);
        const int* lower = labels.ptr<int>(down_.second[y]);
        const float v = down_.weight[y];
        std::uint8_t* row = crop.ptr(y - y0);
        for (int x = x0; x < x1; ++x) {
          const int a = across_.first[x], b = across_.second[x];
          const float u = across_.weight[x];
          const float share =
              (1 - v) * ((upper[a] == label ? 1 - u : 0) + (upper[b] == label ? u : 0)) +
              v * ((lower[a] == label ? 1 - u : 0) + (lower[b] == label ? u : 0));
          row[x - x0] = share > 0.5f;
        }
      }
      return crop_to_box(MaskView(crop), {x0, y0});
    }

   private:
    /// The output samples that read any of the input samples begin..end-1.
    static std::pair<int, int> readers(const persense::detail::LinearTaps& taps, int begin,
                                       int end) {
      const auto first = std::lower_bound(taps.second.begin(), taps.second.end(), begin);
      const auto last = std::lower_bound(taps.first.begin(), taps.first.end(), end);
      return {static_cast<int>(first - taps.second.begin()),
              static_cast<int>(last - taps.first.begin())};
    }

    persense::detail::LinearTaps across_, down_;
  };
};

}  // namespace persense::classic
