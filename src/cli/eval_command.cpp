#include <memory>

#include "commands.hpp"
#include "evaluation.hpp"
#include "option_flags.hpp"

namespace persense::cli {

namespace {

const char* const eval_description =
    "Score the method on a data set with truth\n"
    "\n"
    "Examples:\n"
    "  # all classes of a data set in PerSense-D layout\n"
    "  persense eval PerSense-D\n"
    "\n"
    "  # two classes, two images at a time, scores for a script\n"
    "  persense eval PerSense-D --classes potatoes,beans --jobs 2 --json scores.json\n"
    "\n"
    "  # one page to look through: scores, classes, every image with its errors and its stages\n"
    "  persense eval PerSense-D --report report.html\n"
    "\n"
    "  # fold 0 of COCO-20i, with episodes that can be run again\n"
    "  persense eval annotations/instances_val2014.json --fold 0 --episode-list fold0.json\n"
    "\n"
    "  # one's own label images; ten of the queries\n"
    "  persense eval cells --episodes 10 --seed 3\n"
    "\n"
    "  # keep what was found, to look at it or to score it with another tool\n"
    "  persense eval PerSense-D --save-labels found --preset reference\n"
    "\n"
    "  # how much is lost when the support object is marked by a box alone?\n"
    "  persense eval PerSense-D --mark box\n"
    "\n"
    "  # how much is won with three examples? compare with --examples 1\n"
    "  persense eval PerSense-D --examples 3\n"
    "\n"
    "  # what do other methods make of the same stages? also plus_plus, grounded_sam, persam, "
    "matcher\n"
    "  persense eval PerSense-D --method everything\n"
    "\n"
    "  # and what is had without any model?\n"
    "  persense eval PerSense-D --method otsu\n"
    "\n"
    "  # which score is worth what?\n"
    "  persense eval PerSense-D --reliability\n";

const char* const scores_help =
    "Scores: IoU is the sum of intersections over the sum of unions of a class, as in the paper,\n"
    "its mean over classes the benchmarks' mIoU; FB-IoU the mean of foreground and background.\n"
    "Precision, recall and F1 (matched one to one at IoU 0.5), PQ = SQ x RQ and mF1 (F1 averaged\n"
    "over IoU 0.50:0.05:0.95) need instance truth, and so do AP, AP50 and AP75, which are\n"
    "pycocotools', without a limit of 100 objects for each image (see --max-detections). MAE, "
    "RMSE\n"
    "and bias are of the number of objects; false: objects found in an image without any. The\n"
    "mean is the plain mean over classes, from and to its bootstrap interval.\n"
    "--mark makes a mark of the support mask: its tight box (filled-box: that box as a mask), its\n"
    "most interior pixel, or its outline. --examples takes further ones from the first query of\n"
    "every class, which is not scored then, whatever N is. --reliability prints, for each tenth\n"
    "of the scores, how many instances have such a score and which part of them matches an object\n"
    "at IoU 0.5.\n"
    "The tables go to standard output, progress to standard error. Any unreadable image ends\n"
    "the evaluation: scores over part of a data set would mislead.\n"
    "\n";

}  // namespace

void add_eval(Command program, Task& task) {
  const Command command = program.add_subcommand("eval", eval_description);
  const auto request = std::make_shared<EvalRequest>();
  add_dataset_flags(command, request->dataset);
  command.add_option("--json", request->json, "write the scores as JSON, too")
      .type_name("FILE")
      .not_empty();
  command
      .add_option("--report", request->page,
                  "write a page with scores, classes and every image, worst first: one file that "
                  "needs no other and no network, about 0.3 MB for each image")
      .type_name("FILE")
      .not_empty();
  command
      .add_option("--save-labels", request->labels,
                  "write what was found: DIR/CLASS/NN_labels.png, 16-bit")
      .type_name("DIR")
      .not_empty();
  command.add_option("--mark", request->scoring.mark, "how the support object is marked")
      .type_name("mask|box|filled-box|point|polygon")
      .capture_default_str();
  command
      .add_option("--examples", request->scoring.examples,
                  "objects that are marked: the support's and further ones in the first query")
      .type_name("N")
      .range(1, 100);
  command.add_flag("--reliability", request->reliability,
                   "also show what the scores are worth; in the JSON, too");
  command.add_flag("--released", request->released,
                   "also show the IoU as the paper's released script counts it (of union masks)");
  command
      .add_option(
          "--intervals", request->intervals,
          "95 % bootstrap intervals of the mean over its classes, or over the images of "
          "every class; auto: classes where there are ten, images where each class has five")
      .type_name("auto|classes|images|off")
      .capture_default_str();
  command
      .add_option("--max-detections", request->scoring.most,
                  "objects of an image that count for AP, best score first (pycocotools: 100); 0: "
                  "all")
      .type_name("N")
      .capture_default_str();
  add_option_flags(command, request->options);
  add_stage_flags(command, request->stages);
  command
      .add_option("--jobs", request->scoring.jobs, "images worked on at once; scores are the same")
      .type_name("N")
      .range(1, 1024)
      .capture_default_str();
  command.footer(std::string(dataset_help) + scores_help + exit_code_help);
  command.callback([request, &task] { task = [request] { return Evaluation(*request).run(); }; });
}

}  // namespace persense::cli
