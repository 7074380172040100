// The network that is part of the library.
#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <span>
#include <vector>

#include "catch.hpp"
#include "io/scratch.hpp"
#include "persense/mask.hpp"
#include "persense/mini/mini.hpp"
#include "persense/stages.hpp"
#include "persense/torch/mini.hpp"
#include "persense/torch/module.hpp"

using namespace persense;
using namespace persense::test;
using mini::mini_archive;
using torchscript::Module;

namespace {

const fs::path repository_file = fs::path(PERSENSE_SOURCE_DIR) / "src/mini/mini.pt";

/// Maps and prototype of an image of noise, the support being a square in it.
std::vector<at::Tensor> run(const Module& module) {
  torch::manual_seed(1);
  const auto query = torch::rand({1, 3, 96, 160}), patch = torch::rand({1, 3, 64, 64});
  auto mask = torch::zeros({1, 1, 64, 64});
  mask.slice(2, 20, 44).slice(3, 20, 44).fill_(1);
  return module({query, patch, mask});
}

}  // namespace

TEST_CASE("mini_archive: loads as the network of all stages, with the methods that are called",
          "[torch][mini]") {
  const Module module(mini_archive(), Stage::all);
  CHECK_NOTHROW(module.require_methods({"trunk", "pool", "conditioning", "maps", "sample",
                                        "evidence", "embed", "decide", "refine"}));
  CHECK(module.manifest().name == "mini");
  CHECK(module.manifest().dtype == "fp16");
  CHECK(module.manifest().upstream.find("Apache-2.0") != std::string::npos);
  CHECK(module.manifest().sha256_weights.size() == 64);
}

TEST_CASE("mini_archive: gives what the repository's file gives", "[torch][mini]") {
  const auto built_in = run(Module(mini_archive(), Stage::all));
  const auto file = run(Module(repository_file, Stage::all));
  REQUIRE(built_in.size() == 2);
  REQUIRE(file.size() == 2);
  CHECK(built_in[0].sizes() == at::IntArrayRef{1, 6, 48, 80});
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(built_in[i].isfinite().all().item<bool>());
    CHECK(built_in[i].scalar_type() == torch::kFloat);
    CHECK(torch::equal(built_in[i], file[i]));
  }
}

TEST_CASE("mini: the similarity in the hole of a ring is the ring's, as its prompt lies there",
          "[torch][mini]") {
  cv::Mat image(320, 420, CV_8UC3, cv::Scalar(60, 66, 70)),
      ring = cv::Mat::zeros(320, 420, CV_8UC1);
  std::vector<cv::Point> middles;
  for (int y = 40; y < 300; y += 60)
    for (int x = 40; x < 400; x += 60) middles.emplace_back(x, y);
  for (const cv::Point middle : middles)
    cv::circle(image, middle, 19, cv::Scalar(200, 190, 150), 9, cv::LINE_AA);
  cv::circle(ring, middles[0], 19, 255, 9);
  const ImageView view = ImageView::of_rgb(image);
  const mini::MiniEncoder encoder(torchscript::mini_network(mini_archive()));
  const auto embedding = encoder.encode(view);
  const Mask mask = crop_to_box(MaskView(ring));
  const EncodedExample<mini::MiniEmbedding> example{&embedding, &mask, view.size()};
  const auto prototype = encoder.prototype(std::span(&example, 1));
  const FloatMap similarity = encoder.similarity(embedding, prototype, view.size());
  const auto seen = std::count_if(middles.begin(), middles.end(),
                                  [&](cv::Point p) { return similarity(p.y, p.x) > 0; });
  CHECK(seen >= 27);  // of 30; without, none
}
