// The TorchScript stages of a program that links LibTorch.
#include "archive_stages.hpp"

namespace persense {

bool has_archive_stages() { return true; }

const ArchiveStages& archive_stages(const std::string&) { return *persense_archive_stages(); }

}  // namespace persense
