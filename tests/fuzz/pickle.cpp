// The list of a network's tensors, which is a program for a small machine.
#include "mini/native/pickle.hpp"

#include <stdexcept>

#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;
using mini::native::stored_tensors;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view pickled(reinterpret_cast<const char*>(data), size);
  accepts([&] {
    try {
      for (const auto& [name, tensor] : stored_tensors(pickled)) {
        require(name.size() <= 32 * size, "a name is made of those in the list");
        require(tensor.storage.size() <= size, "so is that of a storage");
        require(tensor.shape.size() <= size, "and a shape");
      }
    } catch (const std::runtime_error& e) {  // the archive's name is put before it
      throw Unreadable(std::string("archive: ") + e.what());
    }
  });
  return 0;
}
