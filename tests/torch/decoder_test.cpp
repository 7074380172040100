#include "persense/torch/decoder.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <numbers>
#include <thread>

#include "golden/golden.hpp"
#include "mask_upsampling.hpp"
#include "sam_archives.hpp"
#include "to_original.hpp"

namespace persense::torchscript {
namespace {

using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using persense::testing::for_each_case;
using persense::testing::json;
using persense::testing::read_npy;
namespace fs = std::filesystem;

static_assert(DecoderFor<SamDecoder, TorchEncoder>);

/// What an encoder that joins TorchEncoder with another one looks like.
struct JoinedEncoder {
  struct Embedding {
    TorchEmbedding torch;
    int other = 0;
  };
  struct Prototype {
    TorchPrototype torch;
    int other = 0;
  };
  TorchEncoder torch;

  Embedding encode(ImageView image) const { return {torch.encode(image), 1}; }
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    std::vector<EncodedExample<TorchEmbedding>> own;
    for (const auto& e : examples)
      own.push_back({&e.embedding->torch, e.mask, e.image, e.negative});
    return {torch.prototype(std::span<const EncodedExample<TorchEmbedding>>(own)), 1};
  }
  FloatMap similarity(const Embedding& e, const Prototype& p, Size size) const {
    return torch.similarity(e.torch, p.torch, size);
  }
};
[[maybe_unused]] const TorchEmbedding& torch_embedding(const JoinedEncoder::Embedding& e) {
  return e.torch;
}
[[maybe_unused]] const TorchPrototype& torch_prototype(const JoinedEncoder::Prototype& p) {
  return p.torch;
}
static_assert(DecoderFor<SamDecoder, JoinedEncoder>);

struct ForeignEncoder {
  using Embedding = int;
  using Prototype = int;
  int encode(ImageView) const { return 0; }
  int prototype(std::span<const EncodedExample<int>>) const { return 0; }
  FloatMap similarity(int, int, Size) const { return {}; }
};
static_assert(ImageEncoder<ForeignEncoder> && !DecoderFor<SamDecoder, ForeignEncoder>);

/// An image, encoded, and what the object in it looks like.
struct Scene {
  DiscArchives archives;
  TorchEncoder encoder{archives.encoder};
  SamDecoder decoder{archives.decoder, encoder};
  Size size;
  TorchEmbedding embedding;
  TorchPrototype prototype;

  explicit Scene(Size image_size = {200, 150})
      : size(image_size),
        embedding(encoder.encode(ImageView::of_rgb(picture()))),
        prototype(encoder.prototype(embedding, MaskView(disc_mask(size, middle(), radius())))) {}

