// Settings files.
#include "persense/io/settings.hpp"

#include "persense/option_table.hpp"
#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile file;
  io::Settings settings;
  if (!accepts([&] { settings = io::read_settings(file.holding({data, size})); })) return 0;
  Options options;
  io::apply(options, settings);
  validate(options);
  const std::string text = io::to_settings(settings.options);
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const io::Settings again = io::read_settings(file.holding({bytes, text.size()}));
  require(again.options == settings.options, "what is read can be written and is the same again");
  return 0;
}
