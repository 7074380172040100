#include "tiff.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "container.hpp"
#include "persense/error.hpp"
#include "tiff_source.hpp"

namespace persense::io::detail {

namespace {

/// What is known of an image before any of its pixels is read.
struct Layout {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, photometric = PHOTOMETRIC_MINISBLACK, compression = 1;
  bool tiled = false, planar = false;
  std::uint32_t chunk_width = 0, chunk_height = 0;  // of a tile, or of a strip
  std::uint16_t format = SAMPLEFORMAT_UINT;
  int colors = 1;              // of the samples: 1 or 3
  int alpha = -1;              // the sample that is alpha; -1: none
  bool premultiplied = false;  // the colours are times alpha

  std::uint64_t pixels() const { return std::uint64_t{width} * height; }
  bool palette() const { return photometric == PHOTOMETRIC_PALETTE; }
  /// Whether numbers are other than unsigned ones of 16 bits at most.
  bool wide() const { return bits > 16 || format != SAMPLEFORMAT_UINT; }
  /// Depth of the pixels, as OpenCV has it.
  int depth() const {
    if (palette()) return CV_8U;
    if (wide()) return format == SAMPLEFORMAT_IEEEFP && bits == 32 ? CV_32F : CV_64F;
    return bits == 16 ? CV_16U : CV_8U;
  }
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

/// Before memory is taken for an image, or for a part of it.
void check_room(double bytes, const Layout& l, const TiffSource& source) {
  if (!may_hold(source.bytes.size(), bytes))
    throw Refused{
        fmt::format("the file is damaged (it is too small for {} x {} pixels)", l.width, l.height)};
}

/// Which of the samples are colours, and which is alpha.
void find_colors(TIFF* tiff, Layout& l) {
  constexpr int most_samples = 64;  // bounds what a row may need
  if (l.samples > most_samples)
    throw Refused{
        fmt::format("holds {} samples a pixel, expected {} at most", l.samples, most_samples)};
  std::uint16_t extras = 0;
  const std::uint16_t* kinds = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
  const auto is_alpha = [](std::uint16_t kind) {
    return kind == EXTRASAMPLE_ASSOCALPHA || kind == EXTRASAMPLE_UNASSALPHA;
  };
  const auto alphas = std::count_if(kinds, kinds + extras, is_alpha);
  const auto* const first = std::find_if(kinds, kinds + extras, is_alpha);
  if (first != kinds + extras) {
    l.alpha = l.samples - extras + static_cast<int>(first - kinds);
    l.premultiplied = *first == EXTRASAMPLE_ASSOCALPHA;
  }
  const int channels = l.samples - static_cast<int>(alphas);
  if (l.photometric == PHOTOMETRIC_RGB) {
    if (channels < 3)
      throw Refused{fmt::format("holds {} samples a pixel for RGB, expected 3 or more", channels)};
    l.colors = 3;  // what lies behind R, G and B is infrared or the like
    return;
  }
  if (channels != 1)
    throw Refused{fmt::format("holds {} {} channels, expected one, or RGB", channels,
                              l.palette() ? "palette" : "grey")};
  l.colors = 1;
}

void check_samples(const Layout& l) {
  const auto is_one_of = [&](std::initializer_list<int> bits) {
    return std::find(bits.begin(), bits.end(), l.bits) != bits.end();
  };
  const char* kind = "";
  bool fits = false;
  if (l.format == SAMPLEFORMAT_UINT || l.format == SAMPLEFORMAT_VOID) {
    fits = is_one_of({1, 2, 4, 8, 16, 32, 64});
  } else if (l.format == SAMPLEFORMAT_INT) {
    kind = "signed ";
    fits = is_one_of({8, 16, 32, 64});
  } else if (l.format == SAMPLEFORMAT_IEEEFP) {
    kind = "floating point ";
    fits = is_one_of({32, 64});
  } else {
    kind = "complex ";
  }
  if (!fits)
    throw Refused{
        fmt::format("holds {}{}-bit pixels, expected integers of 1, 2, 4, 8, 16, 32 or "
                    "64 bits or floating point numbers of 32 or 64",
                    kind, l.bits)};
}

Layout layout_of(TIFF* tiff) {
  Layout l;
  l.width = tag<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH);
  l.height = tag<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH);
  l.bits = tag<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE, 1);
  l.samples = tag<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  l.format = tag<std::uint16_t>(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  if (l.format == SAMPLEFORMAT_VOID) l.format = SAMPLEFORMAT_UINT;
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
  check_samples(l);
  check_size(l);
  return l;
}

/// What was never written, or is not in a list that is too short, has the place of the file's
/// header.
void require_all_chunks(TIFF* tiff, const Layout& l) {
  if (l.compression == COMPRESSION_OJPEG) return;  // lists them elsewhere
  const std::uint32_t n = l.tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
  for (std::uint32_t i = 0; i < n; ++i)
    if (TIFFGetStrileOffset(tiff, i) == 0)
      throw Refused{fmt::format("the file is damaged (part {} of {} is missing)", i + 1, n)};
}

/// Memory that costs nothing until it is written to: a small file may claim to be a large image.
template <class T>
auto zeros(std::uint64_t count) {
  std::unique_ptr<T[], decltype(&std::free)> memory(static_cast<T*>(std::calloc(count, sizeof(T))),
                                                    &std::free);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

template <class T>
double number_at(const std::uint8_t* row, std::uint64_t i) {
  T value{};
  std::memcpy(&value, row + sizeof(T) * i, sizeof(T));  // in this machine's byte order by now
  return static_cast<double>(value);
}

/// Sample `i` of a row whose numbers are wide.
double wide_sample(const std::uint8_t* row, std::uint64_t i, const Layout& l) {
  if (l.format == SAMPLEFORMAT_IEEEFP)
    return l.bits == 32 ? number_at<float>(row, i) : number_at<double>(row, i);
  const bool is_signed = l.format == SAMPLEFORMAT_INT;
  switch (l.bits) {
    case 8:
      return number_at<std::int8_t>(row, i);
    case 16:
      return number_at<std::int16_t>(row, i);
    case 32:
      return is_signed ? number_at<std::int32_t>(row, i) : number_at<std::uint32_t>(row, i);
    default:
      return is_signed ? number_at<std::int64_t>(row, i) : number_at<std::uint64_t>(row, i);
  }
}

/// Sample `i` of a row whose numbers are not.
std::uint32_t narrow_sample(const std::uint8_t* row, std::uint64_t i, int bits) {
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
  Levels(TIFF* tiff, const Layout& l, GreyValues grey) : palette_(l.palette()), alpha_(l.colors) {
    if (l.wide()) return;
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

  /// @param channel  the one behind the colours is alpha.
  std::uint32_t operator()(std::uint32_t value, int channel) const {
    if (!palette_ && channel == alpha_) return value;
    const auto& map = map_[palette_ ? channel : 0];
    if (!map.empty()) value = map[value];
    return inverted_ > 0 ? inverted_ - value : value;
  }

 private:
  bool palette_;
  int alpha_;
  std::uint32_t inverted_ = 0;         // the value that becomes 0; 0: none is turned
  std::vector<std::uint16_t> map_[3];  // by channel of a palette; the first alone for grey and RGB
};

/// A part of the image as it was decoded.
struct Chunk {
  const std::uint8_t* bytes;
  std::uint64_t stride;
  cv::Rect place;  // inside the image
};

/// Copies what a chunk holds of some channels: of all of them, or of the one that its plane is.
template <class T>
void copy_chunk(const Chunk& chunk, const Layout& l, const Levels& levels, cv::Range some,
                cv::Mat& pixels) {
  const int channels = pixels.channels();
  const std::uint64_t step = l.planar ? 1 : l.samples;
  const bool as_it_lies = levels.change_nothing() && !l.planar && !std::is_same_v<T, double> &&
                          step == static_cast<std::uint64_t>(channels);
  for (int y = 0; y < chunk.place.height; ++y) {
    const std::uint8_t* const row = chunk.bytes + static_cast<std::uint64_t>(y) * chunk.stride;
    T* const to = pixels.ptr<T>(chunk.place.y + y) + std::ptrdiff_t{chunk.place.x} * channels;
    if (as_it_lies) {
      std::memcpy(to, row, static_cast<std::size_t>(chunk.place.width) * pixels.elemSize());
      continue;
    }
    for (int x = 0; x < chunk.place.width; ++x)
      for (int c = some.start; c < some.end; ++c) {
        const int behind = l.planar || l.palette() ? 0 : c < l.colors ? c : l.alpha;
        const std::uint64_t i =
            static_cast<std::uint64_t>(x) * step + static_cast<std::uint64_t>(behind);
        T& value = to[std::ptrdiff_t{x} * channels + c];
        if constexpr (std::is_floating_point_v<T>)
          value = static_cast<T>(wide_sample(row, i, l));
        else
          value = static_cast<T>(levels(narrow_sample(row, i, l.bits), c));
      }
  }
}

void copy_chunk(const Chunk& chunk, const Layout& l, const Levels& levels, cv::Range some,
                cv::Mat& pixels) {
  switch (pixels.depth()) {
    case CV_8U:
      return copy_chunk<std::uint8_t>(chunk, l, levels, some, pixels);
    case CV_16U:
      return copy_chunk<std::uint16_t>(chunk, l, levels, some, pixels);
    case CV_32F:
      return copy_chunk<float>(chunk, l, levels, some, pixels);
    default:
      return copy_chunk<double>(chunk, l, levels, some, pixels);
  }
}

/// Grey, RGB and palettes: sample by sample, so that alpha changes nothing. Alpha is the last
/// channel.
cv::Mat read_samples(TIFF* tiff, const Layout& l, TiffSource& source, GreyValues grey) {
  const std::uint64_t size = l.tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
  const std::uint64_t stride = l.tiled ? TIFFTileRowSize64(tiff) : TIFFScanlineSize64(tiff);
  const std::uint64_t planes = l.planar ? l.samples : 1;
  if (size == 0 || stride == 0) refuse_damaged(source);
  if (l.compression == COMPRESSION_NONE && !l.tiled &&
      stride * l.height * planes > source.bytes.size())
    throw Refused{"the file is truncated"};
  const Levels levels(tiff, l, grey);
  const int colors = l.palette() ? 3 : l.colors;
  const bool has_alpha = l.alpha >= 0 && !l.palette();
  const int channels = colors + (has_alpha ? 1 : 0);
  const int type = CV_MAKETYPE(l.depth(), channels);
  check_room(static_cast<double>(size), l, source);
  check_room(static_cast<double>(l.pixels()) * CV_ELEM_SIZE(type), l, source);
  const auto buffer = zeros<std::uint8_t>(size);
  cv::Mat pixels(static_cast<int>(l.height), static_cast<int>(l.width), type);
  const auto copy_plane = [&](std::uint16_t plane, cv::Range some) {
    for (std::uint32_t y = 0; y < l.height; y += l.chunk_height)
      for (std::uint32_t x = 0; x < l.width; x += l.chunk_width) {
        const auto w = std::min(l.chunk_width, l.width - x);
        const auto h = std::min(l.chunk_height, l.height - y);
        const std::uint64_t wanted = l.tiled ? size : stride * h;
        const auto count = static_cast<tmsize_t>(wanted);
        const tmsize_t got =
            l.tiled
                ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, plane), buffer.get(),
                                      count)
                : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, plane), buffer.get(), count);
        if (got != count || source.is_damaged()) refuse_damaged(source);
        copy_chunk(
            {buffer.get(), stride, cv::Rect(cv::Point(int(x), int(y)), cv::Size(int(w), int(h)))},
            l, levels, some, pixels);
      }
  };
  if (!l.planar || l.palette()) {
    copy_plane(0, {0, channels});
  } else {
    for (int c = 0; c < channels; ++c)
      copy_plane(static_cast<std::uint16_t>(c < colors ? c : l.alpha), {c, c + 1});
  }
  return pixels;
}