  Point middle() const { return {size.width / 2, size.height / 2}; }
  int radius() const { return std::max(2, std::max(size.width, size.height) / 8); }
  cv::Mat picture() const { return disc_picture(size, middle(), radius()); }
  std::vector<ScoredMask> decode(std::vector<Prompt> prompts) const {
    return decoder.decode(embedding, prototype, prompts);
  }
};

/// The released code's way: every pixel of the image, then the tight box.
Mask dense_mask(const FloatMap& low_res, const LongestSide& frame) {
  const FloatMap logits = persense::testing::to_original(frame, low_res);
  cv::Mat inside = as_mat(logits) > 0;
  return crop_to_box(MaskView(inside));
}

void check_equal(const Mask& got, const Mask& want) {
  CHECK(got.box.x0 == want.box.x0);
  CHECK(got.box.y0 == want.box.y0);
  CHECK(got.box.x1 == want.box.x1);
  CHECK(got.box.y1 == want.box.y1);
  CHECK((got.bits == want.bits));  // in parentheses: a failure would print every byte
}

template <class F>
std::string refusal(F&& body) {
  return message_of<BadModel>(std::forward<F>(body));
}

TEST_CASE("SamDecoder: masks are those of the full-size logits, whatever the image's shape",
          "[torch][decoder]") {
  for (const Size size : {Size{200, 150}, Size{256, 256}, Size{90, 201}, Size{1000, 613},
                          Size{33, 500}, Size{700, 20}, Size{5, 4}}) {
    INFO("image of " << to_string(size));
    const Scene scene(size);
    const Point corner{size.width - 1, size.height - 1};
    const std::vector<Prompt> prompts{{scene.middle()}, {{0, 0}}, {corner}};
    const auto masks = scene.decode(prompts);
    REQUIRE(masks.size() == 3);
    SamPrompts same;
    same.points = at::tensor({double(scene.middle().x), double(scene.middle().y), 0.0, 0.0,
                              double(corner.x), double(corner.y)})
                      .view({3, 1, 2});
    same.labels = at::ones({3, 1}, at::kLong);
    const auto low = scene.decoder.predict(scene.embedding, same).low_res;
    for (std::int64_t i = 0; i < 3; ++i)
      check_equal(masks[static_cast<std::size_t>(i)].mask,
                  dense_mask(map_of(low[i][1]), scene.embedding.frame().longest_side()));
  }
}

TEST_CASE("SamDecoder: a prompt with a box is decoded from the box alone, beside others",
          "[torch][decoder]") {
  const Scene scene({400, 300});  // 256 / 400 of an input pixel each
  const Box box{100, 90, 180, 150};
  for (const auto role :
       {Prompt::Role::exemplar, Prompt::Role::first_pass, Prompt::Role::final_pass}) {
    const auto masks = scene.decode({{{130, 170}}, {{5, 5}, role, box}, {{130, 170}}});
    REQUIRE(masks.size() == 3);
    CHECK(masks[1].score == Approx(80 * 256 / 400.0 / 1000));  // how the archive scores boxes
    CHECK(masks[1].mask.box.x0 == Approx(140 - 25).margin(1.5));
    CHECK(masks[1].mask.box.y1 == Approx(120 + 25).margin(1.5));
    const auto alone = scene.decode({{{130, 170}}, {{130, 170}}});
    check_equal(masks[0].mask, alone[0].mask);
    CHECK(masks[2].score == alone[1].score);
  }
}

TEST_CASE("SamDecoder: boxes give what predict gives them, in any number of chunks",
          "[torch][decoder]") {
  const Scene scene({400, 300});
  const SamDecoder small(scene.archives.decoder, scene.encoder, {.chunk_megabytes = 1});
  std::vector<Prompt> prompts;
  std::vector<double> corners;
  for (int i = 0; i < 20; ++i) {  // 8 at once in a megabyte; some reach beyond the image
    const auto at = static_cast<float>(20 * i) - 8.25f;
    prompts.push_back({{0, 0}, Prompt::Role::final_pass, Box{at, 40, at + 30 + at / 10, 70}});
    for (const float corner : {at, 40.0f, at + 30 + at / 10, 70.0f}) corners.push_back(corner);
  }
  SamPrompts boxes;
  boxes.boxes = at::tensor(corners).view({-1, 4});
  const auto want =
      scene.decoder.best_masks(scene.embedding, scene.decoder.predict(scene.embedding, boxes));
  const auto got = small.decode(scene.embedding, scene.prototype, prompts);
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    check_equal(got[i].mask, want[i].mask);
    CHECK(got[i].score == want[i].score);
  }
}

TEST_CASE("SamDecoder: a point's mask is the disc around it", "[torch][decoder]") {
  const Scene scene({400, 300});  // 256 / 400 of an input pixel each
  const auto masks = scene.decode({{{130, 170}}});
  const double radius = 16 * 400 / 256.0;
  // a cone is convex, so interpolation between samples 4 pixels apart trims it a little
  CHECK(masks[0].mask.area() == Approx(std::numbers::pi * radius * radius).epsilon(0.03));
  CHECK(masks[0].mask.box.x0 == Approx(130.5 - radius).margin(1.0));
  CHECK(masks[0].mask.box.x1 == Approx(130.5 + radius).margin(1.0));
  CHECK(masks[0].mask.box.y0 == Approx(170.5 - radius).margin(1.0));
  CHECK(masks[0].mask.box.y1 == Approx(170.5 + radius).margin(1.0));
}

TEST_CASE("SamDecoder: the logits of three scales are the network's, without the padding",
          "[torch][decoder]") {
  const Scene scene;  // 200 x 150: 64 x 48 of 64 x 64
  static_assert(DecodesScales<SamDecoder, TorchEncoder>);
  const ScaleLogits logits = scene.decoder.scale_logits(scene.embedding, scene.middle());
  SamPrompts same;
  same.points = at::tensor({double(scene.middle().x), double(scene.middle().y)}).view({1, 1, 2});
  same.labels = at::ones({1, 1}, at::kLong);
  const auto low = scene.decoder.predict(scene.embedding, same).low_res;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    CHECK(size_of(logits[k]) == Size{64, 48});
    CHECK((logits[k] == map_of(low[0][static_cast<std::int64_t>(k)]).topRows(48)).all());
  }
}

