#include <cstddef>
#include <cstdint>

#include "mini_network.hpp"
#include "models/archive.hpp"
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
MiniEncoder::MiniEncoder(const MiniOptions& options)
    : MiniEncoder(native_network(std::make_shared<const Archive>(mini_archive())), options) {}

}  // namespace persense::mini
