#include <fcntl.h>
#include <tiffio.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <random>

#include "catch.hpp"
#include "persense/io/files.hpp"
#include "persense/io/images.hpp"
#include "scratch.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using namespace persense;
using namespace persense::test;

namespace {

/// What a test file is made of; samples are 8 or 16 bits, as `pixels` has them.
struct Spec {
  std::uint16_t photometric = PHOTOMETRIC_RGB;
  std::uint16_t compression = COMPRESSION_NONE;
  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  std::vector<std::uint16_t> extras = {};
  bool planar = false, tiled = false;
  const char* mode = "w";  // "w8": BigTIFF, "wb": big-endian
  std::function<void(TIFF*)> more = [](TIFF*) {};
};

using Writer = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

/// Samples of a rectangle of `pixels`, of one plane or of all; beyond the image they are 0.
Bytes part_of(const cv::Mat& pixels, const cv::Rect& place, int plane) {
  cv::Mat part(place.size(), pixels.type(), cv::Scalar::all(0));
  const cv::Rect inside = place & cv::Rect({}, pixels.size());
  pixels(inside).copyTo(part(cv::Rect({}, inside.size())));
  if (plane >= 0) cv::extractChannel(part, part, plane);
  return {part.datastart, part.dataend};
}

/// Adds a page.
void write_page(TIFF* tiff, const cv::Mat& pixels, const Spec& spec) {
  const auto width = static_cast<std::uint32_t>(pixels.cols);
  const auto height = static_cast<std::uint32_t>(pixels.rows);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, static_cast<int>(8 * pixels.elemSize1()));
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, pixels.channels());
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, int{spec.photometric});
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, int{spec.compression});
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, int{spec.orientation});
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
               spec.planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  if (!spec.extras.empty())
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, static_cast<int>(spec.extras.size()),
                 spec.extras.data());
  const int step_y = spec.tiled ? 16 : 8, step_x = spec.tiled ? 32 : pixels.cols;
  if (spec.tiled) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, step_x);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, step_y);
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, step_y);
  }
  spec.more(tiff);
  std::uint32_t number = 0;
  for (int plane = spec.planar ? 0 : -1; plane < (spec.planar ? pixels.channels() : 0); ++plane)
    for (int y = 0; y < pixels.rows; y += step_y)
      for (int x = 0; x < pixels.cols; x += step_x) {
        const int rows = spec.tiled ? step_y : std::min(step_y, pixels.rows - y);
        Bytes part = part_of(pixels, {x, y, step_x, rows}, plane);
        const auto size = static_cast<tmsize_t>(part.size());
        if (spec.tiled)
          REQUIRE(TIFFWriteEncodedTile(tiff, number++, part.data(), size) == size);
        else
          REQUIRE(TIFFWriteEncodedStrip(tiff, number++, part.data(), size) == size);
      }
  REQUIRE(TIFFWriteDirectory(tiff) == 1);
}

void write_tiff(const fs::path& path, const cv::Mat& pixels, const Spec& spec = {}) {
  const Writer tiff(TIFFOpen(path.c_str(), spec.mode), &TIFFClose);
  REQUIRE(tiff != nullptr);
  write_page(tiff.get(), pixels, spec);
}

cv::Mat noise(int type, int most = 0) {
  cv::Mat pixels(45, 70, type);
  const bool deep = pixels.depth() == CV_16U;
  cv::RNG(11).fill(pixels, cv::RNG::UNIFORM, 0, most > 0 ? most : deep ? 65536 : 256);
  return pixels;
}

/// What read_image makes of 16-bit samples whose maximum needs all 16 bits.
cv::Mat to_8_bits(const cv::Mat& deep) {
  cv::Mat light;
  deep.convertTo(light, CV_8U, 255.0 / 65535);
  return light;
}

