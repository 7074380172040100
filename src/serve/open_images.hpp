// open_images.hpp: images that were read and encoded, the last few of them.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "persense/engine.hpp"

namespace persense::serve {

/// An image as it was opened, and what the engine made of it.
struct OpenImage {
  Image image;
  EngineImage encoded;
  std::size_t number = 0;  ///< no other image of the same OpenImages had it
};

/// The images that were opened last, by keys.
/// @par Threads  `open` may be called from several threads at once.
class OpenImages {
 public:
  /// @param most  that stay open: an encoded image of 12 MP takes some 100 MB.
  OpenImages(const Engine& engine, std::size_t most) : engine_(engine), most_(most) {}

  /// Read and encoded once, by whoever asks first; others wait for it.
  /// @param read  the image of this key. @throws what it throws.
  std::shared_ptr<const OpenImage> open(const std::string& key, const std::function<Image()>& read);

 private:
  struct Slot {
    std::mutex opening;
    std::shared_ptr<const OpenImage> image;
  };
  using Slots = std::map<std::string, std::shared_ptr<Slot>>;

  std::shared_ptr<Slot> slot_of(const std::string& key);

  const Engine& engine_;
  const std::size_t most_;
  std::mutex guard_;
  std::size_t opened_ = 0;
  Slots slots_;
  std::list<Slots::iterator> recent_;  // the last one asked for comes first
};

}  // namespace persense::serve
