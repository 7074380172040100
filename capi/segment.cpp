// Queries.
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "arguments.hpp"
#include "handles.hpp"
#include "log_notes.hpp"
#include "persense/option_table.hpp"
#include "persense/run_options.hpp"

using namespace persense;

namespace persense::capi {

namespace {

/// The supports of a call, and the pipeline that made the first.
struct Classes {
  std::vector<EngineSupport> supports;
  std::vector<std::string> notes;  ///< those that were told when the supports were made
  const Engine* engine = nullptr;

  void add(const persense_support& support) {
    if (engine == nullptr) engine = &support.engine;
    supports.push_back(support.support);
    const auto& known = support.support.info().notes;
    notes.insert(notes.end(), known.begin(), known.end());
  }
};

Classes classes_of(const persense_support* const* supports, std::size_t count) {
  Classes classes;
  if (count == 0) throw InvalidArgument("supports: got none, expected at least one");
  require(supports, "supports");
  for (std::size_t k = 0; k < count; ++k) {
    if (supports[k] == nullptr)
      throw InvalidArgument(fmt::format("supports: got NULL at index {}, expected a support", k));
    classes.add(*supports[k]);
  }
  return classes;
}

/// The pipeline's filter with what a caller wants instead. @throws InvalidArgument  out of range.
FilterOptions filter_of(const persense_run_options& given, const Options& pipeline) {
  Options options = pipeline;
  const auto take = [](auto& field, auto value) {
    if (value != 0) field = value < 0 ? 0 : value;  // NaN stays, for validate to refuse
  };
  FilterOptions& filter = options.filter;
  take(filter.min_score, given.min_score);
  take(filter.min_area_ratio, given.min_area_ratio);
  take(filter.max_area_ratio, given.max_area_ratio);
  take(filter.min_area, given.min_area);
  take(filter.max_area, given.max_area);
  take(filter.max_instances, given.max_instances);
  if (given.border < PERSENSE_BORDER_DEFAULT || given.border > PERSENSE_BORDER_DROP)
    throw InvalidArgument(fmt::format("border: got {}, expected one of persense_border (0 to {})",
                                      given.border, static_cast<int>(PERSENSE_BORDER_DROP)));
  if (given.border == PERSENSE_BORDER_KEEP) filter.border = Border::keep;
  if (given.border == PERSENSE_BORDER_DROP) filter.border = Border::drop;
  validate(options);
  return filter;
}

// The caller's callbacks, in a place where the pipeline can call them. Never before a step that was
// cancelled.
RunOptions run_options_of(const persense_run_options& options, const Options& pipeline) {
  RunOptions run;
  run.trace = options.trace != 0;
  run.filter = filter_of(options, pipeline);
  if (options.region != nullptr) run.region = mask_argument(options.region, "region");
  const auto check = [options](Step step, const char* when) {
    if (options.should_stop != nullptr && options.should_stop(options.user) != 0)
      throw Cancelled(fmt::format("cancelled {} {}", when, name_of(step)));
  };
  if (options.on_step != nullptr || options.should_stop != nullptr)
    run.on_step = [options, check](Step step) {
      check(step, "before");
      if (options.on_step != nullptr)
        options.on_step(static_cast<int32_t>(step), name_of(step), options.user);
    };
  if (options.on_progress != nullptr || options.should_stop != nullptr)
    run.on_progress = [options, check](Step step, double part) {
      check(step, "during");
      if (options.on_progress != nullptr)
        options.on_progress(static_cast<int32_t>(step), part, options.user);
    };
  return run;
}

void log_result(const Result& result) {
  if (is_logging())
    log(PERSENSE_LOG_INFO,
        fmt::format("segmented {} in {:.3f} s: {} instances, estimated count {:.2f}",
                    to_string(result.image_size), result.timings.total(), result.count(),
                    result.estimated_count())
            .c_str());
}

/// @param image  what the engine is asked about: an ImageView or an EngineImage.
template <class Image>
Result segment(const Engine& engine, const Classes& classes, const Image& image,
               const RunOptions& run) {
  if constexpr (std::is_same_v<Image, ImageView>)
    return engine.segment(classes.supports, image, run);
  else
    return engine.segment(image, classes.supports, run);
}

/// @param engine  that encoded the image, or made the first support.
template <class Image>
persense_result* make_result(const Engine& engine, const Classes& classes, const Image& image,
                             const persense_run_options* options) {
  const auto given = read_struct(
      options, "persense_run_options", sizeof(persense_run_options),
      {offsetof(persense_run_options, reserved), offsetof(persense_run_options, reserved2)});
  const RunOptions run = run_options_of(given, engine.options());
  auto made = std::make_unique<persense_result>(segment(engine, classes, image, run));
  log_notes(made->result.notes, classes.notes);
  log_result(made->result);
  return made.release();
}

}  // namespace

}  // namespace persense::capi

void persense_run_options_init(persense_run_options* options, size_t struct_size) {
  capi::init_struct(options, struct_size);
}

persense_status persense_segment(const persense_support* support, const persense_image* image,
                                 const persense_run_options* options, persense_result** out) {
  return capi::guard([&] {
    auto& result = capi::emptied(out, "out");
    capi::require(support, "support");
    const auto classes = capi::classes_of(&support, 1);
    const auto rgb = capi::rgb_argument(image, "query image");
    result = capi::make_result(*classes.engine, classes, rgb.view, options);
  });
}

persense_status persense_segment_classes(const persense_support* const* supports,
                                         size_t support_count, const persense_image* image,
                                         const persense_run_options* options,
                                         persense_result** out) {
  return capi::guard([&] {
    auto& result = capi::emptied(out, "out");
    const auto classes = capi::classes_of(supports, support_count);
    const auto rgb = capi::rgb_argument(image, "query image");
    result = capi::make_result(*classes.engine, classes, rgb.view, options);
  });
}

persense_status persense_segment_encoded(const persense_encoded* encoded,
                                         const persense_support* const* supports,
                                         size_t support_count, const persense_run_options* options,
                                         persense_result** out) {
  return capi::guard([&] {
    auto& result = capi::emptied(out, "out");
    const persense_encoded& query = capi::required(encoded, "encoded");
    const auto classes = capi::classes_of(supports, support_count);
    result = capi::make_result(query.engine, classes, query.image, options);
  });
}
