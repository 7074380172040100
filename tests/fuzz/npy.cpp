// NumPy's .npy files.
#include "persense/io/npy.hpp"

#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile file;
  static const OutputFolder folder;
  FloatMap map;
  if (!accepts([&] { map = io::read_npy_map(file.holding({data, size})); })) return 0;
  require(map.rows() >= 1 && map.cols() >= 1, "a map has values");
  require(4 * static_cast<std::size_t>(map.size()) < size, "every value stands in the file");
  const auto written = folder / "map.npy";
  io::write_npy(written, map);
  const FloatMap again = io::read_npy_map(written);
  require(again.rows() == map.rows() && again.cols() == map.cols(), "a map keeps its shape");
  require((again == map || (again.isNaN() && map.isNaN())).all(), "a map keeps its values");
  return 0;
}
