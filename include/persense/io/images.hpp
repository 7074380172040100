// persense/io/images.hpp: images, masks and label images from and to files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "persense/image.hpp"
#include "persense/result.hpp"

namespace persense::io {

/// Reads an image as 8-bit RGB: PNG, JPEG, TIFF (first page; behind a thumbnail the image), WebP
/// or BMP, told apart by content, not by name; 8 or 16 bits, grey, RGB or RGBA (alpha is dropped).
/// EXIF orientation is applied.
///
/// 16-bit pixels are scaled by the sensor depth that their maximum suggests: the narrowest of 8,
/// 10, 12, 14 and 16 bits that holds it becomes 0..255. So 12-bit camera or microscope frames come
/// out at full contrast, 8-bit values in a 16-bit file come out as they are, full-range files are
/// divided by 257, and frames of one exposure keep their relation.
///
/// @throws FileNotFound  no such file.
/// @throws Unreadable    a folder, empty, truncated, damaged, another format, or pixels that are
///   neither 8- nor 16-bit integers (floating point images have no natural 8-bit range).
/// @par Threads  Any number at once.
Image read_image(const std::filesystem::path& path);

/// Reads a mask as CV_8UC1, 0 or 255. Formats, orientation and errors as in read_image. A pixel is
/// inside when any colour channel is not zero; in JPEG and WebP, where compression leaves noise,
/// when it is above half of the image's maximum. Alpha is ignored.
cv::Mat read_mask(const std::filesystem::path& path);

/// Reads a label image as CV_32SC1: one grey channel of 8 or 16 bits, 0 = background. Errors as in
/// read_image. Orientation is not applied: a label image is data. Of TIFF the stored numbers are
/// taken, whatever they say of black and white.
/// @throws Unreadable  colour, or a lossy format (JPEG, WebP, TIFF with JPEG inside).
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

/// CV_8UC3 (R, G, B) or CV_8UC1 or CV_16UC1 as the bytes of a PNG file.
/// @throws InvalidArgument  empty, or another type. @throws Unwritable  larger than PNG holds.
std::vector<std::uint8_t> encode_png(const cv::Mat& pixels);

/// Writes them as a PNG file. @throws as encode_png. @throws Unwritable.
void write_png(const std::filesystem::path& path, const cv::Mat& pixels);

}  // namespace persense::io
