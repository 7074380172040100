// label_flags.hpp: what the object is called, given or asked of a model.
#pragma once

#include <map>
#include <string>

#include "command.hpp"
#include "persense/label/extractor.hpp"

namespace persense::cli {

struct LabelFlags {
  std::string name;        ///< --label; empty: not given
  LabelSettings settings;  ///< asked where there is an endpoint
};

/// Adds --label, and --label-endpoint with what belongs to it; `flags` must outlive the parse.
void add_label_flags(Command command, LabelFlags& flags);

/// What decides the label, by name, for the run record: never a key. Nothing without an endpoint.
std::map<std::string, std::string> label_source(const LabelFlags& flags);

}  // namespace persense::cli
