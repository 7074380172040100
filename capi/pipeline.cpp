// Pipelines, supports, and queries.
#include <fmt/format.h>

#include <memory>

#include "arguments.hpp"
#include "handles.hpp"
#include "persense/failure.hpp"

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

// The caller's callbacks, in a place where the pipeline can call them. Never before a step that was
// cancelled.
RunOptions run_options_of(const persense_run_options& options) {
  RunOptions run;
  run.trace = options.trace != 0;
  if (options.on_step != nullptr || options.should_stop != nullptr)
    run.on_step = [options](Step step) {
      if (options.should_stop != nullptr && options.should_stop(options.user) != 0)
        throw Cancelled(fmt::format("cancelled before {}", name_of(step)));
      if (options.on_step != nullptr)
        options.on_step(static_cast<int32_t>(step), name_of(step), options.user);
    };
  return run;
}

void log_notes(const std::vector<std::string>& notes, std::size_t first = 0) {
  for (std::size_t i = first; i < notes.size(); ++i)
    log(PERSENSE_LOG_WARNING, one_line(notes[i]).c_str());
}

void log_result(const Result& result) {
  if (is_logging())
    log(PERSENSE_LOG_INFO,
        fmt::format("segmented {} in {:.3f} s: {} instances, estimated count {:.2f}",
                    to_string(result.image_size), result.timings.total(), result.count(),
                    result.estimated_count)
            .c_str());
}

}  // namespace

}  // namespace persense::capi

persense_pipeline::persense_pipeline(const Stages& stages, const Options& chosen)
    : engine(stages, chosen) {
  for_each_option(engine.options(), [&](const char* key, const auto& field, auto&&...) {
    options.emplace_back(key, option_text(field));
  });
}

persense_support::persense_support(const Engine& made_by, EngineSupport prepared)
    : engine(made_by), support(std::move(prepared)), notes(capi::c_strings(support.info().notes)) {
  const EngineSupport::Info& from = support.info();
  const auto box = static_cast<Box>(from.box);
  info.width = from.image_size.width;
  info.height = from.image_size.height;
  info.box = {box.x0, box.y0, box.x1, box.y1};
  info.diameter = from.diameter;
  info.label = from.label.c_str();
  info.phrase = from.phrase.c_str();
  info.note_count = notes.size();
  info.notes = notes.data();
}

void persense_pipeline_options_init(persense_pipeline_options* options, size_t struct_size) {
  capi::init_struct(options, struct_size);
}

void persense_run_options_init(persense_run_options* options, size_t struct_size) {
  capi::init_struct(options, struct_size);
}

persense_status persense_pipeline_create(const persense_pipeline_options* options,
                                         persense_pipeline** out) {
  return capi::guard([&] {
    auto& pipeline = capi::emptied(out, "out");
    const auto given = capi::read_struct(options, "persense_pipeline_options",
                                         offsetof(persense_pipeline_options, reserved));
    const Stages stages = capi::stages_of(given);
    pipeline =
        new persense_pipeline(stages, capi::method_argument(given.preset, given.settings, stages));
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

persense_status persense_support_create(const persense_pipeline* pipeline,
                                        const persense_image* image, const persense_image* mask,
                                        const char* label, persense_support** out) {
  return capi::guard([&] {
    auto& support = capi::emptied(out, "out");
    const Engine& engine = capi::required(pipeline, "pipeline").engine;
    const auto rgb = capi::rgb_argument(image, "support image");
    const MaskView bits = capi::mask_argument(mask, "support mask");
    auto made = std::make_unique<persense_support>(
        engine, engine.support(rgb.view, bits, capi::text_or(label, "")));
    capi::log_notes(made->support.info().notes);
    support = made.release();
  });
}

const persense_support_info* persense_support_get_info(const persense_support* support) {
  return capi::guard_getter([&] { return &capi::required(support, "support").info; });
}

persense_status persense_segment(const persense_support* support, const persense_image* image,
                                 const persense_run_options* options, persense_result** out) {
  return capi::guard([&] {
    auto& result = capi::emptied(out, "out");
    const persense_support& example = capi::required(support, "support");
    const auto rgb = capi::rgb_argument(image, "query image");
    const auto run = capi::run_options_of(capi::read_struct(
        options, "persense_run_options", offsetof(persense_run_options, reserved)));
    auto made =
        std::make_unique<persense_result>(example.engine.segment(example.support, rgb.view, run));
    capi::log_notes(made->result.notes, example.notes.size());  // the support's come first
    capi::log_result(made->result);
    result = made.release();
  });
}

void persense_pipeline_free(persense_pipeline* pipeline) { delete pipeline; }
void persense_support_free(persense_support* support) { delete support; }
