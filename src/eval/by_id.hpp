// What has an id, in lists that are sorted by it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace persense::eval::detail {

/// Where the item of an id is; nothing without one.
template <class Items>
std::optional<std::uint32_t> index_of(const Items& items, std::int64_t id) {
  const auto at =
      std::lower_bound(items.begin(), items.end(), id,
                       [](const auto& item, std::int64_t wanted) { return item.id < wanted; });
  if (at == items.end() || at->id != id) return std::nullopt;
  return static_cast<std::uint32_t>(at - items.begin());
}

}  // namespace persense::eval::detail
