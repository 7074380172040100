#include "tiff.hpp"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "persense/error.hpp"

namespace persense::io::detail {

namespace {

/// Why a file is refused; `read_tiff` puts its name in front.
struct Refused {
  std::string why;
};

/// The file's bytes as libtiff's input, and the first thing libtiff had to say against them.
struct Source {
  std::span<const std::uint8_t> bytes;
  std::uint64_t at = 0;
  std::string error;
  bool jpeg_is_damaged = false;
};

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  auto& source = *static_cast<Source*>(handle);
  const std::uint64_t left =
      source.bytes.size() - std::min<std::uint64_t>(source.at, source.bytes.size());
  const std::uint64_t n = std::min(left, static_cast<std::uint64_t>(std::max<tmsize_t>(count, 0)));
  if (n > 0) std::memcpy(to, source.bytes.data() + source.at, n);
  source.at += n;
  return static_cast<tmsize_t>(n);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int from) {
  auto& source = *static_cast<Source*>(handle);
  const std::uint64_t base = from == SEEK_SET   ? 0
                             : from == SEEK_CUR ? source.at
                                                : source.bytes.size();
  return source.at = base + offset;
}

int close_nothing(thandle_t) { return 0; }

toff_t size_of_source(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }

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
  auto& source = *static_cast<Source*>(user);
  if (source.error.empty()) source.error = formatted(format, arguments);
  return 1;
}

/// Warnings are about tags that do not matter here, but for those of the JPEG decoder: it goes on
/// after damage, with grey in place of what is missing.
int take_warning(TIFF*, void* user, const char* module, const char*, va_list) {
  auto& source = *static_cast<Source*>(user);
  if (module != nullptr && std::string_view(module) == "JPEGLib") source.jpeg_is_damaged = true;
  return 1;
}

using Handle = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

