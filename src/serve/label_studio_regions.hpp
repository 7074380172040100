// label_studio_regions.hpp: regions of Label Studio: marks that come in, and objects that go out.
#pragma once

#include <string>

#include "label_config.hpp"
#include "messages.hpp"
#include "persense/geometry.hpp"
#include "persense/result.hpp"

namespace persense::serve {

/// The marks among the regions of an image, as pages send them (messages.hpp): keypoints,
/// rectangles, ellipses, polygons and brush strokes, whatever their labels. A region whose
/// "is_positive" is false is not meant. Anything else is left out: choices and texts, say.
/// @param regions  results of an annotation or of a context; in percent of the image.
/// @param tag      name of the Image tag whose regions are wanted.
/// @param image    what the marks call it.
/// @throws InvalidArgument  a region that is broken, or of an image that is turned; named by its
///   number, from 1.
Json marks_of_regions(const Json& regions, const std::string& tag, const std::string& image,
                      Size size);

/// An object as a region: outline, brush or box, as its tag has it. An outline is that of the
/// largest part, since a region has just one, within 0.75 pixels; a brush has every pixel.
/// @pre the mask is not empty.
Json region_of(const Instance& instance, const RegionTag& tag, const std::string& label, Size size);

}  // namespace persense::serve
