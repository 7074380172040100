// task_images.hpp: the image files that annotation tools name or send.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "label_studio_host.hpp"

namespace persense::serve {

/// The bytes that a "data:...;base64,..." address or, without its head, the same text holds.
/// @throws Unreadable  no base64.
std::string bytes_of_base64(std::string_view text);

/// The file of an address such as /data/local-files/?d=shelf/01.jpg, below one of some folders.
/// @par Threads  `bytes` may be called from several threads at once.
class TaskImages {
 public:
  /// @param url, key, most  as LabelStudioHost has them.
  TaskImages(std::vector<std::filesystem::path> folders, const std::string& url,
             const std::string& key, std::size_t most)
      : folders_(std::move(folders)), host_(url, key, most) {}

  /// What the address of a task's image leads to: itself (data:), a file below the folders
  /// (/data/local-files/?d=PATH, /data/upload/PATH) or, where that is missing, of the host.
  /// Nothing else is read: no path leads out of the folders, by links neither.
  /// @throws InvalidArgument  an address of another kind or host. @throws FileNotFound, Unreadable.
  std::string bytes(const std::string& address, const std::function<bool()>& should_stop) const;

 private:
  std::optional<std::filesystem::path> local(const std::string& relative) const;

  const std::vector<std::filesystem::path> folders_;
  const LabelStudioHost host_;
};

}  // namespace persense::serve
