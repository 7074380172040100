// filter_flags.hpp: which of the instances found are reported.
#pragma once

#include <filesystem>
#include <opencv2/core.hpp>
#include <optional>
#include <string>

#include "command.hpp"
#include "persense/example.hpp"
#include "persense/options.hpp"

namespace persense::cli {

/// As text; empty: not given.
struct FilterFlags {
  std::string min_score, min_area, max_area, max_instances, border, region;
};

/// Adds --min-score and the others to a subcommand; `flags` must outlive the parse.
void add_filter_flags(Command command, FilterFlags& flags);

/// Sets the options of the filter. @throws InvalidArgument  naming the flag.
void apply_filters(Options& options, const FilterFlags& flags);

/// Where instances are wanted: a polygon, or a mask for queries of its size.
class Region {
 public:
  Region() = default;
  /// @param text  of --region; empty: everywhere.
  /// @throws InvalidArgument  a polygon that is none, an empty mask. @throws FileNotFound,
  ///   Unreadable.
  explicit Region(const std::string& text);

  /// CV_8UC1 of this size; empty: everywhere.
  /// @throws InvalidArgument  a mask of another size, a polygon that lies outside.
  cv::Mat mask_of(Size query) const;

  /// The mask's file, where it is one.
  const std::filesystem::path& file() const { return file_; }

  /// For the run record: the polygon, or what tells the file from others.
  std::string identity() const;

 private:
  std::string text_;
  std::optional<Polygon> polygon_;
  std::filesystem::path file_;
  cv::Mat mask_;
};

}  // namespace persense::cli