TEST_CASE("SamDecoder: a weighted sum of three scales is decoded twice more, from box and logits",
          "[torch][decoder]") {
  const Scene scene({256, 256});  // an input pixel each
  const Point p{100, 90};
  const auto decoded = [&](const ScaleWeights& weights) {
    return scene.decoder.decode_weighted(scene.embedding, std::span(&p, 1), weights).at(0);
  };
  // the stub answers a box with its second disc, 32 pixels wide, and scores it by the box's width
  for (const ScaleWeights& weights : {ScaleWeights{1, 0, 0}, {0, 0, 1}, {0.5f, 0, 0.5f}}) {
    const ScoredMask one = decoded(weights);
    CHECK(one.mask.box.width() == Approx(32).margin(2));
    CHECK(one.score == Approx(0.031).margin(0.002));
  }
  const ScoredMask none = decoded({0, 0, 0});  // no logit is above 0
  CHECK(none.mask.empty());
  CHECK(scene.decoder.decode_weighted(scene.embedding, {}, equal_scales).empty());
}

TEST_CASE("SamDecoder: each role runs its own decodes", "[torch][decoder]") {
  const Scene scene;
  const float guided = [&] {
    const SamGuidance guidance = scene.decoder.guidance(scene.embedding, scene.prototype);
    return guidance.attention.mean().item<float>() + guidance.target[0][0].item<float>();
  }();
  using Role = Prompt::Role;
  const Point p{100, 75};
  const auto frame = scene.embedding.frame().longest_side();
  const auto disc_width = [&](float radius) {
    FloatMap low(64, 64);
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 64; ++x)
        low(y, x) = radius - std::hypot(4 * x + 1.5f - static_cast<float>(frame.to_input_x(p.x)),
                                        4 * y + 1.5f - static_cast<float>(frame.to_input_y(p.y)));
    return dense_mask(low, frame).box.width();
  };
  // the highest logit of the smallest disc, whose point lies at (128, 96) of the input
  const float peak = 8 - std::hypot(1.5f, 1.5f);

  SECTION("the final pass: the point alone") {
    const auto masks = scene.decode({{p, Role::final_pass}});
    CHECK(masks[0].mask.box.width() == disc_width(16));
    CHECK(masks[0].score == Approx(0.001));
  }
  SECTION("the first pass: guided, then from the best mask of that") {
    const auto masks = scene.decode({{p, Role::first_pass}});
    CHECK(masks[0].mask.box.width() == disc_width(24));
    CHECK(masks[0].score == Approx(peak / 100));
  }
  SECTION("the exemplar: mask of the second decode, score of the third, whose box is tight") {
    const auto masks = scene.decode({{p, Role::exemplar}});
    CHECK(masks[0].mask.box.width() == disc_width(24));
    // from the first pixel to the last one, not to one beyond
    CHECK(masks[0].score == Approx((disc_width(24) - 1) * (256.0 / 200) / 1000));
  }
  SECTION("roles may be mixed, and answers keep the prompts' order") {
    const auto masks = scene.decode(
        {{p, Role::final_pass}, {p, Role::exemplar}, {p, Role::first_pass}, {p, Role::final_pass}});
    CHECK(masks[0].score == Approx(0.002));
    CHECK(masks[1].score == Approx((disc_width(24) - 1) * (256.0 / 200) / 1000));
    CHECK(masks[2].score == Approx(peak / 100));
    CHECK(masks[3].mask.box.width() == disc_width(16));
  }
  SECTION("without refinement: the guided decode alone") {
    const SamDecoder plain(scene.archives.decoder, scene.encoder, {.refinement = false});
    for (const Role role : {Role::exemplar, Role::first_pass}) {
      const Prompt prompt{p, role};
      const auto masks = plain.decode(scene.embedding, scene.prototype, std::span(&prompt, 1));
      CHECK(masks[0].mask.box.width() == disc_width(8));
      CHECK(masks[0].score == Approx(guided));
    }
  }
  SECTION("without guidance: the first decode sees the point alone") {
    const SamDecoder plain(scene.archives.decoder, scene.encoder,
                           {.guidance = false, .refinement = false});
    const Prompt prompt{p, Role::first_pass};
    const auto masks = plain.decode(scene.embedding, scene.prototype, std::span(&prompt, 1));
    CHECK(masks[0].mask.box.width() == disc_width(16));
    CHECK(masks[0].score == Approx(0.001));
  }
  SECTION("no prompt, no answer") { CHECK(scene.decode({}).empty()); }
}

