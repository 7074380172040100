#include "messages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <opencv2/core.hpp>
#include <utility>

#include "io/outlines.hpp"
#include "json.hpp"
#include "persense/error.hpp"
#include "persense/example.hpp"
#include "persense/io/class_names.hpp"
#include "persense/option_table.hpp"

namespace persense::serve {

namespace {

std::vector<float> numbers_of(const Json& list, std::size_t least, std::size_t most) {
  if (!list.is_array() || list.size() < least || list.size() > most)
    throw InvalidArgument(fmt::format("got {} numbers, expected {}{}",
                                      list.is_array() ? list.size() : 0, least,
                                      least == most ? "" : " or more"));
  std::vector<float> numbers;
  for (const Json& number : list) {
    if (!number.is_number()) throw InvalidArgument("got a list that is not of numbers");
    numbers.push_back(number.get<float>());
    if (!(std::abs(numbers.back()) < 1e7f)) throw InvalidArgument("got a number far too large");
  }
  return numbers;
}

/// CV_8UC1 of runs outside and inside by turns, row by row.
cv::Mat mask_of_runs(const Json& runs, Size size) {
  if (!runs.is_array()) throw InvalidArgument("runs: expected a list of numbers");
  cv::Mat mask = cv::Mat::zeros(size.height, size.width, CV_8UC1);
  const std::int64_t pixels = size.pixels();
  std::int64_t at = 0;
  bool inside = false;
  for (const Json& run : runs) {
    const std::int64_t length = run.is_number_integer() ? run.get<std::int64_t>() : -1;
    if (length < 0 || length > pixels - at)
      throw InvalidArgument(fmt::format("runs: do not fit the image's {} pixels", pixels));
    if (inside) std::fill_n(mask.data + at, length, std::uint8_t{255});
    at += length;
    inside = !inside;
  }
  return mask;
}

/// A mark, and what it views.
struct HeldMark {
  cv::Mat mask;
  Mark mark;
};

HeldMark mark_of(const Json& given, Size image) {
  if (const auto box = given.find("box"); box != given.end()) {
    const auto n = numbers_of(*box, 4, 4);
    return {{}, Box{n[0], n[1], n[2], n[3]}};
  }
  if (const auto point = given.find("point"); point != given.end()) {
    const auto n = numbers_of(*point, 2, 2);
    return {{}, Point{static_cast<int>(std::floor(n[0])), static_cast<int>(std::floor(n[1]))}};
  }
  if (const auto polygon = given.find("polygon"); polygon != given.end()) {
    const auto n = numbers_of(*polygon, 6, 1 << 20);
    Polygon outline;
    for (std::size_t i = 0; i + 1 < n.size(); i += 2) outline.vertices.push_back({n[i], n[i + 1]});
    return {{}, outline};
  }
  if (const auto runs = given.find("runs"); runs != given.end()) {
    const cv::Mat mask = mask_of_runs(*runs, image);
    return {mask, MaskView(mask)};
  }
  throw InvalidArgument("has neither box, point, polygon nor runs");
}

/// The marks of a class, with the images that they are in.
struct ClassMarks {
  std::vector<std::shared_ptr<const OpenImage>> images;
  std::vector<HeldMark> marks;
  std::vector<Example> examples;
};

Json rings_of(const Mask& mask, double tolerance) {
  const cv::Mat bits(mask.box.height(), mask.box.width(), CV_8UC1,
                     const_cast<std::uint8_t*>(mask.bits.data()));
  Json rings = Json::array();
  for (const io::detail::Ring& ring : io::detail::outlines(MaskView(bits))) {
    std::vector<int> corners;
    for (const Point& p : io::detail::simplified(ring, tolerance)) {
      corners.push_back(mask.box.x0 + p.x);
      corners.push_back(mask.box.y0 + p.y);
    }
    rings.push_back(std::move(corners));
  }
  return rings;
}

}  // namespace

MarkedClasses supports_of(const Json& marks, const Engine& engine, const ImageOf& images) {
  if (!marks.is_array() || marks.empty())
    throw InvalidArgument("marks: got none, expected at least one object to be marked");
  std::map<std::string, ClassMarks> by_class;
  MarkedClasses classes;
  std::size_t number = 0;
  for (const Json& given : marks) try {
      ++number;
      const auto name = given.value("class", std::string());
      if (!by_class.contains(name)) classes.names.push_back(name);
      ClassMarks& own = by_class[name];
      own.images.push_back(images(given.value("image", std::string())));
      const OpenImage& image = *own.images.back();
      own.marks.push_back(mark_of(given, image.encoded.size()));
      own.examples.push_back(
          {image.encoded, own.marks.back().mark, given.value("negative", false)});
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(fmt::format("mark {}: {}", number, error.what()));
    } catch (const Json::exception&) {
      throw InvalidArgument(fmt::format("mark {}: is no mark", number));
    }
  for (const std::string& name : classes.names)
    classes.supports.push_back(engine.support(by_class[name].examples, name));
  return classes;
}

MarkedClasses Supports::of(const Json& marks, const ImageOf& images) {
  constexpr std::size_t most = 8;
  const std::string key = persense::detail::json_text(marks);
  {
    const std::scoped_lock lock(guard_);
    for (const auto& [known, classes] : kept_)
      if (known == key) return classes;
  }
  MarkedClasses classes = supports_of(marks, engine_, images);
  const std::scoped_lock lock(guard_);
  kept_.emplace_front(key, classes);
  if (kept_.size() > most) kept_.pop_back();
  return classes;
}

FilterOptions filter_of(const Json& request, const Options& options) {
  Options own = options;
  const auto filter = request.find("filter");
  if (filter != request.end() && filter->is_object())
    for (const auto& [key, value] : filter->items())
      set_option(own, "filter." + key,
                 value.is_string() ? value.get<std::string>() : persense::detail::json_text(value));
  validate(own);
  return own.filter;
}

Json to_json(const Result& result, double tolerance) {
  Json instances = Json::array();
  const std::vector<std::string> names = io::class_names(result);
  for (std::size_t i = 0; i < result.instances.size(); ++i) {
    const Instance& instance = result.instances[i];
    const PixelBox& box = instance.mask.box;
    instances.push_back({{"id", i + 1},
                         {"class", instance.class_index},
                         {"score", std::round(instance.score * 1e4) / 1e4},
                         {"area", instance.mask.area()},
                         {"point", {instance.point.x, instance.point.y}},
                         {"box", {box.x0, box.y0, box.x1, box.y1}},
                         {"border", instance.touches_border},
                         {"rings", rings_of(instance.mask, tolerance)}});
  }
  Json classes = Json::array();
  for (std::size_t k = 0; k < result.classes.size(); ++k)
    classes.push_back({{"name", names[k]},
                       {"count", result.classes[k].count},
                       {"estimated", result.classes[k].estimated_count}});
  return {{"instances", std::move(instances)},       {"classes", std::move(classes)},
          {"confidence", result.count_confidence()}, {"notes", result.notes},
          {"seconds", result.timings.total()},       {"width", result.image_size.width},
          {"height", result.image_size.height}};
}

Json examples_in(const MarkedClasses& classes, const Image& image) {
  Json shown = Json::array();
  for (std::size_t k = 0; k < classes.supports.size(); ++k)
    for (const SupportExample& example : classes.supports[k].info().examples)
      if (same_pixels(example.image.view(), image.view()))
        shown.push_back(
            {{"class", k}, {"negative", example.negative}, {"rings", rings_of(example.mask, 0.5)}});
  return shown;
}

Result kept_of(const Result& result, const Json& request) {
  const double least = request.value("min_score", 0.0);
  const auto removed = request.value("removed", std::vector<std::size_t>());
  Result kept = result;
  kept.instances.clear();
  for (ClassResult& c : kept.classes) c.count = 0;
  for (std::size_t i = 0; i < result.instances.size(); ++i) {
    const Instance& instance = result.instances[i];
    if (instance.score < least || std::count(removed.begin(), removed.end(), i + 1) != 0) continue;
    kept.instances.push_back(instance);
    ++kept.classes[instance.class_index].count;
  }
  return kept;
}

}  // namespace persense::serve
