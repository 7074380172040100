// dataset_flags.hpp: which data set, and which part of it, shared by the commands that score.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "command.hpp"
#include "persense/eval/dataset.hpp"

namespace persense::cli {

struct DatasetFlags {
  std::filesystem::path path;
  std::string format = "auto", broken = "skip", extent;
  std::vector<std::string> classes;  ///< empty: all
  eval::DatasetRequest request;
};

/// Adds DATASET and what says more of it to a subcommand; `flags` must outlive the parse.
void add_dataset_flags(Command command, DatasetFlags& flags);

/// Adds what says more of it alone.
void add_dataset_part_flags(Command command, DatasetFlags& flags);

/// Adds --broken alone.
Flag add_broken_flag(Command command, std::string& broken);

/// What --broken says. @throws InvalidArgument.
eval::Broken broken_of(const std::string& text);

/// @throws as eval::open_dataset; InvalidArgument  a class that the data set does not have.
eval::Dataset open_dataset(const DatasetFlags& flags);

/// Says on standard error what was left out of a data set: the first lines and how many follow.
void print_broken(const eval::Dataset& dataset);

/// What the formats are, for help texts.
extern const char* const dataset_help;

}  // namespace persense::cli