TEST_CASE("SamDecoder: the chunks' size does not change the answer", "[torch][decoder]") {
  const Scene scene({640, 480});
  const SamDecoder small(scene.archives.decoder, scene.encoder, {.chunk_megabytes = 1});
  std::vector<Prompt> prompts;
  for (int i = 0; i < 131; ++i)
    prompts.push_back({{(i * 37) % 640, (i * 53) % 480},
                       i % 3 == 0 ? Prompt::Role::first_pass : Prompt::Role::final_pass});
  const auto at_once = scene.decode(prompts);
  const auto in_chunks = small.decode(scene.embedding, scene.prototype, prompts);
  REQUIRE(at_once.size() == in_chunks.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    // every prompt's arithmetic is its own here; a matrix product may round by its batch's size
    check_equal(in_chunks[i].mask, at_once[i].mask);
    if (prompts[i].role == Prompt::Role::first_pass)
      CHECK(in_chunks[i].score == at_once[i].score);
    else {  // the score tells how many prompts were decoded together
      CHECK(at_once[i].score == Approx(0.087));
      CHECK(in_chunks[i].score < 0.023f);
      CHECK(in_chunks[i].score > 0.0f);
    }
  }
}

TEST_CASE("SamDecoder: a call decodes no more prompts at once than fit the memory",
          "[torch][decoder]") {
  const Scene scene;
  const SamDecoder small(scene.archives.decoder, scene.encoder, {.chunk_megabytes = 1});
  SamPrompts prompts;
  prompts.points = at::rand({100, 1, 2}) * 150;
  prompts.labels = at::ones({100, 1});
  const auto at_once = scene.decoder.predict(scene.embedding, prompts);
  const auto in_chunks = small.predict(scene.embedding, prompts);
  CHECK(at::equal(in_chunks.low_res, at_once.low_res));
  // the score tells how many were decoded together: 6 arrays of 16 x 16 x 3 floats each would let
  // 42 into three quarters of a megabyte, so 100 are cut into three
  CHECK(at_once.scores.select(1, 1).eq(0.1f).all().item<bool>());
  CHECK(in_chunks.scores.select(1, 1).max().item<float>() == Approx(0.034));
  CHECK(in_chunks.scores.select(1, 1).min().item<float>() == Approx(0.033));
}

TEST_CASE("SamDecoder: several threads may decode one query", "[torch][decoder]") {
  const Scene scene;
  const std::vector<Prompt> prompts{{{50, 60}, Prompt::Role::first_pass}, {{100, 20}}};
  const auto want = scene.decode(prompts);
  std::vector<std::vector<ScoredMask>> got(4);
  std::vector<std::thread> threads;
  for (auto& answer : got)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) answer = scene.decode(prompts);
    });
  for (auto& thread : threads) thread.join();
  for (const auto& answer : got)
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      check_equal(answer[i].mask, want[i].mask);
      CHECK(answer[i].score == want[i].score);
    }
}

TEST_CASE("SamDecoder: objects at the border, in the padding and empty ones", "[torch][decoder]") {
  DiscArchives archives;
  // discs of -1 (never), and of 4 pixels: one low-resolution sample or a few
  std::string tiny = discs;
  tiny.replace(tiny.find("[8.0, 16.0, 24.0]"), 17, "[-1.0, 4.0, 4.0]");
  save_archive(archives.decoder, disc_decoder_manifest, tiny);
  const TorchEncoder encoder(archives.encoder);
  const SamDecoder decoder(archives.decoder, encoder);
  const Size size{2000, 1000};
  const auto embedding = encoder.encode(ImageView::of_rgb(disc_picture(size, {900, 500}, 100)));
  const auto frame = embedding.frame().longest_side();

  SECTION("a tiny object is there, also in the last corner") {
    for (const Point p : {Point{900, 500}, {0, 0}, {1999, 999}, {1999, 0}}) {
      const Prompt prompt{p};
      SamPrompts same;
      same.points = at::tensor({double(p.x), double(p.y)}).view({1, 1, 2});
      same.labels = at::ones({1, 1}, at::kLong);
      const auto prediction = decoder.predict(embedding, same);
      const auto masks = decoder.decode(embedding, {}, std::span(&prompt, 1));
      check_equal(masks[0].mask, dense_mask(map_of(prediction.low_res[0][1]), frame));
      CHECK(masks[0].mask.contains(p));
    }
  }
  SECTION("an empty mask is an answer, with its score") {
    const SamDecoder plain(archives.decoder, encoder, {.refinement = false});
    const auto prototype = encoder.prototype(embedding, MaskView(disc_mask(size, {900, 500}, 100)));
    const std::vector<Prompt> prompts{{{900, 500}, Prompt::Role::first_pass}, {{900, 500}}};
    const auto masks = plain.decode(embedding, prototype, prompts);
    CHECK(masks[0].mask.empty());
    CHECK(std::isfinite(masks[0].score));
    CHECK_FALSE(masks[1].mask.empty());
  }
  SECTION("a mask that lies in the padding alone is empty") {
    SamPrompts outside;
    outside.points = at::tensor({900.0, 1300.0}).view({1, 1, 2});
    outside.labels = at::ones({1, 1}, at::kLong);
    const auto masks = decoder.best_masks(embedding, decoder.predict(embedding, outside));
    CHECK(masks[0].mask.empty());
  }
}

