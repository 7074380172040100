#include "open_images.hpp"

#include <algorithm>

namespace persense::serve {

/// The slot of a key, which becomes the most recent one. Those that others are waiting for live on
/// with them.
std::shared_ptr<OpenImages::Slot> OpenImages::slot_of(const std::string& key) {
  const std::scoped_lock lock(guard_);
  const auto [slot, is_new] = slots_.try_emplace(key);
  if (is_new) {
    slot->second = std::make_shared<Slot>();
    recent_.push_front(slot);
  } else {
    recent_.splice(recent_.begin(), recent_, std::find(recent_.begin(), recent_.end(), slot));
  }
  if (recent_.size() > most_) {
    slots_.erase(recent_.back());
    recent_.pop_back();
  }
  return slot->second;
}

std::shared_ptr<const OpenImage> OpenImages::open(const std::string& key,
                                                  const std::function<Image()>& read) {
  const std::shared_ptr<Slot> slot = slot_of(key);
  const std::scoped_lock opening(slot->opening);
  if (slot->image == nullptr) {
    Image image = read();
    EngineImage encoded = engine_.encode(image.view());
    const std::scoped_lock lock(guard_);
    slot->image =
        std::make_shared<const OpenImage>(OpenImage{std::move(image), encoded, ++opened_});
  }
  return slot->image;
}

}  // namespace persense::serve
