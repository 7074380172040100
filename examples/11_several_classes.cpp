// Two classes marked in the image itself, by boxes, and one object that is not meant: usage
// 11_several_classes BEANS OVERLAY, with examples/data/beans/01.jpg
#include <cstdio>
#include <vector>

#include "persense/engine.hpp"
#include "persense/io/images.hpp"
#include "persense/io/overlay.hpp"

int main(int count, char** arguments) try {
  if (count != 3) return std::puts("usage: 11_several_classes BEANS OVERLAY"), 2;
  using namespace persense;
  const Image picture = io::read_image(arguments[1]);
  const Engine engine;
  const EngineImage image = engine.encode(picture.view());  // once, for marks and search alike

  const std::vector<Example> bean{{image, Box{48, 171, 104, 225}},
                                  {image, Box{568, 78, 617, 127}, /*negative=*/true}};  // a nut
  const std::vector<Example> leaf{{image, Box{361, 350, 438, 388}}};
  const std::vector<EngineSupport> classes{engine.support(bean, "bean"),
                                           engine.support(leaf, "leaf")};
  RunOptions run;
  run.filter = FilterOptions{};
  run.filter->min_area_ratio = 0.3f;  // nothing below a third of the marked one's size
  const Result result = engine.segment(image, classes, run);

  for (const ClassResult& found : result.classes)
    std::printf("%zu x %s\n", found.count, found.label.c_str());
  io::write_png(arguments[2], io::render_overlay(picture.view(), result));
} catch (const persense::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