TEST_CASE("SamDecoder: an exemplar with an empty mask keeps the second decode's score",
          "[torch][decoder]") {
  DiscArchives archives;
  std::string nothing = discs;
  nothing.replace(nothing.find("[8.0, 16.0, 24.0]"), 17, "[-8.0, -8.0, -8.0]");
  save_archive(archives.decoder, disc_decoder_manifest, nothing);
  const TorchEncoder encoder(archives.encoder);
  const SamDecoder decoder(archives.decoder, encoder);
  const cv::Mat picture = disc_picture({200, 150}, {100, 75}, 30);
  const auto embedding = encoder.encode(ImageView::of_rgb(picture));
  const auto prototype =
      encoder.prototype(embedding, MaskView(disc_mask({200, 150}, {100, 75}, 30)));
  const Prompt prompt{{100, 75}, Prompt::Role::exemplar};
  const auto masks = decoder.decode(embedding, prototype, std::span(&prompt, 1));
  CHECK(masks[0].mask.empty());
  CHECK(masks[0].score == Approx((-8 - std::hypot(1.5, 1.5)) / 100));
}

TEST_CASE("SamDecoder: predict takes points, boxes and masks", "[torch][decoder]") {
  const Scene scene;
  const auto boxes = at::tensor({10, 20, 60, 90, 0, 0, 199, 149}, at::kInt).view({2, 4});
  SECTION("boxes alone, of any type") {
    const auto prediction = scene.decoder.predict(scene.embedding, {{}, {}, boxes, {}});
    REQUIRE(prediction.low_res.sizes() == at::IntArrayRef({2, 3, 64, 64}));
    REQUIRE(prediction.scores.sizes() == at::IntArrayRef({2, 3}));
    CHECK(prediction.scores[0][1].item<float>() == Approx(50 * 1.28 / 1000));
    const auto masks = scene.decoder.best_masks(scene.embedding, prediction);
    CHECK(masks[0].mask.contains({35, 55}));
    CHECK(masks[1].score == Approx(199 * 1.28 / 1000));
  }
  SECTION("several points an object, a mask of an earlier prediction") {
    SamPrompts prompts;
    prompts.points = at::tensor({50.0f, 60.0f, 70.0f, 80.0f}).view({1, 2, 2});
    prompts.labels = at::tensor({1, 0}, at::kInt).view({1, 2});
    prompts.masks = at::full({1, 1, 64, 64}, 12.5, at::kDouble);
    const auto masks =
        scene.decoder.best_masks(scene.embedding, scene.decoder.predict(scene.embedding, prompts));
    CHECK(masks[0].mask.contains({60, 70}));
    CHECK(masks[0].score == Approx(0.125));
  }
  SECTION("no prompt gives no mask") {
    const auto prediction = scene.decoder.predict(scene.embedding, {{}, {}, at::empty({0, 4}), {}});
    CHECK(prediction.low_res.sizes() == at::IntArrayRef({0, 3, 64, 64}));
    CHECK(scene.decoder.best_masks(scene.embedding, prediction).empty());
  }
  SECTION("shapes that do not fit are refused by name") {
    const auto refused = [&](const SamPrompts& prompts, const SamGuidance& guidance = {}) {
      return message_of<InvalidArgument>(
          [&] { scene.decoder.predict(scene.embedding, prompts, guidance); });
    };
    const auto points = at::zeros({2, 1, 2}), labels = at::ones({2, 1});
    CHECK(refused({}) == "prompts: neither points nor boxes, expected at least one of them");
    CHECK(refused({points, {}, {}, {}}) ==
          "prompts: points and labels belong together, got one of them");
    CHECK(refused({points, at::ones({1, 2}), {}, {}}) ==
          "prompts.labels: shape [1, 2], expected [2, 1]");
    CHECK(refused({at::zeros({2, 2}), labels, {}, {}}) ==
          "prompts.points: shape [2, 2], expected [2, 0, 2]");
    CHECK(refused({points, labels, at::zeros({1, 4}), {}}) ==
          "prompts.boxes: shape [1, 4], expected [2, 4]");
    CHECK(refused({points, labels, {}, at::zeros({2, 1, 32, 32})}) ==
          "prompts.masks: shape [2, 1, 32, 32], expected [2, 1, 64, 64]");
    CHECK(refused({points, labels, {}, {}}, {at::zeros({1, 64}), {}}) ==
          "guidance.attention: shape [1, 64], expected [1, 256]");
    CHECK(refused({points, labels, {}, {}}, {{}, at::zeros({3})}) ==
          "guidance.target: shape [3], expected [1, 3]");
  }
}

