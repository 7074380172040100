#include "machine.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "persense/failure.hpp"

namespace persense::cli {

namespace {

/// What stands behind a key at the beginning of a line; empty: nothing does, or there is no file.
std::string value_in(const char* file, const std::string& key, const std::string& separator) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key))
      if (const auto at = line.find(separator); at != line.npos)
        return one_line(line.substr(at + separator.size()));
  return {};
}

std::string operating_system() {
  std::string name = value_in("/etc/os-release", "PRETTY_NAME", "=");
  std::erase(name, '"');
  utsname system{};
  ::uname(&system);
  return fmt::format("{} {}", name.empty() ? system.sysname : name.c_str(), system.machine);
}

}  // namespace

std::string machine() {
  const double bytes =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const unsigned cores = std::thread::hardware_concurrency();
  const std::string name = value_in("/proc/cpuinfo", "model name", ": ");
  return fmt::format("{} {}{}, {:.0f} GiB, {}", cores, cores == 1 ? "core" : "cores",
                     name.empty() ? "" : " of " + name, bytes / (1 << 30), operating_system());
}

}  // namespace persense::cli