Handle open(Source& source) {
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

/// The value of a tag, or its default.
template <class T>
T tag(TIFF* tiff, std::uint32_t name, T otherwise = 0) {
  T value = otherwise;
  return TIFFGetFieldDefaulted(tiff, name, &value) == 1 ? value : otherwise;
}

bool is_a_whole_picture(TIFF* tiff) {
  const auto kind = tag<std::uint32_t>(tiff, TIFFTAG_SUBFILETYPE);
  return (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0;
}

[[noreturn]] void refuse_damaged(const Source& source) {
  throw Refused{
      fmt::format("the file is damaged ({})", source.error.empty() ? "TIFF" : source.error)};
}

/// Whether libtiff complained. Some of its decoders go on after that.
bool is_damaged(const Source& source) { return source.jpeg_is_damaged || !source.error.empty(); }

/// Makes the first image in full size the current one.
void choose_picture(TIFF* tiff, Source& source) {
  constexpr int most = 100;  // a damaged file may list any number
  int looked_at = 0;
  for (tdir_t page = 0; looked_at < most && TIFFSetDirectory(tiff, page) == 1; ++page) {
    source.error.clear();  // about pages that were passed over
    if (++looked_at; is_a_whole_picture(tiff)) return;
    std::uint16_t count = 0;
    const std::uint64_t* listed = nullptr;
    if (TIFFGetField(tiff, TIFFTAG_SUBIFD, &count, &listed) != 1) continue;
    for (const std::uint64_t at : std::vector<std::uint64_t>(listed, listed + count)) {
      if (++looked_at > most) break;
      if (TIFFSetSubDirectory(tiff, at) == 1 && is_a_whole_picture(tiff)) return;
    }
  }
  if (!source.error.empty()) refuse_damaged(source);
  throw Refused{"holds reduced images or masks alone, expected one in full size"};
}

/// What is known of an image before any of its pixels is read.
struct Layout {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, photometric = PHOTOMETRIC_MINISBLACK, compression = 1;
  bool tiled = false, planar = false;
  std::uint32_t chunk_width = 0, chunk_height = 0;  // of a tile, or of a strip
  int colors = 1;                                   // of the samples: 1 or 3

  std::uint64_t pixels() const { return std::uint64_t{width} * height; }
  bool palette() const { return photometric == PHOTOMETRIC_PALETTE; }
};

/// One of the limits that OpenCV has for its formats.
std::uint64_t limit(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return otherwise;
  std::uint64_t value = 0;
  const char* const end = text + std::strlen(text);
  if (const auto [stop, error] = std::from_chars(text, end, value);
      error != std::errc{} || stop != end)
    throw InvalidArgument(fmt::format("{}: got \"{}\", expected a number", name, text));
  return value;
}

void check_size(const Layout& l) {
  if (l.width == 0 || l.height == 0)
    throw Refused{fmt::format("holds an image of {} x {} pixels", l.width, l.height)};
  const std::uint64_t most = limit("OPENCV_IO_MAX_IMAGE_PIXELS", std::uint64_t{1} << 30);
  if (l.width > limit("OPENCV_IO_MAX_IMAGE_WIDTH", 1u << 20) ||
      l.height > limit("OPENCV_IO_MAX_IMAGE_HEIGHT", 1u << 20) || l.pixels() > most)
    throw Refused{
        fmt::format("{} x {} pixels are more than is read; the environment variables "
                    "OPENCV_IO_MAX_IMAGE_PIXELS, _WIDTH and _HEIGHT raise the limit",
                    l.width, l.height)};
  if (l.chunk_width == 0 || l.chunk_height == 0 ||
      std::uint64_t{l.chunk_width} * l.chunk_height > std::max(most, l.pixels()))
    throw Refused{fmt::format("the file is damaged (parts of {} x {} pixels)", l.chunk_width,
                              l.chunk_height)};
}

/// How many of the samples are colours; the others are alpha.
int colors_of(TIFF* tiff, const Layout& l) {
  constexpr int most_samples = 64;  // bounds what a row may need
  if (l.samples > most_samples)
    throw Refused{
        fmt::format("holds {} samples a pixel, expected {} at most", l.samples, most_samples)};
  std::uint16_t extras = 0;
  const std::uint16_t* kinds = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
  const auto alphas = std::count_if(kinds, kinds + extras, [](std::uint16_t kind) {
    return kind == EXTRASAMPLE_ASSOCALPHA || kind == EXTRASAMPLE_UNASSALPHA;
  });
  const int channels = l.samples - static_cast<int>(alphas);
  if (l.photometric == PHOTOMETRIC_RGB) {
    if (channels < 3)
      throw Refused{fmt::format("holds {} samples a pixel for RGB, expected 3 or more", channels)};
    return 3;  // what lies behind R, G and B is infrared or the like
  }
  if (channels != 1)
    throw Refused{fmt::format("holds {} {} channels, expected one, or RGB", channels,
                              l.palette() ? "palette" : "grey")};
  return 1;
}

void check_samples(TIFF* tiff, const Layout& l) {
  const auto format = tag<std::uint16_t>(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  if (format == SAMPLEFORMAT_IEEEFP)
    throw Refused{"holds floating point pixels, expected 8- or 16-bit integers (convert it first)"};
  constexpr int known[] = {1, 2, 4, 8, 16};
  const bool is_signed = format == SAMPLEFORMAT_INT;
  const bool is_complex = format > SAMPLEFORMAT_VOID;
  if (is_signed || is_complex ||
      std::find(std::begin(known), std::end(known), l.bits) == std::end(known))
    throw Refused{fmt::format("holds {}{}-bit pixels, expected 8- or 16-bit unsigned integers",
                              is_signed    ? "signed "
                              : is_complex ? "complex "
                                           : "",
                              l.bits)};
}

Layout layout_of(TIFF* tiff) {
  Layout l;
  l.width = tag<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH);
  l.height = tag<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH);
  l.bits = tag<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE, 1);
  l.samples = tag<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  l.compression = tag<std::uint16_t>(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  l.photometric = tag<std::uint16_t>(tiff, TIFFTAG_PHOTOMETRIC,
                                     l.samples < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
  l.planar = l.samples > 1 && tag<std::uint16_t>(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) ==
                                  PLANARCONFIG_SEPARATE;
  l.tiled = TIFFIsTiled(tiff) != 0;
  l.chunk_width = l.tiled ? tag<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH) : l.width;
  l.chunk_height =
      l.tiled ? tag<std::uint32_t>(tiff, TIFFTAG_TILELENGTH)
              : std::min(tag<std::uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP, l.height), l.height);
  check_samples(tiff, l);
  check_size(l);
  return l;
}

