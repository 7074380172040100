#include "persense/io/images.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <opencv2/imgcodecs.hpp>
#include <thread>

#include "catch.hpp"
#include "persense/io/files.hpp"
#include "scratch.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using namespace persense;
using namespace persense::test;

namespace {

/// Wide, with four corners that differ, so that every orientation gives another image.
cv::Mat corner_picture() {
  cv::Mat rgb(32, 48, CV_8UC3, cv::Scalar(40, 40, 40));
  rgb(cv::Rect(0, 0, 16, 16)) = cv::Scalar(230, 20, 20);
  rgb(cv::Rect(32, 0, 16, 16)) = cv::Scalar(20, 220, 20);
  rgb(cv::Rect(0, 16, 16, 16)) = cv::Scalar(20, 20, 240);
  return rgb;
}

Bytes encoded(const std::string& extension, const cv::Mat& rgb, std::vector<int> flags = {}) {
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  Bytes bytes;
  REQUIRE(cv::imencode(extension, bgr, bytes, flags));
  return bytes;
}

/// A chunk of a PNG: length, type, data, checksum.
Bytes png_chunk(const std::string& type, const Bytes& data) {
  Bytes body(type.begin(), type.end());
  body.insert(body.end(), data.begin(), data.end());
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::uint8_t byte : body) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? 0xEDB88320u ^ (crc >> 1) : crc >> 1;
  }
  Bytes chunk;
  const auto put = [&](std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8)
      chunk.push_back(static_cast<std::uint8_t>(number >> shift));
  };
  put(static_cast<std::uint32_t>(data.size()));
  std::copy(body.begin(), body.end(), std::back_inserter(chunk));
  put(~crc);
  return chunk;
}

/// EXIF data with nothing but an orientation, little-endian.
Bytes exif(int orientation) {
  return {'I',
          'I',
          42,
          0,
          8,
          0,
          0,
          0,
          1,
          0,
          0x12,
          0x01,
          3,
          0,
          1,
          0,
          0,
          0,
          static_cast<std::uint8_t>(orientation),
          0,
          0,
          0,
          0,
          0,
          0,
          0};
}

Bytes jpeg_with_orientation(const Bytes& jpeg, int orientation) {
  Bytes segment = {'E', 'x', 'i', 'f', 0, 0};
  const Bytes tiff = exif(orientation);
  segment.insert(segment.end(), tiff.begin(), tiff.end());
  const std::size_t length = segment.size() + 2;
  Bytes out(jpeg.begin(), jpeg.begin() + 2);
  for (const std::size_t b : {std::size_t{0xFF}, std::size_t{0xE1}, length >> 8, length & 255})
    out.push_back(static_cast<std::uint8_t>(b));
  out.insert(out.end(), segment.begin(), segment.end());
  out.insert(out.end(), jpeg.begin() + 2, jpeg.end());
  return out;
}

