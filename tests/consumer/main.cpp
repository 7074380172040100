// A program that uses an installed (or added) persense as its users do: draw twelve discs, point at
// one of them, print the count.
#include <cstdio>
#include <opencv2/imgproc.hpp>

#include "persense/classic/classic.hpp"
#include "persense/engine.hpp"
#include "persense/error.hpp"
#include "persense/pipeline.hpp"

#ifdef WITH_TORCH
bool torch_answers();  // torch.cpp
#endif

/// Whether the library is found that runs archives: this one's, then, is not.
static bool opens_torch_plugin() {
  try {
    persense::Engine::inspect("none.pt");
  } catch (const persense::FileNotFound&) {
    return true;
  }
  return false;
}

int main() {
  cv::Mat image(240, 320, CV_8UC3, cv::Scalar(40, 90, 50));
  cv::Mat mask = cv::Mat::zeros(image.size(), CV_8UC1);
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 4; ++column)
      cv::circle(image, {40 + 80 * column, 40 + 80 * row}, 18, cv::Scalar(220, 170, 60), -1);
  cv::circle(mask, {120, 120}, 18, cv::Scalar(255), -1);

#ifdef WITH_TORCH
  if (!torch_answers()) return 1;
#endif
  if (persense::Stages::default_name() != "mini" || persense::Stages{}.dmg != "mini") return 1;
  if (persense::Engine::has_torch() && !opens_torch_plugin()) return 1;
  if (persense::Engine::mini().bytes.size() < 1'000'000)
    return 1;  // its network is in this program
  const persense::ImageView view = persense::ImageView::of_rgb(image);
  const persense::Engine engine("classic");
  const auto result = engine.segment(engine.support(view, persense::MaskView(mask)), view);
  std::printf("%zu objects\n", result.count());

  // one of the same stages by itself, as who writes Pipeline<...> links it
  const persense::classic::ClassicEncoder encoder;
  const auto embedding = encoder.encode(view);
  const persense::Mask disc = persense::crop_to_box(persense::MaskView(mask));
  const persense::EncodedExample<decltype(encoder)::Embedding> example{&embedding, &disc,
                                                                       view.size(), false};
  const auto similarity =
      encoder.similarity(embedding, encoder.prototype({&example, 1}), view.size());
  return result.count() == 12 && similarity(40, 40) > 0 && similarity(0, 0) <= 0 ? 0 : 1;
}
