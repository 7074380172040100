// arguments.hpp: what callers hand in, checked and in the terms of the C++ library.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <opencv2/core.hpp>
#include <string>

#include "failure.hpp"
#include "persense.h"
#include "persense/engine.hpp"
#include "persense/image.hpp"
#include "persense/io/settings.hpp"
#include "persense/maps.hpp"

namespace persense::capi {

/// Reads a struct that starts with `struct_size`; the fields its caller does not have are zero.
/// @param known  bytes of it that this library gives a meaning: without what is reserved at its
/// end.
/// @param reserved  where its other reserved fields of 32 bits are.
/// @throws InvalidArgument  a size that no version has, or a byte that is not known and not zero.
template <class T>
T read_struct(const T* given, const char* name, std::size_t known,
              std::initializer_list<std::size_t> reserved = {}) {
  T read;
  std::memset(&read, 0, sizeof read);
  if (given == nullptr) return read;
  constexpr std::size_t most = 4096;  // beyond any version: an uninitialised struct
  const std::size_t size = given->struct_size;
  if (size < sizeof size || size % alignof(T) != 0 || size > most)
    throw InvalidArgument(fmt::format("{}: struct_size {}, expected its sizeof, which is {} here",
                                      name, size, sizeof(T)));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  const auto require_zeros = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i)
      if (bytes[i] != 0)
        throw InvalidArgument(
            fmt::format("{}: the field at byte {} is not zero, but this library (ABI {}) knows "
                        "{} bytes of it",
                        name, i, PERSENSE_ABI_VERSION, known));
  };
  for (const std::size_t field : reserved)
    require_zeros(field, std::min(size, field + sizeof(std::int32_t)));
  require_zeros(known, size);
  std::memcpy(&read, given, std::min(size, known));
  return read;
}

/// Writes such a struct's defaults: `struct_size` bytes, no more.
template <class T>
void init_struct(T* options, std::size_t struct_size) noexcept {
  if (options == nullptr || struct_size < sizeof struct_size) return;
  std::memset(static_cast<void*>(options), 0, struct_size);
  std::memcpy(options, &struct_size, sizeof struct_size);
}

/// NULL is the default.
inline std::string text_or(const char* text, const char* otherwise) {
  return text == nullptr ? otherwise : text;
}

/// The name of a file. @throws InvalidArgument  NULL or empty.
std::string path_argument(const char* path);

/// An image's pixels as RGB: where they lie, or converted.
struct RgbArgument {
  cv::Mat converted;
  ImageView view;
};

/// @throws InvalidArgument  NULL, a size, stride or format that cannot be; naming the argument.
RgbArgument rgb_argument(const persense_image* image, const char* name);

/// @throws InvalidArgument  as rgb_argument, or another format than GRAY8.
MaskView mask_argument(const persense_image* mask, const char* name);

/// The caller's memory for an image of one channel.
/// @param byte_count  of the whole memory. @param stride  bytes from row to row, 0 for none
/// between.
/// @param type  CV_8UC1 or CV_32SC1.
/// @throws InvalidArgument  NULL, too little memory, an address or stride that cannot be.
cv::Mat memory_argument(void* memory, std::size_t byte_count, std::int64_t stride, Size size,
                        int type, const char* name);

/// A label image: CV_32SC1 over the caller's memory.
/// @throws InvalidArgument  NULL, a size or stride that cannot be, memory that holds no numbers.
cv::Mat labels_argument(const persense_label_image* labels, const char* name);

/// @throws InvalidArgument  NULL, a size or stride that cannot be, memory that holds no floats.
FloatMapView map_argument(const persense_map* map, const char* name);

/// @throws InvalidArgument  less than 1 x 1 or more than 2^31 - 1 pixels, naming the argument.
Size checked_size(int width, int height, const char* name);

/// The stride that is meant, 0 standing for rows without bytes between them.
/// @throws InvalidArgument  less than a row, or not a multiple of `element` bytes.
std::ptrdiff_t checked_stride(std::int64_t stride, Size size, std::int64_t pixel_bytes,
                              std::int64_t element, const char* name);

/// The preset, adapted to the stages, with the options of a settings file and, over them,
/// "key=value" settings applied in their order.
/// @throws InvalidArgument  unknown preset or key, a bad value.
Options method_argument(const char* preset, const char* settings, const Stages& stages = {},
                        const io::Settings& of_file = {});

}  // namespace persense::capi