void put_u32(Bytes& bytes, std::size_t at, std::size_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// The extended WebP layout: a VP8X chunk in front, the EXIF chunk behind.
Bytes webp_with_orientation(const Bytes& webp, Size size, int orientation) {
  Bytes out(webp.begin(), webp.begin() + 12);
  const Bytes vp8x = {'V',
                      'P',
                      '8',
                      'X',
                      10,
                      0,
                      0,
                      0,
                      0x08,
                      0,
                      0,
                      0,
                      static_cast<std::uint8_t>(size.width - 1),
                      0,
                      0,
                      static_cast<std::uint8_t>(size.height - 1),
                      0,
                      0};
  out.insert(out.end(), vp8x.begin(), vp8x.end());
  out.insert(out.end(), webp.begin() + 12, webp.end());
  Bytes chunk = {'E', 'X', 'I', 'F', 0, 0, 0, 0};
  const Bytes tiff = exif(orientation);
  put_u32(chunk, 4, tiff.size());
  out.insert(out.end(), chunk.begin(), chunk.end());
  out.insert(out.end(), tiff.begin(), tiff.end());
  put_u32(out, 4, out.size() - 8);
  return out;
}

/// EXIF's definition, written out: which stored pixel is seen at (x, y).
cv::Mat shown(const cv::Mat& stored, int orientation) {
  const int w = stored.cols, h = stored.rows;
  const bool turned = orientation >= 5;
  cv::Mat seen(turned ? w : h, turned ? h : w, stored.type());
  for (int y = 0; y < seen.rows; ++y)
    for (int x = 0; x < seen.cols; ++x) {
      cv::Point from;
      switch (orientation) {
        case 2:
          from = {w - 1 - x, y};
          break;
        case 3:
          from = {w - 1 - x, h - 1 - y};
          break;
        case 4:
          from = {x, h - 1 - y};
          break;
        case 5:
          from = {y, x};
          break;
        case 6:
          from = {y, h - 1 - x};
          break;
        case 7:
          from = {w - 1 - y, h - 1 - x};
          break;
        case 8:
          from = {w - 1 - y, x};
          break;
        default:
          from = {x, y};
      }
      seen.at<cv::Vec3b>(y, x) = stored.at<cv::Vec3b>(from);
    }
  return seen;
}

double difference(const cv::Mat& a, const cv::Mat& b) {
  REQUIRE(a.size() == b.size());
  REQUIRE(a.type() == b.type());
  return cv::norm(a, b, cv::NORM_INF);
}

}  // namespace

TEST_CASE("read_image: every lossless format gives the pixels that were written", "[io][images]") {
  const Scratch scratch;
  const cv::Mat rgb = corner_picture();
  for (const std::string extension : {".png", ".tif", ".bmp"}) {
    INFO(extension);
    put_bytes(scratch / ("a" + extension), encoded(extension, rgb));
    CHECK(difference(io::read_image(scratch / ("a" + extension)).mat(), rgb) == 0);
  }
  put_bytes(scratch / "a.webp", encoded(".webp", rgb, {cv::IMWRITE_WEBP_QUALITY, 101}));
  CHECK(difference(io::read_image(scratch / "a.webp").mat(), rgb) == 0);
}

TEST_CASE("read_image: JPEG comes back within its loss", "[io][images]") {
  const Scratch scratch;
  const cv::Mat rgb = corner_picture();
  put_bytes(scratch / "a.jpg", encoded(".jpg", rgb, {cv::IMWRITE_JPEG_QUALITY, 98}));
  const cv::Mat read = io::read_image(scratch / "a.jpg").mat();
  CHECK(cv::norm(read, rgb, cv::NORM_L1) / static_cast<double>(rgb.total() * 3) < 6);
}

TEST_CASE("read_image: progressive JPEG is read whole", "[io][images]") {
  const Scratch scratch;
  put_bytes(scratch / "p.jpg",
            encoded(".jpg", corner_picture(), {cv::IMWRITE_JPEG_PROGRESSIVE, 1}));
  CHECK(io::read_image(scratch / "p.jpg").size() == Size{48, 32});
}

TEST_CASE("read_image: the format is told by content, not by name", "[io][images]") {
  const Scratch scratch;
  put_bytes(scratch / "really_png.jpg", encoded(".png", corner_picture()));
  put_bytes(scratch / "no_extension", encoded(".bmp", corner_picture()));
  CHECK(difference(io::read_image(scratch / "really_png.jpg").mat(), corner_picture()) == 0);
  CHECK(difference(io::read_image(scratch / "no_extension").mat(), corner_picture()) == 0);
}

