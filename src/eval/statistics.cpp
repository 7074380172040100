#include "persense/eval/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "io/cell.hpp"
#include "json.hpp"

namespace persense::eval {

namespace {

void add(ClassStatistics& row, Size size, std::int64_t objects) {
  if (objects == 0) return;
  row.fewest = row.images == 0 ? objects : std::min(row.fewest, objects);
  row.most = std::max(row.most, objects);
  ++row.images;
  row.instances += objects;
  row.mean_height += size.height;
  row.mean_width += size.width;
}

/// Sums become means.
void finish(ClassStatistics& row) {
  const auto images = static_cast<double>(std::max<std::int64_t>(row.images, 1));
  row.mean = static_cast<double>(row.instances) / images;
  row.mean_height /= images;
  row.mean_width /= images;
}

std::string line_of(const ClassStatistics& row, std::size_t width) {
  return fmt::format("{:<{}} {:>7} {:>10} {:>6} {:>6} {:>8.1f}  {:.0f} x {:.0f}\n", row.name, width,
                     row.images, row.instances, row.fewest, row.most, row.mean, row.mean_height,
                     row.mean_width);
}

std::string csv_line_of(const ClassStatistics& row) {
  return fmt::format("{},{},{},{},{},{:.2f},{:.2f},{:.2f}\n", io::cell_of(row.name), row.images,
                     row.instances, row.fewest, row.most, row.mean, row.mean_height,
                     row.mean_width);
}

nlohmann::ordered_json json_of(const ClassStatistics& row) {
  return {{"images", row.images},
          {"instances", row.instances},
          {"min", row.fewest},
          {"max", row.most},
          {"mean", row.mean},
          {"mean_height", row.mean_height},
          {"mean_width", row.mean_width}};
}

}  // namespace

DatasetStatistics statistics_of(std::span<const std::string> classes,
                                std::span<const ImageObjects> images) {
  DatasetStatistics statistics;
  for (const std::string& name : classes) {
    statistics.classes.emplace_back();
    statistics.classes.back().name = name;
  }
  for (const ImageObjects& image : images) {
    std::int64_t sum = 0;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      add(statistics.classes[c], image.size, image.objects[c]);
      sum += image.objects[c];
    }
    add(statistics.all, image.size, sum);
  }
  for (ClassStatistics& row : statistics.classes) finish(row);
  finish(statistics.all);
  return statistics;
}

std::string to_table(const DatasetStatistics& statistics) {
  std::size_t width = 5;
  for (const ClassStatistics& row : statistics.classes) width = std::max(width, row.name.size());
  std::string table = fmt::format("{:<{}} {:>7} {:>10} {:>6} {:>6} {:>8}  {}\n", "class", width,
                                  "images", "instances", "min", "max", "mean", "h x w");
  for (const ClassStatistics& row : statistics.classes) table += line_of(row, width);
  if (statistics.classes.size() == 1) return table;
  ClassStatistics all = statistics.all;
  all.name = "all";
  return table + line_of(all, width);
}

std::string to_csv(const DatasetStatistics& statistics) {
  std::string text = "class,images,instances,min,max,mean,mean_height,mean_width\n";
  for (const ClassStatistics& row : statistics.classes) text += csv_line_of(row);
  return statistics.classes.size() == 1 ? text : text + csv_line_of(statistics.all);
}

std::string to_json(const DatasetStatistics& statistics) {
  nlohmann::ordered_json classes = nlohmann::ordered_json::object();
  for (const ClassStatistics& row : statistics.classes) classes[row.name] = json_of(row);
  const nlohmann::ordered_json json = {{"classes", classes}, {"all", json_of(statistics.all)}};
  return persense::detail::json_text(json, 2) + "\n";
}

}  // namespace persense::eval
