#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiment_measurements.hpp"
#include "io/cell.hpp"
#include "persense/eval/bootstrap.hpp"
#include "persense/eval/report.hpp"

namespace persense::eval {

namespace {

using Row = std::vector<std::string>;

std::string escaped(const std::string& text) {
  std::string cell;
  for (const char c : text) cell += c == '|' ? std::string("\\|") : std::string(1, c);
  return cell;
}

/// Markdown: the first column to the left, the others to the right.
std::string table_of(const std::vector<Row>& rows) {
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    text += "|";
    for (const std::string& cell : rows[r]) text += fmt::format(" {} |", escaped(cell));
    text += "\n";
    if (r > 0) continue;
    for (std::size_t c = 0; c < rows[r].size(); ++c) text += c == 0 ? "|---" : "|--:";
    text += "|\n";
  }
  return text;
}

std::string cell(std::optional<double> value, const std::string& measure) {
  if (!value) return "-";
  if (measure == "seconds" && *value < 1) return fmt::format("{:.3f}", *value);
  return fmt::format("{:.{}f}", *value, unit_of_measure(measure).digits);
}

/// As many digits as the one of a published column that has most.
int digits_of(const Experiment& experiment, const std::string& column) {
  int most = 0;
  const auto look = [&](const Experiment::Values& values) {
    if (const auto at = values.find(column); at != values.end()) {
      const std::string text = fmt::format("{}", at->second);
      const auto point = text.find('.');
      if (point != text.npos) most = std::max(most, static_cast<int>(text.size() - point) - 1);
    }
  };
  for (const auto& variant : experiment.variants) look(variant.published);
  for (const auto& quoted : experiment.quoted) look(quoted.published);
  return most;
}

std::string published_cell(const Experiment& experiment, const Experiment::Values& values,
                           const std::string& column) {
  const auto at = values.find(column);
  return at == values.end() ? "-"
                            : fmt::format("{:.{}f}", at->second, digits_of(experiment, column));
}

/// A published column: its title, what variants have there, then what was only quoted.
void add_published(const Experiment& experiment, const Experiment::Published& column,
                   std::vector<Row>& rows) {
  rows[0].push_back(title_of_measure(column.measure) + ", " + title_of(experiment, column));
  std::size_t r = 1;
  for (const auto& variant : experiment.variants)
    rows[r++].push_back(published_cell(experiment, variant.published, column.name));
  for (const auto& quoted : experiment.quoted)
    rows[r++].push_back(published_cell(experiment, quoted.published, column.name));
}

/// Values of a measure in both runs, class by class, in the measure's unit.
std::vector<double> differences(const ExperimentRun& run, const ExperimentRun& reference,
                                const std::string& measure) {
  std::vector<double> each;
  for (std::size_t c = 0; c < std::min(run.classes.size(), reference.classes.size()); ++c) {
    const auto value = shown_value(run.classes[c].second, measure);
    const auto before = shown_value(reference.classes[c].second, measure);
    if (value && before) each.push_back(*value - *before);
  }
  return each;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// "+1.37 (-0.20, +2.90)"; without an interval where there are few classes.
std::string difference_cell(const std::vector<double>& each, int digits) {
  if (each.empty()) return "-";
  std::string text = fmt::format("{:+.{}f}", mean_of(each), digits);
  constexpr std::size_t fewest = 5;
  if (each.size() < fewest) return text;
  const std::size_t strata[] = {each.size()};
  const auto interval = bootstrap(strata, [&](const Drawn& drawn) {
    std::vector<double> sample;
    for (const std::size_t i : drawn[0]) sample.push_back(each[i]);
    return std::vector<double>{mean_of(sample)};
  })[0];
  return text + fmt::format(" ({:+.{}f}, {:+.{}f})", interval.low, digits, interval.high, digits);
}

/// How far every variant is from the reference.
void add_differences(const Experiment& experiment, const Measurements& on,
                     const std::string& measure, std::vector<Row>& rows) {
  std::size_t reference = 0;
  while (experiment.variants[reference].name != experiment.reference) ++reference;
  rows[0].push_back("difference from " + experiment.reference);
  for (std::size_t v = 0; v < experiment.variants.size(); ++v)
    rows[v + 1].push_back(
        v == reference ? "-"
                       : difference_cell(differences(*on.runs[v], *on.runs[reference], measure),
                                         unit_of_measure(measure).digits));
  for (std::size_t q = 0; q < experiment.quoted.size(); ++q)
    rows[experiment.variants.size() + 1 + q].push_back("-");
}

/// A line for each variant and each system that was only quoted.
std::string table_by_variant(const Experiment& experiment, const std::vector<Measurements>& all) {
  std::vector<Row> rows = {{""}};
  for (const auto& variant : experiment.variants) rows.push_back({variant.name});
  for (const auto& quoted : experiment.quoted) rows.push_back({quoted.name + " (quoted)"});
  std::set<const Experiment::Published*> placed;
  for (const Measurements& on : all)
    for (const std::string& measure : experiment.columns) {
      rows[0].push_back(title_of_measure(measure) + (all.size() > 1 ? ", " + on.data_set : ""));
      for (std::size_t v = 0; v < experiment.variants.size(); ++v)
        rows[v + 1].push_back(cell(shown_value(on.mean[v], measure), measure));
      for (std::size_t q = 0; q < experiment.quoted.size(); ++q)
        rows[experiment.variants.size() + 1 + q].push_back("-");
      if (measure == experiment.columns[0] && !experiment.reference.empty() && !on.runs.empty())
        add_differences(experiment, on, measure, rows);
      for (const auto* column : published_on(experiment, on.data_set, measure)) {
        placed.insert(column);
        add_published(experiment, *column, rows);
      }
    }
  for (const auto& column : experiment.published)
    if (!placed.contains(&column)) add_published(experiment, column, rows);
  return table_of(rows);
}

/// A line for each class, a column for each variant and measure.
std::string table_by_class(const Experiment& experiment, const Measurements& on) {
  std::vector<Row> rows = {{"class"}};
  for (const auto& [name, unused] : on.runs[0]->classes) rows.push_back({name});
  rows.push_back({"mean"});
  for (const std::string& measure : experiment.columns)
    for (std::size_t v = 0; v < experiment.variants.size(); ++v) {
      rows[0].push_back(title_of_measure(measure, true) + ", " + experiment.variants[v].name);
      for (std::size_t c = 0; c < on.runs[v]->classes.size(); ++c)
        rows[c + 1].push_back(cell(shown_value(on.runs[v]->classes[c].second, measure), measure));
      rows.back().push_back(cell(shown_value(on.mean[v], measure), measure));
    }
  return table_of(rows);
}

using About = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// What is said about the runs, each different value once. Options are each variant's own.
About about_all(const Experiment& experiment, std::span<const ExperimentRun> runs) {
  About about;
  for (const ExperimentRun& run : runs)
    for (const auto& [key, value] : run.about) {
      const std::string name =
          key == "options" ? "options of " + experiment.variants[run.variant].name : key;
      auto at = std::find_if(about.begin(), about.end(),
                             [&](const auto& one) { return one.first == name; });
      if (at == about.end()) at = about.insert(about.end(), {name, {}});
      if (std::find(at->second.begin(), at->second.end(), value) == at->second.end())
        at->second.push_back(value);
    }
  return about;
}

std::string measured_on(const Measurements& on) {
  const ExperimentRun& run = *on.runs[0];
  return fmt::format("{} ({} {} of {} {})", on.data_set, run.images,
                     run.images == 1 ? "image" : "images", run.classes.size(),
                     run.classes.size() == 1 ? "class" : "classes");
}

}  // namespace

std::string to_markdown(const Experiment& experiment, std::span<const ExperimentRun> runs) {
  const std::vector<Measurements> all = measurements_of(experiment, runs);
  std::string text = fmt::format("# {}\n\n{}. Measured here:", experiment.title, experiment.source);
  std::string separator = " ";
  for (const Measurements& on : all)
    if (!on.runs.empty()) {
      text += separator + measured_on(on);
      separator = ", ";
    }
  text += ".\n\n";
  if (!experiment.by_class) {
    text += table_by_variant(experiment, all);
  } else {
    for (const Measurements& on : all)
      if (!on.runs.empty())
        text +=
            (all.size() > 1 ? on.data_set + "\n\n" : "") + table_by_class(experiment, on) + "\n";
  }
  if (!experiment.reference.empty() && !experiment.by_class)
    text +=
        "\nDifferences are means over the classes, with the interval that holds 95 % of a "
        "thousand bootstrap\nsamples of them.\n";
  for (const std::string& note : experiment.notes) text += "\n" + note + "\n";
  text += "\n";
  for (const auto& [key, values] : about_all(experiment, runs))
    for (const std::string& value : values) text += fmt::format("- {}: {}\n", key, value);
  return text;
}

namespace {

std::string number(std::optional<double> value) {
  return value ? fmt::format("{:.6g}", *value) : "";
}

/// A published score as a part of 1.
std::string published_number(const Experiment::Published& column,
                             const Experiment::Values& values) {
  const auto at = values.find(column.name);
  if (at == values.end()) return "";
  return number(at->second / unit_of_measure(column.measure).factor);
}

std::string csv_line(const Row& cells) {
  std::string line;
  for (std::size_t c = 0; c < cells.size(); ++c)
    line += fmt::format("{}{}", c == 0 ? "" : ",", io::cell_of(cells[c]));
  return line + "\n";
}

/// All measures that a run has.
std::vector<std::string> measured_keys(std::span<const ExperimentRun> runs) {
  std::vector<std::string> keys;
  std::set<std::string> had;
  for (const ExperimentRun& run : runs)
    for (const auto& [key, unused] : run.mean) had.insert(key);
  for (const ScoreName& name : score_names())
    if (had.contains(name.key)) keys.push_back(name.key);
  for (const char* key : {"seconds", "memory_mb"})
    if (had.contains(key)) keys.emplace_back(key);
  return keys;
}

std::vector<std::string> about_keys(std::span<const ExperimentRun> runs) {
  std::vector<std::string> keys;
  for (const ExperimentRun& run : runs)
    for (const auto& [key, unused] : run.about)
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  return keys;
}

/// The columns of the CSV file that depend on what was run.
struct CsvColumns {
  std::vector<std::string> measured, about;
};

/// The mean of a run's classes (`of_class` is null), or one of them.
std::string line_of(const Experiment& experiment, const CsvColumns& columns,
                    const ExperimentRun& run, const std::string* of_class,
                    const Measured& measured) {
  const auto& variant = experiment.variants[run.variant];
  const bool mean = of_class == nullptr;
  Row row = {variant.name, run.data_set, run.fold ? fmt::format("{}", *run.fold) : "",
             mean ? "mean" : *of_class, mean ? fmt::format("{}", run.images) : ""};
  for (const std::string& key : columns.measured) {
    const auto at = measured.find(key);
    row.push_back(at == measured.end() ? "" : number(at->second));
  }
  for (const auto& column : experiment.published)
    row.push_back(mean ? published_number(column, variant.published) : "");
  for (const std::string& key : columns.about) {
    const auto at = std::find_if(run.about.begin(), run.about.end(),
                                 [&](const auto& one) { return one.first == key; });
    row.push_back(at == run.about.end() ? "" : at->second);
  }
  return csv_line(row);
}

std::string line_of(const Experiment& experiment, const CsvColumns& columns,
                    const Experiment::Quoted& quoted) {
  Row row = {quoted.name, "", "", "mean", ""};
  row.resize(row.size() + columns.measured.size());
  for (const auto& column : experiment.published)
    row.push_back(published_number(column, quoted.published));
  row.resize(row.size() + columns.about.size());
  return csv_line(row);
}

}  // namespace

std::string to_csv(const Experiment& experiment, std::span<const ExperimentRun> runs) {
  const CsvColumns columns{measured_keys(runs), about_keys(runs)};
  Row header = {"variant", "data_set", "fold", "class", "images"};
  header.insert(header.end(), columns.measured.begin(), columns.measured.end());
  for (const auto& column : experiment.published)
    header.push_back(fmt::format("paper {} {} {}", column.name, column.data_set, column.measure));
  header.insert(header.end(), columns.about.begin(), columns.about.end());
  std::string text = csv_line(header);
  for (const ExperimentRun& run : runs) {
    text += line_of(experiment, columns, run, nullptr, run.mean);
    for (const auto& [name, measured] : run.classes)
      text += line_of(experiment, columns, run, &name, measured);
  }
  for (const auto& quoted : experiment.quoted) text += line_of(experiment, columns, quoted);
  return text;
}

}  // namespace persense::eval