TEST_CASE("read_image: grey becomes three equal channels, and opaque alpha changes nothing",
          "[io][images]") {
  const Scratch scratch;
  cv::imwrite((scratch / "grey.png").string(), cv::Mat(3, 4, CV_8UC1, cv::Scalar(77)));
  cv::imwrite((scratch / "rgba.png").string(), cv::Mat(3, 4, CV_8UC4, cv::Scalar(30, 20, 10, 0)));
  CHECK(difference(io::read_image(scratch / "grey.png").mat(),
                   cv::Mat(3, 4, CV_8UC3, cv::Scalar(77, 77, 77))) == 0);
  CHECK(difference(io::read_image(scratch / "rgba.png").mat(),
                   cv::Mat(3, 4, CV_8UC3, cv::Scalar(10, 20, 30))) == 0);
}

TEST_CASE("load_image: deep pixels go through the window of their percentiles", "[io][images]") {
  const Scratch scratch;
  cv::Mat deep(100, 200, CV_16UC1);
  cv::RNG(5).fill(deep, cv::RNG::UNIFORM, 500, 701);
  for (const std::string extension : {".png", ".tif"}) {
    cv::imwrite((scratch / ("deep" + extension)).string(), deep);
    const io::LoadedImage plain = io::load_image(scratch / ("deep" + extension));
    REQUIRE(plain.window.has_value());
    CHECK(std::abs(plain.window->low - 500) <= 1);
    CHECK(std::abs(plain.window->high - 700) <= 1);
    cv::Mat hot = deep.clone();  // hot and dead pixels change next to nothing
    for (int i = 0; i < 9; ++i) hot.at<std::uint16_t>(7 * i, 9 * i) = i % 2 == 0 ? 65535 : 0;
    cv::imwrite((scratch / ("hot" + extension)).string(), hot);
    const io::LoadedImage with = io::load_image(scratch / ("hot" + extension));
    CHECK(std::abs(with.window->low - plain.window->low) <= 1);
    CHECK(std::abs(with.window->high - plain.window->high) <= 1);
    CHECK(with.image.mat().at<cv::Vec3b>(0, 0)[0] == 255);
  }
  const cv::Mat eight = cv::Mat(10, 10, CV_8UC1, cv::Scalar(9));
  cv::imwrite((scratch / "eight.png").string(), eight);
  CHECK_FALSE(io::load_image(scratch / "eight.png").window.has_value());
}

TEST_CASE("load_image: through one window, frames keep their relation", "[io][images]") {
  const Scratch scratch;
  cv::imwrite((scratch / "a.png").string(), cv::Mat(9, 9, CV_16UC1, cv::Scalar(1000)));
  io::ReadOptions options;
  options.window = io::Window{500, 2500};
  CHECK(io::read_image(scratch / "a.png", options).mat().at<cv::Vec3b>(4, 4)[1] == 64);
  cv::imwrite((scratch / "a.png").string(), cv::Mat(9, 9, CV_16UC1, cv::Scalar(3000)));
  CHECK(io::read_image(scratch / "a.png", options).mat().at<cv::Vec3b>(4, 4)[1] == 255);
  options.window = io::Window{5, 5};
  CHECK_THAT(message_of<InvalidArgument>([&] { io::read_image(scratch / "a.png", options); }),
             ContainsSubstring("window: got 5 to 5, expected two numbers"));
  options = {};
  options.page = 2;
  CHECK_THAT(message_of<Unreadable>([&] { io::read_image(scratch / "a.png", options); }),
             EndsWith("a.png: page 2: the file has one page"));
}

TEST_CASE("load_image: PNG and WebP are seen over white where they are transparent",
          "[io][images]") {
  const Scratch scratch;
  cv::Mat rgba(8, 8, CV_8UC4, cv::Scalar(30, 20, 10, 255));
  rgba.colRange(4, 8) = cv::Scalar(0, 0, 200, 0);  // hides a colour
  for (const std::string extension : {".png", ".webp"}) {
    INFO(extension);
    const auto file = scratch / ("a" + extension);
    cv::imwrite(file.string(), rgba,
                extension == ".webp" ? std::vector<int>{cv::IMWRITE_WEBP_QUALITY, 101}
                                     : std::vector<int>{});
    const cv::Mat seen = io::read_image(file).mat();
    CHECK(seen.at<cv::Vec3b>(4, 1) == cv::Vec3b(10, 20, 30));
    CHECK(seen.at<cv::Vec3b>(4, 6) == cv::Vec3b(255, 255, 255));
  }
}

