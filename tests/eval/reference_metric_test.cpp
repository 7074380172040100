#include "persense/eval/reference_metric.hpp"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "persense/error.hpp"

using namespace persense;
namespace fs = std::filesystem;

TEST_CASE("reference_class_iou: equals the released script on the golden folders",
          "[eval][golden]") {
  const char* named = std::getenv("PERSENSE_GOLDEN");
  const fs::path folder = fs::path(named ? named : PERSENSE_GOLDEN_DEFAULT) / "metric";
  if (!fs::exists(folder)) SKIP("no golden suite metric in " << folder.parent_path());
  const auto golden = nlohmann::json::parse(std::ifstream(folder / "case.json"));
  double sum = 0;
  for (std::size_t i = 0; i < golden["classes"].size(); ++i) {
    const std::string name = golden["classes"][i];
    INFO(name);
    const double iou = eval::reference_class_iou(
        folder / "gt" / name, folder / "outputs/PerSense" / name, fs::path("gt") / name);
    CHECK(iou == Approx(golden["class_iou"][i].get<double>()).epsilon(1e-12));  // one division
    sum += iou;
  }
  CHECK(sum / static_cast<double>(golden["classes"].size()) ==
        Approx(golden["miou"].get<double>()).epsilon(1e-12));
}

TEST_CASE("reference_class_iou: a missing folder is FileNotFound", "[eval][errors]") {
  CHECK_THROWS_AS(eval::reference_class_iou("/nowhere/gt", "/nowhere/found", "gt"), FileNotFound);
}