TEST_CASE("SamDecoder: archives that do not fit are refused in one line", "[torch][decoder]") {
  DiscArchives archives;
  const TorchEncoder encoder(archives.encoder);
  const auto replaced = [](std::string text, const std::string& what, const std::string& with) {
    text.replace(text.find(what), what.size(), with);
    return text;
  };
  const std::string name = archives.decoder.string();
  SECTION("made for another encoder") {
    save_archive(
        archives.decoder,
        replaced(disc_decoder_manifest, R"("encoder": "disc")", R"("encoder": "sam_vit_b")"),
        discs);
    CHECK(refusal([&] { SamDecoder(archives.decoder, encoder); }) ==
          name +
              ": decodes embeddings of \"sam_vit_b\" (input 256, 3 channels, stride 16), got those "
              "of \"disc\" (input 256, 3 channels, stride 16)");
    // and when the encoder is known only by its embedding
    const SamDecoder decoder(archives.decoder);
    const auto embedding = encoder.encode(ImageView::of_rgb(disc_picture({40, 30}, {20, 15}, 5)));
    const Prompt prompt{{20, 15}};
    CHECK_THAT(refusal([&] { decoder.decode(embedding, {}, std::span(&prompt, 1)); }),
               ContainsSubstring("decodes embeddings of \"sam_vit_b\""));
  }
  SECTION("the size of the masks") {
    save_archive(archives.decoder, disc_decoder_manifest,
                 replaced(discs, "(radius - distance)", "(radius - distance)[:, :, :32]"));
    CHECK(refusal([&] { SamDecoder{archives.decoder}; }) ==
          name + ": masks: got shape [1, 3, 32, 64], expected [1, 3, 64, 64]");
  }
  SECTION("the number of scores") {
    save_archive(archives.decoder, disc_decoder_manifest,
                 replaced(discs, "scores.to(embedding.dtype)", "scores[:, :2]"));
    CHECK(refusal([&] { SamDecoder{archives.decoder}; }) ==
          name + ": scores: got shape [1, 2], expected [1, 3]");
  }
  SECTION("one answer for two prompts") {
    save_archive(archives.decoder, disc_decoder_manifest,
                 replaced(discs, "(radius - distance)", "(radius - distance)[:1]"));
    CHECK(refusal([&] { SamDecoder{archives.decoder}; }) ==
          name + ": masks: got shape [1, 3, 64, 64], expected [2, 3, 64, 64]");
  }
  SECTION("masks without scores") {
    save_archive(archives.decoder, disc_decoder_manifest,
                 replaced(discs, ", scores.to(embedding.dtype)", ""));
    CHECK(refusal([&] { SamDecoder{archives.decoder}; }) ==
          name + ": forward gave 1 tensors, expected 2: masks and scores");
  }
  SECTION("scores that are not numbers") {
    save_archive(archives.decoder, disc_decoder_manifest,
                 replaced(discs, "scores.to(embedding.dtype)", "scores / 0 * 0"));
    const SamDecoder decoder(archives.decoder, encoder);
    const auto embedding = encoder.encode(ImageView::of_rgb(disc_picture({40, 30}, {20, 15}, 5)));
    const Prompt prompt{{20, 15}};
    CHECK_THAT(refusal([&] { decoder.decode(embedding, {}, std::span(&prompt, 1)); }),
               ContainsSubstring("scores: not finite in fp32, expected finite values"));
  }
  SECTION("a stride that does not divide the input") {
    save_archive(archives.decoder,
                 replaced(disc_decoder_manifest, "\"stride\": 16", "\"stride\": 15"), discs);
    CHECK_THAT(refusal([&] { SamDecoder{archives.decoder}; }),
               ContainsSubstring("output.stride: got 15, expected a divisor of 256"));
  }
  SECTION("options out of range") {
    CHECK_THAT(message_of<InvalidArgument>(
                   [&] { SamDecoder(archives.decoder, encoder, {.chunk_megabytes = 0}); }),
               ContainsSubstring("chunk_megabytes: 0, expected at least 1"));
  }
}