TEST_CASE("load_mask: objects of a label image that touch are parted, with a note", "[io][masks]") {
  const Scratch scratch;
  cv::Mat labels = cv::Mat::zeros(110, 110, CV_16UC1);
  for (int k = 0; k < 9; ++k) labels(cv::Rect(10 + k % 3 * 30, 10 + k / 3 * 30, 30, 30)) = k + 1;
  cv::imwrite((scratch / "l.png").string(), labels);
  const io::MaskFile file = io::load_mask(scratch / "l.png");
  cv::Mat parts;
  CHECK(cv::connectedComponents(file.mask, parts, 8) == 1 + 9);
  CHECK(cv::countNonZero(file.mask) == 8100 - (4 * 90 - 4));  // a line of one pixel at each border
  REQUIRE(file.notes.size() == 1);
  CHECK_THAT(file.notes[0], ContainsSubstring("is a label image of 9 objects"));
  CHECK(cv::countNonZero(io::read_mask(scratch / "l.png")) == 8100);  // whole
}

TEST_CASE(
    "load_mask: shapes with soft edges, of any number or colour, are one shape without a note",
    "[io][masks]") {
  const Scratch scratch;
  for (const int value : {1, 255}) {
    cv::Mat mask = cv::Mat::zeros(80, 90, CV_8UC1);
    cv::circle(mask, {40, 40}, 20, cv::Scalar(value), cv::FILLED, cv::LINE_AA);
    cv::imwrite((scratch / "m.png").string(), mask);
    const io::MaskFile file = io::load_mask(scratch / "m.png");
    CHECK(cv::countNonZero(file.mask != (mask > 0)) == 0);
    CHECK(file.notes.empty());
  }
  cv::Mat red = cv::Mat::zeros(80, 90, CV_8UC3);
  cv::circle(red, {40, 40}, 20, cv::Scalar(0, 0, 255), cv::FILLED);
  cv::imwrite((scratch / "m.png").string(), red);
  CHECK(io::load_mask(scratch / "m.png").notes.empty());
}

TEST_CASE("load_mask: a shape in the alpha channel is taken from there", "[io][masks]") {
  const Scratch scratch;
  cv::Mat alpha = cv::Mat::zeros(60, 60, CV_8UC1);
  cv::circle(alpha, {30, 30}, 12, cv::Scalar(255), cv::FILLED);
  for (const int colour : {0, 255}) {  // black or white paint, everywhere under the transparency
    cv::Mat rgba;
    const cv::Mat plane(60, 60, CV_8UC1, cv::Scalar(colour));
    cv::merge(std::vector<cv::Mat>{plane, plane, plane, alpha}, rgba);
    cv::imwrite((scratch / "m.png").string(), rgba);
    const io::MaskFile file = io::load_mask(scratch / "m.png");
    CHECK(cv::countNonZero(file.mask != alpha) == 0);
    REQUIRE(file.notes.size() == 1);
    CHECK_THAT(file.notes[0], ContainsSubstring("in the alpha channel"));
  }
}

TEST_CASE("load_mask: a picture, painted over or not, is refused", "[io][masks][errors]") {
  const Scratch scratch;
  cv::Mat picture(120, 160, CV_8UC3);
  cv::RNG(3).fill(picture, cv::RNG::UNIFORM, 30, 220);
  cv::GaussianBlur(picture, picture, {}, 1.5);
  cv::circle(picture, {60, 60}, 20, cv::Scalar(0, 0, 255), cv::FILLED);
  for (const char* name : {"p.png", "p.jpg"}) {
    cv::imwrite((scratch / name).string(), picture);
    CHECK_THAT(message_of<InvalidArgument>([&] { io::load_mask(scratch / name); }),
               ContainsSubstring(std::string(name) + ": looks like a picture"));
  }
}

