#include "persense/eval/calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "persense/error.hpp"
#include "random.hpp"

namespace persense::eval {

CoordinateSearch::CoordinateSearch(std::vector<TriedOption> options,
                                   std::vector<CalibrationQuery> queries,
                                   const CalibrationOptions& how)
    : options_(std::move(options)), queries_(std::move(queries)), how_(how) {
  for (const CalibrationQuery& q : queries_) {
    images_ = std::max(images_, q.image + 1);
    classes_ = std::max(classes_, q.of_class + 1);
  }
  if (how_.folds < 2 || images_ < how_.folds)
    throw InvalidArgument(fmt::format(
        "calibration: got {} folds of {} images, expected two folds or more, none of them empty",
        how_.folds, images_));
  std::vector<std::size_t> order(images_);
  std::iota(order.begin(), order.end(), std::size_t{0});
  detail::Random(how_.bootstrap.seed).shuffle(order);
  fold_of_.resize(images_);
  for (std::size_t i = 0; i < images_; ++i) fold_of_[order[i]] = i % how_.folds;
  paths_.assign(how_.folds + 1, Setting(options_.size(), 0));
}

std::vector<Setting> CoordinateSearch::wanted(std::size_t option) {
  std::vector<Setting> missing;
  for (std::size_t p = paths_.size(); p-- > 0;)
    for (std::size_t value = 0; value < options_[option].values.size(); ++value) {
      Setting setting = paths_[p];
      setting[option] = value;
      const auto is_it = [&](const Measured& m) { return m.setting == setting; };
      if (std::any_of(measured_.begin(), measured_.end(), is_it)) continue;
      measured_.push_back({setting, std::vector<MatchCounts>(queries_.size()),
                           std::vector<char>(queries_.size(), 0)});
      missing.push_back(std::move(setting));
    }
  return missing;
}

void CoordinateSearch::add(const Setting& setting, std::size_t query, const MatchCounts& counts) {
  Measured& of_setting = measured_[place_of(setting)];
  of_setting.counts.at(query) = counts;
  of_setting.is_there.at(query) = 1;
}

/// Among what is measured.
std::size_t CoordinateSearch::place_of(const Setting& setting) const {
  const auto at = std::find_if(measured_.begin(), measured_.end(),
                               [&](const Measured& m) { return m.setting == setting; });
  if (at == measured_.end())
    throw InvalidArgument(
        "calibration: got a setting that was not asked for, expected one of wanted");
  return static_cast<std::size_t>(at - measured_.begin());
}

/// The queries on which a path chooses.
std::vector<std::size_t> CoordinateSearch::queries_of(std::size_t path) const {
  std::vector<std::size_t> some;
  for (std::size_t q = 0; q < queries_.size(); ++q)
    if (fold_of_[queries_[q].image] != path) some.push_back(q);
  return some;
}

/// Of counts for each query, of which some count, each as often as it is listed.
double CoordinateSearch::f1_of(const std::vector<const MatchCounts*>& counts,
                               const std::vector<std::size_t>& queries) const {
  std::vector<MatchCounts> sums(classes_);
  std::vector<char> is_there(classes_, 0);
  for (const std::size_t q : queries) {
    MatchCounts& sum = sums[queries_[q].of_class];
    is_there[queries_[q].of_class] = 1;
    sum.truth += counts[q]->truth;
    sum.found += counts[q]->found;
    sum.matched += counts[q]->matched;
  }
  double total = 0, classes = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    if (is_there[c] == 0) continue;
    ++classes;
    const auto all = static_cast<double>(sums[c].truth + sums[c].found);
    total += 2 * static_cast<double>(sums[c].matched) / std::max(all, 1.0);
  }
  return classes == 0 ? 0 : total / classes;
}

double CoordinateSearch::f1_on(const Setting& setting,
                               const std::vector<std::size_t>& queries) const {
  const Measured& of_setting = measured_[place_of(setting)];
  std::vector<const MatchCounts*> counts(queries_.size(), nullptr);
  for (const std::size_t q : queries) {
    if (of_setting.is_there[q] == 0)
      throw InvalidArgument(fmt::format(
          "calibration: query {} was not measured, expected all before an option is chosen", q));
    counts[q] = &of_setting.counts[q];
  }
  return f1_of(counts, queries);
}

void CoordinateSearch::choose(std::size_t option) {
  std::vector<double> worths;
  for (Setting& path : paths_) {
    const auto p = static_cast<std::size_t>(&path - paths_.data());
    const std::vector<std::size_t> queries = queries_of(p);
    worths.clear();
    for (std::size_t value = 0; value < options_[option].values.size(); ++value) {
      Setting setting = path;
      setting[option] = value;
      worths.push_back(f1_on(setting, queries));
    }
    double most = worths[0] + how_.least;  // what the others must be above
    for (std::size_t value = 1; value < worths.size(); ++value)
      if (worths[value] > most) most = worths[value], path[option] = value;
  }
  worths_.push_back(std::move(worths));  // those of all images, the last path
}

double CoordinateSearch::f1(const Setting& setting) const {
  return f1_on(setting, queries_of(how_.folds));  // no image is in a fold of that number
}

Gain CoordinateSearch::gain() const {
  const Measured& first = measured_[place_of(Setting(options_.size(), 0))];
  std::vector<const MatchCounts*> begin, chosen;
  std::vector<std::vector<std::size_t>> of_image(images_);
  for (std::size_t q = 0; q < queries_.size(); ++q) {
    begin.push_back(&first.counts[q]);
    chosen.push_back(&measured_[place_of(paths_[fold_of_[queries_[q].image]])].counts[q]);
    of_image[queries_[q].image].push_back(q);
  }
  const std::vector<std::size_t> all = queries_of(how_.folds);
  Gain gain{f1_of(begin, all), f1_of(chosen, all), {}};
  const std::vector<std::size_t> strata = {images_};
  const auto difference = [&](const Drawn& drawn) {
    std::vector<std::size_t> queries;
    for (const std::size_t image : drawn[0])
      queries.insert(queries.end(), of_image[image].begin(), of_image[image].end());
    return std::vector<double>{f1_of(chosen, queries) - f1_of(begin, queries)};
  };
  gain.interval = bootstrap(strata, difference, how_.bootstrap).at(0);
  return gain;
}

}  // namespace persense::eval
