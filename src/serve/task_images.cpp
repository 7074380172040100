#include "task_images.hpp"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "io/base64.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/files.hpp"

namespace persense::serve {

namespace fs = std::filesystem;

namespace {

/// For messages: addresses may hold whole images, and queries keys.
std::string shown(const std::string& address) {
  constexpr std::size_t longest = 120;
  return one_line(address.size() > longest ? address.substr(0, longest) + "..." : address);
}

/// Percent signs, and pluses for blanks, as in the query of a URL.
std::string decoded(std::string_view text, bool is_query) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* const digits = text.data() + i + 1;
    const bool is_escape = text[i] == '%' && i + 2 < text.size() &&
                           std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
    plain += is_escape ? static_cast<char>(byte) : is_query && text[i] == '+' ? ' ' : text[i];
    if (is_escape) i += 2;
  }
  return plain;
}

/// The last value of a query's parameter; nothing where it is not there.
std::optional<std::string> parameter(std::string_view address, std::string_view name) {
  const auto question = address.find('?');
  if (question == address.npos) return std::nullopt;
  std::optional<std::string> value;
  std::string_view query = address.substr(question + 1);
  query = query.substr(0, query.find('#'));
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    if (one.starts_with(name) && one.substr(name.size()).starts_with('='))
      value = decoded(one.substr(name.size() + 1), true);
    query.remove_prefix(std::min(one.size() + 1, query.size()));
  }
  return value;
}

/// A file's path below its folder, as an address of Label Studio names it.
std::optional<std::string> relative_path(std::string_view address) {
  constexpr std::string_view local = "/data/local-files/", data = "/data/", upload = "upload/",
                             stored = "/storage-data/uploaded/";
  if (address.starts_with(local)) return parameter(address, "d");
  if (address.starts_with(stored)) return parameter(address, "filepath");
  if (address.starts_with(data)) address.remove_prefix(data.size());
  if (!address.starts_with(upload)) return std::nullopt;
  return decoded(address.substr(0, address.find_first_of("?#")), false);
}

}  // namespace

std::string bytes_of_base64(std::string_view text) {
  if (text.starts_with("data:")) {
    const auto comma = text.find(',');
    if (comma == text.npos || !text.substr(0, comma).ends_with(";base64"))
      throw Unreadable("image: got a data: address that is not of base64");
    text.remove_prefix(comma + 1);
  }
  const auto bytes = io::detail::from_base64(text);
  if (!bytes || bytes->empty()) throw Unreadable("image: is no base64");
  return {bytes->begin(), bytes->end()};
}

/// The file at a path below one of the folders, whatever links and ".." are on the way.
std::optional<fs::path> TaskImages::local(const std::string& relative) const {
  if (relative.find('\0') != relative.npos) return std::nullopt;
  const fs::path wanted = fs::path(relative).relative_path();
  for (const fs::path& folder : folders_) {
    std::error_code failed;
    const fs::path root = fs::canonical(folder, failed);
    if (failed) continue;
    const fs::path file = fs::canonical(root / wanted, failed);
    if (failed || !fs::is_regular_file(file, failed)) continue;
    const fs::path within = file.lexically_relative(root);
    if (!within.empty() && *within.begin() != "..") return file;
  }
  return std::nullopt;
}

std::string TaskImages::bytes(const std::string& address,
                              const std::function<bool()>& should_stop) const {
  if (address.starts_with("data:")) return bytes_of_base64(address);
  const bool is_path = address.starts_with('/') || address.starts_with("upload/");
  const std::string path = address.starts_with("upload/") ? "/data/" + address : address;
  const auto relative = is_path ? relative_path(path) : std::nullopt;
  if (relative)
    if (const auto file = local(*relative)) {
      const auto bytes = io::read_file(*file);
      return {bytes.begin(), bytes.end()};
    }
  if (host_.is_known() && (is_path || host_.owns(address))) return host_.get(path, should_stop);
  if (relative)
    throw FileNotFound(
        fmt::format("image {}: no such file below the served folder; expected one, or the server "
                    "that has it (--label-studio-url, LABEL_STUDIO_API_KEY)",
                    shown(address)));
  throw InvalidArgument(
      fmt::format("image {}: expected /data/local-files/?d=PATH or /data/upload/PATH below the "
                  "served folder, a data: address, or one of the server of --label-studio-url",
                  shown(address)));
}

}  // namespace persense::serve