bool equal(const cv::Mat& a, const cv::Mat& b) {
  REQUIRE(a.size() == b.size());
  REQUIRE(a.type() == b.type());
  return cv::norm(a, b, cv::NORM_INF) == 0;
}

/// Deep pixels as `to_8_bits` has them.
cv::Mat image_of(const fs::path& path) {
  io::ReadOptions options;
  options.window = io::Window{0, 65535};
  return io::read_image(path, options).mat().clone();
}

std::string refusal(const fs::path& path) {
  return message_of<Unreadable>([&] { io::read_image(path); });
}

/// What is written to the standard error while it lives.
class StandardError {
 public:
  explicit StandardError(const fs::path& file) : file_(file) {
    std::fflush(stderr);
    kept_ = ::dup(2);
    const int to = ::open(file.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    ::dup2(to, 2);
    ::close(to);
  }
  ~StandardError() { restore(); }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

  std::string said() {
    restore();
    const Bytes bytes = bytes_of(file_);
    return {bytes.begin(), bytes.end()};
  }

 private:
  void restore() {
    if (kept_ < 0) return;
    std::fflush(stderr);
    ::dup2(kept_, 2);
    ::close(kept_);
    kept_ = -1;
  }

  fs::path file_;
  int kept_;
};

void put_u32_le(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// Changes the value of a tag in a little-endian file's first directory.
void set_value(const fs::path& path, std::uint16_t tag, std::uint32_t value) {
  Bytes bytes = bytes_of(path);
  const auto u16 = [&](std::size_t at) { return bytes[at] | bytes[at + 1] << 8; };
  const std::size_t directory = static_cast<std::size_t>(u16(4) | u16(6) << 16);
  for (int i = 0; i < u16(directory); ++i) {
    const std::size_t entry = directory + 2 + 12 * static_cast<std::size_t>(i);
    if (u16(entry) != tag) continue;
    put_u32_le(bytes, entry + 8, value);
    if (u16(entry + 2) == 3) bytes[entry + 2] = 4;  // a short may not hold it
    put_bytes(path, bytes);
    return;
  }
  FAIL("no tag " << tag);
}

}  // namespace

TEST_CASE("TIFF: strips and tiles, one plane and several, give the same pixels", "[io][tiff]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  const cv::Mat rgb = noise(CV_8UC3), deep = noise(CV_16UC3);
  for (const char* mode : {"wl", "wb", "w8"})
    for (const bool tiled : {false, true})
      for (const bool planar : {false, true})
        for (const std::uint16_t compression :
             {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS}) {
          INFO(mode << (tiled ? " tiles" : " strips") << (planar ? " planar " : " chunky ")
                    << compression);
          Spec spec;
          spec.mode = mode, spec.tiled = tiled, spec.planar = planar;
          spec.compression = compression;
          write_tiff(file, rgb, spec);
          CHECK(equal(image_of(file), rgb));
          write_tiff(file, deep, spec);
          CHECK(equal(image_of(file), to_8_bits(deep)));
        }
}

TEST_CASE("TIFF: what is transparent is seen over white, whatever colour it hides", "[io][tiff]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  for (const int depth : {CV_8U, CV_16U})
    for (const std::uint16_t kind : {EXTRASAMPLE_ASSOCALPHA, EXTRASAMPLE_UNASSALPHA})
      for (const bool planar : {false, true}) {
        INFO("depth " << depth << ", kind " << kind << (planar ? ", planar" : ""));
        const double full = depth == CV_8U ? 255 : 65535;
        // three columns: opaque, half, hidden; of a colour that is 40 % of white
        cv::Mat rgba(9, 12, CV_MAKETYPE(depth, 4)), pair(9, 12, CV_MAKETYPE(depth, 2));
        for (int i = 0; i < 3; ++i) {
          const double alpha = i == 0 ? full : i == 1 ? cvRound(full / 2) : 0;
          const double factor = kind == EXTRASAMPLE_ASSOCALPHA ? alpha / full : 1;
          const double color = cvRound(0.4 * full * factor);
          rgba.colRange(4 * i, 4 * i + 4) = cv::Scalar(color, color, color, alpha);
          pair.colRange(4 * i, 4 * i + 4) = cv::Scalar(color, alpha);
        }
        Spec spec;
        spec.extras = {kind}, spec.planar = planar;
        for (const cv::Mat& pixels : {rgba, pair}) {
          spec.photometric = pixels.channels() == 4 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
          write_tiff(file, pixels, spec);
          const cv::Mat seen = image_of(file);
          CHECK(seen.at<cv::Vec3b>(4, 1) == cv::Vec3b(102, 102, 102));
          CHECK(std::abs(seen.at<cv::Vec3b>(4, 5)[1] - 178.5) <= 1);  // of 102 and 255
          CHECK(seen.at<cv::Vec3b>(4, 9) == cv::Vec3b(255, 255, 255));
        }
      }
}

TEST_CASE("TIFF: alpha that is nowhere opaque was not meant", "[io][tiff]") {
  const Scratch scratch;
  Spec spec;
  spec.extras = {EXTRASAMPLE_UNASSALPHA};
  write_tiff(scratch / "a.tif", cv::Mat(9, 9, CV_8UC4, cv::Scalar(10, 20, 30, 0)), spec);
  CHECK(equal(image_of(scratch / "a.tif"), cv::Mat(9, 9, CV_8UC3, cv::Scalar(10, 20, 30))));
}

TEST_CASE("TIFF: signed, wide and floating point numbers are images, labels and masks",
          "[io][tiff]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  cv::Mat ids = cv::Mat::zeros(45, 70, CV_32SC1);
  ids(cv::Rect(4, 4, 20, 20)) = 3;
  ids(cv::Rect(40, 10, 20, 20)) = 70000;
  struct Kind {
    int type;
    std::uint16_t format;
  };
  for (const Kind kind : {Kind{CV_16SC1, SAMPLEFORMAT_INT}, Kind{CV_32SC1, SAMPLEFORMAT_INT},
                          Kind{CV_32SC1, SAMPLEFORMAT_UINT}, Kind{CV_32FC1, SAMPLEFORMAT_IEEEFP},
                          Kind{CV_64FC1, SAMPLEFORMAT_IEEEFP}}) {
    INFO("type " << kind.type << ", format " << kind.format);
    cv::Mat stored = ids.clone();
    if (kind.type == CV_16SC1) stored.setTo(7, ids == 70000);
    cv::Mat expected = stored.clone();
    stored.convertTo(stored, kind.type);
    Spec spec;
    spec.photometric = PHOTOMETRIC_MINISBLACK;
    spec.more = [&](TIFF* tiff) { TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, kind.format); };
    write_tiff(file, stored, spec);
    CHECK(equal(io::read_labels(file), expected));
    CHECK(equal(io::read_mask(file), ids != 0));
    const io::LoadedImage image = io::load_image(file);
    REQUIRE(image.window.has_value());
    CHECK(image.window->low == 0);
    CHECK(image.image.mat().at<cv::Vec3b>(20, 50) == cv::Vec3b(255, 255, 255));
    CHECK(image.image.mat().at<cv::Vec3b>(40, 2) == cv::Vec3b(0, 0, 0));
  }
}

