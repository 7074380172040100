// stage_flags.hpp: which stages a run uses and where its models run, shared by the subcommands.
#pragma once

#include <string>

#include "command.hpp"
#include "option_flags.hpp"
#include "persense/engine.hpp"

namespace persense::cli {

struct StageFlags {
  std::string models = Stages::default_name();
  std::string encoder, detector, dmg, decoder;  ///< empty: what `models` has
  std::string device = "cpu", dtype = "fp32";
  int threads = 0;
};

/// Adds --models, a flag a stage, --device, --dtype and --threads to a subcommand; `flags` must
/// outlive the parse.
void add_stage_flags(Command command, StageFlags& flags);

/// @throws as Stages::named.
Stages stages_from(const StageFlags& flags);

/// @throws as persense::Engine and options_from.
Engine engine_from(const StageFlags& stages, const OptionFlags& options);

}  // namespace persense::cli
