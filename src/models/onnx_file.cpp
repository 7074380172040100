#include "onnx_file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <limits>
#include <utility>

#include "model_path.hpp"
#include "persense/error.hpp"

namespace persense::onnx {

namespace {

/// Bytes of the file, from one offset up to another.
struct Range {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t length() const { return end - begin; }
};

/// A field of a protobuf message: a number, or a range that holds text or another message.
struct Field {
  std::uint64_t id = 0;
  bool is_number = false;
  std::uint64_t number = 0;
  Range range;
};

/// Protobuf's wire format, of which this knows what onnx.proto uses. What is not asked for is
/// skipped: LibTorch's and a distribution's protobuf cannot be linked into one process, and both
/// would read the weights.
class Wire {
 public:
  Wire(std::istream& stream, std::string name) : name_(std::move(name)), stream_(stream) {
    stream_.seekg(0, std::ios::end);
    size_ = static_cast<std::uint64_t>(stream_.tellg());
  }

  Range whole() const { return {0, size_}; }

  /// Calls `use` with each field of the message in a range.
  template <class Use>
  void for_each_field(Range message, Use&& use) {
    for (std::uint64_t at = message.begin; at < message.end;) {
      const Field field = field_at(at, message.end);
      at = field.range.end;
      use(field);
    }
  }

  std::string text(Range range) {
    constexpr std::uint64_t longest = 1 << 24;
    if (range.length() > longest)
      throw BadModel(fmt::format("{}: a text of {} bytes in its metadata, expected at most {}",
                                 name_, range.length(), longest));
    std::string text(range.length(), '\0');
    read(range.begin, text.data(), text.size());
    return text;
  }

  /// A number of the base-128 kind; `at` goes behind it.
  std::uint64_t number(std::uint64_t& at, std::uint64_t end) {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at >= end) damaged(at);
      char byte = 0;
      read(at++, &byte, 1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    damaged(at);
  }

  [[noreturn]] void damaged(std::uint64_t at) const {
    throw Unreadable(fmt::format("{}: damaged or truncated ONNX model: no field at byte {} of {}",
                                 name_, at, size_));
  }

 private:
  Field field_at(std::uint64_t at, std::uint64_t end) {
    const std::uint64_t start = at, tag = number(at, end);
    Field field{.id = tag >> 3, .range = {at, at}};
    std::uint64_t length = 0;
    switch (tag & 7) {
      case 0:
        field.is_number = true;
        field.number = number(at, end);
        field.range = {at, at};
        break;
      case 1:
        length = 8;
        break;
      case 2:
        length = number(at, end);
        break;
      case 5:
        length = 4;
        break;
      default:
        damaged(start);
    }
    if (field.id == 0 || length > end - at) damaged(start);
    if (!field.is_number) field.range = {at, at + length};
    return field;
  }

  void read(std::uint64_t at, char* to, std::size_t bytes) {
    if (at != next_) stream_.seekg(static_cast<std::streamoff>(at));  // which empties the buffer
    if (!stream_.read(to, static_cast<std::streamsize>(bytes))) damaged(at);
    next_ = at + bytes;
  }

  std::string name_;
  std::istream& stream_;
  std::uint64_t size_ = 0, next_ = std::numeric_limits<std::uint64_t>::max();
};

// onnx.proto's numbers for the fields that are read.
namespace model {
constexpr std::uint64_t ir_version = 1, graph = 7, metadata = 14;
}
namespace entry {
constexpr std::uint64_t key = 1, value = 2;
}
constexpr std::uint64_t graph_initializer = 5;
namespace tensor {
constexpr std::uint64_t dims = 1, data_type = 2;
}

/// Whether a TensorProto's data_type is one of floating point.
bool is_floating_point(std::uint64_t data_type) {
  constexpr std::uint64_t float32 = 1, float16 = 10, float64 = 11, bfloat16 = 16;
  return data_type == float32 || data_type == float16 || data_type == float64 ||
         data_type == bfloat16;
}

/// Floating-point numbers in an initializer.
std::int64_t parameters_of(Wire& wire, Range initializer) {
  std::uint64_t type = 0, count = 1;
  const auto multiply = [&](std::uint64_t length, std::uint64_t at) {
    constexpr std::uint64_t most = std::uint64_t{1} << 40;  // of which a file cannot hold too many
    if (length > most || count * length > most) wire.damaged(at);
    count *= length;
  };
  wire.for_each_field(initializer, [&](const Field& field) {
    if (field.id == tensor::data_type) type = field.number;
    if (field.id != tensor::dims) return;
    if (field.is_number) return multiply(field.number, field.range.begin);
    for (std::uint64_t at = field.range.begin; at < field.range.end;)  // packed
      multiply(wire.number(at, field.range.end), at);
  });
  return is_floating_point(type) ? static_cast<std::int64_t>(count) : 0;
}

/// A pair of the metadata: its name and its text.
std::pair<std::string, std::string> text_of(Wire& wire, Range pair) {
  std::pair<std::string, std::string> result;
  wire.for_each_field(pair, [&](const Field& part) {
    if (part.id == entry::key) result.first = wire.text(part.range);
    if (part.id == entry::value) result.second = wire.text(part.range);
  });
  return result;
}

constexpr const char* expected =
    "expected an ONNX model as `python -m persense_export --format onnx` writes them";

}  // namespace

ModelFile::ModelFile(const std::filesystem::path& path) : name_(path.string()) {
  require_model_file(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Unreadable(name_ + ": cannot be opened");
  read(file);
}

ModelFile::ModelFile(std::istream& bytes, std::string name) : name_(std::move(name)) {
  read(bytes);
}

void ModelFile::read(std::istream& bytes) {
  Wire wire(bytes, name_);
  size_ = wire.whole().length();
  bool has_version = false, has_graph = false;
  wire.for_each_field(wire.whole(), [&](const Field& field) {
    // the first field of every model that a known writer makes, and seldom of another file
    has_version |= field.id == model::ir_version;
    if (!has_version) throw BadModel(fmt::format("{}: another kind of file, {}", name_, expected));
    if (field.id == model::metadata) texts_.insert(text_of(wire, field.range));
    if (field.id != model::graph) return;
    has_graph = true;
    wire.for_each_field(field.range, [&](const Field& part) {
      if (part.id == graph_initializer) parameters_ += parameters_of(wire, part.range);
    });
  });
  if (!has_graph) throw BadModel(fmt::format("{}: without a graph, {}", name_, expected));
}

const std::string& ModelFile::text(const std::string& name) const {
  const auto found = texts_.find(name);
  if (found == texts_.end())
    throw BadModel(fmt::format("{}: there is no {} in its metadata, {}", name_, name, expected));
  return found->second;
}

}  // namespace persense::onnx
