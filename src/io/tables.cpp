#include "persense/io/tables.hpp"

#include <fmt/format.h>

#include <iterator>

#include "cell.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"

namespace persense::io {

std::string to_csv(const Result& result) {
  std::string text = "id,x,y,x0,y0,x1,y1,area,score,class,touches_border\n";
  std::vector<std::string> names = class_names(result);
  for (std::string& name : names) name = cell_of(name);
  std::size_t id = 0;
  for (const Instance& i : result.instances)
    text += fmt::format("{},{},{},{},{},{},{},{},{:.4f},{},{}\n", ++id, i.point.x, i.point.y,
                        i.box.x0, i.box.y0, i.box.x1, i.box.y1, i.mask.area(), i.score,
                        names.at(i.class_index), i.touches_border ? 1 : 0);
  return text;
}

ImageCounts counts_of(const std::string& image, const Result& result) {
  ImageCounts counts{image, {}, result.estimated_count(), result.count_confidence()};
  for (const ClassResult& c : result.classes) counts.objects.push_back(c.count);
  return counts;
}

std::string counts_to_csv(std::span<const std::string> classes, std::span<const ImageCounts> rows) {
  std::string text = "image";
  for (const std::string& name : classes) text.append(",").append(cell_of(name));
  text += ",estimated,confidence\n";
  for (const ImageCounts& row : rows) {
    text += cell_of(row.image);
    for (const std::size_t count : row.objects) text += fmt::format(",{}", count);
    text += fmt::format(",{:.1f},{:.2f}\n", row.estimated, row.confidence);
  }
  return text;
}

void write_csv(const std::filesystem::path& path, const Result& result) {
  write_file(path, to_csv(result));
}

}  // namespace persense::io