TEST_CASE("TIFF: numbers that are none are black and outside, and no labels",
          "[io][tiff][errors]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  cv::Mat values(40, 50, CV_32FC1, cv::Scalar(0.25));
  values.colRange(25, 50) = 0.75;
  values.at<float>(1, 1) = std::numeric_limits<float>::quiet_NaN();
  values.at<float>(2, 2) = std::numeric_limits<float>::infinity();
  values.at<float>(3, 3) = -std::numeric_limits<float>::infinity();
  Spec spec;
  spec.photometric = PHOTOMETRIC_MINISBLACK;
  spec.more = [](TIFF* tiff) { TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP); };
  write_tiff(file, values, spec);
  const io::LoadedImage image = io::load_image(file);
  CHECK(image.window->low == 0.25);
  CHECK(image.window->high == 0.75);
  const cv::Mat pixels = image.image.mat();
  CHECK(pixels.at<cv::Vec3b>(1, 1)[0] == 0);
  CHECK(pixels.at<cv::Vec3b>(2, 2)[0] == 255);
  CHECK(pixels.at<cv::Vec3b>(3, 3)[0] == 0);
  CHECK(io::read_mask(file).at<std::uint8_t>(1, 1) == 0);
  CHECK_THAT(message_of<Unreadable>([&] { io::read_labels(file); }),
             EndsWith("a.tif: holds numbers that are no labels, expected whole ones from 0 to "
                      "2^31 - 1"));
}

