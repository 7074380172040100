// cores.hpp (private): how many cores this process may use.
#pragma once

#include <filesystem>
#include <string_view>

namespace persense::mini {

/// Cores that this process may run on, and its control group pays for: a container that may use two
/// of 64 cores is slower with 64 threads than with two. At least 1.
int usable_cores();

/// The same of a control group's quota alone; `cores` where there is none.
/// @param root  of the control groups' file system: "/sys/fs/cgroup".
/// @param self  what /proc/self/cgroup holds.
int cores_within_quota(const std::filesystem::path& root, std::string_view self, int cores);

/// @throws InvalidArgument  a number of threads below 0, which stands for as many as there are
/// cores.
void require_threads(int threads);

}  // namespace persense::mini
