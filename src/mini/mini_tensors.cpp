#include "mini_tensors.hpp"

#include "levels.hpp"

namespace persense::torchscript {

namespace {

constexpr int margin = 80;  // pixels of a level that are seen around what is kept
// Pixels that are seen at once: larger tensors than these need are given back to the system, and
// asked for again by every layer.
constexpr std::int64_t most_at_once = 800'000;

/// One side of the parts: `seen` pixels from `from`, of which those from `begin` to `end` are kept.
struct Span {
  int from, begin, end;
};
struct Spans {
  int seen;
  std::vector<Span> spans;

  Spans(int length, int parts) {
    const int own = rounded_up((length + parts - 1) / parts);
    const int margins = std::min(parts - 1, 2) * margin;
    seen = std::min(length, own + margins);
    for (int begin = 0; begin < length; begin += own) {
      const int from = std::clamp(begin - margin, 0, length - seen);
      spans.push_back({from, begin, std::min(length, begin + own)});
    }
  }
  static int rounded_up(int length) {
    return (length + mini::level_multiple - 1) / mini::level_multiple * mini::level_multiple;
  }
};

}  // namespace

at::Tensor tensor_of(const cv::Mat& image, const Placement& placement) {
  const cv::Mat whole = image.isContinuous() ? image : image.clone();
  return at::from_blob(whole.data, {1, whole.rows, whole.cols, 3}, at::kFloat)
      .permute({0, 3, 1, 2})
      .to(at::TensorOptions(placement.device).dtype(placement.dtype), /*non_blocking=*/false,
          /*copy=*/true, at::MemoryFormat::ChannelsLast);
}

std::vector<SeenPart> parts_of(cv::Size level) {
  Spans across(level.width, 1), down(level.height, 1);
  for (int x = 1, y = 1; std::int64_t{across.seen} * down.seen > most_at_once;) {
    if (across.seen > down.seen)
      across = Spans(level.width, ++x);
    else
      down = Spans(level.height, ++y);
  }
  std::vector<SeenPart> parts;
  for (const Span& y : down.spans)
    for (const Span& x : across.spans)
      parts.push_back({cv::Rect(x.from, y.from, across.seen, down.seen),
                       cv::Rect(x.begin, y.begin, x.end - x.begin, y.end - y.begin)});
  return parts;
}

at::Tensor part_of(const at::Tensor& map, const cv::Rect& part, int stride) {
  return map.narrow(2, part.y / stride, part.height / stride)
      .narrow(3, part.x / stride, part.width / stride);
}

void put(const at::Tensor& computed, const SeenPart& part, int stride, at::Tensor& whole) {
  const cv::Rect own(part.kept.tl() - part.seen.tl(), part.kept.size());
  part_of(whole, part.kept, stride).copy_(part_of(computed, own, stride));
}

at::Tensor room(std::int64_t channels, cv::Size size, int stride,
                const at::TensorOptions& options) {
  return at::empty({1, channels, size.height / stride, size.width / stride},
                   options.memory_format(at::MemoryFormat::ChannelsLast));
}

at::Tensor filled(const at::Tensor& some) {
  const std::int64_t n = some.size(0), step = n > batch / 2 ? batch : n > 1 ? 16 : 1;
  const std::int64_t missing = (step - n % step) % step;
  if (missing == 0) return some;
  std::vector<std::int64_t> shape = some.sizes().vec();
  shape[0] = missing;
  return at::cat({some, at::zeros(shape, some.options())});
}

}  // namespace persense::torchscript