TEST_CASE("TIFF: where white is stored as 0, images are inverted and labels are not",
          "[io][tiff]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  Spec spec;
  spec.photometric = PHOTOMETRIC_MINISWHITE;
  const cv::Mat grey = noise(CV_8UC1), deep = noise(CV_16UC1);
  cv::Mat expected, labels;
  write_tiff(file, grey, spec);
  cv::cvtColor(~grey, expected, cv::COLOR_GRAY2RGB);
  CHECK(equal(image_of(file), expected));
  write_tiff(file, deep, spec);
  cv::cvtColor(to_8_bits(65535 - deep), expected, cv::COLOR_GRAY2RGB);
  CHECK(equal(image_of(file), expected));
  deep.convertTo(labels, CV_32S);
  CHECK(equal(io::read_labels(file), labels));
}

TEST_CASE("TIFF: every 16-bit label comes back, also of a tiled BigTIFF", "[io][tiff][labels]") {
  const Scratch scratch;
  cv::Mat ids(256, 256, CV_16UC1), labels;
  std::iota(ids.begin<std::uint16_t>(), ids.end<std::uint16_t>(), std::uint16_t{0});
  ids.convertTo(labels, CV_32S);
  Spec spec;
  spec.photometric = PHOTOMETRIC_MINISBLACK, spec.tiled = true, spec.mode = "w8";
  spec.compression = COMPRESSION_LZW;
  spec.orientation = ORIENTATION_BOTRIGHT;  // labels are data: not turned
  write_tiff(scratch / "ids.tif", ids, spec);
  CHECK(equal(io::read_labels(scratch / "ids.tif"), labels));
}

TEST_CASE("TIFF: one bit and a palette are read", "[io][tiff]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  Spec spec;
  spec.photometric = PHOTOMETRIC_MINISBLACK;
  spec.more = [](TIFF* tiff) {
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 1);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 14);
  };
  const cv::Mat packed = (cv::Mat_<std::uint8_t>(2, 2) << 0b10110000, 0b00000100, 0, 0b11111100);
  write_tiff(file, packed, spec);
  const cv::Mat mask = (cv::Mat_<std::uint8_t>(2, 14) << 255, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0,
                        0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255);
  CHECK(equal(io::read_mask(file), mask));
  CHECK(equal(io::read_labels(file), cv::Mat_<int>(cv::Mat_<int>(mask) / 255)));

  std::vector<std::uint16_t> red(256), green(256), blue(256);
  for (std::size_t i = 0; i < 256; ++i) {
    red[i] = static_cast<std::uint16_t>(i * 256 + 7);
    green[i] = static_cast<std::uint16_t>((255 - i) * 256);
    blue[i] = 0x1234;
  }
  spec.photometric = PHOTOMETRIC_PALETTE;
  spec.more = [&](TIFF* tiff) {
    TIFFSetField(tiff, TIFFTAG_COLORMAP, red.data(), green.data(), blue.data());
  };
  const cv::Mat indices = noise(CV_8UC1);
  write_tiff(file, indices, spec);
  cv::Mat rgb;
  cv::merge(std::vector<cv::Mat>{indices, ~indices, cv::Mat(indices.size(), CV_8UC1, 0x12)}, rgb);
  CHECK(equal(image_of(file), rgb));
  CHECK_THAT(message_of<Unreadable>([&] { io::read_labels(file); }),
             EndsWith("a.tif: 3 channels, expected labels in one grey channel"));
}

