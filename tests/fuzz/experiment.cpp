// Experiment files, and what becomes of their texts and numbers in tables.
#include "persense/eval/experiment.hpp"

#include "persense/option_table.hpp"
#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile file;
  eval::Experiment experiment;
  if (!accepts([&] { experiment = eval::read_experiment(file.holding({data, size})); })) return 0;
  std::vector<eval::ExperimentRun> runs;
  for (std::size_t v = 0; v < experiment.variants.size(); ++v) {
    Options options = Options::preset(experiment.variants[v].preset);
    for (const auto& [key, value] : experiment.variants[v].settings)
      set_option(options, key, value);
    validate(options);
    const eval::Measured measured{{"iou", 0.5}, {"seconds", 1}};
    runs.push_back({v, "a set", {}, 1, measured, {{"a class", measured}}, {{"version", "0"}}});
  }
  require(eval::to_markdown(experiment, runs).find(experiment.title) != std::string::npos,
          "the table has the title");
  require(eval::to_csv(experiment, runs).starts_with("variant,data_set,"), "CSV has its header");
  if (!experiment.plot) return 0;
  const io::Plot plot = eval::to_plot(experiment, runs);
  for (const io::PlotSeries& series : plot.series)
    require(series.y.size() == (plot.categories.empty() ? series.x : series.y).size() &&
                (plot.categories.empty() || series.y.size() == plot.categories.size()),
            "a value for each x or category");
  return 0;
}
