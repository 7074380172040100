#include "persense/eval/average_precision.hpp"

#include <fmt/format.h>

#include <map>

#include "../io/scratch.hpp"
#include "annotation_files.hpp"
#include "catch.hpp"
#include "persense/eval/annotations.hpp"
#include "persense/io/coco.hpp"
#include "python_with_pycocotools.hpp"

using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

Mask square(int x, int y, int side) {
  return {{x, y, x + side, y + side},
          std::vector<std::uint8_t>(static_cast<std::size_t>(side) * side, 1)};
}

/// Writes a random data set with polygons, both forms of run lengths and crowds, random findings
/// of it (many with equal scores, more than 100 in an image), and what COCOeval makes of them.
const char* const script = R"(
import contextlib, io, json, sys
import numpy as np
import pycocotools.mask as m
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
random = np.random.default_rng(int(sys.argv[2]))
folder = sys.argv[1]
W, H = 120, 90
images = [{"id": i, "file_name": f"{i}.png", "width": W, "height": H} for i in range(1, 13)]
categories = [{"id": 7 * c, "name": f"c{c}"} for c in range(1, 5)]
annotations, found = [], []
def blob(cx, cy, rx, ry):
    y, x = np.mgrid[:H, :W]
    return np.asfortranarray(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1, dtype=np.uint8)
def rle(mask):
    r = m.encode(mask)
    return {"size": r["size"], "counts": r["counts"].decode()}
def runs(mask):
    flat = np.concatenate([[0], mask.ravel(order="F"), [2]])
    ends = np.flatnonzero(np.diff(flat.astype(int)))
    counts = np.diff(np.concatenate([[0], ends])).tolist()
    return {"size": [H, W], "counts": counts}
for image in images:
    for category in categories:
        if random.uniform() < 0.2:
            continue  # neither truth nor findings
        truth = int(random.integers(0, 14)) if random.uniform() < 0.9 else 0
        for k in range(truth):
            cx, cy, rx, ry = random.uniform(0, W), random.uniform(0, H), *random.uniform(3, 16, 2)
            mask = blob(cx, cy, rx, ry)
            if mask.sum() == 0:
                continue
            crowd = int(random.uniform() < 0.12)
            kind = int(random.integers(0, 3))
            if kind == 0 and not crowd:
                t = np.linspace(0, 6.28, 14, endpoint=False)
                segmentation = [np.round(np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], 1).ravel(), 1).tolist()]
                if m.area(m.merge(m.frPyObjects(segmentation, H, W))) == 0:
                    continue
            else:
                segmentation = runs(mask) if kind == 1 else rle(mask)
            annotations.append({"id": len(annotations) + 1, "image_id": image["id"], "category_id": category["id"],
                                "iscrowd": crowd, "segmentation": segmentation, "bbox": [0, 0, W, H], "area": int(mask.sum())})
            for _ in range(int(random.integers(0, 3)) * (8 if crowd else 1)):
                d = random.normal(0, 1.2, 4)
                f = blob(cx + d[0], cy + d[1], rx + abs(d[2]), ry + abs(d[3]))
                if f.sum():
                    found.append({"image_id": image["id"], "category_id": category["id"], "segmentation": rle(f),
                                  "score": round(float(random.uniform()), 1 if image["id"] % 2 else 4)})
        many = 130 if image["id"] == 3 and category["id"] == 7 else int(random.integers(0, 4))
        for _ in range(many):
            f = blob(random.uniform(0, W), random.uniform(0, H), *random.uniform(3, 9, 2))
            if f.sum():
                found.append({"image_id": image["id"], "category_id": category["id"], "segmentation": rle(f),
                              "score": round(float(random.uniform()), 2)})
json.dump({"images": images, "categories": categories, "annotations": annotations}, open(folder + "/truth.json", "w"))
json.dump(found, open(folder + "/found.json", "w"))
with contextlib.redirect_stdout(io.StringIO()):
    coco = COCO(folder + "/truth.json")
    results = coco.loadRes(folder + "/found.json")
    expected = {}
    for most in (100, 5, 100000):
        e = COCOeval(coco, results, "segm")
        e.params.maxDets = [most]
        e.evaluate()
        e.accumulate()
        p = e.eval["precision"][:, :, :, 0, 0]  # levels, recalls, categories
        of = lambda q: None if (q > -1).sum() == 0 else float(q[q > -1].mean())
        expected[str(most)] = {str(c["id"]): [of(p[:, :, k]), of(p[0, :, k]), of(p[5, :, k])] for k, c in enumerate(categories)}
        expected[str(most)]["all"] = [of(p), of(p[0]), of(p[5])]
json.dump(expected, open(folder + "/expected.json", "w"))
)";

}  // namespace