TEST_CASE("TIFF: orientation is applied to images and masks", "[io][tiff]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  cv::Mat rgb(2, 3, CV_8UC3, cv::Scalar(0, 0, 0));
  rgb.at<cv::Vec3b>(0, 0) = {255, 0, 0};
  rgb.at<cv::Vec3b>(0, 1) = {0, 255, 0};
  // where the first pixel of the first row is seen, and the second one
  const struct {
    int orientation;
    cv::Point first, second;
  } cases[] = {{1, {0, 0}, {1, 0}}, {2, {2, 0}, {1, 0}}, {3, {2, 1}, {1, 1}}, {4, {0, 1}, {1, 1}},
               {5, {0, 0}, {0, 1}}, {6, {1, 0}, {1, 1}}, {7, {1, 2}, {1, 1}}, {8, {0, 2}, {0, 1}}};
  for (const auto& c : cases) {
    INFO("orientation " << c.orientation);
    Spec spec;
    spec.orientation = static_cast<std::uint16_t>(c.orientation);
    write_tiff(file, rgb, spec);
    const cv::Mat seen = image_of(file);
    CHECK(seen.size() == (c.orientation < 5 ? cv::Size(3, 2) : cv::Size(2, 3)));
    CHECK(seen.at<cv::Vec3b>(c.first) == cv::Vec3b(255, 0, 0));
    CHECK(seen.at<cv::Vec3b>(c.second) == cv::Vec3b(0, 255, 0));
    CHECK(io::read_mask(file).at<std::uint8_t>(c.first) == 255);
  }
}

TEST_CASE("TIFF: JPEG inside, as RGB and as YCbCr, comes back within its loss", "[io][tiff]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  cv::Mat rgb;
  cv::GaussianBlur(noise(CV_8UC3), rgb, {}, 5);
  Spec spec;
  spec.compression = COMPRESSION_JPEG, spec.tiled = true;
  write_tiff(file, rgb, spec);
  CHECK(cv::norm(image_of(file), rgb, cv::NORM_INF) < 24);
  CHECK_THAT(message_of<Unreadable>([&] { io::read_labels(file); }),
             ContainsSubstring("a lossy format cannot hold labels"));
  spec.photometric = PHOTOMETRIC_YCBCR;
  spec.more = [](TIFF* t) { TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB); };
  write_tiff(file, rgb, spec);
  CHECK(cv::norm(image_of(file), rgb, cv::NORM_INF) < 40);  // colours are of half the resolution
}

