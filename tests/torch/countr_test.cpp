#include "persense/torch/countr.hpp"

#include <thread>

#include "catch.hpp"
#include "dmg_stubs.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using torchscript::CountrDmg;
using torchscript::Module;
using torchscript::Placement;

static_assert(DmgFor<CountrDmg, BlindEncoder>);

namespace {

const std::string manifest = R"({"format": 1, "stage": "dmg", "name": "countr",
  "input": {"size": 384, "mean": [0, 0, 0], "std": [255, 255, 255], "exemplar_size": 64},
  "output": {"scale": 60}})";

/// The mean over channels, brighter with the exemplars' red.
const std::string source = R"(
def forward(self, image, exemplars):
    shot = torch.zeros([1], dtype=image.dtype, device=image.device)
    if exemplars.size(1) > 0:
        shot = exemplars[:, :, 0].mean()
    return image.mean(1) + 0.1 * shot
)";

/// The same in C++.
FloatMap answer(const Planes& windows, const Planes& crops) {
  float shot = 0;
  for (int k = 0; k < crops.count; ++k)
    shot += crops.map(k, 0).mean() / static_cast<float>(crops.count);
  FloatMap map(windows.count * countr::side, countr::side);
  for (int i = 0; i < windows.count; ++i)
    map.middleRows(i * countr::side, countr::side) =
        (windows.map(i, 0) + windows.map(i, 1) + windows.map(i, 2)) / 3 + 0.1f * shot;
  return map;
}

struct SavedArchive {
  Scratch folder;
  explicit SavedArchive(const std::string& code = source, const std::string& text = manifest) {
    save_archive(folder / "countr.pt", text, code);
  }
  Module module(Placement placement = {}) const {
    return Module(folder / "countr.pt", Stage::dmg, placement);
  }
};

const std::vector<Box> two{{10, 20, 60, 80}, {100, 40, 150, 90}};

}  // namespace

TEST_CASE("torch CountrDmg: an archive gives what its network gives in C++", "[torch][countr]") {
  const SavedArchive archive;
  const std::vector<Box> tiny_one{{10, 20, 60, 80}, {100, 40, 103, 43}}, none;
  const auto check = [](const CountrDmg& dmg, Size size, const std::vector<Box>& boxes) {
    const cv::Mat image = noise(size);
    const auto found = dmg.density(ImageView::of_rgb(image), boxes);
    const auto frame = countr::make_frame(ImageView::of_rgb(image), boxes, dmg.options());
    const auto expected = countr::density(frame, dmg.options(), answer);
    INFO(to_string(size) << ", " << boxes.size() << " exemplars");
    REQUIRE(size_of(found) == size_of(expected));
    // roundings of the means, relative to the largest value
    CHECK((found - expected).abs().maxCoeff() < 1e-5f * expected.maxCoeff());
  };
  for (const Rules rules : {Rules::paper, Rules::reference})
    for (const int batch : {0, 3}) {
      const CountrDmg dmg(archive.module(), {.rules = rules, .batch = batch});
      check(dmg, {500, 200}, two);
      check(dmg, {200, 300}, two);
      check(dmg, {160, 160}, tiny_one);
      check(dmg, {40, 100}, none);
    }
}

TEST_CASE("torch CountrDmg: serves the pipeline's queries", "[torch][countr]") {
  const SavedArchive archive;
  const CountrDmg dmg(archive.module());
  const cv::Mat image = noise({200, 160});
  const Support<BlindEncoder> support{};
  const FloatMap similarity = FloatMap::Zero(160, 200);
  const std::vector<Exemplar> exemplars{{two[0]}, {two[1]}};
  const Query<BlindEncoder> query{ImageView::of_rgb(image), {}, similarity, support, exemplars};
  CHECK((dmg.density(query) == dmg.density(ImageView::of_rgb(image), two)).all());
}

TEST_CASE("torch CountrDmg: pixels are scaled and responses counted as the manifest says",
          "[torch][countr]") {
  const SavedArchive plain;
  const SavedArchive other(source, R"({"format": 1, "stage": "dmg", "name": "countr",
    "input": {"size": 384, "mean": [0, 0, 0], "std": [51, 51, 51], "exemplar_size": 64},
    "output": {"scale": 600}})");
  const cv::Mat image = noise({384, 384});
  const auto count = [&](const SavedArchive& archive) {
    // without exemplars none of them lowers the count
    return CountrDmg(archive.module()).density(ImageView::of_rgb(image), {}).cast<double>().sum();
  };
  CHECK(count(other) == Approx(count(plain) * 5 / 10));
}