TEST_CASE("read_image: 16-bit RGBA is read", "[io][images]") {
  const Scratch scratch;
  cv::imwrite((scratch / "a.png").string(),
              cv::Mat(3, 4, CV_16UC4, cv::Scalar(65535, 32896, 0, 65535)));
  CHECK(difference(io::read_image(scratch / "a.png").mat(),
                   cv::Mat(3, 4, CV_8UC3, cv::Scalar(0, 128, 255))) == 0);
}

TEST_CASE("read_image: EXIF orientation of JPEG and WebP is applied", "[io][images]") {
  const Scratch scratch;
  const cv::Mat rgb = corner_picture();
  const Bytes jpeg = encoded(".jpg", rgb, {cv::IMWRITE_JPEG_QUALITY, 98});
  const Bytes webp = encoded(".webp", rgb, {cv::IMWRITE_WEBP_QUALITY, 101});
  put_bytes(scratch / "plain.jpg", jpeg);
  const cv::Mat plain = io::read_image(scratch / "plain.jpg").mat();
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO("orientation " << orientation);
    put_bytes(scratch / "turned.jpg", jpeg_with_orientation(jpeg, orientation));
    put_bytes(scratch / "turned.webp", webp_with_orientation(webp, {48, 32}, orientation));
    CHECK(difference(io::read_image(scratch / "turned.jpg").mat(), shown(plain, orientation)) == 0);
    CHECK(difference(io::read_image(scratch / "turned.webp").mat(), shown(rgb, orientation)) == 0);
  }
}

TEST_CASE("read_image: one pixel, one column and 30000 x 10 are read", "[io][images]") {
  const Scratch scratch;
  for (const Size size : {Size{1, 1}, Size{2, 1}, Size{1, 500}, Size{30000, 10}}) {
    for (const std::string extension : {".png", ".jpg", ".bmp", ".tif"}) {
      INFO(size.width << " x " << size.height << extension);
      const auto file = scratch / ("a" + extension);
      cv::imwrite(file.string(),
                  cv::Mat(size.height, size.width, CV_8UC3, cv::Scalar(10, 120, 200)));
      CHECK(io::read_image(file).size() == size);
    }
  }
}

TEST_CASE("read_image: a missing file is FileNotFound and named", "[io][images][errors]") {
  const Scratch scratch;
  CHECK_THROWS_AS(io::read_image(scratch / "none.png"), FileNotFound);
  CHECK_THAT(message_of<FileNotFound>([&] { io::read_image(scratch / "none.png"); }),
             EndsWith("none.png: cannot read: No such file or directory"));
}

TEST_CASE("read_image: folders, empty files, text and vector files are refused by name",
          "[io][images][errors]") {
  const Scratch scratch;
  put_bytes(scratch / "empty.png", {});
  put_bytes(scratch / "text.png", {'h', 'e', 'l', 'l', 'o'});
  const auto message = [&](const fs::path& file) {
    return message_of<Unreadable>([&] { io::read_image(file); });
  };
  CHECK_THAT(message(scratch.path()), ContainsSubstring("is a folder, expected a file"));
  CHECK_THAT(message(scratch / "empty.png"), EndsWith("empty.png: the file is empty"));
  CHECK_THAT(message(scratch / "text.png"),
             EndsWith("text.png: not a PNG, JPEG, TIFF, WebP or BMP image"));
}

