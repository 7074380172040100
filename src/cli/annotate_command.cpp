#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "annotation_import.hpp"
#include "commands.hpp"
#include "dataset_flags.hpp"
#include "option_flags.hpp"
#include "persense/error.hpp"
#include "segment_flags.hpp"

namespace persense::cli {

namespace {

const char* const annotate_description =
    "Annotate images with the model in the loop: it outlines, people correct, a data set results\n"
    "\n"
    "Examples:\n"
    "  # outline all objects like the one in this box, for correction in labelme\n"
    "  persense annotate photo.jpg --class bolt --box 120,80,160,130 -o todo\n"
    "  labelme todo/photo_labelme.json\n"
    "\n"
    "  # a folder, for labelme (todo/*_labelme.json) or CVAT (todo/instances.json), with overlays\n"
    "  persense annotate shelf/ --class bolt --support support.jpg --mask mask.png -o todo "
    "--overlay\n"
    "\n"
    "  # what was corrected, checked, as a data set\n"
    "  persense annotate --import todo -o bolts\n"
    "  persense eval bolts\n"
    "\n"
    "  # of CVAT's COCO file; the support is an image of one's choice; end at the first fault\n"
    "  persense annotate --import instances.json --images shelf -o bolts --support IMG_7.jpg "
    "--broken fail\n";

const char* const import_help =
    "Outputs: NAME_labelme.json for each image and instances.json (COCO, polygons), and what is\n"
    "asked for; see `persense segment --help`.\n"
    "\n"
    "With --import: labelme files (a folder, or one of them) or a COCO file (or the folder that\n"
    "holds it, here or in `annotations`) become a data set in PerSense-D layout:\n"
    "  DATASET/CLASS/00.*, 00.png          the support image, and the mask of its typical object\n"
    "  DATASET/CLASS/01.*, 01_instances.png ...  the queries, and their objects as 16-bit labels\n"
    "  DATASET/statistics.csv, .json       images, instances, their least, largest and mean "
    "number\n"
    "                                      an image, mean size; what was left out; which image is "
    "which\n"
    "An image is a query of every class that it shows. PNG images become TIFF, of the same "
    "pixels,\n"
    "as the layout's PNGs are masks. The support is the image whose typical object (the median of\n"
    "those inside of the image) is nearest in area to the class's, or the one that --support "
    "names,\n"
    "the first for each class where several do. Told and left out (or the end, by --broken fail):\n"
    "objects that share more than --max-overlap of the smaller one's pixels with one before them,\n"
    "that are empty, lie outside, have no label or a negative one; images that are missing or of\n"
    "another size than the file says; classes that one image shows. A pixel of two objects is the\n"
    "smaller one's. Parts outside of the image are cut off.\n"
    "\n";

struct AnnotateRequest {
  SegmentRequest segment;
  ImportRequest import;
  std::string broken = "skip";
};

bool is_one_of(Flag flag, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return flag.is_called(std::string(name)); });
}

constexpr std::array<std::string_view, 4> of_import = {"--import", "--images", "--max-overlap",
                                                       "--broken"};
constexpr std::array<std::string_view, 3> of_both = {"--output", "--support", "--jobs"};

/// @throws InvalidArgument  a flag of the one beside the other.
void require_one_kind(Command command, bool imports) {
  for (const Flag flag : command.flags()) {
    if (!flag.given() || is_one_of(flag, of_both)) continue;
    if (is_one_of(flag, of_import) != imports)
      throw InvalidArgument(fmt::format("{}: has no meaning {} --import", flag.name(),
                                        imports ? "beside" : "without"));
  }
}

void add_import(Command command, AnnotateRequest& request) {
  const char* const group = "Import";
  command
      .add_option("--import", request.import.annotations,
                  "make a data set of corrected labelme files or of a COCO file")
      .type_name("PATH")
      .not_empty()
      .group(group);
  command
      .add_option("--images", request.import.images,
                  "where the COCO file's images are, if not beside it")
      .type_name("DIR")
      .not_empty()
      .group(group);
  command
      .add_option("--max-overlap", request.import.max_overlap,
                  "part of the smaller of two objects that both may hold, 0 to 1")
      .type_name("PART")
      .range(0.0, 1.0)
      .capture_default_str()
      .group(group);
  add_broken_flag(command, request.broken).group(group);
}

Exit annotate(AnnotateRequest& request, Command command) {
  ImportRequest& import = request.import;
  SegmentRequest& run = request.segment;
  const bool imports = !import.annotations.empty();
  require_one_kind(command, imports);
  if (!imports) {
    if (run.queries.empty())
      throw InvalidArgument(
          "QUERY: got none, expected images to annotate, or --import; `persense annotate --help` "
          "shows examples");
    run.labelme = run.coco = run.coco_polygons = true;
    return segment(run);
  }
  import.dataset = run.folder;
  import.supports = run.marks.supports;
  import.jobs = run.jobs;
  import.broken = broken_of(request.broken);
  return AnnotationImport(import).run();
}

}  // namespace

void add_annotate(Command program, Task& task) {
  const Command command = program.add_subcommand("annotate", annotate_description);
  const auto request = std::make_shared<AnnotateRequest>();
  add_import(command, *request);
  add_segment_flags(command, request->segment);
  command.add_flag("--overlay", request->segment.overlay,
                   "also the image with the instances drawn over it");
  command.add_flag("--support-overlay", request->segment.support_overlay,
                   "also the support images with the masks that were taken");
  command.footer(std::string(marking_help) + import_help + exit_code_help);
  command.callback([request, command, &task] {
    task = [request, command] { return annotate(*request, command); };
  });
}

}  // namespace persense::cli
