// Drawing on RGB pictures: text, dots and instances, all antialiased.
#pragma once

#include <opencv2/core.hpp>
#include <span>
#include <string>

#include "persense/geometry.hpp"
#include "persense/io/overlay.hpp"
#include "persense/result.hpp"

namespace persense::io::detail {

using Color = cv::Vec3b;  // R, G, B

/// Text as coverage, CV_8UC1: letters 0..255 on a tight canvas. `height` is that of a capital.
cv::Mat text_coverage(const std::string& text, double height);

/// Lays a colour over the picture where `coverage` says. Parts outside the picture are cut off.
void stamp(cv::Mat& rgb, Point top_left, const cv::Mat& coverage, Color color, double opacity = 1);

/// Text with a soft dark rim, legible on anything. `box` is where its canvas lies.
void draw_label(cv::Mat& rgb, const PixelBox& box, const cv::Mat& coverage);

/// A white dot with a dark rim. `at` is a pixel; its centre is meant.
void draw_dot(cv::Mat& rgb, cv::Point2d at, double radius, Color color = {255, 255, 255});

/// Outlines, fills, numbers and points of the instances, with every option resolved.
void draw_instances(cv::Mat& rgb, std::span<const Instance> instances,
                    const OverlayOptions& options);

}  // namespace persense::io::detail
