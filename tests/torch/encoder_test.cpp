#include "persense/torch/encoder.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <random>
#include <utility>

#include "device_image.hpp"
#include "golden/golden.hpp"
#include "golden/similarity_case.hpp"
#include "persense/resize.hpp"
#include "persense/stages.hpp"
#include "sam_archives.hpp"

namespace persense::torchscript {
namespace {

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using persense::testing::for_each_case;
using persense::testing::json;
using persense::testing::read_npy;
namespace fs = std::filesystem;

static_assert(ImageEncoder<TorchEncoder>);

cv::Mat noise(Size size, int channels, std::uint64_t seed) {
  cv::Mat image(size.height, size.width, CV_8UC(channels));
  cv::RNG random(seed);
  random.fill(image, cv::RNG::UNIFORM, 0, 256);
  return image;
}

std::string encoder_manifest_of(int size, const std::string& output, const std::string& more = "") {
  return fmt::format(
      R"({{"format": 1, "stage": "encoder", "name": "tiny", "input": {{"size": {}, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]{}}}, "output": {}}})",
      size, more, output);
}

/// An encoder that answers every image with the same features.
TorchEncoder encoder_giving(const Scratch& folder, const at::Tensor& features, int size) {
  const fs::path file = folder / "fixed.pt";
  save_archive(file,
               encoder_manifest_of(size, fmt::format(R"({{"channels": {}, "stride": {}}})",
                                                     features.size(1), size / features.size(2))),
               "def forward(self, image):\n    return self.features\n",
               [&](torch::jit::Module& m) { m.register_buffer("features", features); });
  return TorchEncoder(file);
}

at::Tensor tensor_of(const persense::testing::Array& array) {
  auto values = array.floats();
  const std::vector<std::int64_t> shape(array.shape.begin(), array.shape.end());
  return at::from_blob(values.data(), shape).clone();
}

float largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kFloat).flatten() - b.to(at::kFloat).flatten()).abs().max().item<float>();
}

TEST_CASE("TorchEncoder: the network's input equals the reference's exactly",
          "[torch][encoder][golden]") {
  for_each_case("sam_preprocess", [](const fs::path& path, const json& expected) {
    const Scratch folder;
    const int size = expected["target"];
    const auto encoder = encoder_giving(folder, at::ones({1, 1, size / 16, size / 16}), size);
    const cv::Mat image = persense::testing::image_of(read_npy(path / "image_rgb.npy"));
    const at::Tensor input = encoder.input(ImageView::of_rgb(image));
    REQUIRE(input.sizes() == at::IntArrayRef({1, 3, size, size}));
    const std::int64_t step = expected["normalised_stride"];
    const at::Tensor want = tensor_of(read_npy(path / "normalised_stride.npy"));
    const at::Tensor got = input.slice(2, 0, size, step).slice(3, 0, size, step);
    REQUIRE(want.numel() == got.numel());
    CHECK(largest_difference(got, want) == 0);

    const Size inner = persense::testing::size_from(expected["resized_hw"]);
    const at::Tensor resized =
        resize_by_gathering(upload(ImageView::of_rgb(image), at::kCPU), inner).contiguous();
    const cv::Mat bytes(inner.height, inner.width, CV_8UC3, resized.data_ptr());
    CHECK(persense::testing::fnv1a64(bytes) == expected["resized_fnv1a64"]);
  });
}

TEST_CASE("resize_by_gathering: tensors take the same bytes as images on the host",
          "[torch][encoder]") {
  std::mt19937 random(7);
  const auto side = [&] { return 1 + static_cast<int>(random() % 150); };
  for (int i = 0; i < 60; ++i) {
    const Size from{side(), side()}, to{side(), side()};
    INFO("from " << to_string(from) << " to " << to_string(to));
    const cv::Mat image = noise(from, i % 2 ? 3 : 1, static_cast<std::uint64_t>(i) + 1);
    const at::Tensor tensor =
        at::from_blob(image.data, {from.height, from.width, image.channels()}, at::kByte);
    const cv::Mat want = persense::resize_antialiased(image, to);
    for (const at::Tensor& got : {resize_by_gathering(tensor, to), resize_antialiased(tensor, to)})
      CHECK(std::memcmp(want.data, got.contiguous().data_ptr(), want.total() * want.elemSize()) ==
            0);
  }
}

