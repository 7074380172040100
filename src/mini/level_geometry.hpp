// level_geometry.hpp (private): regions and places, between an image and its levels.
#pragma once

#include <opencv2/core.hpp>

#include "mini_network.hpp"
#include "persense/geometry.hpp"
#include "persense/mask.hpp"

namespace persense::mini {

cv::Point2d transformed(const cv::Matx23d& map, cv::Point2d p);
cv::Matx23d inverse(const cv::Matx23d& map);

/// The pixels of the image that pixels of a level touch.
PixelBox image_box(const cv::Rect& of, const cv::Matx23d& to_image, cv::Size image);
/// The part of the image that a level, or tile, shows.
PixelBox extent_of(const Level& level, cv::Size image);
/// The box that a region has in the image.
Box box_of(const Region& region, const cv::Matx23d& to_image);

/// Whether a pixel of the level is the region's.
bool holds(const Region& region, cv::Point at);
/// The region's mask in a part of the level: CV_8UC1 of 0 and 1.
cv::Mat mask_in(const Region& region, const cv::Rect& part);
float iou_of(const Region& a, const Region& b);

/// A mask of a level's pixels; without any, an empty region.
Region region_of(const Mask& mask);
/// The mask on another grid, nearest pixels; of an object that falls through it, its middle.
Region resampled(const Mask& mask, const cv::Matx23d& to_image, const cv::Rect& within);
/// An ellipse that fills a box of a level.
Region ellipse_region(const Box& box, cv::Size level);

/// A part of a level about a region, on the grid of its coarsest features.
cv::Rect patch_about(const Region& region, cv::Size level);
/// A region and the window in which its outline is refined.
RefinedRegion refinement_of(const MappedLevel& mapped, const Region& region);

/// Clears cells (CV_8UC1 at stride 2) of one level where a region of another one lies, or beside.
void clear_region(cv::Mat& cells, const Level& level, const Region& region, const Level& other);

}  // namespace persense::mini
