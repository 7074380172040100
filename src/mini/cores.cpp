#include "cores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <opencv2/core/utility.hpp>
#include <sstream>
#include <string>
#include <thread>

#include "persense/error.hpp"
#include "persense/mini/mini.hpp"

namespace persense::mini {

namespace fs = std::filesystem;

namespace {

std::string line_of(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// Cores that microseconds in a period are worth; `cores` where they are no limit.
int cores_for(double quota, double period, int cores) {
  if (!(quota > 0 && period > 0)) return cores;
  return std::clamp(static_cast<int>(std::ceil(quota / period)), 1, cores);
}

/// The quota that a group's folder has, in either version's files.
int quota_in(const fs::path& group, int cores) {
  double quota = 0, period = 0;
  if (std::istringstream both(line_of(group / "cpu.max")); both >> quota >> period)
    return cores_for(quota, period, cores);  // "max 100000" is no number
  std::istringstream old_quota(line_of(group / "cpu.cfs_quota_us")),
      old_period(line_of(group / "cpu.cfs_period_us"));
  if (old_quota >> quota && old_period >> period) return cores_for(quota, period, cores);
  return cores;
}

}  // namespace

int cores_within_quota(const fs::path& root, std::string_view self, int cores) {
  int least = cores;
  std::istringstream lines{std::string(self)};
  for (std::string line; std::getline(lines, line);) {
    // "0::/a/b" of version 2, "4:cpu,cpuacct:/a/b" of version 1
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const bool is_new = controllers.empty();
    if (!is_new && controllers.find("cpu") == controllers.npos) continue;
    const fs::path top = is_new ? root : root / controllers;
    // a group's parents may allow less; in a container the path may be the host's, and not there
    for (fs::path at = fs::path(path).relative_path();; at = at.parent_path()) {
      least = std::min(least, quota_in(top / at, cores));
      if (!is_new) least = std::min(least, quota_in(root / "cpu" / at, cores));
      if (at.empty()) break;
    }
  }
  return least;
}

int usable_cores() {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::ifstream self("/proc/self/cgroup");
  std::stringstream text;
  text << self.rdbuf();
  return cores_within_quota("/sys/fs/cgroup", text.str(), cores);
}

void require_threads(int threads) {
  if (threads < 0)
    throw InvalidArgument(
        fmt::format("threads: got {}, expected 0 (all cores that may be used) or more", threads));
}

/// OpenCV begins with a thread for each core that the process may run on, and does not know of
/// every quota. What the program around this library chose stays.
void set_threads(int threads) {
  require_threads(threads);
  if (threads == 0) {
    if (cv::getNumThreads() != cv::getNumberOfCPUs()) return;
    const char* const asked = std::getenv("OMP_NUM_THREADS");
    const int most = asked != nullptr ? std::atoi(asked) : 0;
    threads = most > 0 ? most : usable_cores();
  }
  cv::setNumThreads(threads);
}

}  // namespace persense::mini
