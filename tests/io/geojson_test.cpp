#include "persense/io/geojson.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "catch.hpp"
#include "persense/error.hpp"
#include "shapes.hpp"

using namespace persense;
using namespace persense::test;
using nlohmann::json;

namespace {

/// The polygons of a geometry: of each the outer border, then holes, without the closing positions.
std::vector<std::vector<Corners>> polygons_in(const json& geometry) {
  json polygons = geometry["coordinates"];
  if (geometry["type"] == "Polygon") polygons = json::array({polygons});
  std::vector<std::vector<Corners>> all;
  for (const json& polygon : polygons) {
    auto& rings = all.emplace_back();
    for (const json& ring : polygon) {
      CHECK(ring.front() == ring.back());
      auto& corners = rings.emplace_back();
      for (std::size_t i = 0; i + 1 < ring.size(); ++i)
        corners.emplace_back(ring[i][0].get<double>(), ring[i][1].get<double>());
    }
  }
  return all;
}

std::vector<Corners> rings_in(const json& geometry) {
  std::vector<Corners> rings;
  for (const auto& polygon : polygons_in(geometry))
    rings.insert(rings.end(), polygon.begin(), polygon.end());
  return rings;
}

bool meets_itself(const Corners& ring) {
  std::set<std::pair<double, double>> seen;
  for (const cv::Point2d& p : ring)
    if (!seen.emplace(p.x, p.y).second) return true;
  return false;
}

json features_of(const Result& result) { return json::parse(io::to_geojson(result))["features"]; }

}  // namespace

TEST_CASE("to_geojson: the pixel (3, 4) is the square from (3, 4) to (4, 5)", "[io][geojson]") {
  const json geometry = features_of(result_of({drawn({3, 4}, {"#"})}))[0]["geometry"];
  CHECK(geometry == json::parse(R"({"type": "Polygon", "coordinates":
                                    [[[3, 4], [4, 4], [4, 5], [3, 5], [3, 4]]]})"));
}

TEST_CASE("to_geojson: what is inside is the mask, and areas are its area", "[io][geojson]") {
  for (const Result& result : {hard_shapes(), result_of(noise(300)), three_discs()}) {
    const json features = features_of(result);
    REQUIRE(features.size() == result.count());
    for (std::size_t i = 0; i < result.count(); ++i) {
      const Mask& mask = result.instances[i].mask;
      const auto rings = rings_in(features[i]["geometry"]);
      CHECK(same(filled(rings, result.image_size), spread(mask, result.image_size)));
      double area = 0;
      for (const Corners& ring : rings) area += area_of(ring);
      CHECK(area == static_cast<double>(mask.area()));
      CHECK(features[i]["properties"]["measurements"]["area"] == mask.area());
    }
  }
}

TEST_CASE("to_geojson: polygons are outer borders with their holes, and no ring meets itself",
          "[io][geojson]") {
  for (const Result& result : {hard_shapes(), result_of(noise(300))})
    for (const json& feature : features_of(result))
      for (const auto& polygon : polygons_in(feature["geometry"]))
        for (std::size_t k = 0; k < polygon.size(); ++k) {
          CHECK((area_of(polygon[k]) > 0) == (k == 0));
          CHECK_FALSE(meets_itself(polygon[k]));
        }
}

TEST_CASE("to_geojson: several parts are a MultiPolygon, a hole is a ring of its own",
          "[io][geojson]") {
  const json features = features_of(hard_shapes());
  std::vector<std::string> types;
  std::vector<std::size_t> rings;
  for (const json& feature : features) {
    types.push_back(feature["geometry"]["type"]);
    rings.push_back(rings_in(feature["geometry"]).size());
  }
  CHECK(types == std::vector<std::string>{"Polygon", "Polygon", "MultiPolygon", "MultiPolygon",
                                          "Polygon", "MultiPolygon", "Polygon"});
  CHECK(rings == std::vector<std::size_t>{1, 2, 2, 2, 2, 3, 1});
}

TEST_CASE("to_geojson: ids, classes and scores are the instances', objects what was asked for",
          "[io][geojson]") {
  Result result = two_classes();
  result.classes[1].label = "a \"pea\" \xff";
  result.instances[1].score = 0.90008f;
  const json features = features_of(result);
  REQUIRE(features.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(features[i]["type"] == "Feature");
    CHECK(features[i]["id"] == i + 1);
    CHECK(features[i]["properties"]["name"] == std::to_string(i + 1));
    CHECK(features[i]["properties"]["objectType"] == "detection");
  }
  CHECK(features[0]["properties"]["classification"]["name"] == "bean");
  CHECK(features[1]["properties"]["classification"]["name"] == "a \"pea\" \uFFFD");
  CHECK(features[1]["properties"]["measurements"]["score"] == 0.9001);
  const json annotations =
      json::parse(io::to_geojson(result, io::QuPathObjects::annotations))["features"];
  CHECK(annotations[0]["properties"]["objectType"] == "annotation");
}

TEST_CASE(
    "write_geojson: a result of nothing is a collection of nothing, an empty mask is left out",
    "[io][geojson]") {
  const Scratch scratch;
  io::write_geojson(scratch / "none.geojson", result_of({}));
  CHECK(json::parse(bytes_of(scratch / "none.geojson")) ==
        json{{"type", "FeatureCollection"}, {"features", json::array()}});
  const json features = features_of(result_of({Mask{}, drawn({0, 0}, {"##"})}));
  REQUIRE(features.size() == 1);
  CHECK(features[0]["id"] == 2);
  CHECK_THROWS_AS(io::write_geojson(scratch / "no/a.geojson", result_of({})), Unwritable);
}
