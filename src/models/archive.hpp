// archive.hpp (private): the file around a TorchScript module, read by libzip.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persense/models/manifest.hpp"

struct zip;  // libzip's
struct zip_error;
struct zip_source;

namespace persense {

/// One file inside an archive.
struct ZipPart {
  std::string name;
  std::uint64_t index = 0;  ///< in the directory
  std::uint64_t size = 0;   ///< of its unpacked bytes, as the directory has it
  bool deflated = false;
};

/// An archive whose directory is in order. Its parts' bytes are checked when they are asked for. It
/// stays the same file when its path gets another.
/// @par Threads  For one at a time.
class Archive {
 public:
  /// @throws FileNotFound. @throws Unreadable  a folder, no permission, not a zip file, truncated,
  ///   or records that contradict one another. @throws BadModel  a zip file, not a TorchScript one.
  explicit Archive(const std::filesystem::path& path);
  /// @param archive  its bytes must outlive it.
  explicit Archive(const EmbeddedArchive& archive);

  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }                  ///< of the file, bytes
  const std::vector<ZipPart>& parts() const { return parts_; }  ///< in the directory's order

  /// Bytes of the file itself. @throws Unreadable  there are fewer, or a read error.
  void read(std::uint64_t at, void* to, std::uint64_t bytes) const;

  /// @throws Unreadable  it is damaged. @throws BadModel  there is none, or as `parse_manifest`.
  Manifest manifest() const;
  /// The same. @throws BadModel  also when it is of another stage.
  Manifest manifest(Stage expected) const;

  /// The text of one of the archive's extra files, such as a vocabulary.
  /// @throws Unreadable  it is damaged. @throws BadModel  there is none, or it is too long.
  std::string extra_file(const std::string& name) const;

  /// The unpacked bytes of a part. @throws Unreadable  it is damaged.
  std::string contents(const ZipPart& part) const;

  /// Unpacks every part and computes its checksum. @throws Unreadable  naming a damaged part.
  void verify() const;

 private:
  Archive(std::string name, zip_source* source);
  void list_parts();
  const ZipPart* find(std::string_view name) const;  // below the archive's one folder
  template <class Use>
  void unpack(const ZipPart& part, Use&& use) const;
  [[noreturn]] void damaged(std::string_view part, const std::string& how) const;
  [[noreturn]] void fail(zip_error* error, std::string_view part = {}) const;

  struct Close {
    void operator()(zip* archive) const;
    void operator()(zip_source* source) const;
  };
  std::string name_;
  std::unique_ptr<zip_source, Close> source_;
  std::unique_ptr<zip, Close> zip_;
  std::uint64_t size_ = 0;
  std::vector<ZipPart> parts_;
  std::string folder_;
};

}  // namespace persense
