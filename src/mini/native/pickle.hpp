// pickle.hpp (private): the tensors of a TorchScript archive, read without LibTorch.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace persense::mini::native {

/// A tensor that a module has: where its numbers lie.
struct StoredTensor {
  std::string type;     ///< "HalfStorage", "FloatStorage", ...
  std::string storage;  ///< the archive has it as data/<storage>
  std::size_t offset = 0;
  std::vector<std::size_t> shape, strides;  ///< numbers
};

/// All tensors of a module by their names, as `state_dict` has them: "stem.weight".
/// @param pickled  the archive's part data.pkl.
/// @throws std::runtime_error  it is no such thing; in words that go after "damaged archive: ".
std::map<std::string, StoredTensor> stored_tensors(std::string_view pickled);

}  // namespace persense::mini::native
