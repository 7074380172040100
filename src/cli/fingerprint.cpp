#include "fingerprint.hpp"

#include <fmt/format.h>

#include <fstream>
#include <vector>

#include "persense/error.hpp"

namespace persense::cli {

void Fingerprint::add(std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) hash_ = (hash_ ^ byte) * 1099511628211u;
}

void Fingerprint::add(std::string_view text) {
  add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string Fingerprint::text() const { return fmt::format("{:016x}", hash_); }

std::string fingerprint(std::span<const std::uint8_t> bytes) {
  Fingerprint of_bytes;
  of_bytes.add(bytes);
  return of_bytes.text();
}

std::string fingerprint_of_file(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path))
    throw FileNotFound(fmt::format("{}: no such file", path.string()));
  std::ifstream file(path, std::ios::binary);
  std::vector<char> piece(1 << 20);
  Fingerprint of_file;
  do {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    of_file.add(std::string_view(piece.data(), static_cast<std::size_t>(file.gcount())));
  } while (file);
  if (!file.eof()) throw Unreadable(fmt::format("{}: could not be read", path.string()));
  return of_file.text();
}

}  // namespace persense::cli
