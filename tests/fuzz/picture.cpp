// Pictures of every format, through io::load_image.
#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>

#include "crc.hpp"
#include "persense/io/images.hpp"
#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

namespace {

bool equal(const Image& a, const Image& b) {
  return a.size() == b.size() && cv::norm(a.mat(), b.mat(), cv::NORM_INF) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile file;
  const auto& path = file.holding({data, size});
  io::LoadedImage first;
  const bool is_read = accepts([&] { first = io::load_image(path); });
  const bool is_counted = accepts([&] {
    const int pages = io::page_count(path);
    require(pages >= 1, "there is a page");
    require(!is_read || pages == first.page_count, "pages are counted alike");
  });
  if (!is_read) return 0;
  require(is_counted, "pages can be counted of what can be read");
  require(!first.image.empty() && first.image.mat().type() == CV_8UC3, "it is an RGB image");
  if (first.window) {
    require(std::isfinite(first.window->low) && std::isfinite(first.window->high) &&
                first.window->low < first.window->high,
            "a window has a width");
    require(io::may_be_deep(path), "deep pixels are told of beforehand");
  }
  constexpr std::int64_t small = 1 << 16;
  if (first.image.size().pixels() > small) return 0;
  io::ReadOptions options;
  options.window = first.window;
  require(equal(io::read_image(path, options), first.image), "a file is the same image each time");
  const auto png = io::encode_png(first.image.mat());
  require(equal(io::read_image(file.holding(png)), first.image), "a PNG of it is the same image");
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) mend_png_checksums({data, size});
  return size;
}
