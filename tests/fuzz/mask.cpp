// Masks and label images of every format.
#include <opencv2/core.hpp>

#include "crc.hpp"
#include "persense/io/images.hpp"
#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

namespace {

void require_mask(const cv::Mat& mask) {
  require(!mask.empty() && mask.type() == CV_8UC1, "a mask has one channel of 8 bits");
  require(cv::countNonZero(mask) == cv::countNonZero(mask == 255), "a mask is 0 or 255");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile file;
  const auto& path = file.holding({data, size});
  cv::Mat labels;
  if (accepts([&] { labels = io::read_labels(path); })) {
    require(!labels.empty() && labels.type() == CV_32SC1, "labels are 32-bit integers");
    double least = 0;
    cv::minMaxLoc(labels, &least);
    require(least >= 0, "no label is below 0");
  }
  cv::Mat shape;
  if (!accepts([&] { shape = io::read_mask(path); })) return 0;
  require_mask(shape);
  require(labels.empty() || labels.total() == shape.total(), "labels and mask have one size");
  constexpr std::size_t small = 1 << 20;  // a larger one takes seconds
  if (shape.total() > small) return 0;
  accepts([&] {
    const io::MaskFile mask = io::load_mask(path);
    require_mask(mask.mask);
    require(mask.mask.size() == shape.size(), "a mask is read in one size");
    require(cv::countNonZero(mask.mask & ~shape) == 0, "what is taken of a mask is inside of it");
  });
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) mend_png_checksums({data, size});
  return size;
}
