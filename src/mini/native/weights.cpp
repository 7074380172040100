#include "weights.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <numeric>
#include <opencv2/core.hpp>
#include <stdexcept>

#include "persense/error.hpp"

namespace persense::mini::native {

namespace {

/// What lies in an archive's one folder.
std::string part_of(const std::string& whole) { return whole.substr(whole.find('/') + 1); }

std::size_t bytes_each(const std::string& type) {
  return type == "HalfStorage" ? 2 : type == "FloatStorage" ? 4 : 0;
}

/// Numbers of a storage as floats.
std::vector<float> floats_of(const std::string& bytes, std::size_t each) {
  std::vector<float> values(bytes.size() / each);
  if (values.empty()) return values;
  const int count = static_cast<int>(values.size());
  if (each == sizeof(float)) {
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  } else {
    std::string copy = bytes;  // OpenCV takes no const memory
    cv::Mat row(1, count, CV_32F, values.data());
    cv::Mat(1, count, CV_16F, copy.data()).convertTo(row, CV_32F);
  }
  return values;
}

/// Numbers of a tensor in order, whatever order they lie in. @throws std::out_of_range  not there.
std::vector<float> in_order(const std::vector<float>& storage, const StoredTensor& tensor) {
  std::size_t count = 1;
  for (const std::size_t length : tensor.shape) count *= length;
  std::vector<float> values(count);
  std::vector<std::size_t> at(tensor.shape.size(), 0);
  for (float& value : values) {
    value =
        storage.at(std::inner_product(at.begin(), at.end(), tensor.strides.begin(), tensor.offset));
    for (std::size_t d = at.size(); d-- > 0 && ++at[d] == tensor.shape[d];) at[d] = 0;
  }
  return values;
}

}  // namespace

Weights::Weights(const Archive& archive) : file_(archive.name()) {
  std::string pickled;
  for (const ZipPart& part : archive.parts()) {
    const std::string name = part_of(part.name);
    if (name == "data.pkl") pickled = archive.contents(part);
    if (name.starts_with("data/")) storages_.emplace(name.substr(5), archive.contents(part));
  }
  try {
    tensors_ = stored_tensors(pickled);
  } catch (const std::runtime_error& e) {
    throw Unreadable(fmt::format("{}: damaged archive: {}", file_, e.what()));
  }
}

std::vector<float> Weights::tensor(const std::string& name,
                                   const std::vector<std::size_t>& shape) const {
  const auto found = tensors_.find(name);
  const std::size_t each = found == tensors_.end() ? 0 : bytes_each(found->second.type);
  if (each == 0 || found->second.shape != shape || found->second.strides.size() != shape.size())
    throw BadModel(
        fmt::format("{}: the network of another version of persense, expected one that python -m "
                    "persense_export mini writes",
                    file_));
  const auto storage = storages_.find(found->second.storage);
  try {
    if (storage == storages_.end()) throw std::out_of_range(name);
    return in_order(floats_of(storage->second, each), found->second);
  } catch (const std::out_of_range&) {
    throw Unreadable(
        fmt::format("{}: damaged archive: it has fewer bytes for a tensor than that needs", file_));
  }
}

Convolution Weights::convolution(const std::string& name, int outputs, int inputs, int side,
                                 int stride, bool bias) const {
  const auto o = static_cast<std::size_t>(outputs), i = static_cast<std::size_t>(inputs),
             s = static_cast<std::size_t>(side);
  return {tensor(name + ".weight", {o, i, s, s}),
          bias ? tensor(name + ".bias", {o}) : std::vector<float>(),
          outputs,
          inputs,
          side,
          stride};
}

Convolution Weights::linear(const std::string& name, int outputs, int inputs) const {
  const auto o = static_cast<std::size_t>(outputs), i = static_cast<std::size_t>(inputs);
  return {tensor(name + ".weight", {o, i}), tensor(name + ".bias", {o}), outputs, inputs, 1, 1};
}

ChannelNorm Weights::norm(const std::string& name, int channels) const {
  const auto c = static_cast<std::size_t>(channels);
  return {tensor(name + ".weight", {c}), tensor(name + ".bias", {c})};
}

Block Weights::block(const std::string& name, int channels) const {
  return {norm(name + ".norm.norm", channels), convolution(name + ".first", channels, channels, 3),
          convolution(name + ".second", channels, channels, 3)};
}

}  // namespace persense::mini::native
