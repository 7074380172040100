// persense/detail/memo.hpp: what was derived from an immutable thing, kept for the latest few keys.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace persense::detail {

/// Tells things that were made apart: every Identity is equal to its copies alone.
class Identity {
 public:
  Identity() : token_(std::make_shared<const char>()) {}
  bool operator==(const Identity&) const = default;

 private:
  std::shared_ptr<const char> token_;  // held, so that its address stays its own
};

/// A value for each key, computed when it is first asked for; the latest asked for are kept.
/// @par Threads  Safe. Of several threads that ask for one key, the first computes and the others
///   wait; other keys do not wait. What `make` throws reaches its caller, and the next one tries.
template <class Key, class Value>
class Memo {
 public:
  /// @param most  values; without, all of them are kept.
  explicit Memo(std::size_t most = static_cast<std::size_t>(-1)) : most_(most) {}

  template <class Make>
  std::shared_ptr<const Value> get(const Key& key, Make&& make) {
    const std::shared_ptr<Entry> entry = entry_of(key);
    const std::lock_guard lock(entry->mutex);
    if (!entry->value) entry->value = std::make_shared<const Value>(make());
    return entry->value;
  }

 private:
  struct Entry {
    explicit Entry(Key of) : key(std::move(of)) {}
    const Key key;
    std::mutex mutex;
    std::shared_ptr<const Value> value;
  };

  std::shared_ptr<Entry> entry_of(const Key& key) {
    const std::lock_guard lock(mutex_);
    auto at = std::find_if(entries_.begin(), entries_.end(),
                           [&](const auto& entry) { return entry->key == key; });
    if (at == entries_.end()) {
      if (entries_.size() == most_) entries_.erase(entries_.begin());
      at = entries_.insert(entries_.end(), std::make_shared<Entry>(key));
    }
    std::rotate(at, at + 1, entries_.end());  // the latest last
    return entries_.back();
  }

  const std::size_t most_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Entry>> entries_;
};

/// The nearest of scales that are a 64th of an octave apart, so that supports of like size work
/// at the same one.
inline double quantised_scale(double scale) {
  constexpr double steps = 64;  // an octave: objects are within .6 % of the size that is wanted
  return std::exp2(std::round(steps * std::log2(scale)) / steps);
}

}  // namespace persense::detail