TEST_CASE("TIFF: the first page is read, and behind a thumbnail the image", "[io][tiff]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  const cv::Mat big = noise(CV_8UC3), small(8, 12, CV_8UC3, cv::Scalar(1, 2, 3));
  const auto kind = [](std::uint32_t bits, std::uint16_t sub_images = 0) {
    Spec spec;
    spec.more = [bits, sub_images](TIFF* tiff) {
      TIFFSetField(tiff, TIFFTAG_SUBFILETYPE, bits);
      std::uint64_t places[1] = {0};
      if (sub_images > 0) TIFFSetField(tiff, TIFFTAG_SUBIFD, int{sub_images}, places);
    };
    return spec;
  };
  const auto write = [&](const cv::Mat& one, const Spec& first, const cv::Mat& two,
                         const Spec& second) {
    const Writer tiff(TIFFOpen(file.c_str(), "w"), &TIFFClose);
    write_page(tiff.get(), one, first);
    write_page(tiff.get(), two, second);
  };
  write(big, kind(FILETYPE_PAGE), small, kind(FILETYPE_PAGE));
  CHECK(equal(image_of(file), big));
  CHECK(io::page_count(file) == 2);
  CHECK(io::load_image(file).page_count == 2);
  io::ReadOptions second_page;
  second_page.page = 2;
  CHECK(equal(io::read_image(file, second_page).mat(), small));
  second_page.page = 3;
  CHECK_THAT(message_of<Unreadable>([&] { io::read_image(file, second_page); }),
             EndsWith("a.tif: page 3: the file has 2 pages that can be read"));
  write(small, kind(FILETYPE_REDUCEDIMAGE), big, kind(0));
  CHECK(equal(image_of(file), big));
  CHECK(io::page_count(file) == 1);
  write(small, kind(FILETYPE_REDUCEDIMAGE, 1), big, kind(0));  // as camera raw files have it
  CHECK(equal(image_of(file), big));
  write(small, kind(FILETYPE_REDUCEDIMAGE), small, kind(FILETYPE_MASK));
  CHECK_THAT(refusal(file),
             EndsWith("a.tif: holds reduced images or masks alone, expected one in full size"));
}

TEST_CASE("TIFF: pages that ImageJ only tells of count", "[io][tiff]") {
  const Scratch scratch;
  Spec spec;
  spec.photometric = PHOTOMETRIC_MINISBLACK;
  spec.more = [](TIFF* tiff) {
    TIFFSetField(tiff, TIFFTAG_IMAGEDESCRIPTION, "ImageJ=1.54\nimages=3997\nslices=3997\n");
  };
  write_tiff(scratch / "a.tif", noise(CV_8UC1), spec);
  CHECK(io::page_count(scratch / "a.tif") == 3997);
}

TEST_CASE("TIFF: pixels of other kinds are refused with the reason", "[io][tiff][errors]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  Spec grey;
  grey.photometric = PHOTOMETRIC_MINISBLACK;
  const auto with = [&](std::uint32_t tag, int value) {
    Spec spec = grey;
    spec.more = [tag, value](TIFF* tiff) { TIFFSetField(tiff, tag, value); };
    return spec;
  };
  write_tiff(file, noise(CV_32FC1, 1), with(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_COMPLEXIEEEFP));
  CHECK_THAT(refusal(file), ContainsSubstring("a.tif: holds complex 32-bit pixels, expected"));
  write_tiff(file, noise(CV_16UC1), with(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP));
  CHECK_THAT(refusal(file), ContainsSubstring("a.tif: holds floating point 16-bit pixels"));
  grey.extras = {EXTRASAMPLE_UNSPECIFIED, EXTRASAMPLE_UNSPECIFIED};
  write_tiff(file, noise(CV_8UC3), grey);
  CHECK_THAT(refusal(file), EndsWith("a.tif: holds 3 grey channels, expected one, or RGB"));
  grey.extras = {};
  write_tiff(file, noise(CV_16UC1), with(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_CFA));
  CHECK_THAT(refusal(file), ContainsSubstring("a.tif: holds 16-bit pixels of photometric"));
}

