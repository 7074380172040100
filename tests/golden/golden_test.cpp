// The library's own steps against the outputs of the public reference implementation.
#include <vector>

#include "golden.hpp"
#include "persense/class_label.hpp"
#include "persense/diverse_exemplars.hpp"
#include "persense/exemplar.hpp"
#include "persense/feedback.hpp"
#include "persense/idm.hpp"
#include "persense/models/longest_side.hpp"
#include "persense/ppsm.hpp"
#include "persense/rejection.hpp"
#include "persense/resize.hpp"
#include "persense/similarity.hpp"
#include "similarity_case.hpp"
#include "to_original.hpp"

using namespace persense;
using namespace persense::testing;

namespace {

std::vector<Point> points_of(const fs::path& file) {
  const Array array = read_npy(file);
  std::vector<Point> points;
  for (std::size_t i = 0; i + 1 < array.values.size(); i += 2)
    points.push_back({static_cast<int>(array.values[i]), static_cast<int>(array.values[i + 1])});
  return points;
}

std::vector<int> coordinates(const std::vector<Point>& points) {
  std::vector<int> flat;
  for (const Point p : points) flat.insert(flat.end(), {p.x, p.y});
  return flat;
}

std::vector<Box> boxes_of(const fs::path& file) {
  const auto flat = read_npy(file).floats();
  std::vector<Box> boxes;
  for (std::size_t i = 0; i + 3 < flat.size(); i += 4)
    boxes.push_back({flat[i], flat[i + 1], flat[i + 2], flat[i + 3]});
  return boxes;
}

Box box_of(const json& corners) {
  return {corners[0].get<float>(), corners[1].get<float>(), corners[2].get<float>(),
          corners[3].get<float>()};
}

// Side of a square that has room for them.
int frame_of(const std::vector<Point>& points) {
  int side = 1;
  for (const Point p : points) side = std::max({side, p.x + 1, p.y + 1});
  return side;
}

// The reference keeps hybrid points in a hash set, so they have no order; sorted, as the vectors
// are.
std::vector<Point> by_x(std::vector<Point> points) {
  std::sort(points.begin(), points.end());
  return points;
}

// Of peaks that are equally bright the reference takes any first; a newer scikit-image, the first
// in raster order, as here. There are vectors of both where they differ.
std::vector<Point> hybrid_points_of(const fs::path& folder) {
  const fs::path stable = folder / "points_stable_sort.npy";
  return points_of(fs::exists(stable) ? stable : folder / "points.npy");
}

}  // namespace

TEST_CASE("golden: a folder that is there holds at least one suite", "[golden]") {
  if (!fs::exists(golden_folder()) && std::getenv("PERSENSE_GOLDEN") == nullptr)
    SKIP("no golden vectors at " << golden_folder());
  int suites = 0;
  for (const char* suite : {"idm", "idm_countr", "hybrid_idm", "hybrid_idm_countr", "ppsm",
                            "ppsm_pp", "imrm", "exemplar_pp", "feedback", "similarity",
                            "sam_transforms", "sam_preprocess", "sam_postprocess", "text"})
    suites += fs::exists(golden_folder() / suite);
  INFO("PERSENSE_GOLDEN = " << golden_folder());
  REQUIRE(suites > 0);
}

TEST_CASE("idm: points, their order and the count equal the reference's", "[golden][idm]") {
  for_each_case("idm", [](const fs::path& path, const json& expected) {
    const FloatMap density = map_of(read_npy(path / "dm.npy"));
    const auto found = idm(density, size_from(expected["image_size_hw"]), Options::reference().idm);
    CHECK(coordinates(found.points) == coordinates(points_of(path / "points.npy")));
    CHECK(ceil_count(found.count) == number(expected["count"]));
  });
}

TEST_CASE("idm: with threshold 20 points equal the reference's on CounTR maps", "[golden][idm]") {
  for_each_case("idm_countr", [](const fs::path& path, const json& expected) {
    const FloatMap density = map_of(read_npy(path / "density.npy"));
    IdmOptions options = Options::reference().idm;
    options.threshold = 20;
    const auto found = idm(density, size_from(expected["image_size_hw"]), options);
    CHECK(coordinates(found.points) == coordinates(points_of(path / "points.npy")));
  });
}

