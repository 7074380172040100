#include "persense/eval/statistics.hpp"

#include <nlohmann/json.hpp>

#include "catch.hpp"

using namespace persense;

namespace {

eval::DatasetStatistics of_three_images() {
  const std::vector<std::string> classes = {"bean", "a, b"};
  const std::vector<eval::ImageObjects> images = {
      {{100, 50}, {7, 0}}, {{200, 150}, {10, 2}}, {{400, 250}, {0, 4}}};
  return eval::statistics_of(classes, images);
}

}  // namespace

TEST_CASE("statistics_of: extremes and means are over the images that show a class",
          "[eval][statistics]") {
  const auto statistics = of_three_images();
  REQUIRE(statistics.classes.size() == 2);
  const eval::ClassStatistics& bean = statistics.classes[0];
  CHECK(bean.name == "bean");
  CHECK(bean.images == 2);
  CHECK(bean.instances == 17);
  CHECK(bean.fewest == 7);
  CHECK(bean.most == 10);
  CHECK(bean.mean == 8.5);
  CHECK(bean.mean_height == 100);
  CHECK(bean.mean_width == 150);
  CHECK(statistics.classes[1].images == 2);
  CHECK(statistics.classes[1].fewest == 2);
  CHECK(statistics.all.images == 3);
  CHECK(statistics.all.instances == 23);
  CHECK(statistics.all.fewest == 4);
  CHECK(statistics.all.most == 12);
  CHECK(statistics.all.mean_height == 150);
}

TEST_CASE("statistics: as a table, CSV and JSON", "[eval][statistics]") {
  const auto statistics = of_three_images();
  CHECK(eval::to_csv(statistics) ==
        "class,images,instances,min,max,mean,mean_height,mean_width\n"
        "bean,2,17,7,10,8.50,100.00,150.00\n"
        "\"a, b\",2,6,2,4,3.00,200.00,300.00\n"
        ",3,23,4,12,7.67,150.00,233.33\n");
  CHECK(eval::to_table(statistics) ==
        "class  images  instances    min    max     mean  h x w\n"
        "bean        2         17      7     10      8.5  100 x 150\n"
        "a, b        2          6      2      4      3.0  200 x 300\n"
        "all         3         23      4     12      7.7  150 x 233\n");
  const auto json = nlohmann::json::parse(eval::to_json(statistics));
  CHECK(json["classes"]["a, b"]["max"] == 4);
  CHECK(json["classes"]["bean"]["mean"] == 8.5);
  CHECK(json["all"]["instances"] == 23);
}
