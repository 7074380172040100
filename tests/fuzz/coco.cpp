// COCO files, which a run goes on with, and the run lengths in them.
#include "persense/io/coco.hpp"

#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

namespace {

void check_run_lengths(Bytes bytes) {
  std::vector<std::uint32_t> counts;
  if (!accepts([&] { counts = io::rle_from_string(text_of(bytes)); })) return;
  require(io::rle_from_string(io::rle_to_string(counts)) == counts, "run lengths are kept as text");
  std::uint64_t pixels = 0;
  for (const std::uint32_t count : counts) pixels += count;
  constexpr std::uint64_t small = 1 << 16;
  if (pixels == 0 || pixels > small) return;
  for (const int width : {1, 7, bytes[0] + 1}) {
    const Size size{width, std::max(1, static_cast<int>(pixels) / width)};
    accepts([&] {
      const Mask mask = io::mask_from_rle(counts, size);
      const Mask again = io::mask_from_rle(io::rle_counts(mask, size), size);
      require(again.box == mask.box && again.bits == mask.bits, "a mask is kept as run lengths");
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile file;
  static const OutputFolder folder;
  check_run_lengths({data, size});
  const auto once = folder / "once.json", twice = folder / "twice.json";
  const bool is_taken = accepts([&] {
    io::CocoWriter coco(once);
    coco.append(file.holding({data, size}));
    coco.close();
  });
  if (!is_taken) return 0;
  io::CocoWriter coco(twice);
  coco.append(once);
  coco.close();
  require(content_of(once) == content_of(twice), "what was written is taken over as it is");
  return 0;
}