TEST_CASE("idm: hybrid points equal the reference's", "[golden][idm]") {
  for_each_case("hybrid_idm", [](const fs::path& path, const json& expected) {
    const FloatMap density = map_of(read_npy(path / "dm.npy"));
    IdmOptions options = Options::reference().idm;
    options.mode = IdmMode::hybrid;
    const auto found = idm(density, size_from(expected["image_size_hw"]), options);
    CHECK(coordinates(by_x(found.points)) == coordinates(hybrid_points_of(path)));
    CHECK(ceil_count(found.count) == number(expected["count"]));
  });
}

TEST_CASE("idm: hybrid points equal the reference's on CounTR maps", "[golden][idm]") {
  for_each_case("hybrid_idm_countr", [](const fs::path& path, const json& expected) {
    const FloatMap density = map_of(read_npy(path / "density.npy"));
    IdmOptions options = Options::reference().idm;
    options.mode = IdmMode::hybrid;
    options.threshold = 20;
    const auto found = idm(density, size_from(expected["image_size_hw"]), options);
    CHECK(coordinates(by_x(found.points)) == coordinates(hybrid_points_of(path)));
  });
}

TEST_CASE("ppsm: selected points and the threshold equal the reference's", "[golden][ppsm]") {
  for_each_case("ppsm", [](const fs::path& path, const json& expected) {
    const FloatMap similarity = map_of(read_npy(path / "similarity.npy"));
    const auto points = points_of(path / "points.npy");
    const auto got = ppsm(points, similarity, number(expected["count"]),
                          boxes_of(path / "boxes.npy"), Options::reference().ppsm);
    CHECK(got.selected == expected["selected_index"].get<std::vector<std::size_t>>());
    const auto threshold = static_cast<float>(number(expected["threshold"]));
    // one float32 division; equal to the last bit, infinities and NaN included
    CHECK((got.threshold == threshold || (std::isnan(got.threshold) && std::isnan(threshold))));
  });
}

TEST_CASE("ppsm: with boxes alone selected points equal the reference's", "[golden][ppsm]") {
  for_each_case("ppsm_pp", [](const fs::path& path, const json& expected) {
    const auto points = points_of(path / "points.npy");
    PpsmOptions options = Options::reference().ppsm;
    options.selection = PromptSelection::boxes;
    const FloatMap similarity = FloatMap::Zero(frame_of(points), frame_of(points));
    const auto got = ppsm(points, similarity, 0, boxes_of(path / "boxes.npy"), options);
    CHECK(got.selected == expected["selected_index"].get<std::vector<std::size_t>>());
  });
}

TEST_CASE("imrm: the masks that stay are the reference's", "[golden][imrm]") {
  for_each_case("imrm", [](const fs::path& path, const json& expected) {
    const Array array = read_npy(path / "masks.npy");
    const int count = array.shape.at(0), height = array.shape.at(1), width = array.shape.at(2);
    std::vector<Mask> masks;
    for (int i = 0; i < count; ++i) {
      cv::Mat bits(height, width, CV_8UC1);
      const auto first = static_cast<std::size_t>(i) * height * width;
      for (int k = 0; k < height * width; ++k)
        bits.data[k] = array.values[first + static_cast<std::size_t>(k)] != 0 ? 255 : 0;
      masks.push_back(crop_to_box(MaskView(bits)));
    }
    std::vector<const Mask*> views;
    for (const Mask& mask : masks) views.push_back(&mask);
    CHECK(imrm(views, boxes_of(path / "boxes.npy"), Rules::reference) ==
          expected["kept_index"].get<std::vector<std::size_t>>());
  });
}

TEST_CASE("diverse exemplars: of overlapping boxes the same stay as in the reference",
          "[golden][exemplars]") {
  const fs::path file = golden_folder() / "exemplar_pp" / "pieces.json";
  if (!fs::exists(file)) SKIP("no golden vectors at " << file);
  const auto candidates_of = [](const json& boxes) {
    std::vector<detail::Candidate> candidates;
    for (const json& b : boxes)
      candidates.push_back({candidates.size(), box_of(b["coords"]), b["score"].get<float>()});
    return candidates;
  };
  for (const json& expected : read_json(file)["remove_overlapping_boxes"]) {
    const auto kept = detail::without_overlaps(candidates_of(expected["final_selection"]),
                                               candidates_of(expected["global_list"]));
    std::vector<Box> boxes, wanted;
    for (const auto& c : kept) boxes.push_back(c.box);
    for (const json& b : expected["out"]) wanted.push_back(box_of(b));
    CHECK(boxes == wanted);
  }
}