TEST_CASE("TorchEncoder: a view with gaps between its rows is read as it stands",
          "[torch][encoder]") {
  const DiscArchives archives;
  const TorchEncoder encoder(archives.encoder);
  const cv::Mat whole = noise({300, 200}, 3, 3), part = whole(cv::Rect(17, 5, 120, 90));
  CHECK(at::equal(encoder.input(ImageView::of_rgb(part)),
                  encoder.input(ImageView::of_rgb(cv::Mat(part.clone())))));
}

TEST_CASE("TorchEncoder: images of extreme shape are encoded", "[torch][encoder]") {
  const DiscArchives archives;
  const TorchEncoder encoder(archives.encoder);
  for (const Size size : {Size{1, 1}, Size{3000, 1}, Size{1, 700}, Size{1023, 2}}) {
    INFO("image of " << to_string(size));
    const cv::Mat image = noise(size, 3, 5);
    const auto embedding = encoder.encode(ImageView::of_rgb(image));
    CHECK(embedding.features().isfinite().all().item<bool>());
    cv::Mat mask = cv::Mat::zeros(image.size(), CV_8UC1);
    mask.at<std::uint8_t>(0, 0) = 255;
    const auto prototype = encoder.prototype(embedding, MaskView(mask));
    const FloatMap map = encoder.similarity(embedding, prototype, size);
    CHECK(map.isFinite().all());
    CHECK(map.abs().maxCoeff() <= 1);
  }
  CHECK_THROWS_AS(encoder.encode(ImageView()), InvalidArgument);
}

/// Of an encoder that wants padded squares of `size` and answers in cells of 16 pixels.
InputFrame frame_of(Size image, int size) {
  Manifest encoder;
  encoder.input.size = size;
  encoder.output.stride = 16;
  return {encoder, image};
}

TEST_CASE(
    "TorchEncoder: mask on the grid, prototype, similarity and attention equal the reference's",
    "[torch][encoder][golden]") {
  for_each_case("similarity", [](const fs::path& path, const json& expected) {
    const Scratch folder;
    const auto array = [&](const char* name) { return tensor_of(read_npy(path / name)); };
    const Size support = persense::testing::size_from(expected["ref_hw"]);
    const Size query = persense::testing::size_from(expected["test_hw"]);
    const int size = expected["image_size"];
    const Size grid = persense::testing::size_from(expected["feature_hw"]);
    const auto features = [&](const char* name, const char* which) {
      FloatMap rows = persense::testing::features_of(path, expected, name, which);
      return at::from_blob(rows.data(), {1, rows.rows(), grid.height, grid.width}).clone();
    };

    TorchPrototype prototype{array("target_embedding.npy"), array("target_feat.npy"), {}, {}};
    const at::Tensor levels = array("ref_mask_image.npy").to(at::kByte);
    const cv::Mat mask(support.height, support.width, CV_8UC1, levels.data_ptr());
    const at::Tensor inside =
        cells_inside(levels.reshape({support.height, support.width, 1}), frame_of(support, size));
    CHECK(at::equal(
        inside, array("ref_mask_64.npy").reshape({grid.height, grid.width}).gt(0).to(at::kFloat)));
    // a stage's masks are inside or outside; the reference takes grey ones, too
    if (cv::countNonZero(mask == 255) == cv::countNonZero(mask)) {
      const TorchPrototype want = std::exchange(prototype, [&] {
        const auto sees_support =
            encoder_giving(folder, features("ref_feat.npy", "reference"), size);
        return sees_support.prototype(
            sees_support.encode(ImageView::of_rgb(cv::Mat(noise(support, 3, 1)))), MaskView(mask));
      }());
      CHECK(prototype.notes.empty());
      // means of some hundred float32 values of about 1, in another order
      CHECK(largest_difference(prototype.mean, want.mean) < 2e-6f);
      CHECK(largest_difference(prototype.unit, want.unit) < 2e-6f);
    }

    const auto sees_query = encoder_giving(folder, features("test_feat.npy", "test"), size);
    const auto embedding = sees_query.encode(ImageView::of_rgb(cv::Mat(noise(query, 3, 2))));
    const FloatMap similarity = sees_query.similarity(embedding, prototype, query);
    const FloatMap want = persense::testing::map_of(read_npy(path / "similarity.npy"));
    REQUIRE(size_of(similarity) == query);
    CHECK((similarity - want).abs().maxCoeff() < 5e-6f);
    // standardised: differences grow by 1 / deviation
    CHECK(largest_difference(embedding.attention(prototype), array("attn_sim.npy")) < 5e-5f);
  });
}