/// Memory that costs nothing until it is written to: a small file may claim to be a large image.
template <class T>
auto zeros(std::uint64_t count) {
  std::unique_ptr<T[], decltype(&std::free)> memory(static_cast<T*>(std::calloc(count, sizeof(T))),
                                                    &std::free);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

/// Sample `i` of a row.
std::uint32_t sample(const std::uint8_t* row, std::uint64_t i, int bits) {
  if (bits == 8) return row[i];
  if (bits == 16) {
    std::uint16_t value = 0;
    std::memcpy(&value, row + 2 * i, 2);  // in this machine's byte order by now
    return value;
  }
  const std::uint64_t bit = i * static_cast<std::uint64_t>(bits);
  return row[bit / 8] >> (8 - bits - static_cast<int>(bit % 8)) & ((1u << bits) - 1);
}

/// Samples as they are to be in the image.
class Levels {
 public:
  Levels(TIFF* tiff, const Layout& l, GreyValues grey) : palette_(l.palette()) {
    if (palette_) {
      const std::uint16_t* map[3];
      if (TIFFGetField(tiff, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]) != 1)
        throw Refused{"the file is damaged (a palette without colours)"};
      for (int c = 0; c < 3; ++c) map_[c].assign(map[c], map[c] + (1u << l.bits));
      // some writers use 8 of the 16 bits
      const bool deep = std::any_of(std::begin(map_), std::end(map_), [](const auto& one) {
        return *std::max_element(one.begin(), one.end()) > 255;
      });
      for (auto& one : map_)
        for (auto& value : one) value = static_cast<std::uint16_t>(deep ? value >> 8 : value);
    } else if (l.bits < 8) {
      const std::uint32_t most = (1u << l.bits) - 1;
      map_[0].resize(most + 1);
      std::iota(map_[0].begin(), map_[0].end(), std::uint16_t{0});
      if (grey == GreyValues::light)
        for (auto& value : map_[0]) value = static_cast<std::uint16_t>(value * 255u / most);
    }
    if (l.photometric == PHOTOMETRIC_MINISWHITE && grey == GreyValues::light)
      inverted_ = l.bits == 16 ? 65535 : 255;
  }

  bool change_nothing() const { return map_[0].empty() && inverted_ == 0; }

  std::uint32_t operator()(std::uint32_t value, int channel) const {
    const auto& map = map_[palette_ ? channel : 0];
    if (!map.empty()) value = map[value];
    return inverted_ > 0 ? inverted_ - value : value;
  }

 private:
  bool palette_;
  std::uint32_t inverted_ = 0;         // the value that becomes 0; 0: none is turned
  std::vector<std::uint16_t> map_[3];  // by channel of a palette; the first alone for grey and RGB
};

/// A part of the image as it was decoded.
struct Chunk {
  const std::uint8_t* bytes;
  std::uint64_t stride;
  cv::Rect place;  // inside the image
};

template <class T>
void copy_chunk(const Chunk& chunk, const Layout& l, const Levels& levels, int plane,
                cv::Mat& pixels) {
  const int channels = pixels.channels();
  const int first = l.planar && !l.palette() ? plane : 0;
  const int last = l.planar && !l.palette() ? plane + 1 : channels;
  const std::uint64_t step = l.planar ? 1 : l.samples;
  const bool as_it_lies =
      levels.change_nothing() && step == static_cast<std::uint64_t>(channels) && !l.planar;
  for (int y = 0; y < chunk.place.height; ++y) {
    const std::uint8_t* const row = chunk.bytes + static_cast<std::uint64_t>(y) * chunk.stride;
    T* const to = pixels.ptr<T>(chunk.place.y + y) + std::ptrdiff_t{chunk.place.x} * channels;
    if (as_it_lies) {
      std::memcpy(to, row, static_cast<std::size_t>(chunk.place.width) * pixels.elemSize());
      continue;
    }
    for (int x = 0; x < chunk.place.width; ++x)
      for (int c = first; c < last; ++c) {
        const std::uint64_t behind = l.planar || l.palette() ? 0 : static_cast<std::uint64_t>(c);
        const auto value = sample(row, static_cast<std::uint64_t>(x) * step + behind, l.bits);
        to[std::ptrdiff_t{x} * channels + c] = static_cast<T>(levels(value, c));
      }
  }
}