/// YCbCr, CMYK and CIELab by libtiff's own arithmetic.
cv::Mat read_converted(TIFF* tiff, const Layout& l, TiffSource& source) {
  check_room(4.0 * static_cast<double>(l.pixels()), l, source);
  check_room(4.0 * l.chunk_width * l.chunk_height, l, source);
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
  if (TIFFRGBAImageGet(&image, raster.get(), l.width, l.height) != 1 || source.is_damaged())
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

/// Takes the last channel away. @return  it; empty where there is none but the colours.
cv::Mat taken_alpha(cv::Mat& pixels) {
  if (pixels.channels() != 2 && pixels.channels() != 4) return {};
  std::vector<cv::Mat> planes;
  cv::split(pixels, planes);
  cv::Mat alpha = planes.back();
  planes.pop_back();
  cv::merge(planes, pixels);
  return alpha;
}

Tiff read(TiffSource& source, GreyValues grey, int page) {
  const TiffHandle tiff = open(source);
  if (tiff == nullptr) refuse_damaged(source);
  choose_picture(tiff.get(), source, page);
  source.error.clear();
  Layout l = layout_of(tiff.get());
  require_all_chunks(tiff.get(), l);
  Tiff picture;
  const bool direct = l.photometric == PHOTOMETRIC_MINISWHITE ||
                      l.photometric == PHOTOMETRIC_MINISBLACK || l.photometric == PHOTOMETRIC_RGB ||
                      l.palette();
  if (direct) find_colors(tiff.get(), l);
  picture.pixels =
      direct ? read_samples(tiff.get(), l, source, grey) : read_converted(tiff.get(), l, source);
  if (direct) picture.alpha = taken_alpha(picture.pixels);
  picture.premultiplied = l.premultiplied;
  const int turned = tag<std::uint16_t>(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  picture.orientation = turned >= 1 && turned <= 8 ? turned : 1;
  picture.lossy = l.compression == COMPRESSION_JPEG || l.compression == COMPRESSION_OJPEG;
  return picture;
}

/// Says whose fault it is.
template <class Body>
auto named(const std::filesystem::path& path, Body&& body) try {
  return body();
} catch (const Refused& refused) {
  throw Unreadable(fmt::format("{}: {}", path.string(), refused.why));
} catch (const std::bad_alloc&) {
  throw OutOfMemory(fmt::format("{}: out of memory for its pixels", path.string()));
} catch (const cv::Exception& e) {
  if (e.code != cv::Error::StsNoMem) throw;
  throw OutOfMemory(fmt::format("{}: out of memory for its pixels", path.string()));
}

}  // namespace

Tiff read_tiff(std::span<const std::uint8_t> file, const std::filesystem::path& path,
               GreyValues grey, int page) {
  return named(path, [&] {
    TiffSource source;
    source.bytes = file;
    return read(source, grey, page);
  });
}

int count_tiff_pages(std::span<const std::uint8_t> file, const std::filesystem::path& path) {
  return named(path, [&] {
    TiffSource source;
    source.bytes = file;
    const TiffHandle tiff = open(source);
    if (tiff == nullptr) refuse_damaged(source);
    return count_pages(tiff.get(), source);
  });
}

}  // namespace persense::io::detail
