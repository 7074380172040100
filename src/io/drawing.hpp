// Drawing on RGB images: text, dots and instances, all antialiased.
#pragma once

#include <opencv2/core.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "persense/geometry.hpp"
#include "persense/io/overlay.hpp"
#include "persense/mask.hpp"
#include "persense/result.hpp"

namespace persense::io::detail {

using Color = cv::Vec3b;  // R, G, B

/// Of figures and plots.
inline const Color paper{255, 255, 255}, ink{28, 32, 40};

inline cv::Scalar scalar(Color c) { return {double(c[0]), double(c[1]), double(c[2])}; }

/// The same text without letters beyond ASCII, which OpenCV's font does not have.
std::string ascii(const std::string& text);

/// Text as coverage, CV_8UC1: letters 0..255 on a tight canvas. `height` is that of a capital.
cv::Mat text_coverage(const std::string& text, double height);

/// Lays a colour over the image where `coverage` says. Parts outside the image are cut off.
void stamp(cv::Mat& rgb, Point top_left, const cv::Mat& coverage, Color color, double opacity = 1);

/// Text with a soft dark rim, legible on anything. `box` is where its canvas lies.
void draw_label(cv::Mat& rgb, const PixelBox& box, const cv::Mat& coverage);

/// A white dot with a dark rim. `at` is a pixel; its centre is meant.
void draw_dot(cv::Mat& rgb, cv::Point2d at, double radius, Color color = {255, 255, 255});

/// Colours that one class may have: of one hue, so that classes are told apart, and of several
/// shades, so that neighbours are.
using Family = std::vector<Color>;

/// One family a class; the only class has all hues.
std::vector<Family> class_families(std::size_t classes);

/// Greens for what is looked for, reds for what is not: see render_support.
std::vector<Family> support_families();

/// A colour an instance, of its class's family: far from its neighbours' colours and from the image
/// below it.
/// @param families  by class index.
std::vector<Color> choose_colors(const cv::Mat& rgb, std::span<const Instance> instances,
                                 std::span<const Family> families = class_families(1));

/// The place of an object's number: the centre of the largest disc inside it.
struct Pole {
  Point center;      ///< a pixel of the image
  float radius = 0;  ///< how far the nearest pixel outside is, from centre to centre
};

Pole pole_of(const Mask& mask);

/// Outlines, fills, numbers and points of the instances, with every option resolved.
/// @param families  by class index.
void draw_instances(cv::Mat& rgb, std::span<const Instance> instances,
                    const OverlayOptions& options,
                    std::span<const Family> families = class_families(1));

/// One line of a legend; without a colour it is a title.
struct LegendLine {
  std::optional<Color> color;
  std::string text;
};

/// A legend in the corner where it hides least of the instances; none where the image has no room
/// for one.
void draw_legend(cv::Mat& rgb, std::span<const LegendLine> lines,
                 std::span<const Instance> instances);

}  // namespace persense::io::detail