TEST_CASE("torch CountrDmg: a batch that does not fit into memory is run in halves",
          "[torch][countr]") {
  const SavedArchive archive(R"(
def forward(self, image, exemplars):
    if image.size(0) > 1:
        image = image + torch.ones([1 << 44]).sum()
    return image.mean(1) + 0.1 * exemplars[:, :, 0].mean()
)");
  const cv::Mat image = noise({900, 200});
  const CountrDmg batched(archive.module(), {.batch = 5});
  const CountrDmg single(SavedArchive().module(), {.batch = 1});
  CHECK((batched.density(ImageView::of_rgb(image), two) ==
         single.density(ImageView::of_rgb(image), two))
            .all());
}

TEST_CASE("torch CountrDmg: in bfloat16 the map is that of fp32, coarser", "[torch][countr]") {
  const SavedArchive archive;
  const cv::Mat image = noise({500, 300});
  const auto fine = CountrDmg(archive.module()).density(ImageView::of_rgb(image), two);
  const auto coarse =
      CountrDmg(archive.module({at::kCPU, at::kBFloat16})).density(ImageView::of_rgb(image), two);
  // 8 significant bits; the input, the sum over channels and the result are rounded
  CHECK((coarse - fine).abs().maxCoeff() < 0.015f * fine.maxCoeff());
  CHECK_FALSE((coarse == fine).all());
}

TEST_CASE("torch CountrDmg: several threads at once get what one gets", "[torch][countr]") {
  const SavedArchive archive;
  const CountrDmg dmg(archive.module());
  const cv::Mat image = noise({600, 300});
  const auto alone = dmg.density(ImageView::of_rgb(image), two);
  std::vector<DensityMap> maps(4);
  std::vector<std::thread> threads;
  for (auto& map : maps)
    threads.emplace_back([&] { map = dmg.density(ImageView::of_rgb(image), two); });
  for (auto& thread : threads) thread.join();
  for (const auto& map : maps) CHECK((map == alone).all());
}

TEST_CASE("torch CountrDmg: an archive that does not fit throws BadModel naming file and fault",
          "[torch][countr][errors]") {
  const auto message = [](const std::string& code, const std::string& text = manifest) {
    const SavedArchive archive(code, text);
    return message_of<BadModel>([&] { CountrDmg(archive.module()); });
  };
  auto text = manifest;
  CHECK_THAT(message(source, text.replace(text.find("countr"), 6, "another")),
             ContainsSubstring("countr.pt: density map generator another, expected countr"));
  text = manifest;
  CHECK_THAT(message(source, text.replace(text.find("384"), 3, "448")),
             ContainsSubstring("input.size 448") && ContainsSubstring("expected 384 and 64"));
  CHECK_THAT(message("def forward(self, image, exemplars):\n  return image\n"),
             ContainsSubstring("countr.pt: density: got shape [1, 3, 384, 384], expected [1, 384, "
                               "384]"));
  CHECK_THAT(message("def forward(self, image, exemplars):\n  return image.mean(1) / 0.0\n"),
             ContainsSubstring("countr.pt: density: not finite in fp32"));
  const auto refused = message(
      "def forward(self, image, exemplars):\n"
      "  return torch.cat([image.mean(1), exemplars], 0)\n");
  CHECK_THAT(refused, ContainsSubstring("countr.pt: its forward failed: "));
  CHECK(refused.find('\n') == std::string::npos);
}

TEST_CASE("torch CountrDmg: an exemplar outside the image throws InvalidArgument",
          "[torch][countr][errors]") {
  const SavedArchive archive;
  const CountrDmg dmg(archive.module());
  const cv::Mat image = noise({50, 40});
  CHECK_THAT(message_of<InvalidArgument>([&] { dmg.density(ImageView::of_rgb(image), two); }),
             ContainsSubstring("(100, 40, 150, 90)") && ContainsSubstring("50 x 40"));
  CHECK_THROWS_AS(dmg.density(ImageView(), two), InvalidArgument);
}