TEST_CASE("read_image: a file cut anywhere is refused", "[io][images][errors]") {
  const Scratch scratch;
  cv::Mat noise(40, 60, CV_8UC3);
  cv::RNG(7).fill(noise, cv::RNG::UNIFORM, 0, 256);
  for (const std::string extension : {".png", ".jpg", ".tif", ".bmp", ".webp"}) {
    const Bytes whole = encoded(extension, noise);
    const auto file = scratch / ("cut" + extension);
    put_bytes(file, whole);
    CHECK_NOTHROW(io::read_image(file));
    for (int part = 1; part < 40; ++part) {
      const auto length = static_cast<std::ptrdiff_t>(whole.size()) * part / 40;
      INFO(extension << " cut to " << length << " of " << whole.size());
      put_bytes(file, Bytes(whole.begin(), whole.begin() + length));
      CHECK_THROWS_AS(io::read_image(file), Unreadable);
    }
  }
}

TEST_CASE("read_image: a file that claims to be huge is refused before memory is taken",
          "[io][images][errors]") {
  const Scratch scratch;
  const cv::Mat rgb = corner_picture();
  const auto put = [](Bytes& bytes, std::size_t at, std::initializer_list<int> values) {
    for (const int value : values) bytes[at++] = static_cast<std::uint8_t>(value);
  };
  const auto after = [](const Bytes& bytes, std::initializer_list<std::uint8_t> marker) {
    return static_cast<std::size_t>(
        std::search(bytes.begin(), bytes.end(), marker.begin(), marker.end()) - bytes.begin() +
        static_cast<std::ptrdiff_t>(marker.size()));
  };
  std::vector<Bytes> files;
  Bytes png = png_chunk("IHDR", {0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 8, 2, 0, 0, 0});
  const Bytes good = encoded(".png", rgb);
  png.insert(png.begin(), good.begin(), good.begin() + 8);
  png.insert(png.end(), good.begin() + 8 + 25, good.end());
  files.push_back(png);
  Bytes jpeg = encoded(".jpg", rgb);
  put(jpeg, after(jpeg, {0xFF, 0xC0, 0, 17, 8}), {0x75, 0x30, 0x75, 0x30});
  files.push_back(jpeg);
  Bytes webp = encoded(".webp", rgb, {cv::IMWRITE_WEBP_QUALITY, 50});
  put(webp, after(webp, {0x9D, 0x01, 0x2A}), {0xFF, 0x3F, 0xFF, 0x3F});
  files.push_back(webp);
  Bytes lossless = encoded(".webp", rgb, {cv::IMWRITE_WEBP_QUALITY, 101});
  put(lossless, after(lossless, {'V', 'P', '8', 'L'}) + 5, {0xFF, 0xFF, 0xFF, 0x1F});
  files.push_back(lossless);
  Bytes bmp = encoded(".bmp", rgb);
  put(bmp, 18, {0x30, 0x75, 0, 0, 0x30, 0x75, 0, 0});
  put(bmp, 28, {8, 0, 1});  // run lengths of 8 bits
  files.push_back(bmp);
  for (const Bytes& bytes : files) {
    put_bytes(scratch / "a", bytes);
    const auto message = message_of<Unreadable>([&] { io::read_image(scratch / "a"); });
    CHECK_THAT(message, ContainsSubstring("a: the file is damaged (it is too small for "));
  }
}

TEST_CASE("read_image: a flipped bit in a PNG is noticed", "[io][images][errors]") {
  const Scratch scratch;
  Bytes png = encoded(".png", corner_picture());
  png[png.size() / 2] ^= 0x10;
  put_bytes(scratch / "flipped.png", png);
  CHECK_THAT(message_of<Unreadable>([&] { io::read_image(scratch / "flipped.png"); }),
             EndsWith("flipped.png: the file is damaged (PNG checksum)"));
}

