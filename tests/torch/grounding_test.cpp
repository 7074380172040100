#include "persense/torch/grounding.hpp"

#include <ATen/ATen.h>
#include <persense.h>

#include <array>
#include <cmath>
#include <iostream>
#include <opencv2/imgproc.hpp>

#include "catch.hpp"
#include "cli/workspace.hpp"
#include "dmg_stubs.hpp"
#include "golden/golden.hpp"
#include "persense/classic/classic.hpp"
#include "persense/pipeline.hpp"
#include "text_inputs.hpp"
#include "unicode.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using torchscript::GroundingDetector;
using torchscript::Module;
using torchscript::Placement;
using torchscript::text_inputs;
using torchscript::TextInputs;
using torchscript::WordPiece;

static_assert(DetectorFor<GroundingDetector, BlindEncoder>);

namespace {

#define NEEDS_UTF8PROC() \
  if (!torchscript::unicode::is_available()) SKIP("a build without utf8proc")

// [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, . 4, ? 5, potato 6, all 7, ##es 8, bell 9, ! 10, ##s 11
const std::string vocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n.\n?\npotato\nall\n##es\nbell\n!\n##s\n";

const std::string manifest = R"({"format": 1, "stage": "detector", "name": "tiny",
  "input": {"short_side": 64, "long_side": 128, "mean": [123.675, 116.28, 103.53],
            "std": [58.395, 57.12, 57.375]},
  "text": {"vocabulary": "vocab.txt", "lower_case": true, "max_tokens": 12},
  "output": {"queries": 3}})";

/// Three boxes: a tenth of the word's number is a token's logit, 4 and 2 less in the first two; the
/// third box has all of its width outside of the image.
const std::string word_numbers = R"(
def forward(self, image, ids, attention, positions, tokens):
    b, t = ids.size(0), ids.size(1)
    less = torch.tensor([4.0, 2.0, 0.0]).view(1, 3, 1)
    logits = ids.view(b, 1, t).float() / 10 - less
    logits = logits.masked_fill(tokens.view(b, 1, t).logical_not(), -float("inf"))
    boxes = torch.tensor([[0.5, 0.5, 0.5, 0.25], [0.25, 0.5, 1.0, 0.5], [0.0, 0.5, -0.1, 0.2]])
    return logits, boxes.expand(b, 3, 4)
)";

struct SavedArchive {
  Scratch folder;
  explicit SavedArchive(const std::string& code = word_numbers, const std::string& text = manifest,
                        const std::string& words = vocabulary) {
    torch::jit::ExtraFilesMap more;
    if (!words.empty()) more["vocab.txt"] = words;
    save_archive(
        path(), text, code, [](torch::jit::Module&) {}, more);
  }
  std::filesystem::path path() const { return folder / "detector.pt"; }
  Module module(Placement placement = {}) const {
    return Module(path(), Stage::detector, placement);
  }
};

double sigmoid(double logit) { return 1 / (1 + std::exp(-logit)); }

std::vector<std::int64_t> numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kLong).contiguous();
  return {flat.data_ptr<std::int64_t>(), flat.data_ptr<std::int64_t>() + flat.numel()};
}
using Numbers = std::vector<std::int64_t>;

/// 1 where two tokens are of the same phrase; `phrases` numbers them.
at::Tensor same_phrase(const Numbers& phrases) {
  const at::Tensor row = at::tensor(at::ArrayRef<std::int64_t>(phrases));
  return row.unsqueeze(0).eq(row.unsqueeze(1));
}

}  // namespace

TEST_CASE("text_inputs: expressions apart are a caption each, the shorter one filled up",
          "[torch][grounding]") {
  NEEDS_UTF8PROC();
  const WordPiece words(vocabulary, "v");
  const TextInputs inputs = text_inputs(words, {"Potato", "all POTATOES"}, Captions::separate, 256);
  CHECK(inputs.captions() == 2);
  CHECK(numbers(inputs.ids) == Numbers{2, 6, 4, 3, 0, 0, 2, 7, 6, 8, 4, 3});
  CHECK(numbers(inputs.positions) == Numbers{0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 0});
  CHECK(numbers(inputs.tokens) == Numbers{1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1});
  CHECK(at::equal(inputs.attention[0], same_phrase({0, 1, 1, 2, 3, 4})));  // padding sees itself
  CHECK(at::equal(inputs.attention[1], same_phrase({0, 1, 1, 1, 1, 2})));
  REQUIRE(inputs.parts.size() == 2);
  CHECK((inputs.parts[0].row == 0 && inputs.parts[0].begin == 0 && inputs.parts[0].end == 4));
  CHECK((inputs.parts[1].row == 1 && inputs.parts[1].begin == 0 && inputs.parts[1].end == 6));
}