TEST_CASE("TorchEmbedding: the attention map is made once a prototype", "[torch][encoder]") {
  const DiscArchives archives;
  const TorchEncoder encoder(archives.encoder);
  const Size size{200, 150};
  const auto embedding = encoder.encode(ImageView::of_rgb(disc_picture(size, {100, 75}, 30)));
  const auto red = encoder.prototype(embedding, MaskView(disc_mask(size, {100, 75}, 25)));
  const auto blue = encoder.prototype(embedding, MaskView(disc_mask(size, {20, 20}, 15)));
  const at::Tensor first = embedding.attention(red);
  CHECK(embedding.attention(red).is_same(first));
  const TorchEmbedding copy = embedding;
  CHECK(copy.attention(red).is_same(first));
  CHECK_FALSE(at::allclose(embedding.attention(blue), first));
  CHECK(at::equal(embedding.attention(red), first));

  // standardised over the image, on the grid, through a sigmoid
  const FloatMap map = encoder.similarity(embedding, red, size);
  const double mean = map.cast<double>().mean();
  const double deviation =
      std::sqrt((map.cast<double>() - mean).square().sum() / static_cast<double>(map.size() - 1));
  const FloatMap standard = (map - static_cast<float>(mean)) / static_cast<float>(deviation);
  FloatMap want = 1.0f / (1.0f + (-persense::resize_bilinear(standard, {16, 16})).exp());
  CHECK(largest_difference(first, at::from_blob(want.data(), {1, 256})) < 5e-5f);
}

TEST_CASE("TorchEncoder: an object that covers no cell is averaged over those it touches",
          "[torch][encoder]") {
  const DiscArchives archives;
  const TorchEncoder encoder(archives.encoder);
  const Size size{512, 512};  // two pixels an input pixel, 32 a cell
  const auto embedding = encoder.encode(ImageView::of_rgb(noise(size, 3, 11)));
  cv::Mat mask = cv::Mat::zeros(512, 512, CV_8UC1);
  SECTION("in one cell") {
    mask(cv::Rect(32 * 3 + 1, 32 * 5 + 1, 3, 3)) = 1;  // 1 is inside as much as 255
    const auto prototype = encoder.prototype(embedding, MaskView(mask));
    CHECK(largest_difference(prototype.mean, embedding.features()[0].select(1, 5).select(1, 3)) <
          1e-6f);
    REQUIRE(prototype.notes.size() == 1);
    CHECK(prototype.notes[0] ==
          "support mask: the object of 9 pixels covers no cell of the encoder's 16 x 16 grid, so "
          "the cells it touches are used");
  }
  SECTION("across two cells, by area") {
    mask(cv::Rect(32 * 3 - 1, 32 * 5 + 2, 4, 1)) = 255;  // one pixel left of the edge, three right
    const auto prototype = encoder.prototype(embedding, MaskView(mask));
    const at::Tensor row = embedding.features()[0].select(1, 5);
    const at::Tensor want = 0.25 * row.select(1, 2) + 0.75 * row.select(1, 3);
    CHECK(largest_difference(prototype.mean, want) < 1e-6f);
  }
  SECTION("a mask that fits no image or holds no object is refused") {
    CHECK(message_of<InvalidArgument>([&] { encoder.prototype(embedding, MaskView(mask)); }) ==
          "support mask: no pixel is set, expected the pixels of one object");
    const cv::Mat other = cv::Mat::ones(512, 511, CV_8UC1);
    CHECK(message_of<InvalidArgument>([&] { encoder.prototype(embedding, MaskView(other)); }) ==
          "support mask: size 511 x 512, expected the image's 512 x 512");
  }
}

