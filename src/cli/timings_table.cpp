#include "timings_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace persense::cli {

namespace {

double total_of(const QueryTimings& q) { return q.read + q.steps.total() + q.write; }

std::string line_of(const QueryTimings& query, std::size_t name_width) {
  std::string line = fmt::format("{:<{}}{:>9.3f}", query.name, name_width, query.read);
  for (std::size_t i = 0; i < step_count; ++i)
    line += fmt::format("{:>{}.3f}", query.steps.seconds[i],
                        std::max<std::size_t>(9, std::strlen(name_of(static_cast<Step>(i))) + 2));
  return line + fmt::format("{:>9.3f}{:>9.3f}\n", query.write, total_of(query));
}

}  // namespace

std::string timings_table(const std::vector<QueryTimings>& queries, double support) {
  std::size_t width = 8;
  QueryTimings sum{"sum", 0, {}, 0};
  for (const QueryTimings& q : queries) {
    width = std::max(width, q.name.size() + 1);
    sum.read += q.read;
    sum.write += q.write;
    for (std::size_t i = 0; i < step_count; ++i) sum.steps.seconds[i] += q.steps.seconds[i];
  }
  std::string table = fmt::format("{:<{}}{:>9}", "seconds", width, "read");
  for (std::size_t i = 0; i < step_count; ++i) {
    const char* const name = name_of(static_cast<Step>(i));
    table += fmt::format("{:>{}}", name, std::max<std::size_t>(9, std::strlen(name) + 2));
  }
  table += fmt::format("{:>9}{:>9}\n", "write", "total");
  for (const QueryTimings& q : queries) table += line_of(q, width);
  if (queries.size() != 1) table += line_of(sum, width);
  return table + fmt::format("support prepared in {:.3f} s\n", support);
}

}  // namespace persense::cli
