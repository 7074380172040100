#include "persense/torch/dsalvanet.hpp"

#include "catch.hpp"
#include "dmg_stubs.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using torchscript::DsalvanetDmg;
using torchscript::Module;
using torchscript::Placement;

static_assert(DmgFor<DsalvanetDmg, BlindEncoder>);

namespace {

const std::string manifest = R"({"format": 1, "stage": "dmg", "name": "dsalvanet",
  "input": {"size": 512, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
  "output": {"scale": 1}})";

/// One object a box, spread over it, and the faintest trace of the image.
const std::string source = R"(
def forward(self, image, boxes):
    map = torch.relu(image[:, :1] * 1e-9)
    for k in range(boxes.size(1)):
        y0 = int(boxes[0, k, 0])
        x0 = int(boxes[0, k, 1])
        y1 = int(boxes[0, k, 2]) + 1
        x1 = int(boxes[0, k, 3]) + 1
        map[0, 0, y0:y1, x0:x1] += 1.0 / ((y1 - y0) * (x1 - x0))
    return map
)";

struct SavedArchive {
  Scratch folder;
  explicit SavedArchive(const std::string& code = source, const std::string& text = manifest) {
    save_archive(folder / "dsalvanet.pt", text, code);
  }
  Module module(Placement placement = {}) const {
    return Module(folder / "dsalvanet.pt", Stage::dmg, placement);
  }
};

const std::vector<Box> four{
    {10, 20, 60, 80}, {100, 40, 150, 90}, {0, 0, 9, 9}, {150, 99, 200, 100}};

}  // namespace

TEST_CASE("torch DsalvanetDmg: boxes reach the network as rows and columns of its frame",
          "[torch][dsalvanet]") {
  const SavedArchive archive;
  const DsalvanetDmg dmg(archive.module());
  const cv::Mat image = noise({200, 100});
  const std::vector<Box> one{{10, 20, 61, 81}};  // last pixels 60 and 80
  const auto map = dmg.density(ImageView::of_rgb(image), one);
  REQUIRE(size_of(map) == Size{512, 512});
  CHECK(map.cast<double>().sum() == Approx(1).epsilon(1e-3));
  const FloatMap bright = (map > 1e-6f).cast<float>();
  // 10 and 60 of 200, 20 and 80 of 100, times 512: 25.6, 153.6; 102.4, 409.6
  CHECK(bright.sum() == (153 - 25 + 1) * (409 - 102 + 1));
  CHECK(bright.block(102, 25, 409 - 102 + 1, 153 - 25 + 1).minCoeff() == 1.0f);
}

TEST_CASE("torch DsalvanetDmg: the paper's rules give all exemplars, the released code's three",
          "[torch][dsalvanet]") {
  const SavedArchive archive;
  const cv::Mat image = noise({200, 100});
  const auto count = [&](Rules rules, std::size_t exemplars) {
    const DsalvanetDmg dmg(archive.module(), {.rules = rules});
    return dmg.density(ImageView::of_rgb(image), std::span(four.data(), exemplars))
        .cast<double>()
        .sum();
  };
  // float32 sums of up to 262144 faint values
  CHECK(count(Rules::paper, 4) == Approx(4).epsilon(1e-3));
  CHECK(count(Rules::paper, 2) == Approx(2).epsilon(1e-3));
  CHECK(count(Rules::reference, 4) == Approx(3).epsilon(1e-3));
  CHECK(count(Rules::reference, 1) == Approx(3).epsilon(1e-3));
}

TEST_CASE("torch DsalvanetDmg: the network gets the frame's image", "[torch][dsalvanet]") {
  const SavedArchive archive(
      "def forward(self, image, boxes):\n  return image[:, 2:] + 0.0 * boxes.sum() + 3.0\n");
  const cv::Mat image = noise({70, 300});
  const std::vector<Box> one{{1, 2, 30, 40}};
  const DsalvanetDmg dmg(archive.module());
  const FloatMap expected =
      dsalvanet::make_frame(ImageView::of_rgb(image), one).image.map(0, 2) + 3.0f;
  CHECK((dmg.density(ImageView::of_rgb(image), one) - expected).abs().maxCoeff() < 1e-6f);
}

