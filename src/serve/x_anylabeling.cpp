#include "x_anylabeling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/outlines.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/class_names.hpp"
#include "task_images.hpp"

namespace persense::serve {

namespace {

/// The name of objects whose class is asked for when they are finished.
constexpr const char* unnamed = "AUTOLABEL_OBJECT";

/// The description is what its users see of it.
Json refusal(const char* code, const std::string& message) {
  const std::string line = one_line(message);
  return {{"success", false},
          {"error", {{"code", code}, {"message", line}}},
          {"data", {{"shapes", Json::array()}, {"description", line}}}};
}

/// A mark as a page sends it, of {"type": "point" or "rectangle", "data": numbers, "label": 1 or,
/// for what is not meant, 0}. A rectangle's corners are any two that are opposite.
Json mark_of(const Json& given, const std::string& image) {
  const std::string type = given.at("type").get<std::string>();
  const Json& data = given.at("data");
  Json mark{{"image", image}, {"class", ""}, {"negative", given.value("label", 1) == 0}};
  if (type == "rectangle" && data.is_array() && data.size() == 4) {
    const auto [x0, x1] = std::minmax({data[0].get<double>(), data[2].get<double>()});
    const auto [y0, y1] = std::minmax({data[1].get<double>(), data[3].get<double>()});
    mark["box"] = {x0, y0, x1, y1};
  } else if (type == "point" || type == "rectangle") {
    mark[type == "point" ? "point" : "box"] = data;  // whose numbers are checked as a page's are
  } else {
    throw InvalidArgument(fmt::format("got a {}, expected a point or rectangle", type));
  }
  return mark;
}

Json marks_of(const Json& params, const std::string& image) {
  Json marks = Json::array();
  const auto given = params.find("marks");
  if (given == params.end() || given->is_null()) return marks;
  if (!given->is_array()) throw InvalidArgument("marks: expected a list");
  for (const Json& mark : *given) try {
      marks.push_back(mark_of(mark, image));
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(fmt::format("mark {}: {}", marks.size() + 1, error.what()));
    } catch (const Json::exception&) {
      throw InvalidArgument(fmt::format("mark {}: is no mark", marks.size() + 1));
    }
  return marks;
}

/// A polygon for each part of each object; those of one object share a group_id.
Json shapes_of(const Result& result, bool named) {
  constexpr double tolerance = 0.75;  // pixels, as for labelme, whose shapes these are
  const auto names = io::class_names(result);
  Json shapes = Json::array();
  int id = 0;
  for (const Instance& instance : result.instances) {
    ++id;
    const auto rings = io::detail::polygons_of(instance.mask, tolerance);
    for (const auto& ring : rings) {
      Json points = Json::array();
      for (const Point& corner : ring) points.push_back({corner.x, corner.y});
      points.push_back(points.front());  // it is closed by its first point
      shapes.push_back({{"label", named ? names.at(instance.class_index) : unnamed},
                        {"shape_type", "polygon"},
                        {"points", std::move(points)},
                        {"score", std::round(instance.score * 1e4) / 1e4},
                        {"group_id", rings.size() > 1 ? Json(id) : Json()},
                        {"attributes", Json::object()},
                        {"description", nullptr},
                        {"difficult", false},
                        {"direction", 0},
                        {"flags", nullptr},
                        {"kie_linking", Json::array()}});
    }
  }
  return shapes;
}

}  // namespace

Json XAnyLabeling::described() const {
  Json widgets = Json::array();
  const auto add = [&](const char* name, const Json& value = nullptr) {
    widgets.push_back({{"name", name}, {"value", value}});
  };
  if (queries_.has_own_supports()) add("button_run");
  for (const char* const name :
       {"button_add_point", "button_remove_point", "add_pos_rect", "add_neg_rect",
        "button_run_rect", "button_clear", "button_finish_object", "input_conf"})
    add(name);
  add("edit_conf", 0.0);
  add("toggle_preserve_existing_annotations", false);
  return {{"display_name", "PerSense"},
          {"widgets", std::move(widgets)},
          {"params", {{"version", queries_.version()}}}};
}

Json XAnyLabeling::models() const { return {{"success", true}, {"data", {{model, described()}}}}; }

Json XAnyLabeling::model_info(const std::string& id) const {
  if (id != model)
    return refusal("MODEL_NOT_FOUND", fmt::format("model {}: expected {}", id, model));
  Json data = described();
  data["model_id"] = model;
  return {{"success", true}, {"data", std::move(data)}};
}

Json XAnyLabeling::shapes_for(const Json& request) {
  const auto image =
      queries_.open(bytes_of_base64(request.at("image").get_ref<const std::string&>()), "image");
  const Json params = request.value("params", Json::object());
  const Json marks = marks_of(params, ToolQueries::name_of(*image));
  Json data{{"shapes", Json::array()}, {"description", ""}};
  if (marks.empty() && !queries_.has_own_supports()) {
    data["description"] =
        "nothing is marked: expected a point or a rectangle, or a server with --support";
    return data;
  }
  const Result result = queries_.find(image, marks, params.value("conf_threshold", 0.0));
  data["shapes"] = shapes_of(result, marks.empty());
  return data;
}

Json XAnyLabeling::predict(const Json& request) {
  const std::string asked = request.at("model").get<std::string>();
  if (asked != model) return model_info(asked);
  try {
    return {{"success", true}, {"data", shapes_for(request)}};
  } catch (const Unreadable& error) {
    return refusal("INVALID_IMAGE", error.what());
  } catch (const Error& error) {
    return refusal("INFERENCE_ERROR", error.what());
  }
}

}  // namespace persense::serve
