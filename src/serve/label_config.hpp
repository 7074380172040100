// label_config.hpp: what a Label Studio project has regions of, as its labeling configuration says.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace persense::serve {

/// A tag that objects of an image can be outlined with: PolygonLabels, BrushLabels or
/// RectangleLabels.
struct RegionTag {
  std::string type;  ///< as regions have it: "polygonlabels"
  std::string name;
  std::string image;                ///< name of the Image tag that it belongs to
  std::vector<std::string> labels;  ///< none: they come with the task
  bool smart = false;               ///< made for marks

  bool has(std::string_view label) const;
};

/// @par Source  https://labelstud.io/tags
struct LabelConfig {
  std::map<std::string, std::string> images;  ///< Image tags: the key of the task's data, by name
  std::vector<RegionTag> tags;                ///< of images, in their order in the configuration

  /// The tag that regions of a label become: of those that have it, polygons and brushes before
  /// rectangles, and those that are not made for marks before those that are.
  /// @param label  may be none of any tag, where there is just one label to choose.
  /// @return  the tag, and the label that it has. @throws InvalidArgument  no such tag.
  std::pair<const RegionTag*, std::string> region_for(std::string_view image,
                                                      const std::string& label) const;
};

/// @throws InvalidArgument  no XML, or no tag for an image.
LabelConfig parse_label_config(const std::string& xml);

}  // namespace persense::serve
