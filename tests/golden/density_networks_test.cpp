// What surrounds the density networks, against the released code. The networks are the stubs that
// the cases describe.
#include <opencv2/imgproc.hpp>

#include "golden.hpp"
#include "persense/idm.hpp"
#include "persense/models/countr_frames.hpp"
#include "persense/models/dsalvanet_frame.hpp"

using namespace persense;
using namespace persense::testing;

namespace {

/// The cases' boxes are y x y x with the last row and column inside.
Box box_of(const json& yxyx) {
  return {yxyx[1].get<float>(), yxyx[0].get<float>(), yxyx[3].get<float>() + 1,
          yxyx[2].get<float>() + 1};
}

PixelBox pixel_box_of(const json& yxyx) {
  return {yxyx[1].get<int>(), yxyx[0].get<int>(), yxyx[3].get<int>() + 1, yxyx[2].get<int>() + 1};
}

std::vector<Box> boxes_of(const json& list) {
  std::vector<Box> boxes;
  for (const json& box : list) boxes.push_back(box_of(box));
  return boxes;
}

/// Every `stride`-th row and column of a batch's images, [images * channels, rows, columns] flat.
std::vector<float> strided(const Planes& planes, int stride) {
  std::vector<float> values;
  for (int i = 0; i < planes.count; ++i)
    for (int c = 0; c < planes.channels; ++c)
      for (int y = 0; y < planes.height; y += stride)
        for (int x = 0; x < planes.width; x += stride) values.push_back(planes.map(i, c)(y, x));
  return values;
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// The mean over channels of every window, one below the other, times what `factor` says of
/// (window, column).
template <class Factor>
FloatMap channel_means(const Planes& windows, Factor&& factor) {
  FloatMap answer(windows.count * countr::side, countr::side);
  for (int i = 0; i < windows.count; ++i) {
    auto window = answer.middleRows(i * countr::side, countr::side);
    window = (windows.map(i, 0) + windows.map(i, 1) + windows.map(i, 2)) / 3;
    for (int x = 0; x < countr::side; ++x) window.col(x) *= factor(i, x);
  }
  return answer;
}

double mean_of(const Planes& planes) {
  double sum = 0;
  for (const float v : planes.values) sum += v;
  return sum / static_cast<double>(planes.values.size());
}

FloatMap normalised(const FloatMap& map) {
  return (map - map.minCoeff()) / (map.maxCoeff() - map.minCoeff());
}

countr::Options reference_countr(bool antialias = true) {
  countr::Options options;
  options.rules = Rules::reference;
  options.antialias = antialias;
  return options;
}

/// The stub of suite `countr`.
DensityMap stub_density(const countr::Frame& frame, const countr::Options& options, float k) {
  const auto offset = static_cast<float>(0.01 * mean_of(frame.crops));
  return countr::density(frame, options, [&](const Planes& windows, const Planes&) -> FloatMap {
    return channel_means(windows,
                         [&](int, int x) { return k * (0.5f + static_cast<float>(x) / 384); }) +
           offset;
  });
}

}  // namespace

TEST_CASE("countr: frame, exemplar boxes and crops equal the released code's", "[golden][countr]") {
  for_each_case("countr", [](const fs::path& path, const json& expected) {
    const cv::Mat image = image_of(read_npy(path / "image_rgb.npy"));
    const auto boxes = boxes_of(expected["exemplar_boxes_yxyx"]);
    const auto frame = countr::make_frame(ImageView::of_rgb(image), boxes, reference_countr());
    CHECK(frame.inner == Size{expected["new_W"].get<int>(), expected["new_H"].get<int>()});
    CHECK(frame.padding == expected["pad_each_side"].get<int>());
    CHECK(fnv1a64(resize_antialiased(image, frame.inner)) ==
          expected["resized_u8_fnv1a64"].get<std::string>());
    std::vector<PixelBox> rects;
    for (const json& rect : expected["rects_yxyx"]) rects.push_back(pixel_box_of(rect));
    CHECK((frame.exemplars == rects));
    // division by 255 of equal bytes
    CHECK(strided(frame.image, 8) == read_npy(path / "samples_stride8.npy").floats());

    for (const bool antialias : {true, false}) {
      const std::string name = antialias ? "boxes_aa" : "boxes_noaa";
      auto crops =
          countr::make_frame(ImageView::of_rgb(image), boxes, reference_countr(antialias)).crops;
      INFO(name);
      // sums of up to some hundred products of values in 0..1, in another order: a few roundings
      const auto key = antialias ? "box_mean_aa" : "box_mean_noaa";
      CHECK(mean_of(crops) == Approx(expected[key].get<double>()).margin(1e-6));
      if (!fs::exists(path / (name + ".npy"))) continue;
      const auto first = read_npy(path / (name + ".npy")).floats();
      crops.values.resize(first.size());
      CHECK(largest_difference(crops.values, first) < 2e-6f);
    }
  });
}

TEST_CASE("countr: count and density equal the released code's", "[golden][countr]") {
  for_each_case("countr", [](const fs::path& path, const json& expected) {
    const cv::Mat image = image_of(read_npy(path / "image_rgb.npy"));
    const auto boxes = boxes_of(expected["exemplar_boxes_yxyx"]);
    const float k = expected["k"].get<float>();
    for (const bool antialias : {true, false}) {
      const auto options = reference_countr(antialias);
      const auto density =
          stub_density(countr::make_frame(ImageView::of_rgb(image), boxes, options), options, k);
      CHECK(density.minCoeff() >= 0.0f);
      // the released code sums 147456 float32 values: some 1e-6 of the count
      const auto count = expected[antialias ? "count_aa" : "count_noaa"].get<double>();
      CHECK(density.cast<double>().sum() == Approx(count).epsilon(3e-6));
      if (!antialias) continue;
      const FloatMap golden = map_of(read_npy(path / "density.npy"));
      cv::Mat at_image_size;
      cv::resize(as_mat(density), at_image_size, {image.cols, image.rows}, 0, 0, cv::INTER_LINEAR);
      // the difference of two values is divided by the map's contrast: a few float32 roundings each
      CHECK((normalised(as_map(at_image_size)) - golden).abs().maxCoeff() < 1e-5f);
      // the pipeline hands IDM the map as it is, the released code a normalised one
      IdmOptions idm_options = Options::reference().idm;
      idm_options.threshold = 20;
      const Size size{image.cols, image.rows};
      CHECK((idm(density, size, idm_options).points == idm(golden, size, idm_options).points));
    }
  });
}

TEST_CASE("countr: overlapping windows blend and count as in the released code",
          "[golden][countr]") {
  for_each_case("countr_windows", [](const fs::path& path, const json& expected) {
    const int width = expected["width"].get<int>();
    const FloatMap row = map_of(read_npy(path / "row.npy"));
    countr::Frame frame;
    frame.inner = {width, countr::side};
    frame.image = Planes(1, 3, frame.inner);
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < countr::side; ++y)
        frame.image.map(0, c).row(y) = row.row(c) + 0.1f * static_cast<float>(y) / 383;
    for (const json& rect : expected["rects"]) frame.exemplars.push_back(pixel_box_of(rect));
    int calls = 0;
    const auto density = countr::density(
        frame, reference_countr(), [&](const Planes& windows, const Planes&) -> FloatMap {
          const int before = calls;
          calls += windows.count;
          return channel_means(windows,
                               [&](int i, int) { return static_cast<float>(before + i + 1); });
        });
    CHECK(calls == expected["n_calls"].get<int>());
    CHECK(density.cast<double>().sum() == Approx(expected["count"].get<double>()).epsilon(3e-6));
    const FloatMap golden = map_of(read_npy(path / "density_stride64.npy"));
    const FloatMap found = normalised(density);
    for (int i = 0; i < golden.rows(); ++i)
      CHECK((found.row(64 * i) - golden.row(i)).abs().maxCoeff() < 2e-6f);  // values in 0..1
  });
}

