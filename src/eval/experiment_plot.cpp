#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "experiment_measurements.hpp"

namespace persense::eval {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The names of the variants' series, in their order.
std::vector<std::string> series_of(const Experiment& experiment) {
  std::vector<std::string> names;
  for (const auto& variant : experiment.variants)
    if (std::find(names.begin(), names.end(), variant.series) == names.end())
      names.push_back(variant.series);
  return names;
}

/// Points of the variants of one series, by x.
template <class Value>
io::PlotSeries line_of(const Experiment& experiment, const std::string& series,
                       const std::string& name, Value&& value) {
  std::vector<std::pair<double, double>> points;
  for (std::size_t v = 0; v < experiment.variants.size(); ++v)
    if (experiment.variants[v].series == series)
      points.emplace_back(*experiment.variants[v].x, value(v));
  std::sort(points.begin(), points.end());
  io::PlotSeries line{name, {}, {}};
  for (const auto& [x, y] : points) {
    line.x.push_back(x);
    line.y.push_back(y);
  }
  return line;
}

/// Of a data set with folds only their mean is shown.
bool is_fold(const Experiment& experiment, const std::string& data_set) {
  return std::any_of(experiment.data_sets.begin(), experiment.data_sets.end(),
                     [&](const auto& declared) {
                       return declared.folds > 0 && data_set.starts_with(declared.name + " F");
                     });
}

/// The published columns of the measure that is shown.
std::vector<const Experiment::Published*> shown_columns(const Experiment& experiment) {
  std::vector<const Experiment::Published*> columns;
  for (const auto& column : experiment.published)
    if (column.measure == experiment.plot->measure && !is_fold(experiment, column.data_set))
      columns.push_back(&column);
  return columns;
}

double published_value(const Experiment::Values& values, const std::string& column) {
  const auto at = values.find(column);
  return at == values.end() ? none : at->second;
}

bool has_value(const io::PlotSeries& series) {
  return std::any_of(series.y.begin(), series.y.end(), [](double y) { return y == y; });
}

void add_lines(const Experiment& experiment, const std::vector<Measurements>& all, io::Plot& plot) {
  const std::string& measure = experiment.plot->measure;
  for (const std::string& series : series_of(experiment)) {
    const std::string prefix = series.empty() ? "" : series + ", ";
    for (const Measurements& on : all)
      plot.series.push_back(line_of(experiment, series, prefix + on.data_set, [&](std::size_t v) {
        return shown_value(on.mean[v], measure).value_or(none);
      }));
    for (const auto* column : shown_columns(experiment)) {
      auto line =
          line_of(experiment, series, prefix + title_of(experiment, *column), [&](std::size_t v) {
            return published_value(experiment.variants[v].published, column->name);
          });
      line.published = true;
      if (has_value(line)) plot.series.push_back(std::move(line));
    }
  }
}

/// Variants, then what was only quoted, as categories.
void add_bars(const Experiment& experiment, const std::vector<Measurements>& all, io::Plot& plot) {
  const std::string& measure = experiment.plot->measure;
  for (const auto& variant : experiment.variants) plot.categories.push_back(variant.name);
  for (const auto& quoted : experiment.quoted) plot.categories.push_back(quoted.name);
  for (const Measurements& on : all) {
    io::PlotSeries bars{on.data_set, {}, {}};
    for (const Measured& mean : on.mean)
      bars.y.push_back(shown_value(mean, measure).value_or(none));
    bars.y.resize(plot.categories.size(), none);
    plot.series.push_back(std::move(bars));
  }
  for (const auto* column : shown_columns(experiment)) {
    io::PlotSeries bars{title_of(experiment, *column), {}, {}, true};
    for (const auto& variant : experiment.variants)
      bars.y.push_back(published_value(variant.published, column->name));
    for (const auto& quoted : experiment.quoted)
      bars.y.push_back(published_value(quoted.published, column->name));
    plot.series.push_back(std::move(bars));
  }
}

/// Classes as categories, variants as series.
void add_class_bars(const Experiment& experiment, const std::vector<Measurements>& all,
                    io::Plot& plot) {
  for (const Measurements& on : all)
    if (!on.runs.empty())
      for (const auto& [name, unused] : on.runs[0]->classes)
        plot.categories.push_back(all.size() > 1 ? on.data_set + " " + name : name);
  for (std::size_t v = 0; v < experiment.variants.size(); ++v) {
    io::PlotSeries bars{experiment.variants[v].name, {}, {}};
    for (const Measurements& on : all)
      if (!on.runs.empty())
        for (const auto& [name, measured] : on.runs[v]->classes)
          bars.y.push_back(shown_value(measured, experiment.plot->measure).value_or(none));
    plot.series.push_back(std::move(bars));
  }
}

/// What is said about the runs where all say the same; the others' differences are in the tables.
std::vector<std::string> captions_of(const Experiment& experiment,
                                     std::span<const ExperimentRun> runs) {
  std::vector<std::string> lines = {experiment.source};
  for (const auto& [key, value] : runs.front().about) {
    const bool same = std::all_of(runs.begin(), runs.end(), [&, &k = key, &v = value](auto& run) {
      return std::find(run.about.begin(), run.about.end(), std::pair(k, v)) != run.about.end();
    });
    if (same) lines.push_back(key == "version" ? value : fmt::format("{}: {}", key, value));
  }
  return lines;
}

}  // namespace

io::Plot to_plot(const Experiment& experiment, std::span<const ExperimentRun> runs) {
  std::vector<Measurements> all = measurements_of(experiment, runs);
  if (!experiment.by_class)  // a mean has no classes
    std::erase_if(all, [&](const Measurements& on) { return is_fold(experiment, on.data_set); });
  io::Plot plot;
  plot.title = experiment.title;
  plot.x_title = experiment.plot->x_title;
  plot.y_title = title_of_measure(experiment.plot->measure, experiment.by_class);
  plot.captions = captions_of(experiment, runs);
  if (experiment.plot->lines)
    add_lines(experiment, all, plot);
  else if (experiment.by_class)
    add_class_bars(experiment, all, plot);
  else
    add_bars(experiment, all, plot);
  return plot;
}

}  // namespace persense::eval
