// IDM and PPSM on maps of the caller's.
#include <fmt/format.h>

#include <vector>

#include "arguments.hpp"
#include "handles.hpp"
#include "persense/idm.hpp"
#include "persense/ppsm.hpp"

using namespace persense;

namespace persense::capi {

namespace {

Options method_of(const persense_method_options* options) {
  const auto given =
      read_struct(options, "persense_method_options", sizeof(persense_method_options));
  return method_argument(given.preset, given.settings);
}

/// @throws InvalidArgument  NULL, unless there is nothing in it.
void require_array(const void* array, std::size_t count, const char* name) {
  if (count > 0) require(array, name);
}

std::vector<Point> points_of(const persense_point* points, std::size_t count) {
  require_array(points, count, "candidates");
  std::vector<Point> copies;
  copies.reserve(count);
  for (std::size_t i = 0; i < count; ++i) copies.push_back({points[i].x, points[i].y});
  return copies;
}

std::vector<Box> boxes_of(const persense_box* boxes, std::size_t count) {
  require_array(boxes, count, "boxes");
  std::vector<Box> copies;
  copies.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    copies.push_back({boxes[i].x0, boxes[i].y0, boxes[i].x1, boxes[i].y1});
  return copies;
}

}  // namespace

}  // namespace persense::capi

persense_points::persense_points(const IdmResult& found) {
  points.reserve(found.points.size());
  for (const Point p : found.points) points.push_back({p.x, p.y});
  info.point_count = points.size();
  info.points = points.data();
  info.estimated_count = found.count;
}

void persense_method_options_init(persense_method_options* options, size_t struct_size) {
  capi::init_struct(options, struct_size);
}

persense_status persense_idm(const persense_map* density, int32_t image_width, int32_t image_height,
                             const persense_method_options* options, persense_points** out) {
  return capi::guard([&] {
    auto& points = capi::emptied(out, "out");
    const FloatMapView map = capi::map_argument(density, "density map");
    const bool own_size = image_width == 0 && image_height == 0;
    const Size image =
        own_size ? size_of(map) : capi::checked_size(image_width, image_height, "image");
    points = new persense_points(idm(map, image, capi::method_of(options).idm));
  });
}

const persense_points_info* persense_points_get_info(const persense_points* points) {
  return capi::guard_getter([&] { return &capi::required(points, "points").info; });
}

void persense_points_free(persense_points* points) { delete points; }

persense_status persense_ppsm(const persense_point* candidates, size_t candidate_count,
                              const persense_map* similarity, double count,
                              const persense_box* boxes, size_t box_count,
                              const persense_method_options* options, size_t* selected,
                              size_t* selected_count, float* threshold) {
  return capi::guard([&] {
    size_t& written = capi::emptied(selected_count, "selected_count");
    if (threshold != nullptr) *threshold = 0;
    capi::require_array(selected, candidate_count, "selected");
    const PpsmOptions method = capi::method_of(options).ppsm;
    const bool round_up = method.count_rounding == CountRounding::ceil;
    const PpsmResult passed =
        ppsm(capi::points_of(candidates, candidate_count),
             capi::map_argument(similarity, "similarity map"), round_up ? ceil_count(count) : count,
             capi::boxes_of(boxes, box_count), method);
    std::copy(passed.selected.begin(), passed.selected.end(), selected);
    written = passed.selected.size();
    if (threshold != nullptr) *threshold = passed.threshold;
  });
}
