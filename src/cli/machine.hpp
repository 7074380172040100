// machine.hpp: what a measurement ran on.
#pragma once

#include <string>

namespace persense::cli {

/// Processor, cores that may be used, memory and system, without the machine's name: "2 cores of
/// Intel(R) Xeon(R) Gold 6226R, 23 GiB, Debian GNU/Linux 12
/// (bookworm) x86_64".
std::string machine();

}  // namespace persense::cli
