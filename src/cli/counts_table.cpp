#include "counts_table.hpp"

#include <fmt/format.h>

#include "io/cell.hpp"
#include "persense/io/files.hpp"

namespace persense::cli {

void write_counts(const std::filesystem::path& path, std::span<const std::string> classes,
                  std::span<const QueryCounts> rows) {
  std::string text = "image";
  for (const std::string& name : classes) text.append(",").append(io::cell_of(name));
  text += ",estimated,confidence\n";
  for (const QueryCounts& row : rows) {
    text += io::cell_of(row.image);
    for (const std::size_t count : row.objects) text += fmt::format(",{}", count);
    text += fmt::format(",{:.1f},{:.2f}\n", row.estimated, row.confidence);
  }
  io::write_file(path, text);
}

}  // namespace persense::cli
