// outputs.hpp: which files a run writes, and writing them.
#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "persense/engine.hpp"
#include "persense/io/measurements.hpp"
#include "segment.hpp"

namespace persense::cli {

/// Where the outputs of a query go.
struct OutputNames {
  std::filesystem::path folder;
  std::string query;                     ///< stem of its outputs
  std::span<const std::string> classes;  ///< their names
};

/// The files of a kind ("overlay", "labels", "csv", "measurements", "labelme", "yolo", "geojson",
/// "imagej", "trace", "coco"). With several classes there is a class image beside the label image,
/// and a trace for each class. The COCO part of a query is kept beside the run's record, and all of
/// them become the one file of the run.
std::vector<std::filesystem::path> output_paths(const OutputNames& names, const std::string& kind);

/// @throws InvalidArgument  the name of a file of a kind is longer than the file system takes.
void require_short_names(const OutputNames& names, const std::string& kind);

/// What the files of one query show.
struct Shown {
  ImageView image;
  const std::filesystem::path& query;
  const Result& result;
  std::span<const EngineSupport> supports;
  const std::string& coco_name;
  const SegmentRequest& request;
  io::PixelSize pixel;
  int slice;  ///< of the query's file in ImageJ: its page, from 1; 0 where that is the only one
};

/// Writes the files of a kind. @throws Unwritable.
void write_output(const OutputNames& names, const std::string& kind, const Shown& shown,
                  const Engine& engine);

/// Writes instances.json of the COCO parts of queries, of which there is one at least, in their
/// order. @throws Unwritable, Unreadable.
void write_coco_of_run(std::span<const OutputNames> queries, const Engine& engine);

/// Writes data.yaml into a folder of YOLO's label files. @throws Unwritable.
/// @param queries  those that have labels there.
void write_yolo_data(const std::filesystem::path& folder, std::span<const std::string> classes,
                     std::span<const std::filesystem::path> queries);

/// @throws Unwritable.
void make_folder(const std::filesystem::path& folder);

}  // namespace persense::cli
