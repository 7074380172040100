#include "level_parts.hpp"

#include <algorithm>
#include <cstdint>

#include "levels.hpp"

namespace persense::mini {

namespace {

constexpr int margin = 80;  // pixels of a level that are seen around what is kept
// Pixels that are seen at once: larger arrays than these need are given back to the system, and
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
    return (length + level_multiple - 1) / level_multiple * level_multiple;
  }
};

}  // namespace

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

}  // namespace persense::mini