TEST_CASE("diverse exemplars: with given features the reference's are chosen",
          "[golden][exemplars]") {
  const fs::path file = golden_folder() / "exemplar_pp" / "selection_with_given_features.json";
  if (!fs::exists(file)) SKIP("no golden vectors at " << file);
  for (const json& expected : read_json(file)) {
    const auto row = [](const json& values) {
      const auto numbers = values.get<std::vector<float>>();
      return Eigen::RowVectorXf(Eigen::Map<const Eigen::RowVectorXf>(
          numbers.data(), static_cast<Eigen::Index>(numbers.size())));
    };
    const Eigen::RowVectorXf first = row(expected["ref_feature"]);
    Descriptors descriptors(static_cast<Eigen::Index>(expected["boxes"].size()), first.size());
    std::vector<ScoredBox> masks;
    for (const json& b : expected["boxes"]) {
      descriptors.row(static_cast<Eigen::Index>(masks.size())) =
          row(expected["features"][masks.size()]);
      masks.push_back({box_of(b["coords"]), b["score"].get<float>()});
    }
    std::vector<std::vector<float>> chosen, wanted;
    const auto corners = [](const Box& b) { return std::vector{b.x0, b.y0, b.x1, b.y1}; };
    for (const std::size_t i : diverse_exemplars(first, masks, descriptors, Rules::reference))
      chosen.push_back(corners(masks[i].box));
    for (const json& e : expected["exemplars"]) wanted.push_back(corners(box_of(e["coords"])));
    CHECK(chosen == wanted);
  }
}

TEST_CASE("feedback: exemplars equal those the reference reads back from its file",
          "[golden][feedback]") {
  for_each_case("feedback", [](const fs::path&, const json& expected) {
    const auto box = [](const json& yxyx) {
      return Box{yxyx[1].get<float>(), yxyx[0].get<float>(), yxyx[3].get<float>(),
                 yxyx[2].get<float>()};
    };
    std::vector<ScoredBox> masks;
    for (std::size_t i = 0; i < expected["boxes"].size(); ++i)
      masks.push_back({box(expected["boxes"][i]), expected["scores"][i].get<float>()});
    std::vector<Box> exemplars;
    for (const auto& b : expected["exemplars"]) exemplars.push_back(box(b));
    CHECK(feedback(box(expected["header_box"]), masks, Options::reference().feedback) == exemplars);
  });
}

TEST_CASE("similarity: prototype, similarity and prior equal the reference's",
          "[golden][similarity]") {
  for_each_case("similarity", [](const fs::path& path, const json& expected) {
    const Size grid = size_from(expected["feature_hw"]);
    const int channels = expected["channels"];
    const auto features = [&](const char* name, const char* which) {
      return features_of(path, expected, name, which);
    };
    const FloatMap on_grid = map_of(read_npy(path / "ref_mask_64.npy"));
    CHECK((on_grid > 0).count() == expected["selected_cells"].get<int>());

    const auto prototype = feature_prototype(features("ref_feat.npy", "reference"), on_grid);
    const auto vector_of = [&](const char* name) {
      const auto values = read_npy(path / name).floats();
      return Eigen::VectorXf(Eigen::Map<const Eigen::VectorXf>(values.data(), channels));
    };
    // means of some hundred float32 values: summation order alone moves them by 1e-6
    CHECK((prototype.mean - vector_of("target_embedding.npy")).cwiseAbs().maxCoeff() < 2e-6f);
    CHECK((prototype.unit - vector_of("target_feat.npy")).cwiseAbs().maxCoeff() < 2e-6f);

    const LongestSide frame{size_from(expected["test_hw"]), expected["image_size"]};
    const auto cells = feature_similarity(features("test_feat.npy", "test"), grid, prototype);
    const FloatMap similarity =
        to_original(frame, resize_bilinear(cells, {4 * grid.width, 4 * grid.height}));
    // three float32 interpolations of values in [-1, 1]
    CHECK((similarity - map_of(read_npy(path / "similarity.npy"))).abs().maxCoeff() < 5e-6f);

    for (const auto& prior : expected["location_prior"]) {
      const Box box{prior["box"][0], prior["box"][1], prior["box"][2], prior["box"][3]};
      const Point p = location_prior(similarity, box, LocationPrior::box_center);
      CHECK(p.x == prior["prior_point_used"][0].get<int>());
      CHECK(p.y == prior["prior_point_used"][1].get<int>());
    }
  });
}

