// What the library says about itself.
#include <type_traits>
#include <vector>

#include "failure.hpp"
#include "persense.h"
#include "persense/engine.hpp"
#include "persense/option_table.hpp"
#include "persense/version.hpp"

namespace persense::capi {

namespace {

struct OptionText {
  std::string key, default_value, range, help;
  persense_option_info info{};
};

const std::vector<OptionText>& option_texts() {
  static const std::vector<OptionText> texts = [] {
    std::vector<OptionText> made;
    const Options defaults;
    for_each_option(defaults, [&](const char* key, const auto& field, double lowest, double highest,
                                  const char* help) {
      using Field = std::remove_cvref_t<decltype(field)>;
      made.push_back({key, option_text(field), range_text<Field>(lowest, highest), help});
    });
    for (OptionText& text : made)  // now that they stay where they are
      text.info = {text.key.c_str(), text.default_value.c_str(), text.range.c_str(),
                   text.help.c_str()};
    return made;
  }();
  return texts;
}

}  // namespace

}  // namespace persense::capi

using namespace persense;

int32_t persense_abi_version(void) { return PERSENSE_ABI_VERSION; }

const char* persense_version(void) { return PERSENSE_VERSION; }

int32_t persense_has_archives(void) { return Engine::has_torch() ? 1 : 0; }

size_t persense_option_count(void) {
  size_t count = 0;
  const Options defaults;
  for_each_option(defaults, [&](auto&&...) { ++count; });
  return count;
}

const persense_option_info* persense_option_get_info(size_t index) {
  return capi::guard_getter([&]() -> const persense_option_info* {
    const auto& texts = capi::option_texts();
    return index < texts.size() ? &texts[index].info : nullptr;
  });
}

const char* persense_step_name(int32_t step) {
  const bool known = step >= 0 && step < static_cast<int32_t>(step_count);
  return known ? name_of(static_cast<Step>(step)) : nullptr;
}