TEST_CASE("SamDecoder: bfloat16 on the CPU finds the same discs", "[torch][decoder]") {
  const Scene scene({320, 240});
  const Placement half{at::kCPU, at::kBFloat16};
  const TorchEncoder encoder(scene.archives.encoder, half);
  const SamDecoder decoder(scene.archives.decoder, encoder);
  const auto embedding = encoder.encode(ImageView::of_rgb(scene.picture()));
  CHECK(embedding.features().scalar_type() == at::kBFloat16);
  const auto prototype =
      encoder.prototype(embedding, MaskView(disc_mask(scene.size, scene.middle(), scene.radius())));
  // beyond pixel 256 of the input bfloat16 has steps of 2: coordinates must not be cut to it
  const std::vector<Prompt> prompts{{{301, 201}, Prompt::Role::first_pass}, {{77, 33}}};
  const auto got = decoder.decode(embedding, prototype, prompts), want = scene.decode(prompts);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto common = intersection_area(got[i].mask, want[i].mask);
    // logits of up to 24 are rounded by up to 1/16: of a pixel, as they fall by 1 a pixel
    CHECK(static_cast<double>(common) /
              static_cast<double>(got[i].mask.area() + want[i].mask.area() - common) >
          0.97);
  }
}

TEST_CASE("SamDecoder: decodes queries of an encoder that holds a TorchEncoder",
          "[torch][decoder]") {
  const Scene scene;
  const JoinedEncoder joined{scene.encoder};
  const cv::Mat picture = scene.picture();
  const cv::Mat mask = disc_mask(scene.size, scene.middle(), scene.radius());
  const auto embedding = joined.encode(ImageView::of_rgb(picture));
  const Mask marked = crop_to_box(MaskView(mask));
  const EncodedExample<JoinedEncoder::Embedding> example{&embedding, &marked, scene.size};
  const Image image = Image::from_rgb(picture);
  const Support<JoinedEncoder> support{{{image, marked, 0}},
                                       image,
                                       mask,
                                       0,
                                       marked.box,
                                       joined.prototype(std::span(&example, 1)),
                                       "",
                                       "",
                                       {}};
  const FloatMap similarity = joined.similarity(embedding, support.prototype, scene.size);
  const Query<JoinedEncoder> query{ImageView::of_rgb(picture), embedding, similarity, support, {}};
  const std::vector<Prompt> prompts{{{50, 60}, Prompt::Role::first_pass}, {{100, 20}}};
  const auto got = scene.decoder.decode(query, prompts), want = scene.decode(prompts);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    check_equal(got[i].mask, want[i].mask);
    CHECK(got[i].score == want[i].score);
  }
}

TEST_CASE("MaskUpsampling: masks equal the reference's, however small the memory",
          "[torch][decoder][golden]") {
  for_each_case("sam_postprocess", [](const fs::path& path, const json& expected) {
    const auto low = read_npy(path / "low_res.npy"), high = read_npy(path / "high_res.npy");
    const LongestSide frame{persense::testing::size_from(expected["original_hw"]),
                            expected["image_size"]};
    auto values = low.floats(), wanted = high.floats();
    const int side = low.shape.back();
    const at::Tensor logits = at::from_blob(
        values.data(), {static_cast<std::int64_t>(values.size()) / (side * side), side, side});
    const auto count = static_cast<std::size_t>(logits.size(0));
    for (const std::int64_t budget : {std::int64_t{1}, std::int64_t{1} << 30}) {
      const MaskUpsampling upsampling(frame, side, at::kCPU, budget);
      const auto answer = upsampling(logits, at::arange(logits.size(0)).to(at::kFloat));
      for (std::size_t i = 0; i < count; ++i) {
        const cv::Mat full(
            frame.original.height, frame.original.width, CV_32FC1,
            wanted.data() + static_cast<std::ptrdiff_t>(i) * frame.original.pixels());
        const cv::Mat inside = full > 0;
        check_equal(answer.masks[i], crop_to_box(MaskView(inside)));
        CHECK(answer.scores[i] == static_cast<float>(i));
      }
    }
  });
}

