// label_studio_host.hpp: the one Label Studio server that files may be fetched from.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "label/http.hpp"

namespace persense::serve {

/// Label Studio as an HTTP server. Nothing is asked of any other host, and redirects are not
/// followed: the addresses come in requests, which may be anybody's.
/// @par Threads  All members may be called from several threads at once.
class LabelStudioHost {
 public:
  /// @param url  http(s)://HOST[:PORT][/PATH]; empty: there is none.
  /// @param key  an access token of either kind, legacy or personal; empty: none.
  /// @param most  bytes of a file.
  /// @throws InvalidArgument  another URL; or any in a build without libcurl.
  LabelStudioHost(std::string url, std::string key, std::size_t most);

  bool is_known() const { return !url_.empty(); }

  /// Whether an address is this server's.
  bool owns(const std::string& address) const;

  /// The bytes of a file. @param path  an address that it owns, or a path of it.
  /// @param should_stop  asked while it waits. @throws Unreadable  no answer, or no file.
  std::string get(const std::string& path, const std::function<bool()>& should_stop) const;

 private:
  std::string authorization(label::Clock::time_point deadline,
                            const std::function<bool()>& should_stop) const;

  const std::string url_;  // without a slash at its end
  const std::string key_;
  const std::size_t most_;
  mutable std::mutex guard_;
  mutable std::string access_;  // what a personal token was exchanged for
  mutable label::Clock::time_point access_ends_;
};

}  // namespace persense::serve
