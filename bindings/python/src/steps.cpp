// IDM and PPSM by themselves.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/idm.hpp"
#include "persense/ppsm.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

std::pair<py::array_t<int>, double> find_candidates(const py::object& density,
                                                    std::pair<int, int> image_size,
                                                    const Options& options) {
  py::object keep;
  const FloatMapView map = map_argument(density, "density", keep);
  IdmResult found;
  {
    py::gil_scoped_release nogil;
    found = idm(map, Size{image_size.first, image_size.second}, options.idm);
  }
  return {array_of(found.points), found.count};
}

std::pair<py::array_t<std::int64_t>, float> select_points(const py::object& points,
                                                          const py::object& similarity,
                                                          double count, const py::object& boxes,
                                                          const Options& options) {
  const auto candidates = points_argument(points, "points");
  const auto detections = boxes_argument(boxes, "boxes");
  py::object keep;
  const FloatMapView map = map_argument(similarity, "similarity", keep);
  PpsmResult passed;
  {
    py::gil_scoped_release nogil;
    passed = ppsm(candidates, map, count, detections, options.ppsm);
  }
  py::array_t<std::int64_t> selected(static_cast<py::ssize_t>(passed.selected.size()));
  std::copy(passed.selected.begin(), passed.selected.end(), selected.mutable_data());
  return {selected, passed.threshold};
}

}  // namespace

void bind_steps(py::module_& m) {
  m.def("idm", &find_candidates, "density"_a, "image_size"_a, "options"_a,
        "Candidate points of a density map: ((N, 2) int32, the map's sum).");
  m.def("ppsm", &select_points, "points"_a, "similarity"_a, "count"_a, "boxes"_a, "options"_a,
        "The candidates that PPSM lets through: ((M,) int64 indices, the threshold).");
}

}  // namespace persense::python