TEST_CASE("dsalvanet: image and boxes equal the released code's", "[golden][dsalvanet]") {
  for_each_case("dsalvanet_preprocess", [](const fs::path& path, const json& expected) {
    cv::Mat image;
    cv::cvtColor(image_of(read_npy(path / "image_bgr.npy")), image, cv::COLOR_BGR2RGB);
    dsalvanet::Options options;
    options.rules = Rules::reference;
    const auto frame = dsalvanet::make_frame(ImageView::of_rgb(image),
                                             boxes_of(expected["boxes_in_yxyx"]), options);
    std::vector<dsalvanet::ExemplarBox> boxes;
    for (const json& b : expected["boxes_scaled_yxyx"])
      boxes.push_back({b[0].get<float>(), b[1].get<float>(), b[2].get<float>(), b[3].get<float>()});
    CHECK((frame.exemplars == boxes));
    // (v - mean) / deviation here, (v / 255 - mean') / deviation' there: roundings of values <= 2.7
    CHECK(largest_difference(strided(frame.image, 8),
                             read_npy(path / "query_stride8.npy").floats()) < 1e-6f);

    // one level off would show as 1 / 58
    cv::Mat square;
    cv::resize(image, square, {512, 512}, 0, 0, cv::INTER_LINEAR);
    CHECK(fnv1a64(square) == expected["resized_rgb_fnv1a64"].get<std::string>());
  });
}