TEST_CASE("text_inputs: joined expressions are phrases of one caption, each with its own words",
          "[torch][grounding]") {
  NEEDS_UTF8PROC();
  const WordPiece words(vocabulary, "v");
  const TextInputs inputs = text_inputs(words, {"potato", "all potatoes"}, Captions::joint, 256);
  CHECK(inputs.captions() == 1);
  CHECK(numbers(inputs.ids) == Numbers{2, 6, 4, 7, 6, 8, 4, 3});
  CHECK(numbers(inputs.positions) == Numbers{0, 0, 1, 0, 1, 2, 3, 0});
  CHECK(at::equal(inputs.attention[0], same_phrase({0, 1, 1, 2, 2, 2, 2, 3})));
  REQUIRE(inputs.parts.size() == 2);
  CHECK((inputs.parts[0].row == 0 && inputs.parts[0].begin == 1 && inputs.parts[0].end == 3));
  CHECK((inputs.parts[1].row == 0 && inputs.parts[1].begin == 3 && inputs.parts[1].end == 7));
}

TEST_CASE("text_inputs: full stops and question marks end a phrase, and one at the end is enough",
          "[torch][grounding]") {
  NEEDS_UTF8PROC();
  const WordPiece words(vocabulary, "v");
  const TextInputs inputs = text_inputs(words, {" bell? potato. "}, Captions::separate, 256);
  CHECK(numbers(inputs.ids) == Numbers{2, 9, 5, 6, 4, 3});
  CHECK(numbers(inputs.positions) == Numbers{0, 0, 1, 0, 1, 0});
  CHECK(at::equal(inputs.attention[0], same_phrase({0, 1, 1, 2, 2, 3})));
}