TEST_CASE("coverage: shares of cells add up to the mask's area", "[torch][encoder]") {
  Manifest manifest;
  manifest.input.size = 96;
  manifest.input.pad_multiple = 16;
  manifest.output.stride = 8;
  const InputFrame frame(manifest, {150, 100});
  CHECK(frame.inner == Size{96, 64});
  CHECK(frame.grid() == Size{12, 8});
  const cv::Mat mask = disc_mask({150, 100}, {140, 60}, 25);  // cut off by the border
  const at::Tensor shares = coverage(upload(MaskView(mask), at::kCPU), frame);
  const double pixels_a_cell = (8 * 150 / 96.0) * (8 * 100 / 64.0);
  CHECK(shares.sum().item<double>() * pixels_a_cell ==
        Approx(cv::countNonZero(mask)).epsilon(1e-5));
  CHECK(shares.max().item<float>() == Approx(1.0f));
}

/// Cells of 8 x 8 on inputs padded to multiples of 16; a feature is the cell's mean normalised
/// colour.
TorchEncoder free_size_encoder(const Scratch& folder) {
  save_archive(
      folder / "free.pt",
      encoder_manifest_of(128, R"({"channels": 3, "stride": 8})", R"(, "pad_multiple": 16)"),
      "def forward(self, image):\n    return torch.avg_pool2d(image, [8, 8])\n");
  return TorchEncoder(folder / "free.pt");
}

TEST_CASE("TorchEncoder: free-size inputs are padded to a multiple, no further",
          "[torch][encoder]") {
  const Scratch folder;
  const auto encoder = free_size_encoder(folder);
  CHECK(encoder.manifest().prototype == "ring_contrast");
  const at::Tensor input = encoder.input(ImageView::of_rgb(noise({128, 50}, 3, 1)));
  CHECK(input.sizes() == at::IntArrayRef({1, 3, 64, 128}));
  CHECK(input.slice(2, 50).abs().max().item<float>() == 0);
  CHECK(encoder.encode(ImageView::of_rgb(noise({31, 64}, 3, 1))).features().sizes() ==
        at::IntArrayRef({1, 3, 16, 8}));
}

TEST_CASE("TorchEmbedding: free-size similarity has its cells' values at the cells' centres",
          "[torch][encoder]") {
  const Scratch folder;
  const auto encoder = free_size_encoder(folder);
  const Size size{250, 97};  // inner 128 x 50, padded to 128 x 64: the last row of cells is cut
  const auto embedding = encoder.encode(ImageView::of_rgb(noise(size, 3, 21)));
  const TorchPrototype prototype{
      at::tensor({1.0f, 0.0f, 0.0f}), at::tensor({1.0f, 0.0f, 0.0f}), {}, {}};
  const FloatMap map = encoder.similarity(embedding, prototype, size);
  const at::Tensor features = embedding.features()[0];
  const FloatMap cells = map_of(features[0] / features.norm(2, 0));
  const auto sample = [&](double y, double x) {  // of the grid, by its definition
    const auto at = [&](int i, int j) {
      return double(cells(std::clamp(i, 0, 7), std::clamp(j, 0, 15)));
    };
    const int i = static_cast<int>(std::floor(y)), j = static_cast<int>(std::floor(x));
    const double v = y - i, u = x - j;
    return (1 - v) * ((1 - u) * at(i, j) + u * at(i, j + 1)) +
           v * ((1 - u) * at(i + 1, j) + u * at(i + 1, j + 1));
  };
  double worst = 0;
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      const double row = (y + 0.5) * 50 / 97 / 8 - 0.5, column = (x + 0.5) * 128 / 250 / 8 - 0.5;
      worst = std::max(worst, std::abs(sample(row, column) - map(y, x)));
    }
  CHECK(worst < 1e-5);  // float32 positions up to 16
}

