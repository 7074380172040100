// The TorchScript stages from a library that is opened when a network is first asked for. Starting
// LibTorch takes a third of a second, and a process that holds another LibTorch (Python with
// PyTorch, say) cannot take a second one: who runs no network is spared both.
#include <dlfcn.h>

#include <vector>

#include "persense/version.hpp"
#include "pytorch.hpp"
#include "torch_plugin.hpp"

namespace persense {

namespace {

namespace fs = std::filesystem;

constexpr const char* library_name = "libpersense_torch_plugin.so";

/// Where the library may lie, seen from the program or library that this code is part of.
std::vector<fs::path> places() {
  Dl_info here{};
  std::error_code error;
  if (dladdr(reinterpret_cast<const void*>(&torch_plugin), &here) == 0 || here.dli_fname == nullptr)
    return {};
  fs::path self = fs::canonical(here.dli_fname, error);
  if (error) self = fs::canonical("/proc/self/exe", error);  // a program found by way of PATH
  const fs::path folder = self.parent_path();
  return {folder / "persense", folder, folder / ".." / PERSENSE_LIBDIR / "persense"};
}

/// What an opened library holds. @param file  as it was asked for; for messages.
const TorchPlugin* plugin_in(void* library, const std::string& file) {
  using Entry = const TorchPlugin* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "persense_torch_plugin"));
  const TorchPlugin* const stages = entry != nullptr ? entry() : nullptr;
  if (stages == nullptr || std::string(stages->version) != PERSENSE_VERSION)
    throw Unreadable(fmt::format("{}: is of version {}, expected {}; {}", file,
                                 stages == nullptr ? "none" : stages->version, PERSENSE_VERSION,
                                 without_torch));
  return stages;
}

const TorchPlugin* load() {
  std::string tried;
  for (const fs::path& place : places()) {
    const fs::path file = place / library_name;
    tried += place.lexically_normal().string() + ", ";
    std::error_code error;
    if (!fs::exists(file, error)) continue;
    if (void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL))
      return plugin_in(library, file.string());
    throw Unreadable(
        fmt::format("{}: cannot be loaded: {}; {}", file.string(), dlerror(), without_torch));
  }
  // Programs that link an installed persense::engine lie anywhere; their run path leads to it.
  if (void* const library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL))
    return plugin_in(library, library_name);
  throw Unreadable(fmt::format(
      "{}, which runs networks: not found in {}nor by the program's run path or LD_LIBRARY_PATH "
      "({}); {}",
      library_name, tried, dlerror(), without_torch));
}

}  // namespace

bool has_torch_plugin() { return torch_plugin_problem().empty(); }

std::string torch_plugin_problem() {
#ifdef PERSENSE_PYTORCH_VERSION  // a Python package: its run path leads to the PyTorch beside it
  static const std::string problem = [] {
    std::error_code error;
    for (const fs::path& place : places())
      if (fs::exists(place / library_name, error))
        return pytorch_problem(place.parent_path() / "torch", PERSENSE_PYTORCH_VERSION);
    return std::string();
  }();
  return problem;
#else
  return {};
#endif
}

const TorchPlugin& torch_plugin(const std::string& what) {
  if (const std::string problem = torch_plugin_problem(); !problem.empty())
    throw InvalidArgument(fmt::format("{}: {}; {}", what, problem, without_torch));
  static const TorchPlugin* const stages = load();  // tried again by the next call if it throws
  return *stages;
}

}  // namespace persense