TEST_CASE("average_precision: a case computed by hand", "[eval][ap]") {
  const Mask truth = square(0, 0, 10), other = square(30, 0, 10);
  const Mask near = square(0, 1, 10);  // IoU 90 / 110
  const Mask nothing = square(60, 0, 10);
  const std::vector<eval::ScoredObject> objects = {{&truth}, {&other}};
  // the best score is wrong, then one of two is found
  const auto image =
      eval::match_image(objects, std::vector<eval::ScoredObject>{{&near, 0.5}, {&nothing, 0.9}});
  REQUIRE(image.found.size() == 2);
  CHECK(image.truth == 2);
  CHECK(image.found[0].matched == 0);
  CHECK(image.found[1].matched == 0b1111111);  // 0.50 to 0.80
  const std::vector<const eval::MatchedImage*> images = {&image};
  const auto ap = eval::average_precision(images);
  REQUIRE(ap);
  // half of the recalls have the precision one half: 0, 0.01, ..., 0.50
  CHECK(ap->ap50 == Approx(51 * 0.5 / 101));
  CHECK(ap->ap75 == ap->ap50);
  CHECK(ap->ap == Approx(0.7 * 51 * 0.5 / 101));
}

TEST_CASE("average_precision: none without a true object, 0 where nothing was found",
          "[eval][ap]") {
  const Mask mask = square(0, 0, 4);
  const std::vector<eval::ScoredObject> one = {{&mask, 0.5}};
  const auto wrong = eval::match_image({}, one), missed = eval::match_image(one, {});
  std::vector<const eval::MatchedImage*> images = {&wrong};
  CHECK_FALSE(eval::average_precision(images));
  images = {&missed, &wrong};
  CHECK(eval::average_precision(images)->ap == 0);
}

TEST_CASE("average_precision: equals pycocotools to 1e-9 on random data sets", "[eval][ap][coco]") {
  const std::string python = python_with_pycocotools();
  if (python.empty()) SKIP("no Python with pycocotools (set PERSENSE_PYTHON)");
  const int seed = GENERATE(1, 2, 3);
  const Scratch scratch;
  put_text(scratch / "make.py", script);
  REQUIRE(std::system(fmt::format("'{}' '{}' '{}' {} >&2", python, (scratch / "make.py").string(),
                                  scratch.path().string(), seed)
                          .c_str()) == 0);
  const auto file = eval::AnnotationFile::open(scratch / "truth.json", eval::Broken::fail);
  const json found = json::parse(std::ifstream(scratch / "found.json"));
  const json expected = json::parse(std::ifstream(scratch / "expected.json"));
  REQUIRE(found.size() > 300);
  std::vector<Mask> truth_masks, found_masks;
  for (const auto& a : file->annotations()) truth_masks.push_back(file->mask(a));
  for (const json& f : found)
    found_masks.push_back(io::mask_from_rle(
        io::rle_from_string(f["segmentation"]["counts"].get<std::string>()), {120, 90}));
  for (const std::size_t most : {100, 5, 100000}) {
    eval::AveragePrecision sum;
    double classes = 0;
    for (std::uint32_t c = 0; c < file->categories().size(); ++c) {
      std::vector<eval::MatchedImage> matched;
      for (std::uint32_t i = 0; i < file->images().size(); ++i) {
        std::vector<eval::ScoredObject> truth, finds;
        for (std::size_t a = 0; a < truth_masks.size(); ++a) {
          const auto& annotation = file->annotations()[a];
          if (annotation.image == i && annotation.category == c)
            truth.push_back({&truth_masks[a], 0, annotation.crowd});
        }
        for (std::size_t f = 0; f < found_masks.size(); ++f)
          if (found[f]["image_id"] == file->images()[i].id &&
              found[f]["category_id"] == file->categories()[c].id)
            finds.push_back({&found_masks[f], found[f]["score"].get<double>(), false});
        matched.push_back(eval::match_image(truth, finds, most));
      }
      std::vector<const eval::MatchedImage*> images;
      for (const auto& image : matched) images.push_back(&image);
      const auto ap = eval::average_precision(images);
      const json& e = expected[std::to_string(most)][std::to_string(file->categories()[c].id)];
      REQUIRE(ap);
      CHECK(std::abs(ap->ap - e[0].get<double>()) < 1e-9);
      CHECK(std::abs(ap->ap50 - e[1].get<double>()) < 1e-9);
      CHECK(std::abs(ap->ap75 - e[2].get<double>()) < 1e-9);
      sum.ap += ap->ap;
      ++classes;
    }
    CHECK(std::abs(sum.ap / classes - expected[std::to_string(most)]["all"][0].get<double>()) <
          1e-9);
  }
}
