#include "commands.hpp"
#include "segment.hpp"

#include <memory>

namespace persense::cli {

namespace {

const char* const description =
    "Find every instance of one object in crowded images\n"
    "\n"
    "Examples:\n"
    "  # all objects of photo.jpg like the one masked in support.jpg: out/photo_overlay.png\n"
    "  persense segment --support support.jpg --mask mask.png photo.jpg -o out\n"
    "\n"
    "  # a folder of images on four threads, as label images and one COCO file\n"
    "  persense segment --support support.jpg --mask mask.png shelf/ -o out --labels --coco \\\n"
    "    --jobs 4\n"
    "\n"
    "  # go on with a run that was stopped, or after new images came into the folder\n"
    "  persense segment --support support.jpg --mask mask.png shelf/ -o out --labels --coco \\\n"
    "    --resume\n"
    "\n"
    "  # with models made by python -m persense.export, on a GPU\n"
    "  persense segment --support support.jpg --mask mask.png photo.jpg -o out --models sam_vit_h "
    "\\\n"
    "    --device cuda --dtype fp16\n"
    "\n"
    "  # with the name that a vision-language model gives the object\n"
    "  persense segment --support support.jpg --mask mask.png photo.jpg -o out \\\n"
    "    --label-endpoint http://localhost:8080\n"
    "\n"
    "  # every step of the method as a picture, with a lower threshold for weak density maps\n"
    "  persense segment --support support.jpg --mask mask.png 'shelf/*.jpg' -o out --trace \\\n"
    "    --set idm.threshold=20\n";

const char* const footer =
    "Outputs, in the folder of -o (NAME is the query's name without its extension; longer where "
    "two\n"
    "queries share it):\n"
    "  NAME_overlay.png    the picture with outlines, numbers and prompts\n"
    "  NAME_labels.png     16-bit grey; 0 = background, otherwise the instance's id\n"
    "  NAME_instances.csv  id, point, box, area and score of every instance\n"
    "  NAME_trace.png      all steps of the method side by side\n"
    "  instances.json      COCO, run-length masks, all queries of the run\n"
    "  .persense-run/      what --resume needs; may be deleted when the run is complete\n"
    "Progress goes to standard error (a bar, on a terminal) or standard output (a line an image).\n"
    "\n";

void add_outputs(CLI::App& command, SegmentRequest& request) {
  const char* const group = "Outputs (--overlay, when none is given)";
  command.add_flag("--overlay", request.overlay, "the picture with the instances drawn over it")
      ->group(group);
  command.add_flag("--labels", request.labels, "16-bit label image")->group(group);
  command.add_flag("--coco", request.coco, "one COCO JSON file for the run")->group(group);
  command.add_flag("--csv", request.csv, "one table row an instance")->group(group);
  command.add_flag("--trace", request.trace, "the steps of the method as one picture")
      ->group(group);
}

}  // namespace

void add_segment(CLI::App& program, Task& task) {
  auto* command = program.add_subcommand("segment", description);
  const auto request = std::make_shared<SegmentRequest>();
  command
      ->add_option("QUERY", request->queries,
                   "images to search: files, folders (the images directly in them) or 'patterns*'")
      ->type_name("")
      ->check(not_empty())
      ->required();
  command->add_option("--support", request->support, "picture that shows the object")
      ->type_name("FILE")
      ->check(not_empty())
      ->required();
  command->add_option("--mask", request->mask, "rough mask of ONE object in it: 0 is background")
      ->type_name("FILE")
      ->check(not_empty())
      ->required();
  command->add_option("-o,--output", request->folder, "folder for the outputs; made when missing")
      ->type_name("DIR")
      ->check(not_empty())
      ->required();
  add_option_flags(*command, request->options);
  add_stage_flags(*command, request->stages);
  add_label_flags(*command, request->label);
  command->add_flag("--resume", request->resume,
                    "skip the queries that an earlier, identical run into this folder completed");
  command
      ->add_option("--jobs", request->jobs,
                   "images worked on at once; each needs its own memory; the files are the same")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""))
      ->capture_default_str();
  add_outputs(*command, *request);
  command->footer(std::string(footer) + exit_code_help);
  command->callback([request, &task] { task = [request] { return segment(*request); }; });
}

}  // namespace persense::cli
