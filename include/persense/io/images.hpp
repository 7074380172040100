// persense/io/images.hpp: images, masks and label images from and to files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "persense/image.hpp"
#include "persense/result.hpp"

namespace persense::io {

/// The numbers that become black and white where pixels have more than 8 bits.
struct Window {
  double low = 0, high = 255;
};

struct ReadOptions {
  int page = 1;                  ///< of a TIFF, from 1
  std::optional<Window> window;  ///< of deep pixels; none: by the image's own percentiles
};

struct LoadedImage {
  Image image;
  int page_count = 1;
  std::optional<Window> window;  ///< that the pixels went through; none: they have 8 bits
};

/// Reads an image as 8-bit RGB: PNG, JPEG, TIFF (a page that is no thumbnail), WebP or BMP, told
/// apart by content, not by name; grey, RGB or a palette. EXIF orientation is applied. What is
/// transparent is seen over white, whatever colour it hides.
///
/// Deep pixels, integers of 16 bits and more and floating point numbers, are shown through a
/// window: what lies between two numbers is spread over 0 to 255. Where none is given they are the
/// 0.1st and 99.9th percentile of the pixels that are seen, so that hot pixels and dust do not
/// matter. Frames of one series keep their relation if they are read through one window: give that
/// of the first (LoadedImage::window) to the others.
///
/// @throws FileNotFound     no such file.
/// @throws Unreadable       a folder, empty, truncated, damaged, another format, complex numbers,
/// or
///   no such page.
/// @throws InvalidArgument  a page below 1, or a window without width.
/// @par Threads  Any number at once.
LoadedImage load_image(const std::filesystem::path& path, const ReadOptions& options = {});
/// The image alone.
Image read_image(const std::filesystem::path& path, const ReadOptions& options = {});

/// Whether a file may have pixels of more than 8 bits, by its first bytes: TIFF, and PNG of 16
/// bits. What cannot be read may not.
bool may_be_deep(const std::filesystem::path& path);

/// Number of pages of a TIFF; 1 of other formats. Thumbnails and masks are none.
/// @throws FileNotFound, Unreadable  as load_image.
int page_count(const std::filesystem::path& path);

/// An image's file, as it is to be written.
struct ImageFile {
  std::string extension;  ///< ".jpg", ".tif", ".webp" or ".bmp"
  std::vector<std::uint8_t> bytes;
};

/// An image for a folder in which each PNG is a mask (PerSense-D's layout): the bytes as they are
/// or, of a PNG, a TIFF of the same pixels, whatever their depth (where some are transparent, of
/// 8 bits, as load_image shows them).
/// @param bytes  of the image's file. @param name  what messages begin with.
/// @throws Unreadable  as load_image.
ImageFile image_beside_masks(std::vector<std::uint8_t> bytes, const std::string& name);

/// How large the image in a file is, the way up that load_image shows it; all of it is decoded.
/// @throws as image_beside_masks.
Size size_of_image(std::vector<std::uint8_t> bytes, const std::string& name);

struct MaskFile {
  cv::Mat mask;                    ///< CV_8UC1, 0 or 255
  std::vector<std::string> notes;  ///< of a file that does not hold just one shape: what was taken
};

/// Reads a mask. Formats, numbers, orientation and errors as in load_image. A pixel is inside when
/// any colour channel is not zero; in JPEG and WebP, where compression leaves noise, when it is
/// above half of the image's maximum. Where the shape is in the alpha channel, it is taken from
/// there. Objects of a label image that touch are parted by a line of background, so that they are
/// separate parts.
/// @throws InvalidArgument  a picture instead of a mask.
MaskFile load_mask(const std::filesystem::path& path);
/// The same of pixels in memory.
/// @param pixels  one channel, or R, G, B, of any depth; bytes of a mask are 0 or not.
/// @param alpha   one channel of its depth, or empty.
/// @param lossy   whether they come from a format whose compression leaves noise.
MaskFile mask_of_pixels(const cv::Mat& pixels, const cv::Mat& alpha = {}, bool lossy = false);

/// The mask as it is, whatever else it may be: objects that touch stay one, a picture is all
/// inside.
cv::Mat read_mask(const std::filesystem::path& path);
cv::Mat shape_of_pixels(const cv::Mat& pixels, const cv::Mat& alpha = {}, bool lossy = false);

/// Reads a label image as CV_32SC1: one grey channel of whole numbers, 0 = background. Errors as in
/// load_image. Orientation is not applied: a label image is data. Of TIFF the stored numbers are
/// taken, whatever they say of black and white.
/// @throws Unreadable  colour, numbers below 0 or with a fraction, or a lossy format (JPEG, WebP,
/// TIFF with JPEG inside).
cv::Mat read_labels(const std::filesystem::path& path);

/// Instances as a label image: 0 = background, i + 1 = instance i.
/// A pixel that several masks hold goes to the highest score (the earlier instance on ties), so an
/// instance that others cover completely has no pixel. Mask parts outside `size` are cut off.
/// @return  (size.height, size.width) CV_32SC1.
cv::Mat label_image(Size size, std::span<const Instance> instances);

/// The same into a matrix of the caller's, of its size; what it held is overwritten.
/// @throws InvalidArgument  not CV_32SC1.
void paint_labels(std::span<const Instance> instances, cv::Mat& labels);

/// Classes as an image: 0 = background, k + 1 = class k. A pixel belongs to the class of the
/// instance that `label_image` has there.
/// @return  CV_8UC1, of the result's size.
/// @throws InvalidArgument  more than 255 classes.
cv::Mat class_image(const Result& result);

/// Writes `class_image` as 8-bit grey PNG. @throws as class_image. @throws Unwritable.
void write_classes_png(const std::filesystem::path& path, const Result& result);

/// Writes `label_image` as 16-bit grey PNG.
/// @throws InvalidArgument  more than 65535 instances. @throws Unwritable.
void write_labels_png(const std::filesystem::path& path, const Result& result);

/// The same as the bytes of a PNG. @throws InvalidArgument  more than 65535 instances.
std::vector<std::uint8_t> encode_labels_png(const Result& result);

/// CV_8UC3 (R, G, B) or CV_8UC1 or CV_16UC1 as the bytes of a PNG file.
/// @throws InvalidArgument  empty, or another type. @throws Unwritable  larger than PNG holds.
std::vector<std::uint8_t> encode_png(const cv::Mat& pixels);

/// Writes them as a PNG file. @throws as encode_png. @throws Unwritable.
void write_png(const std::filesystem::path& path, const cv::Mat& pixels);

/// The bytes of a PNG file as grey pixels, CV_8UC1.
/// @throws Unreadable  another format, truncated or damaged.
cv::Mat decode_png(std::span<const std::uint8_t> png);

}  // namespace persense::io
