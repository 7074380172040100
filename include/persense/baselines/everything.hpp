// persense/baselines/everything.hpp: a decoder prompted everywhere, and what is similar of that.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "persense/baselines/prompted.hpp"
#include "persense/instances.hpp"
#include "persense/options.hpp"
#include "persense/pipeline_steps.hpp"
#include "persense/result.hpp"
#include "persense/staged_method.hpp"
#include "persense/stages.hpp"

namespace persense {

/// SAM's "everything" mode, filtered: the decoder segments the object at each point of a regular
/// grid (`baselines.grid` on a side); those stay whose mean similarity is at least
/// `baselines.similarity` times that of the support object, and of repeats the one with the higher
/// score.
/// @par Threads  As Pipeline.
/// @par Source  Segment Anything (arXiv:2304.02643), appendix B, and this library's filter.
///   Differences: one mask for a point, not three; no thresholds of predicted quality (see
///   `filter.min_score`) and of stability; no crops; repeats are told by masks
///   (`instances.duplicate_overlap`) instead of by non-maximum suppression of boxes.
template <ImageEncoder Encoder, DecoderFor<Encoder> Decoder>
class Everything : public StagedMethod<Everything<Encoder, Decoder>, Encoder, Decoder> {
  using Base = StagedMethod<Everything, Encoder, Decoder>;

 public:
  /// @param options  `method` is set to what this is.
  /// @throws InvalidArgument  an option out of its range.
  Everything(Encoder encoder, Decoder decoder, Options options = Options::paper())
      : Base(std::move(encoder), std::move(decoder), options, /*reads_text=*/false) {
    options_.method = Method::everything;
  }

 private:
  friend Base;
  using Base::options_;
  using ClassFound = detail::ClassFound;
  static constexpr SupportUse support_use{.own_similarity = true};

  /// Of the steps, it has similarity, decode and instances.
  ClassFound find(ImageView image, const typename Encoder::Embedding& embedding,
                  const Support<Encoder>& support, detail::StepClock& clock) const {
    ClassFound found;
    const Query<Encoder> query =
        detail::compare(this->encoder(), image, embedding, support, clock, found);
    const std::vector<Point> points = grid(image.size(), options_.baselines.grid);
    std::vector<Prompt> all, prompts;
    for (const Point p : points) all.push_back({p, Prompt::Role::final_pass});
    auto answers =
        clock(Step::decode, [&] { return detail::masks_of(this->decoder(), query, all); });
    const float least = options_.baselines.similarity * std::max(support.own_similarity, 0.0f);
    std::vector<ScoredMask> masks;
    std::size_t objects = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].mask.empty()) continue;
      ++objects;
      if (!(mean_over(answers[i].mask, found.similarity) > least)) continue;
      prompts.push_back(all[i]);
      masks.push_back(std::move(answers[i]));
    }
    if (prompts.empty())
      found.notes.push_back(objects == 0
                                ? "no instance: the mask of every grid point is empty"
                                : "no instance: no mask is similar enough (baselines.similarity)");
    detail::conclude(points, prompts, std::move(masks), image.size(), options_.instances, clock,
                     found);
    return found;
  }

  /// Points in the middle of as many cells, row by row; fewer where there are fewer pixels.
  static std::vector<Point> grid(Size image, int side) {
    const int columns = std::min(side, image.width), rows = std::min(side, image.height);
    const auto middle = [](int i, int cells, int length) {
      return static_cast<int>((2 * std::int64_t{i} + 1) * length / (2 * std::int64_t{cells}));
    };
    std::vector<Point> points;
    for (int y = 0; y < rows; ++y)
      for (int x = 0; x < columns; ++x)
        points.push_back({middle(x, columns, image.width), middle(y, rows, image.height)});
    return points;
  }
};

}  // namespace persense
