// persense/eval/html_report.hpp: a run on a data set as one page, to be looked through.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persense/eval/metrics.hpp"
#include "persense/eval/report.hpp"
#include "persense/eval/truth.hpp"
#include "persense/image.hpp"
#include "persense/result.hpp"
#include "persense/support.hpp"

namespace persense::eval {

/// One query of the page. Everything is borrowed for the call.
struct ReportedQuery {
  std::string_view class_name;  ///< as in the Report
  std::string_view name;        ///< of the image, as it is shown
  ImageView image;
  const Truth& truth;
  const Result& result;     ///< with a trace, of which the figure of the stages is made
  const ImageScore& score;  ///< of this result, by this truth
  double seconds = 0;       ///< that the query took
  std::span<const SupportExample> support = {};  ///< that the result was found with
};

/// What the page says of the run as a whole.
struct ReportedRun {
  std::string title;                                       ///< the data set's name
  std::vector<std::pair<std::string, std::string>> facts;  ///< how it was made, in this order
};

/// Writes one HTML file that needs nothing else, no network either: the scores with their
/// intervals, the classes as bars, and every query with what was found and what is true of it,
/// worst first; the errors and the stages of a query are a click away. Images are reduced to 1024
/// pixels, so that a thousand queries make a page that opens at once; they are on disk as soon as
/// they are added, so memory does not grow with their number. Equal runs give equal bytes but for
/// the seconds.
class HtmlReport {
 public:
  /// @throws Unwritable  before anything is computed: the folder is missing, say.
  explicit HtmlReport(const std::filesystem::path& path);
  ~HtmlReport();
  HtmlReport(HtmlReport&&) noexcept;

  /// @param place  of the query among all, each once; they may come in any order.
  /// @par Threads  Any number at once.
  /// @throws Unwritable  a full disk, say. @throws InvalidArgument  images that do not fit.
  void add(std::size_t place, const ReportedQuery& query);

  /// Writes the file, which is complete or absent. Call it once, last.
  /// @param of_classes  of each class of the report, or none (see class_intervals).
  /// @throws Unwritable, Unreadable.
  void finish(const Report& report, std::span<const Intervals> of_classes, const ReportedRun& run);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace persense::eval
