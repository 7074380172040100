#include "persense/eval/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "json.hpp"
#include "persense/error.hpp"

namespace persense::eval {

namespace {

/// Of a class: resamples of fewer say nothing of others.
constexpr std::size_t fewest_images = 5;

/// One score: how it is called, where it is, and what becomes of it in the mean over classes.
struct Column {
  const char* key;
  const char* title;
  std::optional<double> (*get)(const ClassReport&);
};

template <auto Section, auto Field>
std::optional<double> in_section(const ClassReport& report) {
  const auto& section = report.*Section;
  return section ? std::optional<double>((*section).*Field) : std::nullopt;
}
std::optional<double> union_iou(const ClassReport& report) {
  return report.has_masks ? std::optional<double>(report.union_iou) : std::nullopt;
}
std::optional<double> both_iou(const ClassReport& report) {
  return report.has_masks && report.pixels > 0 ? std::optional<double>(report.fb_iou)
                                               : std::nullopt;
}

constexpr auto instances = &ClassReport::instances;
constexpr auto precision = &ClassReport::ap;
constexpr auto counts = &ClassReport::counts;

constexpr std::array<Column, 12> mask_columns = {{
    {"iou", "IoU", union_iou},
    {"fb_iou", "FB-IoU", both_iou},
    {"precision", "prec.", in_section<instances, &InstanceMetrics::precision>},
    {"recall", "recall", in_section<instances, &InstanceMetrics::recall>},
    {"f1", "F1", in_section<instances, &InstanceMetrics::f1>},
    {"pq", "PQ", in_section<instances, &InstanceMetrics::pq>},
    {"sq", "SQ", in_section<instances, &InstanceMetrics::sq>},
    {"rq", "RQ", in_section<instances, &InstanceMetrics::rq>},
    {"mf1", "mF1", in_section<instances, &InstanceMetrics::mean_f1>},
    {"ap", "AP", in_section<precision, &AveragePrecision::ap>},
    {"ap50", "AP50", in_section<precision, &AveragePrecision::ap50>},
    {"ap75", "AP75", in_section<precision, &AveragePrecision::ap75>},
}};
constexpr std::array<Column, 4> count_columns = {{
    {"count_mae", "MAE", in_section<counts, &CountMetrics::mae>},
    {"count_rmse", "RMSE", in_section<counts, &CountMetrics::rmse>},
    {"count_bias", "bias", in_section<counts, &CountMetrics::bias>},
    {"false_per_absent", "false", [](const ClassReport& r) { return r.false_per_absent; }},
}};

template <class Visit>
void for_each_column(Visit&& visit) {
  for (const Column& column : mask_columns) visit(column);
  for (const Column& column : count_columns) visit(column);
}

}  // namespace

std::vector<ScoreName> score_names() {
  std::vector<ScoreName> names;
  for (const Column& column : mask_columns) names.push_back({column.key, column.title, true});
  for (const Column& column : count_columns) names.push_back({column.key, column.title, false});
  return names;
}

namespace {

template <class Section>
using Fields = std::initializer_list<double Section::*>;

/// The mean over the classes that have a section.
template <class Section>
std::optional<Section> mean_of(const std::vector<ClassReport>& classes,
                               std::optional<Section> ClassReport::*section,
                               Fields<Section> fields) {
  Section sums;
  double count = 0;
  for (const ClassReport& c : classes) {
    if (!(c.*section)) continue;
    ++count;
    for (const auto field : fields) sums.*field += (*(c.*section)).*field;
  }
  if (count == 0) return std::nullopt;
  for (const auto field : fields) sums.*field /= count;
  return sums;
}

}  // namespace

ClassReport Report::mean() const {
  ClassReport mean;
  mean.name = "mean";
  double with_masks = 0, with_absent = 0, false_sum = 0;
  for (const ClassReport& c : classes) {
    mean.images += c.images;
    mean.truth += c.truth;
    mean.found += c.found;
    mean.absent_images += c.absent_images;
    if (c.false_per_absent) ++with_absent, false_sum += *c.false_per_absent;
    if (!c.has_masks) continue;
    ++with_masks;
    mean.union_iou += c.union_iou;
    mean.intersection += c.intersection;
    mean.union_ += c.union_;
    mean.pixels += c.pixels;
  }
  mean.has_masks = with_masks > 0 || classes.empty();
  mean.union_iou /= std::max(1.0, with_masks);
  mean.fb_iou = fb_iou(mean.intersection, mean.union_, mean.pixels);
  if (with_absent > 0) mean.false_per_absent = false_sum / with_absent;
  using I = InstanceMetrics;
  mean.instances =
      mean_of<I>(classes, &ClassReport::instances,
                 {&I::precision, &I::recall, &I::f1, &I::pq, &I::mean_f1, &I::sq, &I::rq});
  using C = CountMetrics;
  mean.counts = mean_of<C>(classes, &ClassReport::counts, {&C::mae, &C::rmse, &C::bias});
  using A = AveragePrecision;
  mean.ap = mean_of<A>(classes, &ClassReport::ap, {&A::ap, &A::ap50, &A::ap75});
  return mean;
}

Resample resample_of(std::string_view name, std::size_t classes, std::size_t images) {
  if (name == "classes") return Resample::classes;
  if (name == "images") return Resample::images;
  if (name == "off") return Resample::off;
  if (name == "auto")
    return classes >= 10             ? Resample::classes
           : images >= fewest_images ? Resample::images
                                     : Resample::off;
  throw InvalidArgument(
      fmt::format("--intervals: got \"{}\", expected auto, classes, images or off", name));
}

namespace {

std::vector<double> values_of(const ClassReport& mean) {
  std::vector<double> values;
  for_each_column([&](const Column& column) {
    values.push_back(column.get(mean).value_or(std::numeric_limits<double>::quiet_NaN()));
  });
  return values;
}

std::vector<Interval> intervals_over(std::span<const ScoredClass> classes, const Report& report,
                                     Resample over, const BootstrapOptions& options) {
  if (over == Resample::classes) {
    const std::array<std::size_t, 1> one = {classes.size()};
    return bootstrap(
        one,
        [&](const Drawn& drawn) {
          Report again;
          for (const std::size_t i : drawn[0]) again.classes.push_back(report.classes[i]);
          return values_of(again.mean());
        },
        options);
  }
  std::vector<std::size_t> strata;
  for (const ScoredClass& c : classes) strata.push_back(c.images.size());
  return bootstrap(
      strata,
      [&](const Drawn& drawn) {
        Report again;
        for (std::size_t c = 0; c < classes.size(); ++c) {
          ClassScore score;
          for (const std::size_t i : drawn[c]) score.add(classes[c].images[i]);
          again.classes.push_back(score.report(classes[c].name));
        }
        return values_of(again.mean());
      },
      options);
}

}  // namespace

Report report_of(std::span<const ScoredClass> classes, Resample over,
                 const BootstrapOptions& options) {
  Report report;
  for (const ScoredClass& c : classes) {
    ClassScore score;
    for (const ImageScore& image : c.images) score.add(image);
    report.classes.push_back(score.report(c.name));
  }
  if (over == Resample::off || classes.empty()) return report;
  Intervals intervals{over, options, {}};
  const auto found = intervals_over(classes, report, over, options);
  std::size_t i = 0;
  for_each_column([&](const Column& column) {
    if (!std::isnan(found[i].low)) intervals.values.emplace_back(column.key, found[i]);
    ++i;
  });
  report.intervals = std::move(intervals);
  return report;
}

std::vector<Intervals> class_intervals(std::span<const ScoredClass> classes,
                                       const BootstrapOptions& options) {
  std::vector<Intervals> intervals;
  for (const ScoredClass& c : classes) {
    intervals.push_back({Resample::images, options, {}});
    if (c.images.size() >= fewest_images)  // its mean over one class is the class
      intervals.back() = *report_of(std::span(&c, 1), Resample::images, options).intervals;
  }
  return intervals;
}

namespace {

std::string cell(std::optional<double> value, int width, int digits = 3) {
  return value ? fmt::format(" {:>{}.{}f}", *value, width, digits)
               : fmt::format(" {:>{}}", "-", width);
}

constexpr int mask_width = 6, count_width = 8;

/// A line of "from" or "to" under the mean.
template <class Columns>
std::string interval_line(const Intervals& intervals, const Columns& columns, bool low,
                          std::size_t name_width, int skipped, int width) {
  std::string line = fmt::format("{:<{}}{:{}}", low ? "  from" : "  to", name_width, "", skipped);
  for (const Column& column : columns) {
    const auto at = std::find_if(intervals.values.begin(), intervals.values.end(),
                                 [&](const auto& v) { return v.first == column.key; });
    line += at == intervals.values.end()
                ? cell(std::nullopt, width)
                : cell(low ? at->second.low : at->second.high, width, width == mask_width ? 3 : 2);
  }
  return line + "\n";
}

std::string interval_lines(const Report& report, const auto& columns, std::size_t name_width,
                           int skipped, int width) {
  if (!report.intervals) return {};
  return interval_line(*report.intervals, columns, true, name_width, skipped, width) +
         interval_line(*report.intervals, columns, false, name_width, skipped, width);
}

std::string mask_line(const ClassReport& report, std::size_t name_width) {
  std::string line = fmt::format("{:<{}} {:>6}", report.name, name_width, report.images);
  for (const Column& column : mask_columns) line += cell(column.get(report), mask_width);
  return line + "\n";
}

std::string count_line(const ClassReport& report, std::size_t name_width,
                       std::optional<double> seconds, bool with_seconds) {
  const auto count = [&](std::int64_t n) {
    return report.instances ? fmt::format(" {:>7}", n) : fmt::format(" {:>7}", "-");
  };
  std::string line =
      fmt::format("{:<{}}{}{}", report.name, name_width, count(report.truth), count(report.found));
  for (const Column& column : count_columns) line += cell(column.get(report), count_width, 2);
  if (with_seconds) line += cell(seconds, 9);
  return line + "\n";
}

std::string interval_note(const Intervals& intervals) {
  return fmt::format("from, to: {:g} % of {} resamples of the {} (seed {})\n",
                     100 * intervals.options.level, intervals.options.resamples,
                     intervals.over == Resample::classes ? "classes" : "images of every class",
                     intervals.options.seed);
}

}  // namespace

std::string to_table(const Report& report, std::span<const double> seconds) {
  std::size_t width = 6;
  for (const ClassReport& c : report.classes) width = std::max(width, c.name.size());
  const ClassReport mean = report.mean();
  std::string table;
  if (mean.has_masks) {
    table += fmt::format("{:<{}} {:>6}", "class", width, "images");
    for (const Column& column : mask_columns)
      table += fmt::format(" {:>{}}", column.title, mask_width);
    table += "\n";
    for (const ClassReport& c : report.classes) table += mask_line(c, width);
    table += mask_line(mean, width) + interval_lines(report, mask_columns, width, 7, mask_width);
    table += "\n";
  }
  table += fmt::format("{:<{}} {:>7} {:>7}", "class", width, "truth", "found");
  for (const Column& column : count_columns)
    table += fmt::format(" {:>{}}", column.title, count_width);
  const bool timed = !seconds.empty();
  table += timed ? " s / image\n" : "\n";
  for (std::size_t i = 0; i < report.classes.size(); ++i)
    table += count_line(report.classes[i], width,
                        i < seconds.size() ? std::optional(seconds[i]) : std::nullopt, timed);
  table += count_line(
      mean, width,
      seconds.size() > report.classes.size() ? std::optional(seconds.back()) : std::nullopt, timed);
  table += interval_lines(report, count_columns, width, 16, count_width);
  return report.intervals ? table + interval_note(*report.intervals) : table;
}

namespace {

nlohmann::ordered_json json_of(const ClassReport& report) {
  nlohmann::ordered_json json = {{"images", report.images}};
  for_each_column([&](const Column& column) {
    if (const auto value = column.get(report)) json[column.key] = *value;
  });
  if (report.absent_images > 0) json["absent_images"] = report.absent_images;
  if (!report.instances) return json;
  json["instances"] = report.truth;
  json["found"] = report.found;
  return json;
}

nlohmann::ordered_json json_of(const Intervals& intervals) {
  nlohmann::ordered_json json = {
      {"over", intervals.over == Resample::classes ? "classes" : "images"},
      {"level", intervals.options.level},
      {"resamples", intervals.options.resamples},
      {"seed", intervals.options.seed},
      {"mean", nlohmann::ordered_json::object()}};
  for (const auto& [key, interval] : intervals.values)
    json["mean"][key] = {interval.low, interval.high};
  return json;
}

}  // namespace

std::string to_json(const Report& report) {
  nlohmann::ordered_json classes = nlohmann::ordered_json::object();
  for (const ClassReport& c : report.classes) classes[c.name] = json_of(c);
  nlohmann::ordered_json json = {{"classes", classes}, {"mean", json_of(report.mean())}};
  if (report.intervals) json["intervals"] = json_of(*report.intervals);
  return persense::detail::json_text(json, 2) + "\n";
}

}  // namespace persense::eval
