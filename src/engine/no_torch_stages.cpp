// What the engine answers to "mini" and to archives in a build without LibTorch.
#include "archive_stages.hpp"

namespace persense {

bool has_archive_stages() { return false; }

const ArchiveStages& archive_stages(const std::string& archive) {
  throw InvalidArgument(fmt::format(
      "{}: this build cannot load networks, as it was made without LibTorch (PERSENSE_WITH_TORCH); "
      "{}",
      archive, without_torch));
}

}  // namespace persense
