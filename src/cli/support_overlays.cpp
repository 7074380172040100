#include "support_overlays.hpp"

#include <fmt/format.h>

#include <set>

#include "persense/io/images.hpp"
#include "persense/io/support_drawing.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

std::vector<fs::path> support_overlay_paths(const fs::path& folder, const Marks& marks) {
  std::vector<fs::path> paths;
  for (const MarkedClass& marked : marks.classes) {
    std::set<std::size_t> images;
    for (const PlacedMark& mark : marked.marks)
      if (images.insert(mark.image).second)
        paths.push_back(folder / fmt::format("support_{:02}.png", paths.size() + 1));
  }
  return paths;
}

void write_support_overlays(std::span<const fs::path> paths,
                            std::span<const EngineSupport> supports) {
  auto path = paths.begin();
  for (const EngineSupport& support : supports)
    for (const cv::Mat& image : io::render_support(support.info().examples, support.info().label))
      io::write_png(*path++, image);
}

}  // namespace persense::cli
