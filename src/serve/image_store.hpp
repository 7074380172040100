// image_store.hpp: the images that a page may open.
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "open_images.hpp"
#include "persense/engine.hpp"
#include "temporary_folder.hpp"

namespace persense::serve {

/// Images by name. Names are those of a list, compared as they are, so that no name leads out of
/// the folder. The last few that were opened stay encoded.
/// @par Threads  All members may be called from several threads at once.
class ImageStore {
 public:
  /// @param files  that are listed from the start, by their file names.
  ImageStore(const Engine& engine, std::span<const std::filesystem::path> files);

  /// Those that were there from the start, then uploads in their order.
  std::vector<std::string> names() const;

  /// @return  its name, which is another one where there is an image of that name.
  /// @throws Unreadable  bytes that are no image.
  std::string add(const std::string& name, const std::string& bytes);

  /// Read and encoded once, by whoever asks first; others wait for it.
  /// @throws InvalidArgument  no image of this name. @throws FileNotFound, Unreadable.
  std::shared_ptr<const OpenImage> open(const std::string& name);

 private:
  const std::filesystem::path* find(const std::string& name) const;  // guard_ is held
  std::string free_name(const std::string& given) const;             // guard_ is held

  OpenImages opened_;
  const TemporaryFolder uploads_;
  std::atomic<std::size_t> uploaded_{0};
  mutable std::mutex guard_;
  std::vector<std::pair<std::string, std::filesystem::path>> files_;  // by name
};

}  // namespace persense::serve
