#include <cstddef>
#include <cstdint>

#include "persense/mini/mini.hpp"

namespace persense::mini {

namespace {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"
#include "mini_network.inc"  // made from mini.pt by the build
#pragma GCC diagnostic pop

}  // namespace

EmbeddedArchive mini_archive() {
  return {"the built-in network mini", {reinterpret_cast<const std::uint8_t*>(bytes), length}};
}

// In this file, so that who links another network alone is spared the archive.
MiniEncoder::MiniEncoder(const MiniOptions& options) : MiniEncoder(mini_archive(), options) {}

}  // namespace persense::mini
