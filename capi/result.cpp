// Reading results.
#include <fmt/format.h>

#include "arguments.hpp"
#include "handles.hpp"
#include "persense/io/coco.hpp"
#include "persense/io/images.hpp"

using namespace persense;

namespace persense::capi {

namespace {

persense_instance instance_of(const Instance& from, std::int32_t id) {
  persense_instance to{};
  to.box = {from.box.x0, from.box.y0, from.box.x1, from.box.y1};
  to.point = {from.point.x, from.point.y};
  to.score = from.score;
  to.id = id;
  to.mask_x = from.mask.box.x0;
  to.mask_y = from.mask.box.y0;
  to.mask_width = from.mask.box.width();
  to.mask_height = from.mask.box.height();
  to.mask = from.mask.bits.data();
  to.area = from.mask.area();
  return to;
}

persense_map map_of(const FloatMap& from) {
  return {from.data(), static_cast<std::int32_t>(from.cols()),
          static_cast<std::int32_t>(from.rows()),
          static_cast<std::int64_t>(from.cols()) * std::int64_t{sizeof(float)}};
}

persense_class_info class_of(const ClassResult& from) {
  persense_class_info to{};
  to.label = from.label.c_str();
  to.instance_count = from.count;
  to.estimated_count = from.estimated_count;
  to.density = map_of(from.density);
  to.ppsm_fallback = from.ppsm_fallback ? 1 : 0;
  return to;
}

}  // namespace

}  // namespace persense::capi

static_assert(sizeof(persense_instance) == 56 + sizeof(void*), "no padding: bindings copy it");

persense_result::persense_result(Result found)
    : result(std::move(found)), notes(capi::c_strings(result.notes)), rle(result.instances.size()) {
  instances.reserve(result.count());
  for (const Instance& each : result.instances) {
    instances.push_back(capi::instance_of(each, static_cast<std::int32_t>(instances.size()) + 1));
    instance_classes.push_back(static_cast<std::int32_t>(each.class_index));
    touches_border.push_back(each.touches_border ? 1 : 0);
  }
  for (const ClassResult& each : result.classes) {
    class_infos.push_back(capi::class_of(each));
    info.ppsm_fallback |= class_infos.back().ppsm_fallback;
  }
  classes = capi::addresses_of(class_infos);
  info.width = result.image_size.width;
  info.height = result.image_size.height;
  info.instance_count = instances.size();
  info.instances = instances.data();
  info.estimated_count = result.estimated_count();
  info.count_confidence = result.count_confidence();
  info.density = capi::map_of(result.density());
  info.note_count = notes.size();
  info.notes = notes.data();
  info.step_count = result.timings.seconds.size();
  info.step_seconds = result.timings.seconds.data();
  info.has_trace = result.trace() ? 1 : 0;
  info.class_count = classes.size();
  info.classes = classes.data();
  info.instance_classes = instance_classes.data();
  info.instance_touches_border = touches_border.data();
}

const persense_result_info* persense_result_get_info(const persense_result* result) {
  return capi::guard_getter([&] { return &capi::required(result, "result").info; });
}

persense_status persense_result_get_rle(const persense_result* result, size_t index,
                                        const char** counts) {
  return capi::guard([&] {
    const char*& text = capi::emptied(counts, "counts");
    // the texts alone are made late, behind a mutex: to the caller the handle is immutable
    auto& made = const_cast<persense_result&>(capi::required(result, "result"));
    if (index >= made.rle.size())
      throw InvalidArgument(fmt::format("index: got {}, expected less than the {} instances", index,
                                        made.rle.size()));
    const std::scoped_lock lock(made.rle_guard);
    std::string& kept = made.rle[index];
    if (kept.empty())
      kept = io::rle_to_string(
          io::rle_counts(made.result.instances[index].mask, made.result.image_size));
    text = kept.c_str();
  });
}

persense_status persense_result_get_labels(const persense_result* result, int32_t* labels,
                                           size_t byte_count, int64_t stride) {
  return capi::guard([&] {
    const Result& from = capi::required(result, "result").result;
    cv::Mat into =
        capi::memory_argument(labels, byte_count, stride, from.image_size, CV_32SC1, "labels");
    io::paint_labels(from.instances, into);
  });
}

void persense_result_free(persense_result* result) { delete result; }
