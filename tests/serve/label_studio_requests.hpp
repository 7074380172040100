// Requests as Label Studio sends them, about the discs of Served.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "served.hpp"

namespace persense::testing {

using List = std::vector<Json>;  // braces around one Json would copy it

constexpr double width = 320, height = 240;  // of the discs

/// A project's configuration, with these tags for regions.
inline std::string config(const std::string& tags) {
  return "<View><Image name=\"img\" value=\"$photo\"/>" + tags + "</View>";
}
inline std::string labels(const std::string& tag, const std::string& more = "") {
  return "<" + tag + " name=\"" + tag + "\" toName=\"img\" " + more +
         "><Label value=\"disc\"/><Label value=\"ring\"/></" + tag + ">";
}
inline const std::string all_tags =
    config(labels("RectangleLabels", "smart=\"true\"") +
           labels("KeyPointLabels", "smart=\"true\"") + labels("PolygonLabels"));
inline const std::string brushes =
    config(labels("BrushLabels", "smart=\"true\"") + labels("RectangleLabels", "smart=\"true\""));

inline Json task(const std::string& photo = "/data/local-files/?d=a.png") {
  return {{"id", 7}, {"data", {{"photo", photo}}}};
}

inline Json region(const std::string& type, Json value, const std::string& label = "disc") {
  value[type] = List{label};
  return {{"id", "a"},
          {"type", type},
          {"from_name", type},
          {"to_name", "img"},
          {"value", value},
          {"original_width", width},
          {"original_height", height}};
}
inline Json rectangle(const std::string& label = "disc") {
  return region("rectanglelabels",
                {{"x", 20 / width * 100},
                 {"y", 20 / height * 100},
                 {"width", 40 / width * 100},
                 {"height", 40 / height * 100},
                 {"rotation", 0}},
                label);
}

inline Json request_in(const Json& context, const List& tasks, const std::string& label_config) {
  return {{"tasks", tasks},
          {"project", "1.2"},
          {"label_config", label_config},
          {"params", {{"login", nullptr}, {"password", nullptr}, {"context", context}}}};
}
/// An interactive prediction.
inline Json request(const List& tasks, const List& regions,
                    const std::string& label_config = all_tags) {
  return request_in({{"result", regions}}, tasks, label_config);
}
/// One of tasks in which nothing was marked now.
inline Json batch(const List& tasks, const std::string& label_config = all_tags) {
  return request_in(nullptr, tasks, label_config);
}

/// The regions that were found in the only task.
inline Json found(const Served& served, const Json& asked) {
  const auto [status, answer] = served.post("/predict", asked);
  INFO(answer.dump().substr(0, 300));
  REQUIRE(status == 200);
  REQUIRE(answer["results"].size() == 1);
  return answer["results"][0]["result"];
}

inline std::string error(const Served& served, const Json& asked, int expected = 400) {
  const auto [status, answer] = served.post("/predict", asked);
  CHECK(status == expected);
  const auto line = answer.value("error", std::string());
  CHECK(line.find('\n') == line.npos);
  return line;
}

}  // namespace persense::testing
