// candidates.hpp (private): from the octave network's maps to candidate regions, on the CPU.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "persense/mask.hpp"
#include "pyramid.hpp"

namespace persense::mini {

// Constants of the network: see persense.networks.octave, whose names they have.
inline constexpr double band_low = 14, band_high = 28;
inline constexpr double band_overlap = 0.2;  // octaves
inline constexpr double offset_unit = 12;    // pixels of the level
inline constexpr int patch_side = 64, crop_side = 32, window_side = 48, level_multiple = 16;
inline constexpr int map_stride = 2;
inline constexpr int look_side = 112;  // of windows of a level: crops of training are as large
inline constexpr double peak_density = 0.15915494309189535;  // 1 / (2 pi)
inline constexpr int map_channels = 6, shape_length = 6;
enum Map { target_map, peaks_map, offset_x_map, offset_y_map, object_map, contact_map };

/// The level, as a power of two, on which an object of this diameter (pixels of the image) lies in
/// the band: there its diameter is 14 to 28.
int home_octave(double diameter);

/// The levels of an image that may be looked at, as powers of two.
struct LevelRange {
  int coarsest;
  int whole;   ///< the finest that may be read as a whole
  int wanted;  ///< the one that the support's own size asks for: at least `whole`
  int finest;  ///< beyond `whole`, in windows
};
/// Two octaves to either side of an object's home, as far as the image has pixels for: 32 a side of
/// the coarsest level, 4 for 1 by length on the finest, 16 million on all that are read whole.
LevelRange levels_for(double diameter, cv::Size image);

/// Of stretched red, green and blue, and what is added: above 0 for colours that are more like an
/// object's than like its surroundings'.
using ColourRule = std::array<float, 4>;
/// By linear discriminants. @param mask  of an object of the image.
ColourRule colour_rule(const Pyramid& pyramid, const Mask& mask);

/// Where objects may be by their colour alone: those of the most likely sizes first.
/// @param diameter  of the support, pixels. @param reach  what is seen about a place, pixels.
std::vector<cv::Point> places_like(const Pyramid& pyramid, std::span<const ColourRule> rules,
                                   double diameter, int reach, std::size_t most);

/// The numbers that describe an outline, as training has them: elongation, solidity, part of the
/// least rectangle, roundness, part that is holes, size.
struct Outline {
  std::array<float, shape_length> numbers;
  double area;  ///< pixels
};
/// @param mask  CV_8UC1 of 0 and 1, at least one of them 1.
Outline outline_of(const cv::Mat& mask);

/// A region of a level that may be an object.
struct Region {
  cv::Rect box;      ///< tight, in pixels of the level
  cv::Mat mask;      ///< CV_8UC1 of 0 and 1, as large as the box
  cv::Point2f peak;  ///< of the density, pixels of the level
  double mass = 0;   ///< of the density about the peak, objects
};

/// What is said of a region: see Region and persense.train.samples.
struct Description {
  std::array<float, 5> square;  ///< x, y of the middle, side, cosine and sine of its turn
  std::array<float, shape_length> shape;
  float size;     ///< log2 of the equivalent diameter in pixels of the image
  cv::Mat crop;   ///< the square's pixels: CV_8UC3, crop_side each way
  cv::Mat cover;  ///< the mask there: CV_8UC1, 0 to 255
};

/// @param to_image  x, y of the level's pixels to those of the image.
Description describe(const Region& region, const Pyramid& pyramid, const cv::Matx23d& to_image);

/// Thresholds of what is found: probabilities, and lengths in pixels of the level.
struct FindingOptions {
  double least_peak = 0.2;  ///< of the density, in its largest for one object
  /// Of being a target's: a region for each of them, as what the network has not seen the like of
  /// is seen as a target with less certainty.
  std::array<double, 2> foreground{0.5, 0.2};
  double as_large = 0.85;  ///< part of another region of the peak that makes it the same one
  double reach = 10;       ///< from where an offset leads to a peak
  double least_area = 20;  ///< pixels
};

/// The regions of a level: foreground whose offsets lead to one peak of the density, by
/// foreground and by rows of their peaks.
/// @param maps  CV_32FC(6), at stride 2. @param size  of the level, without what it is filled up
///   with.
std::vector<Region> find_regions(const cv::Mat& maps, cv::Size size, const FindingOptions& options);

}  // namespace persense::mini