at::Tensor tensor_of(const fs::path& file) {
  const auto array = read_npy(file);
  auto values = array.floats();
  const std::vector<std::int64_t> shape(array.shape.begin(), array.shape.end());
  return at::from_blob(values.data(), shape).clone();
}

/// A golden prompt of `sam_tiny`, in pixels of the image.
SamPrompts prompts_of(const json& prompt, const std::map<int, at::Tensor>& best) {
  SamPrompts prompts;
  const auto numbers = [&](const char* key) {
    std::vector<double> values;
    const json flat = prompt[key].flatten();
    for (const auto& item : flat.items()) values.push_back(item.value());
    return at::tensor(values);
  };
  if (prompt.contains("point")) {
    prompts.points = numbers("point").view({1, -1, 2});
    prompts.labels = numbers("label").view({1, -1});
  }
  if (prompt.contains("box")) prompts.boxes = numbers("box").view({1, 4});
  if (prompt.contains("use_prev")) prompts.masks = best.at(prompt["use_prev"]);
  return prompts;
}

TEST_CASE("SamDecoder: the small SAM of the golden vectors gives its embedding, logits and masks",
          "[torch][decoder][golden][golden_sam]") {
  const fs::path folder = PERSENSE_GOLDEN_SAM;  // made by golden_sam.py
  if (!fs::exists(folder / "decoder.pt")) SKIP("no archives in " << folder);
  const TorchEncoder encoder(folder / "encoder.pt");
  const SamDecoder decoder(folder / "decoder.pt", encoder);
  const auto close = [](const at::Tensor& got, const at::Tensor& want) {
    // float32 sums in another order: 1e-4 of the array's deviation
    return ((got.flatten() - want.flatten()).abs().max() / want.std()).item<float>() < 1e-4f;
  };
  for (const char* image : {"image0", "image1"}) {
    const fs::path path = persense::testing::golden_folder() / "sam_tiny" / image;
    if (!fs::exists(path)) SKIP("no golden suite sam_tiny in " << path.parent_path());
    const json story = persense::testing::read_json(path / "case.json");
    const cv::Mat rgb = persense::testing::image_of(read_npy(path / "image_rgb.npy"));
    const auto embedding = encoder.encode(ImageView::of_rgb(rgb));
    CHECK(close(embedding.features(), tensor_of(path / "embedding.npy")));
    const at::Tensor attention = tensor_of(path / "attn_sim.npy").view({1, -1});
    const at::Tensor target = tensor_of(path / "target_embedding.npy").view({1, -1});
    std::map<int, at::Tensor> best;
    for (const json& prompt : story["prompts"]) {
      const int id = prompt["id"];
      INFO(image << ", prompt " << id);
      if (!prompt["multimask"]) continue;  // archives answer with three masks, always
      SamGuidance guidance;
      if (prompt["attn_sim"]) guidance.attention = attention;
      if (prompt["target_embedding"]) guidance.target = target;
      const auto prediction = decoder.predict(embedding, prompts_of(prompt, best), guidance);
      const fs::path stem = path / fmt::format("p{}_", id);
      CHECK(close(prediction.low_res, tensor_of(stem.string() + "lowres.npy")));
      CHECK((prediction.scores.flatten() - tensor_of(stem.string() + "scores.npy").flatten())
                .abs()
                .max()
                .item<float>() < 1e-5f);
      best[id] = prediction.low_res.narrow(1, prompt["best"], 1);
      const auto mask = decoder.best_masks(embedding, prediction).at(0).mask;
      // a pixel may change sides where its logit is within rounding of 0
      CHECK(std::abs(static_cast<double>(mask.area()) - prompt["mask_area"].get<double>()) <= 2);
      const fs::path dense = stem.string() + "mask.npy";
      if (!fs::exists(dense)) continue;
      const at::Tensor bytes = tensor_of(dense).view({rgb.rows, rgb.cols}).ne(0).to(at::kByte);
      const Mask want =
          crop_to_box(MaskView(bytes.data_ptr<std::uint8_t>(), rgb.rows, rgb.cols, rgb.cols));
      const auto common = intersection_area(mask, want);
      CHECK(mask.area() + want.area() - 2 * common <= 2);
    }
  }
}

}  // namespace
}  // namespace persense::torchscript