TEST_CASE("read_image: an odd colour profile in a PNG changes nothing, and nobody is told",
          "[io][images]") {
  const Scratch folder;
  const cv::Mat rgb = corner_picture();
  Bytes png = encoded(".png", rgb);
  constexpr int after_header = 8 + 25;
  const Bytes odd = png_chunk("iCCP", {'x', 0, 0, 1, 2, 3});  // not a zlib stream
  png.insert(png.begin() + after_header, odd.begin(), odd.end());
  put_bytes(folder / "odd.png", png);

  std::fflush(stderr);
  const int standard_error = ::dup(2);
  const int file = ::open((folder / "said").c_str(), O_CREAT | O_WRONLY, 0600);
  ::dup2(file, 2);
  const Image image = io::read_image(folder / "odd.png");
  std::fflush(stderr);
  ::dup2(standard_error, 2);
  ::close(file);
  ::close(standard_error);
  CHECK(cv::norm(image.mat(), rgb, cv::NORM_INF) == 0);
  CHECK(bytes_of(folder / "said").empty());
}

TEST_CASE("read_mask: any colour that is not black is inside, at any depth", "[io][masks]") {
  const Scratch scratch;
  cv::Mat mask = cv::Mat::zeros(4, 6, CV_8UC3);
  mask.at<cv::Vec3b>(1, 2) = {1, 0, 0};
  mask.at<cv::Vec3b>(3, 5) = {255, 255, 255};
  cv::imwrite((scratch / "color.png").string(), mask);
  const cv::Mat read = io::read_mask(scratch / "color.png");
  REQUIRE(read.type() == CV_8UC1);
  CHECK(cv::countNonZero(read) == 2);
  CHECK(int{read.at<std::uint8_t>(1, 2)} == 255);

  cv::Mat deep = cv::Mat::zeros(4, 6, CV_16UC1);
  deep.at<std::uint16_t>(2, 2) = 1;
  cv::imwrite((scratch / "deep.png").string(), deep);
  CHECK(cv::countNonZero(io::read_mask(scratch / "deep.png")) == 1);
}

TEST_CASE("read_mask: noise of a JPEG mask is not inside", "[io][masks]") {
  const Scratch scratch;
  cv::Mat mask = cv::Mat::zeros(64, 64, CV_8UC1);
  cv::circle(mask, {30, 30}, 14, cv::Scalar(255), cv::FILLED);
  cv::imwrite((scratch / "mask.jpg").string(), mask, {cv::IMWRITE_JPEG_QUALITY, 60});
  const cv::Mat stored = cv::imread((scratch / "mask.jpg").string(), cv::IMREAD_GRAYSCALE);
  REQUIRE(cv::countNonZero(stored) > cv::countNonZero(mask) + 50);  // there is noise to ignore
  CHECK(cv::countNonZero(io::read_mask(scratch / "mask.jpg") != mask) < 20);
}

TEST_CASE("label_image: shared pixels go to the higher score, then to the earlier instance",
          "[io][labels]") {
  Result result = three_discs();
  cv::Mat labels = io::label_image(result.image_size, result.instances);
  REQUIRE(labels.type() == CV_32SC1);
  CHECK(labels.at<int>(21, 28) == 2);  // in both of the first two; 0.9 beats 0.5
  CHECK(labels.at<int>(20, 12) == 1);
  CHECK(labels.at<int>(59, 89) == 3);
  CHECK(labels.at<int>(0, 0) == 0);
  result.instances[0].score = 0.9f;
  labels = io::label_image(result.image_size, result.instances);
  CHECK(labels.at<int>(21, 28) == 1);
}

TEST_CASE("class_image: the class of the instance that the label image shows", "[io][labels]") {
  const Scratch scratch;
  const Result result = two_classes();
  const cv::Mat classes = io::class_image(result);
  REQUIRE(classes.type() == CV_8UC1);
  const cv::Mat labels = io::label_image(result.image_size, result.instances);
  for (int y = 0; y < labels.rows; ++y)
    for (int x = 0; x < labels.cols; ++x) {
      const int label = labels.at<int>(y, x);
      REQUIRE(classes.at<std::uint8_t>(y, x) == (label == 0 ? 0 : label == 2 ? 2 : 1));
    }
  io::write_classes_png(scratch / "c.png", result);
  CHECK(difference(cv::imread((scratch / "c.png").string(), cv::IMREAD_UNCHANGED), classes) == 0);
  Result many;
  many.classes.resize(256);
  CHECK_THROWS_AS(io::class_image(many), InvalidArgument);
}

