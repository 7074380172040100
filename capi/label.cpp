// Class labels, asked of a model.
#include <memory>

#include "arguments.hpp"
#include "handles.hpp"
#include "persense/label/extractor.hpp"

using namespace persense;

namespace persense::capi {

namespace {

// Zero is every field's default; where it is a value too, the value is negative.
LabelSettings settings_of(const persense_label_options& options) {
  LabelSettings settings;
  const auto take = [](auto& field, auto given) {
    if (given != 0) field = given < 0 ? 0 : given;
  };
  settings.endpoint = text_or(options.endpoint, "");
  settings.model = text_or(options.model, "");
  settings.prompt = text_or(options.prompt, settings.prompt.c_str());
  settings.key_variable = text_or(options.key_variable, "");
  settings.ca_bundle = text_or(options.ca_bundle, "");
  take(settings.temperature, options.temperature);
  take(settings.retries, options.retries);
  if (options.timeout != 0) settings.timeout = options.timeout;
  if (options.backoff != 0) settings.backoff = options.backoff;
  if (options.max_tokens != 0) settings.max_tokens = options.max_tokens;
  const std::string rules = text_or(options.rules, "paper");
  if (rules != "paper" && rules != "reference")
    throw InvalidArgument(
        fmt::format("label rules: got \"{}\", expected \"paper\" or \"reference\"", rules));
  settings.rules = rules == "paper" ? Rules::paper : Rules::reference;
  return settings;
}

}  // namespace

}  // namespace persense::capi

persense_label::persense_label(ClassLabel found) : text(std::move(found)) {
  info = {text.label.c_str(), text.phrase.c_str(), text.answer.c_str()};
}

int32_t persense_has_label_extraction(void) { return ClassLabelExtractor::is_built_in() ? 1 : 0; }

int32_t persense_has_tls(void) { return ClassLabelExtractor::has_tls() ? 1 : 0; }

void persense_label_options_init(persense_label_options* options, size_t struct_size) {
  capi::init_struct(options, struct_size);
}

persense_status persense_label_extract(const persense_image* image, const persense_image* mask,
                                       const persense_label_options* options,
                                       persense_label** out) {
  return capi::guard([&] {
    auto& label = capi::emptied(out, "out");
    const auto given =
        capi::read_struct(options, "persense_label_options", sizeof(persense_label_options));
    const ClassLabelExtractor extractor(capi::settings_of(given));
    const auto rgb = capi::rgb_argument(image, "support image");
    const MaskView bits = capi::mask_argument(mask, "support mask");
    label = new persense_label(extractor.extract(rgb.view, bits, [&] {
      return given.should_stop != nullptr && given.should_stop(given.user) != 0;
    }));
  });
}

const persense_label_info* persense_label_get_info(const persense_label* label) {
  return capi::guard_getter([&] { return &capi::required(label, "label").info; });
}

void persense_label_free(persense_label* label) { delete label; }
