#include "image_store.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <system_error>

#include "persense/error.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"

namespace persense::serve {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_open = 8;

}  // namespace

ImageStore::ImageStore(const Engine& engine, std::span<const fs::path> files)
    : opened_(engine, most_open) {
  for (const fs::path& file : files) files_.emplace_back(free_name(file.filename().string()), file);
}

std::vector<std::string> ImageStore::names() const {
  const std::scoped_lock lock(guard_);
  std::vector<std::string> all;
  for (const auto& [name, path] : files_) all.push_back(name);
  return all;
}

const fs::path* ImageStore::find(const std::string& name) const {
  const auto found = std::find_if(files_.begin(), files_.end(),
                                  [&](const auto& file) { return file.first == name; });
  return found == files_.end() ? nullptr : &found->second;
}

/// Names that were given twice are numbered.
std::string ImageStore::free_name(const std::string& given) const {
  std::string name = given.empty() ? "image" : given;
  for (int i = 2; find(name) != nullptr; ++i) name = fmt::format("{} ({})", given, i);
  return name;
}

std::string ImageStore::add(const std::string& given, const std::string& bytes) {
  // the file's own name is a number, so the given one may be anything
  const fs::path file = uploads_.path() / std::to_string(uploaded_++);
  io::write_file(file, bytes);
  try {
    io::read_image(file);  // while others go on
  } catch (const Error&) {
    std::error_code ignored;
    fs::remove(file, ignored);
    throw Unreadable(fmt::format("{}: is no image that can be read", given));
  }
  const std::scoped_lock lock(guard_);
  files_.emplace_back(free_name(given), file);
  return files_.back().first;
}

std::shared_ptr<const OpenImage> ImageStore::open(const std::string& name) {
  fs::path path;
  {
    const std::scoped_lock lock(guard_);
    const fs::path* const known_file = find(name);
    if (known_file == nullptr)
      throw InvalidArgument(fmt::format("image: got \"{}\", expected one of the list", name));
    path = *known_file;
  }
  return opened_.open(name, [&] { return io::read_image(path); });
}

}  // namespace persense::serve
