// What the engine answers to archives in a build without LibTorch.
#include "model.hpp"

namespace persense {

namespace {

[[noreturn]] void refuse(const Stages& stages) {
  std::string archive;
  for (const auto& slot : {stages.encoder, stages.detector, stages.dmg, stages.decoder})
    if (archive.empty() && slot != "classic") archive = slot;
  throw InvalidArgument(fmt::format(
      "{}: this build cannot load archives, as it was made without LibTorch; expected \"classic\"",
      archive));
}

}  // namespace

bool Engine::has_torch() { return false; }

Options Stages::adapt(Options preset) const {
  if (dmg != "classic") refuse(*this);
  return preset;
}

std::shared_ptr<const EngineParts::Model> EngineParts::with_archives(const Stages& stages,
                                                                     const Options&) {
  refuse(stages);
}

}  // namespace persense
