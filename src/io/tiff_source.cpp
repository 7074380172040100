#include "tiff_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

namespace persense::io::detail {

namespace {

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  auto& source = *static_cast<TiffSource*>(handle);
  const std::uint64_t left =
      source.bytes.size() - std::min<std::uint64_t>(source.at, source.bytes.size());
  const std::uint64_t n = std::min(left, static_cast<std::uint64_t>(std::max<tmsize_t>(count, 0)));
  if (n > 0) std::memcpy(to, source.bytes.data() + source.at, n);
  source.at += n;
  return static_cast<tmsize_t>(n);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int from) {
  auto& source = *static_cast<TiffSource*>(handle);
  const std::uint64_t base = from == SEEK_SET   ? 0
                             : from == SEEK_CUR ? source.at
                                                : source.bytes.size();
  return source.at = base + offset;
}

int close_nothing(thandle_t) { return 0; }

toff_t size_of_source(thandle_t handle) { return static_cast<TiffSource*>(handle)->bytes.size(); }

std::string formatted(const char* format, va_list arguments) {
  char text[512];
  std::vsnprintf(text, sizeof text, format, arguments);
  std::string line = text;
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return line;
}

// Both return 1: the message is taken, libtiff does not print it.
int take_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto& source = *static_cast<TiffSource*>(user);
  if (source.error.empty()) source.error = formatted(format, arguments);
  return 1;
}

/// Warnings are about tags that do not matter here, but for those of the JPEG decoder: it goes on
/// after damage, with grey in place of what is missing.
int take_warning(TIFF*, void* user, const char* module, const char*, va_list) {
  auto& source = *static_cast<TiffSource*>(user);
  if (module != nullptr && std::string_view(module) == "JPEGLib") source.jpeg_is_damaged = true;
  return 1;
}

bool is_a_whole_picture(TIFF* tiff) {
  const auto kind = tag<std::uint32_t>(tiff, TIFFTAG_SUBFILETYPE);
  return (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0;
}

/// What one image after another is passed to.
/// @return  whether it is the one that was looked for.
using Visit = std::function<bool()>;

/// Makes every image in full size the current one, in order, until a visit says that it is the one.
/// Reduced images and masks are none; where such a one has images of its own below it, as in camera
/// raw files, those are looked at, too.
bool visit_pictures(TIFF* tiff, TiffSource& source, const Visit& visit) {
  constexpr int most = 1 << 16;  // a damaged file may list any number
  int looked_at = 0;
  for (tdir_t page = 0; looked_at < most && TIFFSetDirectory(tiff, page) == 1; ++page) {
    source.error.clear();  // about pages that were passed over
    ++looked_at;
    if (is_a_whole_picture(tiff)) {
      if (visit()) return true;
      continue;
    }
    std::uint16_t count = 0;
    const std::uint64_t* listed = nullptr;
    if (TIFFGetField(tiff, TIFFTAG_SUBIFD, &count, &listed) != 1) continue;
    for (const std::uint64_t at : std::vector<std::uint64_t>(listed, listed + count)) {
      if (++looked_at > most) break;
      if (TIFFSetSubDirectory(tiff, at) == 1 && is_a_whole_picture(tiff) && visit()) return true;
    }
  }
  return false;
}

/// What ImageJ writes about a stack whose pages but for the first have no entry of their own.
int pages_in_description(TIFF* tiff) {
  const char* text = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_IMAGEDESCRIPTION, &text) != 1 || text == nullptr) return 0;
  const std::string_view description(text);
  constexpr std::string_view key = "images=";
  const auto at = description.find(key);
  if (!description.starts_with("ImageJ=") || at == description.npos) return 0;
  int count = 0;
  std::from_chars(text + at + key.size(), text + description.size(), count);
  return count;
}

}  // namespace

TiffHandle open(TiffSource& source) {
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), &TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), take_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), take_warning, &source);
  // lists of tags are not longer than the file; what a strip needs is bounded by the limits below
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), tmsize_t{1} << 32);
  return {TIFFClientOpenExt("TIFF", "rm", &source, read_bytes, write_nothing, seek, close_nothing,
                            size_of_source, nullptr, nullptr, options.get()),
          &TIFFClose};
}

void refuse_damaged(const TiffSource& source) {
  throw Refused{
      fmt::format("the file is damaged ({})", source.error.empty() ? "TIFF" : source.error)};
}

void choose_picture(TIFF* tiff, TiffSource& source, int page) {
  int seen = 0;
  if (visit_pictures(tiff, source, [&] { return ++seen == page; })) return;
  if (seen == 0 && !source.error.empty()) refuse_damaged(source);
  if (seen == 0) throw Refused{"holds reduced images or masks alone, expected one in full size"};
  throw Refused{fmt::format("page {}: the file has {} that can be read", page,
                            seen == 1 ? "one page" : fmt::format("{} pages", seen))};
}

int count_pages(TIFF* tiff, TiffSource& source) {
  int count = 0, described = 0;
  visit_pictures(tiff, source, [&] {
    if (++count == 1) described = pages_in_description(tiff);
    return false;
  });
  if (count == 0) choose_picture(tiff, source, 1);  // says why
  return std::max(count, described);
}

}  // namespace persense::io::detail
