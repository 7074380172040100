#include "mini_archive.hpp"

#include <cstdint>

// The assembler copies the file: a compiler takes a minute over an array of as many numbers.
// Hidden, so that several libraries of one process may each have a network of their own.
asm(".pushsection .rodata\n"
    ".balign 64\n"
    ".globl persense_mini_bytes\n"
    ".hidden persense_mini_bytes\n"
    "persense_mini_bytes:\n"
    ".incbin \"" PERSENSE_MINI_FILE
    "\"\n"
    "persense_mini_end:\n"
    ".balign 8\n"
    ".globl persense_mini_length\n"
    ".hidden persense_mini_length\n"
    "persense_mini_length:\n"
    ".8byte persense_mini_end - persense_mini_bytes\n"
    ".popsection\n");

extern "C" {
extern const std::uint8_t persense_mini_bytes[] __attribute__((visibility("hidden")));
extern const std::uint64_t persense_mini_length __attribute__((visibility("hidden")));
}

namespace persense::torchscript {

EmbeddedArchive mini_archive() {
  return {"the built-in network mini", {persense_mini_bytes, persense_mini_length}};
}

}  // namespace persense::torchscript