TEST_CASE("LongestSide: sizes, points and boxes equal the reference's", "[golden][longest_side]") {
  for_each_case("sam_transforms", [](const fs::path&, const json& cases) {
    for (const json& expected : cases) {
      const LongestSide frame{size_from(expected["original_hw"]), expected["target"]};
      CHECK(frame.input() == size_from(expected["input_hw"]));
      Size small = size_from(expected["input_hw_256"]);
      if (small.height == 0) small.height = 1;  // of 1 x 1000: there, nothing is left to resize
      CHECK((LongestSide{frame.original, 256}.input()) == small);
      const auto same = [&](const json& in, const json& out) {
        for (std::size_t i = 0; i < in.size(); ++i)
          for (std::size_t k = 0; k < in[i].size(); ++k) {
            const double v = in[i][k].get<double>();
            // the same double arithmetic, so equal to the last bit
            CHECK((k % 2 == 0 ? frame.to_input_x(v) : frame.to_input_y(v)) ==
                  out[i][k].get<double>());
          }
      };
      same(expected["coords"], expected["coords_out"]);
      same(expected["coords_float"], expected["coords_float_out"]);
      same(expected["boxes"], expected["boxes_out"]);
    }
  });
}

TEST_CASE("LongestSide: low-resolution masks reach image size as in the reference",
          "[golden][longest_side]") {
  for_each_case("sam_postprocess", [](const fs::path& path, const json& expected) {
    const Array low = read_npy(path / "low_res.npy"), high = read_npy(path / "high_res.npy");
    const LongestSide frame{size_from(expected["original_hw"]), expected["image_size"]};
    REQUIRE(frame.input() == size_from(expected["input_hw"]));
    const std::size_t dims = low.shape.size();
    const int channels = low.dim(dims - 3), h = low.dim(dims - 2), w = low.dim(dims - 1);
    const auto in = low.floats(), out = high.floats();
    for (int c = 0; c < channels; ++c) {
      const Eigen::Map<const FloatMap> map(in.data() + std::ptrdiff_t{c} * h * w, h, w);
      const Eigen::Map<const FloatMap> want(out.data() + c * frame.original.pixels(),
                                            frame.original.height, frame.original.width);
      const FloatMap got = to_original(frame, map);
      // two float32 interpolations of logits of some tens: 1e-6 relative
      CHECK((got - want).abs().maxCoeff() < 2e-6f * std::max(1.0f, map.abs().maxCoeff()) * 4);
      CHECK(((got > 0) != (want > 0)).count() == 0);
    }
  });
}

TEST_CASE("resize_antialiased: equals Pillow's bilinear resize byte for byte",
          "[golden][longest_side]") {
  for_each_case("sam_preprocess", [](const fs::path& path, const json& expected) {
    if (!fs::exists(path / "resized_rgb.npy"))
      return;  // large cases have a hash of the array alone
    const Array in = read_npy(path / "image_rgb.npy"), out = read_npy(path / "resized_rgb.npy");
    const cv::Mat resized = resize_antialiased(image_of(in), size_from(expected["resized_hw"]));
    REQUIRE(static_cast<std::size_t>(resized.total()) * 3 == out.values.size());
    CHECK(std::equal(out.values.begin(), out.values.end(), resized.data));
  });
}

TEST_CASE("class label: plural phrases and labels equal the reference's", "[golden][text]") {
  for_each_case("text", [](const fs::path&, const json& expected) {
    for (const json& entry : expected["pluralise"])
      CHECK(all_phrase(entry["noun"].get<std::string>(), Rules::reference) ==
            entry["prompt"].get<std::string>());
    for (const json& entry : expected["label_from_answer"]) {
      const auto answer = entry["answer"].get<std::string>();
      INFO("answer \"" << answer << '"');
      if (entry.contains("error")) {
        CHECK_THROWS_AS(label_from_answer(answer), InvalidArgument);
        continue;
      }
      const std::string label = label_from_answer(answer);
      CHECK(label == entry["label"].get<std::string>());
      if (entry.contains("plural_error"))
        CHECK_THROWS_AS(all_phrase(label, Rules::reference), InvalidArgument);
      else
        CHECK(all_phrase(label, Rules::reference) == entry["plural_prompt"].get<std::string>());
    }
  });
}
