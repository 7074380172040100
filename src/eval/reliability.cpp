#include "persense/eval/reliability.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "json.hpp"

namespace persense::eval {

namespace {

double part(double sum, std::int64_t count) { return sum / static_cast<double>(count); }

}  // namespace

void Reliability::add(std::span<const Instance> instances, const ImageScore::Instances& score) {
  const std::unordered_set<std::int32_t> matched(score.matched_found.begin(),
                                                 score.matched_found.end());
  for (std::size_t i = 0; i < instances.size(); ++i) {
    // a tenth in float may lie a little below the tenth that was meant
    const double tenths = std::floor(10 * double{instances[i].score} + 1e-5);
    Bin& bin = bins[static_cast<std::size_t>(std::clamp(tenths, 0.0, 9.0))];
    ++bin.instances;
    bin.matched += matched.contains(static_cast<std::int32_t>(i) + 1);
    bin.score_sum += double{instances[i].score};
  }
}

void Reliability::add(const Reliability& other) {
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bins[i].instances += other.bins[i].instances;
    bins[i].matched += other.bins[i].matched;
    bins[i].score_sum += other.bins[i].score_sum;
  }
}

std::string to_table(const Reliability& reliability) {
  std::string table =
      fmt::format("{:<12}{:>11}{:>12}{:>11}\n", "score", "instances", "mean score", "precision");
  for (std::size_t i = 0; i < reliability.bins.size(); ++i) {
    const auto& bin = reliability.bins[i];
    const double low = 0.1 * static_cast<double>(i);
    table +=
        fmt::format("{:<12}{:>11}", fmt::format("{:.1f} to {:.1f}", low, low + 0.1), bin.instances);
    table += bin.instances == 0
                 ? fmt::format("{:>12}{:>11}\n", "-", "-")
                 : fmt::format("{:>12.3f}{:>11.3f}\n", part(bin.score_sum, bin.instances),
                               part(static_cast<double>(bin.matched), bin.instances));
  }
  return table;
}

std::string to_json(const Reliability& reliability) {
  auto list = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < reliability.bins.size(); ++i) {
    const auto& bin = reliability.bins[i];
    nlohmann::ordered_json entry = {{"from", static_cast<double>(i) / 10},
                                    {"to", static_cast<double>(i + 1) / 10},
                                    {"instances", bin.instances},
                                    {"matched", bin.matched},
                                    {"precision", nullptr},
                                    {"mean_score", nullptr}};
    if (bin.instances > 0) {
      entry["precision"] = part(static_cast<double>(bin.matched), bin.instances);
      entry["mean_score"] = part(bin.score_sum, bin.instances);
    }
    list.push_back(entry);
  }
  return persense::detail::json_text(list, 2) + "\n";
}

}  // namespace persense::eval
