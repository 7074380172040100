#include "label_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <pugixml.hpp>
#include <set>
#include <utility>

#include "persense/error.hpp"

namespace persense::serve {

namespace {

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Tags in the order in which they are chosen.
constexpr std::array<std::string_view, 3> types{"polygonlabels", "brushlabels", "rectanglelabels"};

/// Reads a document without recursion, which the depth of a hostile one would overflow.
class Reader : public pugi::xml_tree_walker {
 public:
  bool for_each(pugi::xml_node& node) override {
    constexpr int deepest = 100;
    if (depth() > deepest) throw InvalidArgument("label_config: is nested more than 100 deep");
    const std::string type = lower_case(node.name());
    if (type == "image") add_image(node);
    if (std::find(types.begin(), types.end(), type) != types.end()) add_tag(node, type);
    if (type == "label") add_label(node);
    return true;
  }

  LabelConfig config;

 private:
  void add_image(const pugi::xml_node& node) {
    const std::string_view value = node.attribute("value").value();
    if (value.starts_with('$')) config.images[node.attribute("name").value()] = value.substr(1);
  }
  void add_tag(const pugi::xml_node& node, const std::string& type) {
    config.tags.push_back({type,
                           node.attribute("name").value(),
                           node.attribute("toName").value(),
                           {},
                           node.attribute("smart").as_bool()});
    nodes_.push_back(node);
  }
  void add_label(const pugi::xml_node& node) {
    const auto value = node.attribute(node.attribute("alias") ? "alias" : "value");
    for (pugi::xml_node above = node.parent(); above; above = above.parent())
      if (const auto tag = std::find(nodes_.begin(), nodes_.end(), above); tag != nodes_.end())
        config.tags[static_cast<std::size_t>(tag - nodes_.begin())].labels.emplace_back(
            value.value());
  }

  std::vector<pugi::xml_node> nodes_;  // of config.tags
};

/// The lower, the sooner it is taken.
int order_of(const RegionTag& tag) {
  const bool box = tag.type == types.back();
  return 2 * static_cast<int>(box) + static_cast<int>(tag.smart);
}

}  // namespace

bool RegionTag::has(std::string_view label) const {
  return labels.empty() || std::find(labels.begin(), labels.end(), label) != labels.end();
}

std::pair<const RegionTag*, std::string> LabelConfig::region_for(std::string_view image,
                                                                 const std::string& label) const {
  std::set<std::string> labels;
  for (const RegionTag& tag : tags)
    if (tag.image == image) labels.insert(tag.labels.begin(), tag.labels.end());
  const std::string wanted =
      labels.size() == 1 && !labels.contains(label) ? *labels.begin() : label;
  const RegionTag* best = nullptr;
  for (const RegionTag& tag : tags)
    if (tag.image == image && tag.has(wanted) &&
        (best == nullptr || order_of(tag) < order_of(*best)))
      best = &tag;
  if (best == nullptr)
    throw InvalidArgument(
        fmt::format("label_config: no PolygonLabels, BrushLabels or RectangleLabels of the image "
                    "have \"{}\", expected one of: {}",
                    wanted, fmt::join(labels, ", ")));
  return {best, wanted};
}

LabelConfig parse_label_config(const std::string& xml) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size());
  if (!parsed)
    throw InvalidArgument(fmt::format("label_config: {} at byte {}, expected XML",
                                      lower_case(parsed.description()), parsed.offset));
  Reader reader;
  document.traverse(reader);
  LabelConfig config = std::move(reader.config);
  std::erase_if(config.tags, [&](const RegionTag& t) { return !config.images.contains(t.image); });
  if (config.tags.empty())
    throw InvalidArgument(
        "label_config: got no tag that outlines an Image, expected PolygonLabels, BrushLabels or "
        "RectangleLabels");
  return config;
}

}  // namespace persense::serve