/// Grey, RGB and palettes: sample by sample, so that alpha changes nothing.
cv::Mat read_samples(TIFF* tiff, const Layout& l, Source& source, GreyValues grey) {
  const std::uint64_t size = l.tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
  const std::uint64_t stride = l.tiled ? TIFFTileRowSize64(tiff) : TIFFScanlineSize64(tiff);
  const std::uint64_t planes = l.planar ? l.samples : 1;
  if (size == 0 || stride == 0) refuse_damaged(source);
  if (l.compression == COMPRESSION_NONE && !l.tiled &&
      stride * l.height * planes > source.bytes.size())
    throw Refused{"the file is truncated"};
  const Levels levels(tiff, l, grey);
  const int channels = l.palette() ? 3 : l.colors;
  const auto buffer = zeros<std::uint8_t>(size);
  const bool deep = l.bits == 16 && !l.palette();
  cv::Mat pixels(static_cast<int>(l.height), static_cast<int>(l.width),
                 CV_MAKETYPE(deep ? CV_16U : CV_8U, channels));
  for (int plane = 0; plane < (l.planar ? l.colors : 1); ++plane)
    for (std::uint32_t y = 0; y < l.height; y += l.chunk_height)
      for (std::uint32_t x = 0; x < l.width; x += l.chunk_width) {
        const auto w = std::min(l.chunk_width, l.width - x);
        const auto h = std::min(l.chunk_height, l.height - y);
        const auto sheet = static_cast<std::uint16_t>(plane);
        const std::uint64_t wanted = l.tiled ? size : stride * h;
        const auto count = static_cast<tmsize_t>(wanted);
        const tmsize_t got =
            l.tiled
                ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, sheet), buffer.get(),
                                      count)
                : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, sheet), buffer.get(), count);
        if (got != count || is_damaged(source)) refuse_damaged(source);
        const Chunk chunk{buffer.get(), stride,
                          cv::Rect(cv::Point(int(x), int(y)), cv::Size(int(w), int(h)))};
        deep ? copy_chunk<std::uint16_t>(chunk, l, levels, plane, pixels)
             : copy_chunk<std::uint8_t>(chunk, l, levels, plane, pixels);
      }
  return pixels;
}

/// YCbCr, CMYK and CIELab by libtiff's own arithmetic.
cv::Mat read_converted(TIFF* tiff, const Layout& l, Source& source) {
  char why[1024] = "";
  TIFFRGBAImage image;
  if (l.bits > 8 || TIFFRGBAImageOK(tiff, why) != 1 ||
      TIFFRGBAImageBegin(&image, tiff, 1, why) != 1)
    throw Refused{
        fmt::format("holds {}-bit pixels of photometric interpretation {}, expected grey, "
                    "RGB or a palette",
                    l.bits, l.photometric)};
  const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> owner(&image,
                                                                          &TIFFRGBAImageEnd);
  image.orientation = image.req_orientation = ORIENTATION_TOPLEFT;  // the caller's business
  const auto raster = zeros<std::uint32_t>(l.pixels());
  if (TIFFRGBAImageGet(&image, raster.get(), l.width, l.height) != 1 || is_damaged(source))
    refuse_damaged(source);
  cv::Mat pixels(static_cast<int>(l.height), static_cast<int>(l.width), CV_8UC3);
  const std::uint32_t* from = raster.get();
  for (auto& pixel : cv::Mat_<cv::Vec3b>(pixels)) {
    pixel = {static_cast<std::uint8_t>(TIFFGetR(*from)), static_cast<std::uint8_t>(TIFFGetG(*from)),
             static_cast<std::uint8_t>(TIFFGetB(*from))};
    ++from;
  }
  return pixels;
}

Tiff read(Source& source, GreyValues grey) {
  const Handle tiff = open(source);
  if (tiff == nullptr) refuse_damaged(source);
  choose_picture(tiff.get(), source);
  source.error.clear();
  Layout l = layout_of(tiff.get());
  Tiff picture;
  const bool direct = l.photometric == PHOTOMETRIC_MINISWHITE ||
                      l.photometric == PHOTOMETRIC_MINISBLACK || l.photometric == PHOTOMETRIC_RGB ||
                      l.palette();
  if (direct) l.colors = colors_of(tiff.get(), l);
  picture.pixels =
      direct ? read_samples(tiff.get(), l, source, grey) : read_converted(tiff.get(), l, source);
  const int turned = tag<std::uint16_t>(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  picture.orientation = turned >= 1 && turned <= 8 ? turned : 1;
  picture.lossy = l.compression == COMPRESSION_JPEG || l.compression == COMPRESSION_OJPEG;
  return picture;
}

}  // namespace

Tiff read_tiff(std::span<const std::uint8_t> file, const std::filesystem::path& path,
               GreyValues grey) try {
  Source source;
  source.bytes = file;
  return read(source, grey);
} catch (const Refused& refused) {
  throw Unreadable(fmt::format("{}: {}", path.string(), refused.why));
} catch (const std::bad_alloc&) {
  throw OutOfMemory(fmt::format("{}: out of memory for its pixels", path.string()));
} catch (const cv::Exception& e) {
  if (e.code != cv::Error::StsNoMem) throw;
  throw OutOfMemory(fmt::format("{}: out of memory for its pixels", path.string()));
}

}  // namespace persense::io::detail
