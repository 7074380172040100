#include <memory>

#include "commands.hpp"
#include "experiment.hpp"

namespace persense::cli {

namespace {

const char* const experiment_description =
    "Run an experiment: the variants in one file, scored on data sets\n"
    "\n"
    "Examples:\n"
    "  # the paper's table 2b; out/norm_const.md has the paper's column beside what is measured\n"
    "  persense experiment benchmarks/experiments/norm_const.json PerSense-D -o out\n"
    "\n"
    "  # the same with other stages, two images at a time; goes on where it was interrupted\n"
    "  persense experiment benchmarks/experiments/norm_const.json PerSense-D -o out \\\n"
    "      --models models --jobs 2 --resume\n"
    "\n"
    "  # data sets that the experiment knows by name, with their folds\n"
    "  persense experiment benchmarks/experiments/methods.json -o out --jobs 2 PerSense-D \\\n"
    "      COCO-20i=annotations/instances_val2014.json LVIS-92i=lvis_v1_val.json\n"
    "\n"
    "  # time and memory: one image at a time on one core\n"
    "  persense experiment benchmarks/experiments/efficiency.json PerSense-D -o out --threads 1\n";

const char* const experiment_help =
    "FILE is JSON: title, source, columns (what is measured), variants (name, preset, method, "
    "set,\n"
    "mark, examples, and what the paper has of the same), and more: see\n"
    "benchmarks/experiments/README.md. What --set and --settings say is below the variants' own.\n"
    "DIR/FILE.md, FILE.csv and FILE.png are written when all is measured, and for each run, as "
    "soon\n"
    "as it is complete, DIR/FILE/VARIANT@DATASET.json with the scores of every image. Each says\n"
    "version, stages, options, fingerprints of the models, and machine. --resume takes up the "
    "runs\n"
    "whose variant, options, models and data set are the same.\n"
    "Every run is a process of its own; memory_mb is the most that it ever had. With --jobs above "
    "1\n"
    "time and memory are those of several images at once.\n"
    "\n";

}  // namespace

void add_experiment(Command program, Task& task) {
  const Command command = program.add_subcommand("experiment", experiment_description);
  const auto request = std::make_shared<ExperimentRequest>();
  command.add_option("FILE", request->file, "the experiment").type_name("").not_empty().required();
  command.add_option("DATASET", request->data_sets, "folders or annotation files: [NAME=]PATH")
      .type_name("")
      .not_empty()
      .required();
  command.add_option("-o,--output", request->folder, "where tables and records are written")
      .type_name("DIR")
      .not_empty()
      .required();
  command.add_flag("--resume", request->resume, "do not repeat runs that are complete");
  add_dataset_part_flags(command, request->dataset);
  add_setting_flags(command, request->options);
  add_stage_flags(command, request->stages);
  command.add_option("--jobs", request->jobs, "images worked on at once; scores are the same")
      .type_name("N")
      .range(1, 1024)
      .capture_default_str();
  command.footer(std::string(dataset_help) + experiment_help + exit_code_help);
  command.callback(
      [request, &task] { task = [request] { return ExperimentRunner(*request).run(); }; });
}

}  // namespace persense::cli