TEST_CASE("text_inputs: labels without a known word, too long or not UTF-8 are refused",
          "[torch][grounding][errors]") {
  NEEDS_UTF8PROC();
  const WordPiece words(vocabulary, "v");
  const auto refused = [&](std::string_view label, int max_tokens = 256) {
    return message_of<InvalidArgument>(
        [&] { text_inputs(words, {label}, Captions::separate, max_tokens); });
  };
  for (const std::string label : {"", " ", "...", "?!", "kumquat", "\xf0\x9f\xa5\x94"})
    CHECK(refused(label) == "class label: got \"" + label +
                                "\", expected a word that the detector's vocabulary of 12 tokens "
                                "has");
  CHECK(refused("potato potatoes", 5) ==
        "class label: \"potato potatoes\" makes a caption of 6 tokens, expected at most 5");
  CHECK_NOTHROW(text_inputs(words, {"potato potatoes"}, Captions::separate, 6));
  CHECK_THAT(refused("potato\xff"), ContainsSubstring("byte 6 (0xff) is not UTF-8"));
  std::string novel;
  for (int i = 0; i < 100000; ++i) novel += "potato\n";
  const std::string message = refused(novel);
  CHECK_THAT(message, ContainsSubstring("100003 tokens"));
  CHECK(message.size() < 200);
  CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE(
    "torch GroundingDetector: a box counts as much as the best token of its caption, and lies "
    "in the image's pixels",
    "[torch][grounding]") {
  NEEDS_UTF8PROC();
  const SavedArchive archive;
  const cv::Mat image = noise({200, 100});
  const Detections found = GroundingDetector(archive.module())
                               .detect(ImageView::of_rgb(image), "potato", "all potatoes");
  // in its order; the third box touches no pixel
  REQUIRE(found.label.size() == 2);
  CHECK(found.label[0].box == Box{50, 37.5f, 150, 62.5f});
  CHECK(found.label[1].box == Box{-50, 25, 150, 75});  // not cut
  CHECK(found.label[0].confidence == Approx(sigmoid(0.6 - 4)));
  CHECK(found.label[1].confidence == Approx(sigmoid(0.6 - 2)));
  REQUIRE(found.phrase.size() == 2);
  CHECK(found.phrase[0].confidence == Approx(sigmoid(0.8 - 4)));
  CHECK(found.phrase[1].box == found.label[1].box);
}

TEST_CASE(
    "torch GroundingDetector: [CLS] and [SEP] count in a caption of their own, and not in a "
    "joint one",
    "[torch][grounding]") {
  NEEDS_UTF8PROC();
  std::string only_the_end_counts = word_numbers;  // [SEP] is 3
  const std::string from = "ids.view(b, 1, t).float() / 10";
  only_the_end_counts.replace(only_the_end_counts.find(from), from.size(),
                              "(ids == 3).view(b, 1, t).float()");
  const SavedArchive archive(only_the_end_counts);
  const auto confidence = [&](Captions captions) {
    const GroundingDetector detector(archive.module(), captions);
    return detector.detect(ImageView::of_rgb(noise({70, 50})), "potato", "bell")
        .label.at(0)
        .confidence;
  };
  CHECK(confidence(Captions::separate) == Approx(sigmoid(1 - 4)));
  CHECK(confidence(Captions::joint) == Approx(sigmoid(-4)));
}

TEST_CASE("torch GroundingDetector: the image's backbone runs once, whatever the captions",
          "[torch][grounding]") {
  NEEDS_UTF8PROC();
  // the first box tells of the image's batch, height and width
  std::string code = word_numbers;
  code.replace(code.find("[[0.5, 0.5, 0.5, 0.25]"), 22,
               "[[image.size(0) / 10, image.size(2) / 1000, image.size(3) / 1000, 0.25]");
  const SavedArchive archive(code);
  for (const Captions captions : {Captions::separate, Captions::joint}) {
    const GroundingDetector detector(archive.module(), captions);
    const auto box =
        detector.detect(ImageView::of_rgb(noise({1000, 900})), "potato", "bell").label[0].box;
    CHECK((box.x0 + box.x1) / 2 == Approx(1000 * 0.1));
    CHECK((box.y0 + box.y1) / 2 == Approx(900 * 0.064));
    CHECK(box.x1 - box.x0 == Approx(1000 * 0.071));  // 64 * 1000 / 900, rounded down
  }
}

TEST_CASE("torch GroundingDetector: the network gets the frame's pixels and the captions' tensors",
          "[torch][grounding]") {
  NEEDS_UTF8PROC();
  // boxes 0 to 2 hold sums, in an image of 1 x 1 pixels
  const SavedArchive archive(R"(
def forward(self, image, ids, attention, positions, tokens):
    b, t = ids.size(0), ids.size(1)
    boxes = torch.ones([b, 3, 4]) * 0.5
    weights = torch.arange(1, t + 1).float()
    boxes[:, 0, 2] = image[0, 2].sum() / 1000
    boxes[:, 1, 2] = (attention.float() * weights).flatten(1).sum(1)
    boxes[:, 2, 2] = (positions.float() * weights).sum(1)
    return torch.zeros([b, 3, t]), boxes
)");
  const cv::Mat pixel = noise({1, 1});
  const Detections found =
      GroundingDetector(archive.module()).detect(ImageView::of_rgb(pixel), "bell", "all potatoes");
  const WordPiece words(vocabulary, "v");
  const TextInputs text = text_inputs(words, {"bell", "all potatoes"}, Captions::separate, 12);
  const at::Tensor weights = at::arange(1, text.length() + 1).to(at::kFloat);
  const auto width = [](const Detection& d) { return d.box.x1 - d.box.x0; };
  const float blue = (static_cast<float>(pixel.ptr(0)[2]) - 103.53f) / 57.375f;
  REQUIRE(found.phrase.size() == 3);
  CHECK(std::abs(width(found.phrase[0])) == Approx(std::abs(64 * 64 * blue / 1000)).epsilon(1e-4));
  for (const std::int64_t row : {0, 1}) {
    const auto& of_row = row == 0 ? found.label : found.phrase;
    CHECK(width(of_row[1]) ==
          Approx(text.attention[row].to(at::kFloat).mul(weights).sum().item<float>()));
    CHECK(width(of_row[2]) ==
          Approx(text.positions[row].to(at::kFloat).mul(weights).sum().item<float>()));
  }
}

TEST_CASE("torch GroundingDetector: runs in bfloat16, with boxes and confidences in float32",
          "[torch][grounding]") {
  NEEDS_UTF8PROC();
  const SavedArchive archive;
  const GroundingDetector detector(archive.module({at::kCPU, at::kBFloat16}));
  const Detections found = detector.detect(ImageView::of_rgb(noise({200, 100})), "potato", "bell");
  CHECK(found.label.at(0).confidence == Approx(sigmoid(0.6 - 4)).epsilon(0.02));
}

TEST_CASE(
    "torch GroundingDetector: an archive that does not fit throws BadModel naming file and "
    "fault",
    "[torch][grounding][errors]") {
  NEEDS_UTF8PROC();
  const auto message = [](const std::string& code, const std::string& text = manifest,
                          const std::string& words = vocabulary) {
    const SavedArchive archive(code, text, words);
    return message_of<BadModel>([&] { GroundingDetector(archive.module()); });
  };
  const auto returning = [](const std::string& value) {
    return "def forward(self, image, ids, attention, positions, tokens):\n  return " + value + "\n";
  };
  const auto with = [](std::string from, const std::string& to) {
    std::string text = manifest;
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK_THAT(message(word_numbers, manifest, ""),
             ContainsSubstring("detector.pt: there is no vocab.txt in it"));
  CHECK_THAT(message(word_numbers, manifest, "[PAD]\n[UNK]\n"),
             ContainsSubstring("detector.pt: vocab.txt: got 2 tokens without \"[CLS]\""));
  CHECK_THAT(message(word_numbers, with("true", "false")),
             ContainsSubstring("text.lower_case: got false, expected true"));
  CHECK_THAT(message(word_numbers, with("\"vocab.txt\"", "7")),
             ContainsSubstring("text.vocabulary: got 7, expected a text"));
  CHECK_THAT(message(word_numbers, with("\"max_tokens\": 12", "\"max_tokens\": 3")),
             ContainsSubstring("text.max_tokens: got 3, expected an integer from 4"));
  CHECK_THAT(message(word_numbers, with("128", "63")),
             ContainsSubstring("input.long_side: got 63, expected an integer from 64"));
  CHECK_THAT(message(word_numbers, with("\"queries\": 3", "\"queries\": 900")),
             ContainsSubstring("boxes: got shape [2, 3, 4], expected [2, 900, 4]"));
  CHECK_THAT(message(returning("torch.zeros([2, 3, 3]), torch.zeros([2, 3, 5])")),
             ContainsSubstring("boxes: got shape [2, 3, 5], expected [2, 3, 4]"));
  CHECK_THAT(message(returning("torch.zeros([2, 3, 4]), torch.zeros([2, 3, 4])")),
             ContainsSubstring("logits: got shape [2, 3, 4], expected [2, any, 3]"));
  CHECK_THAT(message(returning("image")),
             ContainsSubstring("forward gave 1 tensors, expected 2: logits and boxes"));
  CHECK_THAT(message(returning("torch.zeros([2, 3, 3]) / 0.0, torch.zeros([2, 3, 4])")),
             ContainsSubstring("detector.pt: logits: not finite in fp32"));
  CHECK_THAT(message(returning("torch.zeros([2, 3, 3]), torch.ones([2, 3, 4]) / 0.0")),
             ContainsSubstring("detector.pt: boxes: not finite in fp32"));
  CHECK_THAT(message("def forward(self, image):\n  return image\n"),
             ContainsSubstring("detector.pt: its forward failed: "));
}

namespace {

constexpr int across = 5, down = 4, gap = 50, radius = 12;

/// Red discs on blue, one in every field of a grid.
cv::Mat discs() {
  cv::Mat image(down * gap, across * gap, CV_8UC3, cv::Scalar(20, 40, 200));
  for (int y = 0; y < down; ++y)
    for (int x = 0; x < across; ++x)
      cv::circle(image, {gap / 2 + gap * x, gap / 2 + gap * y}, radius, cv::Scalar(220, 30, 10),
                 cv::FILLED);
  return image;
}

/// Knows where the discs are, and that they are bells: the logit of "bell" is 2, of others -2.
const std::string bells = R"(
def forward(self, image, ids, attention, positions, tokens):
    b, t = ids.size(0), ids.size(1)
    logits = ((ids == 9).float() * 4 - 2).view(b, 1, t).expand(b, 20, t)
    y = (torch.arange(20) // 5).float()
    x = (torch.arange(20) % 5).float()
    size = torch.ones([20])
    boxes = torch.stack([(x + 0.5) / 5, (y + 0.5) / 4, size * 0.1, size * 0.125], dim=1)
    return logits, boxes.expand(b, 20, 4)
)";

struct Bells : SavedArchive {
  Bells() : SavedArchive(bells, with_twenty_boxes()) {}
  static std::string with_twenty_boxes() {
    std::string text = manifest;
    return text.replace(text.find("\"queries\": 3"), 12, "\"queries\": 20");
  }
  Result segment(const std::string& label, const Options& options = {}) const {
    const Pipeline pipeline(classic::ClassicEncoder{},
                            GroundingDetector(module(), options.detector.captions),
                            classic::ClassicDmg{}, classic::ClassicDecoder{}, options);
    const cv::Mat query = discs();
    const cv::Mat support = query(cv::Rect(0, 0, 2 * gap, gap)).clone();
    cv::Mat mask = cv::Mat::zeros(support.size(), CV_8UC1);
    cv::circle(mask, {gap / 2, gap / 2}, radius, cv::Scalar(255), cv::FILLED);
    RunOptions run;
    run.trace = true;
    return pipeline.segment(pipeline.support(ImageView::of_rgb(support), MaskView(mask), label),
                            ImageView::of_rgb(query), run);
  }
};

}  // namespace

TEST_CASE("torch GroundingDetector: a pipeline finds what the label names, apart or in one caption",
          "[torch][grounding]") {
  NEEDS_UTF8PROC();
  const Bells archive;
  for (const Captions captions : {Captions::separate, Captions::joint}) {
    Options options;
    options.detector.captions = captions;
    const Result result = archive.segment("Bell", options);
    CHECK(result.count() == across * down);
    CHECK(result.notes.empty());
    CHECK(result.trace()->detections.label.size() == across * down);
    CHECK(result.trace()->detections.label[0].confidence == Approx(sigmoid(2)));
    CHECK(result.trace()->detections.label[0].box == Box{12.5f, 12.5f, 37.5f, 37.5f});
  }
}

TEST_CASE("torch GroundingDetector: what it does not find is looked for by similarity, or not",
          "[torch][grounding]") {
  NEEDS_UTF8PROC();
  const Bells archive;
  const Result found = archive.segment("potato");
  CHECK(found.count() == across * down);
  REQUIRE_FALSE(found.notes.empty());
  CHECK_THAT(found.notes[0], ContainsSubstring("boxes around what is most similar"));
  Options options;
  options.detector.fallback = Fallback::off;
  const Result none = archive.segment("potato", options);
  CHECK(none.count() == 0);
  CHECK_THAT(none.notes.at(0), ContainsSubstring("no detection above confidence 0.15"));
}

TEST_CASE("torch GroundingDetector: the note on its fallback is part of every frontend's result",
          "[torch][grounding][capi][cli]") {
  NEEDS_UTF8PROC();
  const Bells archive;
  const std::string detector = archive.path().string();
  const std::string note = "no detection above confidence 0.15";
  const cv::Mat picture = discs();
  cv::Mat mask = cv::Mat::zeros(picture.size(), CV_8UC1);
  cv::circle(mask, {gap / 2, gap / 2}, radius, cv::Scalar(255), cv::FILLED);
  const auto fallback = GENERATE(as<std::string>{}, "similarity", "off");
  const std::string setting = "detector.fallback=" + fallback;
  const std::string rest = fallback == "off" ? "" : ", so boxes around what is most similar";
  SECTION("the C ABI's") {
    persense_pipeline_options options;
    persense_pipeline_options_init(&options, sizeof options);
    options.models = "classic";
    options.detector = detector.c_str();
    options.settings = setting.c_str();
    const auto as_image = [](const cv::Mat& pixels, persense_pixel_format format) {
      return persense_image{pixels.data, pixels.cols, pixels.rows,
                            static_cast<std::int64_t>(pixels.step), format};
    };
    const persense_image image = as_image(picture, PERSENSE_RGB8),
                         marked = as_image(mask, PERSENSE_GRAY8);
    persense_pipeline* pipeline = nullptr;
    persense_support* support = nullptr;
    persense_result* result = nullptr;
    REQUIRE(persense_pipeline_create(&options, &pipeline) == PERSENSE_OK);
    REQUIRE(persense_support_create(pipeline, &image, &marked, "potato", &support) == PERSENSE_OK);
    REQUIRE(persense_segment(support, &image, nullptr, &result) == PERSENSE_OK);
    const persense_result_info* const info = persense_result_get_info(result);
    CHECK(info->instance_count == (fallback == "off" ? 0 : across * down));
    REQUIRE(info->note_count >= 1);
    CHECK_THAT(info->notes[0], ContainsSubstring(note + rest));
    persense_result_free(result);
    persense_support_free(support);
    persense_pipeline_free(pipeline);
  }
  SECTION("the program's, on its standard error and in its COCO file") {
    const Workspace work;
    cv::Mat swapped;
    cv::cvtColor(picture, swapped, cv::COLOR_RGB2BGR);
    work.save("q.png", swapped);
    work.save("q_mask.png", mask);
    const Outcome outcome = work.run(
        "segment q.png --support q.png --mask q_mask.png -o out --coco --models classic "
        "--detector '" +
        detector + "' --label potato --set " + setting);
    INFO(outcome.err);
    REQUIRE(outcome.exit == 0);
    CHECK_THAT(outcome.err, ContainsSubstring("q.png: " + note + rest));
    CHECK_THAT(read_text(work / "out/instances.json"),
               ContainsSubstring("\"notes\":[\"" + note + rest));
  }
}

TEST_CASE("torch GroundingDetector: a pipeline without a label says in one line what it wants",
          "[torch][grounding][errors]") {
  NEEDS_UTF8PROC();
  const Bells archive;
  CHECK_THAT(message_of<InvalidArgument>([&] { archive.segment(""); }),
             ContainsSubstring("support: has no class label") && ContainsSubstring("--label"));
}

namespace {

/// Of what is expected for one caption, the worst that was got: pixels and confidences apart.
struct Apart {
  float pixels = 0, confidence = 0;
  void compare(const std::vector<Detection>& got, const persense::testing::json& expected) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      const Box& box = got[i].box;
      const std::array corners{box.x0, box.y0, box.x1, box.y1};
      for (std::size_t k = 0; k < 4; ++k)
        pixels = std::max(pixels, std::abs(corners[k] - expected[i][k].get<float>()));
      confidence = std::max(confidence, std::abs(got[i].confidence - expected[i][4].get<float>()));
    }
  }
};

}  // namespace