TEST_CASE("TIFF: a file that claims to be huge is refused before memory is taken",
          "[io][tiff][errors]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  Spec spec;
  spec.photometric = PHOTOMETRIC_MINISBLACK, spec.mode = "wl";
  for (const std::uint16_t compression : {COMPRESSION_NONE, COMPRESSION_LZW}) {
    spec.compression = compression;
    write_tiff(file, noise(CV_8UC1), spec);
    set_value(file, TIFFTAG_IMAGEWIDTH, 1u << 31);
    CHECK_THAT(refusal(file), ContainsSubstring("a.tif: 2147483648 x 45 pixels are more than is "
                                                "read; the environment variables OPENCV_IO_MAX"));
    set_value(file, TIFFTAG_IMAGEWIDTH, 1u << 20);
    set_value(file, TIFFTAG_IMAGELENGTH, 1000);
    CHECK_THAT(refusal(file), ContainsSubstring("a.tif: the file is"));
  }
  for (const std::uint16_t compression : {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE}) {
    spec.compression = compression;
    write_tiff(file, noise(CV_8UC1), spec);
    set_value(file, TIFFTAG_IMAGEWIDTH, 30000);
    set_value(file, TIFFTAG_IMAGELENGTH, 30000);
    CHECK_THAT(refusal(file), ContainsSubstring("damaged (part 7 of 3750 is missing)"));
    set_value(file, TIFFTAG_ROWSPERSTRIP, 30000);
    CHECK_THAT(refusal(file), ContainsSubstring("it is too small for 30000 x 30000 pixels"));
  }
  spec.compression = COMPRESSION_NONE, spec.tiled = true;
  write_tiff(file, noise(CV_8UC1), spec);
  set_value(file, TIFFTAG_TILEWIDTH, 1u << 30);
  set_value(file, TIFFTAG_TILELENGTH, 1u << 30);
  CHECK_THAT(refusal(file), ContainsSubstring("a.tif: the file is damaged"));
}

TEST_CASE("TIFF: a tile that was never written is not read as the file's header",
          "[io][tiff][errors]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  {
    const Writer tiff(TIFFOpen(file.c_str(), "w"), &TIFFClose);
    TIFFSetField(tiff.get(), TIFFTAG_IMAGEWIDTH, 64);
    TIFFSetField(tiff.get(), TIFFTAG_IMAGELENGTH, 16);
    TIFFSetField(tiff.get(), TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tiff.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff.get(), TIFFTAG_TILEWIDTH, 32);
    TIFFSetField(tiff.get(), TIFFTAG_TILELENGTH, 16);
    Bytes pixels(32 * 16);
    REQUIRE(TIFFWriteEncodedTile(tiff.get(), 0, pixels.data(), 32 * 16) == 32 * 16);
  }
  CHECK(refusal(file).ends_with("a.tif: the file is damaged (part 2 of 2 is missing)"));
}

TEST_CASE("TIFF: cut or changed anywhere, a file is an image or one line of error",
          "[io][tiff][errors]") {
  const Scratch scratch;
  const auto file = scratch / "a.tif";
  const cv::Mat small = noise(CV_16UC3)(cv::Rect(0, 0, 20, 18)).clone();
  StandardError standard_error(scratch / "said");
  int read = 0, refused = 0;
  const auto look = [&](const Bytes& bytes) {
    put_bytes(file, bytes);
    try {
      read += !io::read_image(file).mat().empty();
      io::read_labels(file);
    } catch (const Unreadable& error) {
      const std::string line = error.what();
      if (line.find('\n') == line.npos && line.find("a.tif: ") != line.npos) ++refused;
    }
  };
  std::mt19937 random(5);
  int tried = 0;
  for (const bool tiled : {false, true})
    for (const std::uint16_t compression :
         {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_JPEG}) {
      Spec spec;
      spec.tiled = tiled, spec.compression = compression;
      write_tiff(file, compression == COMPRESSION_JPEG ? to_8_bits(small) : small, spec);
      const Bytes whole = bytes_of(file);
      for (std::size_t length = 1; length < whole.size(); length += 13, ++tried)
        look({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
      for (int i = 0; i < 300; ++i, ++tried) {
        Bytes changed = whole;
        // half of them where the tags are, which libtiff writes behind the pixels
        const std::size_t from =
            i % 2 == 0 ? 0 : whole.size() - std::min<std::size_t>(whole.size(), 400);
        changed[from + random() % (whole.size() - from)] = static_cast<std::uint8_t>(random());
        look(changed);
      }
    }
  CHECK(standard_error.said().empty());
  CHECK(read > 100);
  CHECK(refused > 500);
  CHECK(read + refused >= tried);
}