TEST_CASE("TorchEncoder: a ring-contrast prototype is the object minus its surroundings",
          "[torch][encoder]") {
  const Scratch folder;
  const auto encoder = free_size_encoder(folder);
  const Size size{256, 256};  // two pixels an input pixel, 16 a cell
  // red object, green within 2 input pixels of it, blue ring, white far away
  cv::Mat image(256, 256, CV_8UC3, cv::Scalar(255, 255, 255));
  image(cv::Rect(0, 0, 160, 160)) = cv::Scalar(0, 0, 255);
  const cv::Rect object(48, 48, 64, 64);
  image(cv::Rect(44, 44, 72, 72)) = cv::Scalar(0, 255, 0);
  image(object) = cv::Scalar(255, 0, 0);
  cv::Mat mask = cv::Mat::zeros(256, 256, CV_8UC1);
  mask(object) = 255;
  const auto embedding = encoder.encode(ImageView::of_rgb(image));
  const auto prototype = encoder.prototype(embedding, MaskView(mask));

  const auto normal = [](double r, double g, double b) {
    return at::tensor({(r - 123.675) / 58.395, (g - 116.28) / 57.12, (b - 103.53) / 57.375})
        .to(at::kFloat);
  };
  // The object fills whole cells. The ring (radius 36 pixels, from 4 pixels on) is blue; the cells
  // that it shares with the green frame, a quarter of each, colour it a little.
  const at::Tensor inside = normal(255, 0, 0), around = inside - prototype.mean;
  CHECK(around[2].item<float>() > normal(0, 0, 200)[2].item<float>());
  // resampling at half size blurs the object's outline into the neighbouring cells
  CHECK(around[0].item<float>() == Approx(normal(0, 0, 255)[0].item<float>()).margin(0.15));
  CHECK(around[1].item<float>() < normal(0, 60, 0)[1].item<float>());
  CHECK(prototype.unit.norm().item<float>() == Approx(1));

  const FloatMap similarity = encoder.similarity(embedding, prototype, size);
  CHECK(similarity(80, 80) > 0.5f);
  CHECK(similarity(20, 20) < -0.5f);

  SECTION("an object that leaves little background has what there is as its ring") {
    cv::Mat nearly = cv::Mat::ones(256, 256, CV_8UC1);
    nearly.row(255) = 0;
    CHECK(encoder.prototype(embedding, MaskView(nearly)).mean.isfinite().all().item<bool>());
    nearly.row(255) = 1;
    CHECK(message_of<InvalidArgument>([&] { encoder.prototype(embedding, MaskView(nearly)); }) ==
          "support mask: covers the whole image, expected background around it");
  }
}

TEST_CASE("TorchEncoder: archives that do not fit are refused in one line", "[torch][encoder]") {
  const Scratch folder;
  const fs::path file = folder / "e.pt";
  const auto refused = [&](const std::string& manifest, const std::string& source) {
    save_archive(file, manifest, source);
    return message_of<BadModel>([&] { TorchEncoder{file}; });
  };
  const std::string pool =
      "def forward(self, image):\n    return torch.avg_pool2d(image, [8, 8])\n";
  const std::string square = encoder_manifest_of(64, R"({"channels": 3, "stride": 8})");
  REQUIRE(refused(square, pool) == "no exception of the expected type");
  CHECK(refused(encoder_manifest_of(64, R"({"channels": 4, "stride": 8})"), pool) ==
        file.string() + ": embedding: got shape [1, 3, 8, 8], expected [1, 4, 8, 8]");
  CHECK(refused(encoder_manifest_of(64, R"({"channels": 3, "stride": 16})"), pool) ==
        file.string() + ": embedding: got shape [1, 3, 8, 8], expected [1, 3, 4, 4]");
  CHECK_THAT(refused(encoder_manifest_of(64, R"({"channels": 3, "stride": 7})"), pool),
             ContainsSubstring("output.stride: got 7, expected a divisor of 64"));
  CHECK_THAT(
      refused(square, "def forward(self, image):\n    return torch.avg_pool2d(image, [99, 99])\n"),
      ContainsSubstring(file.string() + ": "));
  // rows and columns exchanged: seen where the input's sides may differ
  CHECK_THAT(
      refused(encoder_manifest_of(64, R"({"channels": 3, "stride": 8})", R"(, "pad_multiple": 16)"),
              "def forward(self, image):\n    return torch.avg_pool2d(image, [8, "
              "8]).transpose(2, 3)\n"),
      ContainsSubstring("embedding: got shape"));
}

