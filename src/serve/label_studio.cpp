#include "label_studio.hpp"

#include <fmt/format.h>

#include <numeric>

#include "label_studio_regions.hpp"
#include "persense/error.hpp"
#include "persense/failure.hpp"
#include "persense/io/class_names.hpp"

namespace persense::serve {

namespace {

/// The Image tag that a task is asked about: that of the marks, else the first with a tag to
/// outline objects.
std::string image_tag(const LabelConfig& config, const Json& context) {
  const Json& regions = context.contains("result") ? context["result"] : context;
  if (regions.is_array())
    for (const Json& region : regions)
      if (region.is_object())
        if (const std::string tag = region.value("to_name", std::string());
            config.images.contains(tag))
          return tag;
  return config.tags.front().image;
}

/// What a task says its image is.
std::string address_of(const Json& task, const std::string& key) {
  const Json data = task.is_object() ? task.value("data", Json()) : Json();
  const Json address = data.is_object() ? data.value(key, Json()) : Json();
  if (!address.is_string())
    throw InvalidArgument(fmt::format("task: has no {} in its data, expected an image", key));
  return address.get<std::string>();
}

/// The regions of a task's last annotation that has some.
Json annotated(const Json& task) {
  const auto annotations = task.find("annotations");
  if (annotations == task.end() || !annotations->is_array()) return Json::array();
  for (auto one = annotations->rbegin(); one != annotations->rend(); ++one)
    if (one->is_object() && one->contains("result") && !(*one)["result"].empty())
      return (*one)["result"];
  return Json::array();
}

Json regions_of(const Result& result, const LabelConfig& config, const std::string& image) {
  const std::vector<std::string> names = io::class_names(result);
  std::vector<std::pair<const RegionTag*, std::string>> tags;  // by class
  for (const std::string& name : names) tags.push_back(config.region_for(image, name));
  Json regions = Json::array();
  for (const Instance& instance : result.instances) {
    if (instance.mask.empty()) continue;
    const auto& [tag, label] = tags.at(instance.class_index);
    regions.push_back(region_of(instance, *tag, label, result.image_size));
  }
  return regions;
}

/// Of the objects, on average: tasks are sorted by it.
double score_of(const Json& regions) {
  if (regions.empty()) return 0;
  const double sum = std::accumulate(
      regions.begin(), regions.end(), 0.0,
      [](double before, const Json& region) { return before + region["score"].get<double>(); });
  return sum / static_cast<double>(regions.size());
}

LabelConfig config_in(const Json& request, const char* key) {
  const auto config = request.find(key);
  if (config == request.end() || !config->is_string())
    throw InvalidArgument(fmt::format("{}: got none, expected a labeling configuration", key));
  return parse_label_config(config->get<std::string>());
}

}  // namespace

Json LabelStudio::setup(const Json& request) const {
  config_in(request, "schema");
  return {{"model_version", queries_.version()}};
}

Json LabelStudio::predict_task(const Json& task, const LabelConfig& config, const Json& context,
                               const std::function<bool()>& should_stop) {
  const std::string tag = image_tag(config, context);
  const std::string address = address_of(task, config.images.at(tag));
  const auto image = queries_.open(images_.bytes(address, should_stop), "the task's image");
  const bool interactive = context.contains("result");
  const bool own = !interactive && queries_.has_own_supports();
  const Json marks = own ? Json::array()
                         : marks_of_regions(interactive ? context["result"] : annotated(task), tag,
                                            ToolQueries::name_of(*image), image->encoded.size());
  Json prediction{{"result", Json::array()}, {"score", 0.0}, {"model_version", queries_.version()}};
  if (marks.empty() && !own) {
    prediction["message"] =
        "nothing is marked: expected a smart keypoint, rectangle or brush stroke, an annotation, "
        "or a server with --support";
    return prediction;
  }
  prediction["result"] = regions_of(queries_.find(image, marks, 0), config, tag);
  prediction["score"] = score_of(prediction["result"]);
  return prediction;
}

Json LabelStudio::predict(const Json& request, const std::function<bool()>& should_stop) {
  const LabelConfig config = config_in(request, "label_config");
  const Json& tasks = request.at("tasks");
  if (!tasks.is_array()) throw InvalidArgument("tasks: expected a list");
  const Json params = request.value("params", Json::object());
  const Json context = params.is_object() ? params.value("context", Json()) : Json();
  Json results = Json::array();
  for (const Json& task : tasks) try {
      results.push_back(predict_task(task, config, context, should_stop));
    } catch (const Cancelled&) {
      throw;
    } catch (const Error&) {
      if (tasks.size() == 1) throw;
      results.push_back({{"error", describe(std::current_exception()).line}});
    }
  return {{"results", std::move(results)}, {"model_version", queries_.version()}};
}

}  // namespace persense::serve
