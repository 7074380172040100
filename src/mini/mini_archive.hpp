// mini_archive.hpp (private): the trained network that is part of the library.
#pragma once

#include "persense/torch/manifest.hpp"

namespace persense::torchscript {

/// The archive of stage `all` of src/mini/mini.pt. Its bytes are there as long as the library is.
/// @par Threads  Safe to call concurrently.
EmbeddedArchive mini_archive();

}  // namespace persense::torchscript