TEST_CASE("TorchEncoder: features that are not finite are an error, not a result",
          "[torch][encoder]") {
  const Scratch folder;
  const auto encoder = encoder_giving(folder, at::full({1, 2, 4, 4}, NAN), 64);
  const Size size{64, 64};
  const auto embedding = encoder.encode(ImageView::of_rgb(noise(size, 3, 1)));
  const cv::Mat mask = disc_mask(size, {32, 32}, 20);
  CHECK_THAT(message_of<BadModel>([&] { encoder.prototype(embedding, MaskView(mask)); }),
             ContainsSubstring("prototype: not finite in fp32"));
  const TorchPrototype prototype{at::ones(2), at::ones(2) / std::sqrt(2.0), {}, {}};
  CHECK_THAT(message_of<BadModel>([&] { encoder.similarity(embedding, prototype, size); }),
             ContainsSubstring("similarity: not finite in fp32"));
}

TEST_CASE("TorchEncoder: cells without any feature are similar to nothing", "[torch][encoder]") {
  const Scratch folder;
  at::Tensor features = at::ones({1, 2, 4, 4});
  features.slice(3, 2).zero_();
  const auto encoder = encoder_giving(folder, features, 64);
  const Size size{64, 64};
  const auto embedding = encoder.encode(ImageView::of_rgb(noise(size, 3, 1)));
  const auto prototype = encoder.prototype(embedding, MaskView(disc_mask(size, {16, 32}, 12)));
  const FloatMap map = encoder.similarity(embedding, prototype, size);
  CHECK(map(32, 0) == Approx(1));
  CHECK(map(32, 63) == 0);
}

TEST_CASE("TorchEncoder: bfloat16 on the CPU is close to float32", "[torch][encoder]") {
  const DiscArchives archives;
  const TorchEncoder full(archives.encoder), half(archives.encoder, {at::kCPU, at::kBFloat16});
  const Size size{300, 200};
  const cv::Mat image = disc_picture(size, {120, 100}, 40), mask = disc_mask(size, {120, 100}, 40);
  const auto map = [&](const TorchEncoder& encoder) {
    const auto embedding = encoder.encode(ImageView::of_rgb(image));
    return encoder.similarity(embedding, encoder.prototype(embedding, MaskView(mask)), size);
  };
  CHECK((map(half) - map(full)).abs().maxCoeff() < 0.02f);  // features have 8 bits
}

TEST_CASE("TorchEncoder: the SqueezeNet archive tells the objects of an image from the rest",
          "[torch][encoder][data]") {
  const fs::path shared = fs::path(PERSENSE_DATA_DEFAULT).parent_path();
  const fs::path file = shared / "models/squeezenet1_0_encoder.pt";
  const fs::path folder = shared / "data/dense/nuts_hazelnut";
  if (!fs::exists(file) || !fs::exists(folder)) SKIP("no " << file << " or " << folder);
  const auto rgb = [](const fs::path& path) {
    cv::Mat image;
    cv::cvtColor(cv::imread(path.string()), image, cv::COLOR_BGR2RGB);
    return image;
  };
  const TorchEncoder encoder(file);
  const auto support = encoder.encode(ImageView::of_rgb(rgb(folder / "00.jpg")));
  const cv::Mat mask = cv::imread((folder / "00.png").string(), cv::IMREAD_GRAYSCALE) > 0;
  const auto prototype = encoder.prototype(support, MaskView(mask));
  const cv::Mat query = rgb(folder / "01.jpg");
  const FloatMap map = encoder.similarity(encoder.encode(ImageView::of_rgb(query)), prototype,
                                          {query.cols, query.rows});
  const cv::Mat truth = cv::imread((folder / "01.png").string(), cv::IMREAD_GRAYSCALE) > 0;

  // the share of pairs (object pixel, other pixel) in the right order, by ranks
  std::vector<int> order(truth.total());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return map.data()[a] < map.data()[b]; });
  double ranks = 0, inside = 0;
  for (std::size_t i = 0; i < order.size(); ++i)
    if (truth.data[order[i]]) ranks += static_cast<double>(i + 1), ++inside;
  const double outside = static_cast<double>(order.size()) - inside;
  const double auroc = (ranks - inside * (inside + 1) / 2) / (inside * outside);
  INFO("AUROC " << auroc);
  CHECK(auroc > 0.9);
}

}  // namespace
}  // namespace persense::torchscript
