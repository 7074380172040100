// A stage of your own in the pipeline: here a detector beside weight-free stages.
// usage: 03_own_stage SUPPORT MASK QUERY
#include <cstdio>

#include "persense/classic/classic.hpp"
#include "persense/io/images.hpp"
#include "persense/pipeline.hpp"

using namespace persense;

/// A detector that takes the whole image for one box, so that PPSM goes by similarity alone. Any
/// class with this member function can fill the slot.
struct WholeImage {
  template <class Encoder>
  Detections detect(const Query<Encoder>& query) const {
    const Box all{0, 0, static_cast<float>(query.image.width),
                  static_cast<float>(query.image.height)};
    const std::vector<Detection> one{{all, 1.0f}};
    return {one, one};
  }
};
static_assert(DetectorFor<WholeImage, classic::ClassicEncoder>);

int main(int count, char** arguments) try {
  if (count != 4) return std::puts("usage: 03_own_stage SUPPORT MASK QUERY"), 2;
  const Image support_image = io::read_image(arguments[1]), query = io::read_image(arguments[3]);
  const cv::Mat mask = io::read_mask(arguments[2]);

  const Pipeline pipeline(classic::ClassicEncoder{}, WholeImage{}, classic::ClassicDmg{},
                          classic::ClassicDecoder{});
  const auto support = pipeline.support(support_image.view(), MaskView(mask));
  const Result result = pipeline.segment(support, query.view());
  std::printf("%zu objects\n", result.count());
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
