// Every object of an image like the one masked in another: usage 01_segment SUPPORT MASK QUERY
// OVERLAY
#include <cstdio>

#include "persense/engine.hpp"
#include "persense/io/images.hpp"
#include "persense/io/overlay.hpp"

int main(int count, char** arguments) try {
  if (count != 5) return std::puts("usage: 01_segment SUPPORT MASK QUERY OVERLAY"), 2;
  using namespace persense;
  const Image support_image = io::read_image(arguments[1]);
  const cv::Mat mask = io::read_mask(arguments[2]);
  const Image query = io::read_image(arguments[3]);

  const Engine engine;
  const EngineSupport support = engine.support(support_image.view(), MaskView(mask));  // once
  const Result result = engine.segment(support, query.view());  // for any number of queries

  for (const Instance& object : result.instances)
    std::printf("%4d %4d  %5lld pixels  score %.2f\n", object.point.x, object.point.y,
                static_cast<long long>(object.mask.area()), object.score);
  std::printf("%zu objects\n", result.count());
  io::write_png(arguments[4], io::render_overlay(query.view(), result));
} catch (const persense::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
