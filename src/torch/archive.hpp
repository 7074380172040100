// archive.hpp (private): the file around a TorchScript module.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persense/torch/manifest.hpp"
#include "zip_directory.hpp"

namespace persense::torchscript {

/// An archive whose records are in order. Its parts' bytes are checked when they are asked for.
class Archive {
 public:
  /// @throws FileNotFound, Unreadable  as `read_zip_directory`.
  /// @throws BadModel  a zip file, but not a TorchScript one.
  explicit Archive(const std::filesystem::path& path);
  /// @param archive  its bytes must outlive it.
  explicit Archive(const EmbeddedArchive& archive);

  const InputFile& file() const { return file_; }
  const std::vector<ZipPart>& parts() const { return parts_; }

  /// @throws Unreadable  its checksum is wrong. @throws BadModel  there is none, or as
  ///   `parse_manifest`.
  Manifest manifest() const;

  /// The text of one of the archive's extra files, such as a vocabulary.
  /// @throws Unreadable  its checksum is wrong. @throws BadModel  there is none, or it is too long
  ///   for a text.
  std::string extra_file(const std::string& name) const;

  /// Computes the checksum of every part, on all cores.
  /// @throws Unreadable  naming a part whose checksum is wrong.
  void verify() const;

  /// The unpacked bytes of a part.
  /// @throws Unreadable  its checksum is wrong.
  std::string contents(const ZipPart& part) const;

 private:
  void read_directory();
  const ZipPart* find(std::string_view name) const;  // below the archive's one folder

  InputFile file_;
  std::vector<ZipPart> parts_;
  std::string folder_;
};

}  // namespace persense::torchscript
