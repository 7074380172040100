// timings_table.hpp: where the time of a run went.
#pragma once

#include <string>
#include <vector>

#include "persense/result.hpp"

namespace persense::cli {

/// The seconds of one query.
struct QueryTimings {
  std::string name;
  double read = 0;
  Timings steps;
  double write = 0;
};

/// A line a query and one for their sum, a column a step.
/// @param support  seconds that preparing the support took.
std::string timings_table(const std::vector<QueryTimings>& queries, double support);

}  // namespace persense::cli
