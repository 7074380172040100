// fingerprint.hpp: what tells files apart; not against an adversary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace persense::cli {

/// 64-bit FNV-1a, of bytes that come piece by piece.
class Fingerprint {
 public:
  void add(std::span<const std::uint8_t> bytes);
  void add(std::string_view text);
  /// 16 hexadecimal digits.
  std::string text() const;

 private:
  std::uint64_t hash_ = 14695981039346656037u;
};

std::string fingerprint(std::span<const std::uint8_t> bytes);

/// Of a file, which need not fit into memory. @throws FileNotFound, Unreadable.
std::string fingerprint_of_file(const std::filesystem::path& path);

}  // namespace persense::cli