TEST_CASE("write_labels_png: what read_labels reads is the label image", "[io][labels]") {
  const Scratch scratch;
  const Result result = three_discs();
  io::write_labels_png(scratch / "l.png", result);
  const cv::Mat raw = cv::imread((scratch / "l.png").string(), cv::IMREAD_UNCHANGED);
  CHECK(raw.type() == CV_16UC1);
  CHECK(difference(io::read_labels(scratch / "l.png"),
                   io::label_image(result.image_size, result.instances)) == 0);
}

TEST_CASE("write_labels_png: 65536 instances are refused, 65535 are not", "[io][labels][errors]") {
  const Scratch scratch;
  Result result;
  result.image_size = {300, 300};
  const Mask pixel{{0, 0, 1, 1}, {1}};
  for (int i = 0; i < 65535; ++i) {
    Mask mask = pixel;
    mask.box = {i % 300, i / 300, i % 300 + 1, i / 300 + 1};
    result.instances.push_back({mask, {}, {}, 1});
  }
  io::write_labels_png(scratch / "most.png", result);
  CHECK(io::read_labels(scratch / "most.png").at<int>(65534 / 300, 65534 % 300) == 65535);
  result.instances.push_back({pixel, {}, {}, 1});
  CHECK_THROWS_AS(io::write_labels_png(scratch / "more.png", result), InvalidArgument);
  CHECK_FALSE(fs::exists(scratch / "more.png"));
}

TEST_CASE("read_labels: colour and lossy files are refused", "[io][labels][errors]") {
  const Scratch scratch;
  cv::imwrite((scratch / "color.png").string(), corner_picture());
  cv::imwrite((scratch / "lossy.jpg").string(), cv::Mat(8, 8, CV_8UC1, cv::Scalar(3)));
  CHECK_THAT(message_of<Unreadable>([&] { io::read_labels(scratch / "color.png"); }),
             EndsWith("color.png: 3 channels, expected labels in one grey channel"));
  CHECK_THAT(message_of<Unreadable>([&] { io::read_labels(scratch / "lossy.jpg"); }),
             ContainsSubstring("lossy.jpg: a lossy format cannot hold labels"));
}

TEST_CASE("write_png: pixels survive in file and memory, and other types are refused",
          "[io][images]") {
  const Scratch scratch;
  const cv::Mat rgb = corner_picture();
  io::write_png(scratch / "a.png", rgb);
  CHECK(difference(rgb, corner_picture()) == 0);  // the caller's pixels are not touched
  CHECK(difference(io::read_image(scratch / "a.png").mat(), corner_picture()) == 0);
  CHECK(io::encode_png(rgb) == io::read_file(scratch / "a.png"));
  CHECK_THROWS_AS(io::write_png(scratch / "b.png", cv::Mat(2, 2, CV_32FC1)), InvalidArgument);
  CHECK_THROWS_AS(io::write_png(scratch / "b.png", cv::Mat()), InvalidArgument);
  CHECK(scratch.file_count() == 1);
}

TEST_CASE("read_image: many threads read at once", "[io][images][threads]") {
  const Scratch scratch;
  put_bytes(scratch / "a.png", encoded(".png", corner_picture()));
  std::vector<int> good(8, 0);
  std::vector<std::thread> threads;
  for (int& ok : good)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) ok += io::read_image(scratch / "a.png").size() == Size{48, 32};
    });
  for (auto& t : threads) t.join();
  CHECK(good == std::vector<int>(8, 20));
}
