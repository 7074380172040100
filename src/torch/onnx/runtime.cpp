#include "runtime.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <mutex>
#include <system_error>
#include <vector>

#include "persense/error.hpp"
#include "session.hpp"

namespace persense::onnx {

namespace {

namespace fs = std::filesystem;

constexpr const char* variable = "PERSENSE_ONNXRUNTIME";

/// The libraries of a Python package onnxruntime in the folder that this package's own is in. Its
/// file has the whole version in its name.
std::vector<std::string> beside_this_package() {
  Dl_info here{};
  std::error_code error;
  if (dladdr(reinterpret_cast<const void*>(&runtime), &here) == 0 || here.dli_fname == nullptr)
    return {};
  const fs::path packages = fs::canonical(here.dli_fname, error).parent_path().parent_path();
  std::vector<std::string> found;
  for (const auto& file : fs::directory_iterator(packages / "onnxruntime" / "capi", error))
    if (file.path().filename().string().starts_with("libonnxruntime.so"))
      found.push_back(file.path().string());
  return found;
}

std::vector<std::string> places() {
  if (const char* const named = std::getenv(variable); named != nullptr && *named != '\0')
    return {named};
  std::vector<std::string> places = beside_this_package();
  if constexpr (constexpr std::string_view built_with = PERSENSE_ONNXRUNTIME_LIBRARY;
                !built_with.empty())
    places.emplace_back(built_with);
  places.insert(places.end(), {"libonnxruntime.so.1", "libonnxruntime.so"});
  return places;
}

/// @param file  as it was opened, for messages.
Runtime* runtime_in(void* library, const std::string& file) {
  using Entry = const OrtApiBase* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "OrtGetApiBase"));
  if (entry == nullptr) throw Unreadable(file + ": another library, expected ONNX Runtime's");
  const std::string version = entry()->GetVersionString();
  const OrtApi* const api = entry()->GetApi(ORT_API_VERSION);
  if (api == nullptr)
    throw Unreadable(
        fmt::format("{}: ONNX Runtime {}, expected 1.{} or newer", file, version, ORT_API_VERSION));
  Ort::InitApi(api);
  // errors come as exceptions; what else it has to say is for its developers
  return new Runtime{"ONNX Runtime " + version, Ort::Env(ORT_LOGGING_LEVEL_FATAL, "persense")};
}

Runtime* open() {
  std::string problems;
  for (const std::string& place : places()) {
    if (void* const library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL))
      return runtime_in(library, place);
    problems += (problems.empty() ? "" : "; ") + std::string(dlerror());
  }
  throw Unreadable(
      fmt::format("ONNX Runtime, which runs it, cannot be opened ({}); {} may name its "
                  "libonnxruntime.so, pip install onnxruntime has one",
                  problems, variable));
}

}  // namespace

const Runtime& runtime(const fs::path& model) {
  static std::mutex mutex;
  static Runtime* opened = nullptr;
  const std::lock_guard lock(mutex);
  try {
    if (opened == nullptr) opened = open();
  } catch (const Unreadable& e) {
    throw Unreadable(model.string() + ": " + e.what());
  }
  return *opened;
}

std::string runtime_name(const fs::path& model) { return runtime(model).name; }

}  // namespace persense::onnx