TEST_CASE("torch DsalvanetDmg: the manifest's size and scale count, negative responses do not",
          "[torch][dsalvanet]") {
  auto text = manifest;
  text.replace(text.find("512"), 3, "256");
  text.replace(text.find("\"scale\": 1"), 10, "\"scale\": 8");
  const SavedArchive archive(R"(
def forward(self, image, boxes):
    map = torch.full([1, 1, image.size(2), image.size(3)], -2.0)
    map[0, 0, 3, 4] = 16.0
    return map + 0.0 * boxes.sum()
)",
                             text);
  const DsalvanetDmg dmg(archive.module());
  const auto map = dmg.density(ImageView::of_rgb(noise({70, 300})), std::span(four.data(), 1));
  REQUIRE(size_of(map) == Size{256, 256});
  CHECK(map(3, 4) == 2.0f);
  CHECK(map.sum() == 2.0f);
}

TEST_CASE("torch DsalvanetDmg: boxes keep their last pixel in bfloat16", "[torch][dsalvanet]") {
  const SavedArchive archive;
  const cv::Mat image = noise({512, 512});
  const std::vector<Box> one{{3, 505, 12, 510}};  // 509 would become 508 or 510
  const auto map = DsalvanetDmg(archive.module({at::kCPU, at::kBFloat16}))
                       .density(ImageView::of_rgb(image), one);
  CHECK((map > 1e-3f).cast<float>().sum() == 9 * 5);
  CHECK(map.block(505, 3, 5, 9).minCoeff() > 1e-3f);
}

TEST_CASE("torch DsalvanetDmg: an archive that does not fit throws BadModel naming file and fault",
          "[torch][dsalvanet][errors]") {
  const auto message = [](const std::string& code, const std::string& text = manifest) {
    const SavedArchive archive(code, text);
    return message_of<BadModel>([&] { DsalvanetDmg(archive.module()); });
  };
  auto text = manifest;
  CHECK_THAT(message(source, text.replace(text.find("dsalvanet"), 9, "countr")),
             ContainsSubstring("dsalvanet.pt: density map generator countr, expected dsalvanet"));
  CHECK_THAT(message("def forward(self, image, boxes):\n  return image\n"),
             ContainsSubstring("dsalvanet.pt: density: got shape [1, 3, 512, 512], expected "
                               "[1, 1, 512, 512]"));
  CHECK_THAT(message("def forward(self, image, boxes):\n  return image[:, :1] / 0.0\n"),
             ContainsSubstring("dsalvanet.pt: density: not finite in fp32"));
  // it wants three boxes, which the paper's rules do not promise
  const std::string three_only =
      "def forward(self, image, boxes):\n"
      "  return image[:, :1] + 0.0 * boxes.reshape([1, 3, 4]).sum()\n";
  CHECK_THAT(message(three_only), ContainsSubstring("dsalvanet.pt: its forward failed: "));
  const SavedArchive archive(three_only);
  CHECK_NOTHROW(DsalvanetDmg(archive.module(), {.rules = Rules::reference}));
}

TEST_CASE("torch DsalvanetDmg: no exemplar and one outside throw InvalidArgument",
          "[torch][dsalvanet][errors]") {
  const SavedArchive archive;
  const DsalvanetDmg dmg(archive.module());
  const cv::Mat image = noise({120, 60});
  CHECK_THAT(message_of<InvalidArgument>([&] { dmg.density(ImageView::of_rgb(image), {}); }),
             ContainsSubstring("no exemplar"));
  CHECK_THAT(message_of<InvalidArgument>([&] { dmg.density(ImageView::of_rgb(image), four); }),
             ContainsSubstring("(150, 99, 200, 100)"));
}
