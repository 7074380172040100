// A file as the iterators that nlohmann::json reads from, a block at a time, that knows how many of
// its bytes were taken.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <system_error>
#include <vector>

namespace persense::eval::detail {

class ByteStream {
 public:
  /// @param descriptor  read by position: where it stands does not change.
  explicit ByteStream(int descriptor) : descriptor_(descriptor), block_(std::size_t{1} << 20) {
    fill();
  }
  bool at_end() const { return at_ == filled_; }
  char get() const { return block_[at_]; }
  void advance() {
    if (++at_ == filled_) fill();
  }
  std::uint64_t taken() const { return before_ + at_; }

 private:
  void fill() {
    before_ += filled_;
    ssize_t got = -1;
    do got = ::pread(descriptor_, block_.data(), block_.size(), static_cast<off_t>(before_));
    while (got < 0 && errno == EINTR);
    if (got < 0) throw std::system_error(errno, std::generic_category());
    at_ = 0;
    filled_ = static_cast<std::size_t>(got);
  }

  int descriptor_;
  std::vector<char> block_;
  std::size_t at_ = 0, filled_ = 0;
  std::uint64_t before_ = 0;
};

/// The next byte of a stream; without one the end of any stream.
class ByteIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  ByteIterator() = default;
  explicit ByteIterator(ByteStream& stream) : stream_(&stream) {}
  char operator*() const { return stream_->get(); }
  ByteIterator& operator++() {
    stream_->advance();
    return *this;
  }
  bool operator==(const ByteIterator& other) const { return ended() == other.ended(); }
  bool operator!=(const ByteIterator& other) const { return !(*this == other); }

 private:
  bool ended() const { return stream_ == nullptr || stream_->at_end(); }
  ByteStream* stream_ = nullptr;
};

}  // namespace persense::eval::detail
