// weights.hpp (private): a network's weights out of its archive.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "batch.hpp"
#include "models/archive.hpp"
#include "pickle.hpp"

namespace persense::mini::native {

/// The weights of an archive by the names that they have in PyTorch.
class Weights {
 public:
  /// @throws Unreadable  it is damaged.
  explicit Weights(const Archive& archive);

  /// The numbers of a tensor, in order. @throws BadModel  there is none of this name and shape.
  std::vector<float> tensor(const std::string& name, const std::vector<std::size_t>& shape) const;

  /// @throws BadModel  as above, for all below.
  Convolution convolution(const std::string& name, int outputs, int inputs, int side = 1,
                          int stride = 1, bool bias = true) const;
  /// A linear layer as a convolution of single pixels.
  Convolution linear(const std::string& name, int outputs, int inputs) const;
  ChannelNorm norm(const std::string& name, int channels) const;
  Block block(const std::string& name, int channels) const;

 private:
  std::string file_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> storages_;
};

}  // namespace persense::mini::native
