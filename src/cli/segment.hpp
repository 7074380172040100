// segment.hpp: the run behind `persense segment`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "exit_code.hpp"
#include "filter_flags.hpp"
#include "label_flags.hpp"
#include "mark_flags.hpp"
#include "option_flags.hpp"
#include "stage_flags.hpp"

namespace persense::cli {

/// What the command line asked for.
struct SegmentRequest {
  std::filesystem::path folder;
  std::vector<std::string> queries;
  std::string page;    ///< "", a number or "all"
  std::string window;  ///< "" or "LOW,HIGH"
  MarkFlags marks;
  FilterFlags filters;
  bool overlay = false, labels = false, coco = false, csv = false, labelme = false;
  bool trace = false;
  bool support_overlay = false;
  bool coco_polygons = false;
  bool yolo = false, yolo_boxes = false, geojson = false, imagej = false;
  bool measure = false;
  std::string pixel_size;  ///< "" or a length with its unit
  bool timings = false;
  StageFlags stages;
  OptionFlags options;
  LabelFlags label;
  bool resume = false;
  int jobs = 1;
};

/// Segments all queries and writes what was asked for.
/// @throws Error  what ends the run as a whole: bad arguments, an unreadable support, an output
///   that cannot be written, Ctrl-C. A query that fails is reported, and told by the exit code.
Exit segment(const SegmentRequest& request);

}  // namespace persense::cli
