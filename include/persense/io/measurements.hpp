// persense/io/measurements.hpp: sizes, shapes and brightness of what was found, as numbers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persense/image.hpp"
#include "persense/mask.hpp"
#include "persense/result.hpp"

namespace persense::io {

/// How large a pixel is. Lengths are multiplied by `length`, areas by its square.
struct PixelSize {
  double length = 1;        ///< above 0
  std::string unit = "px";  ///< of lengths; areas are in "unit^2"
};

/// A length with its unit, as "0.12mm", "3.4 um" or "2" (pixels are 2 of nothing named).
/// @param name  of it, to begin a message with.
/// @throws InvalidArgument  not a number above 0, or a unit longer than 12 bytes.
PixelSize parse_pixel_size(std::string_view text, std::string_view name = "pixel size");

/// What is measured of a mask. All of it agrees with scikit-image's `regionprops` where that has a
/// property of the same meaning (given in brackets).
struct Measurements {
  double area = 0;                 ///< (area)
  double equivalent_diameter = 0;  ///< of the disc of that area (equivalent_diameter_area)
  double perimeter = 0;            ///< of all borders, holes' too (perimeter)
  double major_axis = 0;   ///< of the ellipse with the same second moments (axis_major_length)
  double minor_axis = 0;   ///< (axis_minor_length)
  double orientation = 0;  ///< degrees from the x axis to the major one, counter-clockwise as seen,
                           ///< above -90, at most 90 (orientation + 90 degrees)
  double length = 0;       ///< largest distance across, the Feret diameter (feret_diameter_max)
  double width = 0;        ///< least distance between two parallel lines around it
  double circularity = 0;  ///< 4 pi area / perimeter^2, at most 1
  double solidity = 0;     ///< area over that of the convex hull (solidity)
  /// Of the pixels inside, 0 to 255: red, green and blue.
  struct Intensity {
    double mean = 0;
    int min = 0, max = 0;
  };
  std::vector<Intensity> intensity;  ///< empty without an image
};

/// @param image  of the mask; the mask's box lies inside.
/// @pre a mask that is not empty.
/// @throws InvalidArgument  an empty mask, or one that leaves the image.
Measurements measure(const Mask& mask, std::optional<ImageView> image = std::nullopt,
                     const PixelSize& pixel = {});

/// The numbers by the names that tables have for them, in their order. Names carry the unit where
/// it is not the pixel: `area_mm2`, `length_mm`; intensities are `red_mean`, `red_min`,
/// `red_max`...
std::vector<std::pair<std::string, double>> named_values(const Measurements& measured,
                                                         const PixelSize& pixel = {});

/// The instances as CSV: id, x, y (the point prompt), score, class, touches_border, then the named
/// values with six digits.
std::string measurements_to_csv(const Result& result, ImageView image, const PixelSize& pixel = {});

/// Writes `measurements_to_csv`. @throws Unwritable.
void write_measurements(const std::filesystem::path& path, const Result& result, ImageView image,
                        const PixelSize& pixel = {});

}  // namespace persense::io
