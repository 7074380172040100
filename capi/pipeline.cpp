// Pipelines.
#include <fmt/format.h>

#include "arguments.hpp"
#include "handles.hpp"
#include "persense/io/settings.hpp"
#include "persense/option_table.hpp"

using namespace persense;

namespace persense::capi {

namespace {

Stages stages_of(const persense_pipeline_options& options) {
  Stages stages = options.models == nullptr ? Stages{} : Stages::named(options.models);
  const auto replace = [](std::string& slot, const char* name, const char* text) {
    if (text == nullptr) return;
    if (*text == '\0')
      throw InvalidArgument(
          fmt::format("{}: got an empty text, expected \"mini\", \"classic\" or an archive", name));
    slot = text;
  };
  replace(stages.encoder, "encoder", options.encoder);
  replace(stages.detector, "detector", options.detector);
  replace(stages.dmg, "dmg", options.dmg);
  replace(stages.decoder, "decoder", options.decoder);
  stages.device = text_or(options.device, stages.device.c_str());
  stages.dtype = text_or(options.dtype, stages.dtype.c_str());
  stages.threads = options.threads;
  return stages;
}

}  // namespace

}  // namespace persense::capi

persense_pipeline::persense_pipeline(const Stages& stages, const Options& chosen)
    : engine(stages, chosen) {
  for_each_option(engine.options(), [&](const char* key, const auto& field, auto&&...) {
    options.emplace_back(key, option_text(field));
  });
}

void persense_pipeline_options_init(persense_pipeline_options* options, size_t struct_size) {
  capi::init_struct(options, struct_size);
}

persense_status persense_pipeline_create(const persense_pipeline_options* options,
                                         persense_pipeline** out) {
  return capi::guard([&] {
    auto& pipeline = capi::emptied(out, "out");
    const auto given =
        capi::read_struct(options, "persense_pipeline_options", sizeof(persense_pipeline_options),
                          {offsetof(persense_pipeline_options, reserved)});
    const Stages stages = capi::stages_of(given);
    io::Settings of_file;
    if (given.settings_file != nullptr) of_file = io::read_settings(given.settings_file);
    pipeline = new persense_pipeline(
        stages, capi::method_argument(given.preset, given.settings, stages, of_file));
  });
}

const char* persense_pipeline_get_option(const persense_pipeline* pipeline, const char* key) {
  return capi::guard_getter([&]() -> const char* {
    const std::string_view wanted = &capi::required(key, "key");
    for (const auto& [name, value] : capi::required(pipeline, "pipeline").options)
      if (name == wanted) return value.c_str();
    return nullptr;
  });
}

const char* persense_pipeline_get_stages(const persense_pipeline* pipeline) {
  return capi::guard_getter(
      [&] { return capi::required(pipeline, "pipeline").engine.stages().c_str(); });
}

void persense_pipeline_free(persense_pipeline* pipeline) { delete pipeline; }
