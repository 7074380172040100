// What the page of a run shows of one query.
#pragma once

#include <string>

#include "persense/eval/html_report.hpp"

namespace persense::eval::detail {

/// The texts of a query's script elements.
struct QueryPictures {
  std::string thumbnail, photo;  ///< JPEG files in base64
  std::string figure;            ///< the same; empty where the result has no trace
  /// {"found": [[path, state, score, area, IoU], ...], "truth": [[path, state, area], ...]}. A
  /// path is SVG's, in pixels of the image. States are those of report.js. Where the truth is a
  /// union mask, "regions", as "found", has the pixels that are right and those that are false.
  std::string shapes;
};

QueryPictures pictures_of(const ReportedQuery& query);

}  // namespace persense::eval::detail
