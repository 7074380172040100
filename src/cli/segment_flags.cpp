#include "segment_flags.hpp"

namespace persense::cli {

const char* const marking_help =
    "Marking:\n"
    "  Flags are read from left to right. A mark (--mask, --box, --point, --polygon, and with\n"
    "  --negative- before the name what is not meant) is in the image of the last --support "
    "before\n"
    "  it; where there is one --support, wherever it stands; where there is none, in the QUERY,\n"
    "  which then is one. It is of the class of the last --class before it. Each may be repeated.\n"
    "  Pixels count from 0 at the top left; X1 and Y1 are the first beyond the box. A box or a\n"
    "  point becomes a mask by the method's own decoder: segment --support-overlay shows which.\n"
    "\n";

Flag add_segment_flags(Command command, SegmentRequest& request) {
  const Flag query =
      command
          .add_option(
              "QUERY", request.queries,
              "images to search: files, folders (the images directly in them) or 'patterns*'")
          .type_name("")
          .not_empty();
  command.add_option("-o,--output", request.folder, "folder for the outputs; made when missing")
      .type_name("DIR")
      .not_empty()
      .required();
  command
      .add_option("--page", request.page,
                  "which page of TIFF files is read: a number from 1, or all, one query per page; "
                  "otherwise the first")
      .type_name("N|all")
      .not_empty();
  command
      .add_option("--window", request.window,
                  "what is black and what is white where pixels have 16 bits or more; otherwise "
                  "the 0.1st and 99.9th percentile of the first such image, the support before "
                  "the queries")
      .type_name("LOW,HIGH")
      .not_empty();
  add_mark_flags(command, request.marks);
  add_filter_flags(command, request.filters);
  add_option_flags(command, request.options);
  add_stage_flags(command, request.stages);
  add_label_flags(command, request.label);
  command.add_flag("--resume", request.resume,
                   "skip the queries that an earlier, identical run into this folder completed");
  command
      .add_option("--jobs", request.jobs,
                  "images worked on at once; each needs its own memory; the files are the same")
      .type_name("N")
      .range(1, 1024)
      .capture_default_str();
  command.add_flag("--timings", request.timings, "show the seconds of every step and image");
  return query;
}

}  // namespace persense::cli
