#include <memory>

#include "calibration.hpp"
#include "commands.hpp"

namespace persense::cli {

namespace {

const char* const calibrate_description =
    "Choose the few thresholds that decide what is kept, on one's own labelled images\n"
    "\n"
    "Examples:\n"
    "  # of images with the truth of each object, for example those of `persense annotate "
    "--import`\n"
    "  persense calibrate bolts -o settings.json\n"
    "\n"
    "  # use what was chosen\n"
    "  persense segment photo.jpg --box 120,80,160,130 -o out --settings settings.json\n"
    "  persense eval other_bolts --settings settings.json\n"
    "\n"
    "  # of the weight-free stages, two images at a time\n"
    "  persense calibrate bolts -o settings.json --models classic --jobs 2\n";

const char* const calibrate_help =
    "How: one option after the other gets the value of highest mean F1 (matched one to one at IoU\n"
    "0.5, the plain mean over classes), where that is at least 0.005 more than before. With mini\n"
    "these are mini.same, mini.quality, mini.same_alone and mini.present; with other stages\n"
    "filter.min_score, filter.min_area_ratio, detection.threshold and ppsm.norm_const. What "
    "--preset,\n"
    "--settings and --set say is where the choice begins. Images are encoded once, as long as "
    "they\n"
    "fit into memory (24 megapixels in all).\n"
    "What it is worth is measured by cross-validation: images are dealt out to folds, and for "
    "each\n"
    "fold the choice is made again without it. The interval of the gain is that of a thousand\n"
    "bootstrap resamples of the images. Where it reaches down to 0, no setting is better than the\n"
    "defaults by more than chance, and they are written. Of fewer than ten images nothing is "
    "chosen.\n"
    "The file: {\"format\": 1, \"options\": {KEY: VALUE}, \"measured\": {...}}; every frontend "
    "reads "
    "it.\n"
    "\n";

}  // namespace

void add_calibrate(Command program, Task& task) {
  const Command command = program.add_subcommand("calibrate", calibrate_description);
  const auto request = std::make_shared<CalibrationRequest>();
  add_dataset_flags(command, request->dataset);
  command.add_option("-o,--output", request->settings, "the settings file that is written")
      .type_name("FILE")
      .not_empty()
      .required();
  command.add_option("--folds", request->folds, "parts of the images, of which one is left out")
      .type_name("N")
      .range(2, 1000)
      .capture_default_str();
  add_option_flags(command, request->options);
  add_stage_flags(command, request->stages);
  command.add_option("--jobs", request->jobs, "images worked on at once; the choice is the same")
      .type_name("N")
      .range(1, 1024)
      .capture_default_str();
  command.footer(std::string(dataset_help) + calibrate_help + exit_code_help);
  command.callback([request, &task] { task = [request] { return Calibration(*request).run(); }; });
}

}  // namespace persense::cli
