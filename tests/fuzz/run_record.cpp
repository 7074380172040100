// The program's record of a run, which --resume reads.
#include "cli/run_record.hpp"

#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;
using cli::RunRecord;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile input, output;
  const auto& path = input.holding({data, size});
  const auto settings = RunRecord::settings_in(path).value_or(RunRecord::Settings{});
  accepts([&] { RunRecord::resume(path, {{"preset", "paper"}}); });
  if (!accepts([&] { RunRecord::resume(path, settings); })) return 0;

  const auto& copy = output.holding({data, size});
  RunRecord::Entry entry;
  entry.query = "a query of this test";
  entry.bytes = size;
  entry.content = entry.query;
  entry.outputs = {"overlay"};
  entry.objects = {size};
  RunRecord::resume(copy, settings).add(entry);
  const RunRecord again = RunRecord::resume(copy, settings);
  const auto* const found = again.find(entry.query);
  require(found != nullptr && found->objects == entry.objects, "what is added is there");
  require(again.has_size(size) && again.find_content(entry.content, 1, {}) == found,
          "what is added is found by what it holds");
  return 0;
}
