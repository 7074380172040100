#include "mini_archive.hpp"

#include <cstddef>
#include <cstdint>

namespace persense::torchscript {

namespace {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"
#include "mini_network.inc"  // made from mini.pt by the build
#pragma GCC diagnostic pop

}  // namespace

EmbeddedArchive mini_archive() {
  return {"the built-in network mini", {reinterpret_cast<const std::uint8_t*>(bytes), length}};
}

}  // namespace persense::torchscript
