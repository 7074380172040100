#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

#include "persense/eval/metrics.hpp"

namespace persense::eval {

namespace {

struct Column {
  const char* key;
  const char* title;
  double InstanceMetrics::*field;
};
constexpr std::array<Column, 7> columns = {{
    {"precision", "precision", &InstanceMetrics::precision},
    {"recall", "recall", &InstanceMetrics::recall},
    {"f1", "F1@0.5", &InstanceMetrics::f1},
    {"pq", "PQ", &InstanceMetrics::pq},
    {"mf1", "mean F1", &InstanceMetrics::mean_f1},
    {"count_mae", "count MAE", &InstanceMetrics::count_mae},
    {"count_bias", "bias", &InstanceMetrics::count_bias},
}};

std::string table_line(const ClassReport& report, std::size_t name_width) {
  std::string line = fmt::format("{:<{}}  {:>6}  {:>9.3f}", report.name, name_width, report.images,
                                 report.union_iou);
  for (const Column& column : columns)
    line += report.instances ? fmt::format("  {:>9.3f}", (*report.instances).*column.field)
                             : fmt::format("  {:>9}", "-");
  const auto count = [&](std::int64_t n) {
    return report.instances ? fmt::format("  {:>7}", n) : fmt::format("  {:>7}", "-");
  };
  return line + count(report.truth) + count(report.found) + "\n";
}

nlohmann::ordered_json json_of(const ClassReport& report) {
  nlohmann::ordered_json json = {{"images", report.images}, {"iou", report.union_iou}};
  if (!report.instances) return json;
  for (const Column& column : columns) json[column.key] = (*report.instances).*column.field;
  json["instances"] = report.truth;
  json["found"] = report.found;
  return json;
}

}  // namespace

ClassReport Report::mean() const {
  ClassReport mean;
  mean.name = "mean";
  InstanceMetrics sums;
  double with_instances = 0;
  for (const ClassReport& c : classes) {
    mean.images += c.images;
    mean.truth += c.truth;
    mean.found += c.found;
    mean.union_iou += c.union_iou;
    if (!c.instances) continue;
    ++with_instances;
    for (const Column& column : columns) sums.*column.field += (*c.instances).*column.field;
  }
  mean.union_iou /= static_cast<double>(std::max<std::size_t>(1, classes.size()));
  if (with_instances == 0) return mean;
  for (const Column& column : columns) sums.*column.field /= with_instances;
  mean.instances = sums;
  return mean;
}

std::string to_table(const Report& report) {
  std::size_t name_width = 5;
  for (const ClassReport& c : report.classes) name_width = std::max(name_width, c.name.size());
  std::string table = fmt::format("{:<{}}  {:>6}  {:>9}", "class", name_width, "images", "IoU");
  for (const Column& column : columns) table += fmt::format("  {:>9}", column.title);
  table += fmt::format("  {:>7}  {:>7}\n", "truth", "found");
  for (const ClassReport& c : report.classes) table += table_line(c, name_width);
  return table + table_line(report.mean(), name_width);
}

std::string to_json(const Report& report) {
  nlohmann::ordered_json classes = nlohmann::ordered_json::object();
  for (const ClassReport& c : report.classes) classes[c.name] = json_of(c);
  const nlohmann::ordered_json json = {{"classes", classes}, {"mean", json_of(report.mean())}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace persense::eval