TEST_CASE("torch GroundingDetector: finds the boxes that transformers finds, from image and text",
          "[torch][grounding][transformers]") {
  NEEDS_UTF8PROC();
  const std::filesystem::path folder = PERSENSE_TRANSFORMERS;  // made by grounding.py
  if (!std::filesystem::exists(folder / "expected.json"))
    SKIP("no network and boxes at " << folder
                                    << ": ctest makes them (grounding.py, with transformers)");
  const GroundingDetector detector(Module(folder / "detector.pt", Stage::detector));
  Apart apart;
  std::size_t boxes = 0;
  for (const auto& picture : persense::testing::read_json(folder / "expected.json")) {
    const std::string name = picture["image"];
    const cv::Mat image = persense::testing::image_of(persense::testing::read_npy(folder / name));
    std::vector<std::string> captions;
    for (const auto& [caption, found] : picture["found"].items()) captions.push_back(caption);
    for (std::size_t i = 0; i < captions.size(); ++i) {
      const std::string &label = captions[i], &phrase = captions[(i + 1) % captions.size()];
      INFO(name << ", \"" << label << "\" and \"" << phrase << "\"");
      const Detections found = detector.detect(ImageView::of_rgb(image), label, phrase);
      apart.compare(found.label, picture["found"][label]);
      apart.compare(found.phrase, picture["found"][phrase]);
      boxes += found.label.size() + found.phrase.size();
    }
  }
  REQUIRE(boxes >= 3 * 5 * 2 * 8);
  std::cout << fmt::format("{} boxes: at most {:.1e} pixels and {:.1e} of confidence apart\n",
                           boxes, apart.pixels, apart.confidence);
  CHECK(apart.pixels < 0.05f);  // float32 in another order: .01 between PyTorch versions
  CHECK(apart.confidence < 1e-3f);
}
