// torch_plugin.hpp: what the engine asks of the code that knows LibTorch. One of two files answers:
// loaded_stages.cpp (from a library opened on first use) or no_torch_stages.cpp (a build without
// LibTorch).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "model.hpp"
#include "persense/models/manifest.hpp"

namespace persense {

struct TorchPlugin {
  const char* version;  ///< of the library that it was built with
  /// A model with a slot that is an archive, or "mini" on a GPU or in half precision.
  /// @param mini  what "mini" is where the stages name no other. Its bytes stay where they are.
  std::shared_ptr<const EngineParts::Model> (*model)(const Stages&, const Options&,
                                                     const EmbeddedArchive& mini);
  Options (*adapt)(const Stages&, Options preset);
  ArchiveInfo (*inspect)(const std::filesystem::path&);
};

/// Whether this build has them and, where it runs them on the LibTorch of Python's PyTorch, that is
/// there. The same for as long as the process runs.
bool has_torch_plugin();

/// Of a build that has them, why it cannot run them; else empty. One line.
std::string torch_plugin_problem();

/// What a message ends with when they cannot be had.
inline constexpr const char* without_torch =
    "mini and classic do without it, on the CPU in fp32 (--models mini, models=\"mini\")";

/// @param what  asks for them: an archive, or "mini" and where it shall run; for messages.
/// @throws InvalidArgument  a build without LibTorch, or torch_plugin_problem(). @throws Unreadable
///   the library that holds them, or LibTorch, cannot be loaded.
const TorchPlugin& torch_plugin(const std::string& what);

}  // namespace persense

/// Defined by torch_stages.cpp.
extern "C" __attribute__((visibility("default"))) const persense::TorchPlugin*
persense_torch_plugin();
