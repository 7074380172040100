#include "state.hpp"

#include <pybind11/stl.h>

#include <string>

#include "arrays.hpp"

namespace persense::python {

namespace {

[[noreturn]] void refuse() { throw py::value_error("not the state of a persense result"); }

const py::tuple& require_items(const py::tuple& state, std::size_t count) {
  if (state.size() != count) refuse();
  return state;
}

py::tuple state_of(const ScoredMask& scored) {
  return py::make_tuple(python::state_of(scored.mask), scored.score);
}

ScoredMask scored_from(const py::tuple& state) {
  require_items(state, 2);
  return {*mask_from(state[0]), state[1].cast<float>()};
}

// A copy: a pickle outlives the result.
py::array_t<float> state_of(const FloatMap& map) {
  py::array_t<float> array({map.rows(), map.cols()});
  std::copy(map.data(), map.data() + map.size(), array.mutable_data());
  return array;
}

FloatMap map_from(const py::handle& state) {
  const auto array = state.cast<py::array_t<float, py::array::c_style>>();
  if (array.ndim() != 2) refuse();
  return Eigen::Map<const FloatMap>(array.data(), array.shape(0), array.shape(1));
}

py::tuple state_of(Point p) { return py::make_tuple(p.x, p.y); }

Point point_from(const py::tuple& state) {
  require_items(state, 2);
  return {state[0].cast<int>(), state[1].cast<int>()};
}

py::tuple state_of(const Box& b) { return py::make_tuple(b.x0, b.y0, b.x1, b.y1); }

Box box_from(const py::tuple& state) {
  require_items(state, 4);
  return {state[0].cast<float>(), state[1].cast<float>(), state[2].cast<float>(),
          state[3].cast<float>()};
}

py::tuple state_of(const Instance& i);
py::tuple state_of(const Detection& d);
py::tuple state_of(const TracePass& pass);
py::tuple state_of(const ClassResult& c);

template <class Items>
py::list list_of(const Items& items) {
  py::list list;
  for (const auto& item : items) list.append(state_of(item));
  return list;
}

template <class Read>
auto vector_from(const py::handle& state, Read read) {
  std::vector<decltype(read(py::tuple()))> items;
  for (const py::handle item : state.cast<py::list>())
    items.push_back(read(item.cast<py::tuple>()));
  return items;
}

py::tuple state_of(const Instance& i) {
  return py::make_tuple(python::state_of(i.mask), state_of(i.box), state_of(i.point), i.score,
                        i.class_index, i.touches_border);
}

Instance instance_from(const py::tuple& state) {
  require_items(state, 6);
  return {*mask_from(state[0]),   box_from(state[1]),           point_from(state[2]),
          state[3].cast<float>(), state[4].cast<std::size_t>(), state[5].cast<bool>()};
}

py::tuple state_of(const Detection& d) { return py::make_tuple(state_of(d.box), d.confidence); }

Detection detection_from(const py::tuple& state) {
  require_items(state, 2);
  return {box_from(state[0]), state[1].cast<float>()};
}

py::tuple state_of(const TracePass& pass) {
  return py::make_tuple(list_of(pass.exemplars), state_of(pass.density), list_of(pass.candidates),
                        list_of(pass.prompts), list_of(pass.masks));
}

TracePass pass_from(const py::tuple& state) {
  require_items(state, 5);
  return {vector_from(state[0], box_from), map_from(state[1]), vector_from(state[2], point_from),
          vector_from(state[3], point_from), vector_from(state[4], scored_from)};
}

py::object state_of(const std::optional<Trace>& trace) {
  if (!trace) return py::none();
  return py::make_tuple(state_of(trace->similarity), list_of(trace->detections.label),
                        list_of(trace->detections.phrase), state_of(trace->location_prior),
                        state_of(trace->exemplar_mask), list_of(trace->passes));
}

std::optional<Trace> trace_from(const py::object& value) {
  if (value.is_none()) return std::nullopt;
  const auto state = value.cast<py::tuple>();
  require_items(state, 6);
  return Trace{map_from(state[0]),
               {vector_from(state[1], detection_from), vector_from(state[2], detection_from)},
               point_from(state[3]),
               scored_from(state[4]),
               vector_from(state[5], pass_from)};
}

py::tuple state_of(const ClassResult& c) {
  return py::make_tuple(c.label, c.count, c.estimated_count, state_of(c.density), c.ppsm_fallback,
                        state_of(c.trace));
}

ClassResult class_from(const py::tuple& state) {
  require_items(state, 6);
  return {state[0].cast<std::string>(), state[1].cast<std::size_t>(), state[2].cast<double>(),
          map_from(state[3]),           state[4].cast<bool>(),        trace_from(state[5])};
}

}  // namespace

py::tuple state_of(const Mask& mask) {
  return py::make_tuple(
      mask.box.x0, mask.box.y0, mask.box.x1, mask.box.y1,
      py::bytes(reinterpret_cast<const char*>(mask.bits.data()), mask.bits.size()));
}

std::shared_ptr<Mask> mask_from(const py::tuple& state) {
  require_items(state, 5);
  auto mask = std::make_shared<Mask>();
  mask->box = {state[0].cast<int>(), state[1].cast<int>(), state[2].cast<int>(),
               state[3].cast<int>()};
  const auto bits = state[4].cast<std::string_view>();
  if (static_cast<std::int64_t>(bits.size()) != mask->box.area()) refuse();
  mask->bits.assign(bits.begin(), bits.end());
  return mask;
}

py::tuple state_of(const Result& r) {
  return py::make_tuple(r.image_size.width, r.image_size.height, list_of(r.instances),
                        list_of(r.classes), r.timings.seconds, r.notes);
}

std::shared_ptr<Result> result_from(const py::tuple& state) {
  require_items(state, 6);
  auto r = std::make_shared<Result>();
  r->image_size = {state[0].cast<int>(), state[1].cast<int>()};
  r->instances = vector_from(state[2], instance_from);
  r->classes = vector_from(state[3], class_from);
  r->timings.seconds = state[4].cast<std::array<double, step_count>>();
  r->notes = state[5].cast<std::vector<std::string>>();
  if (r->classes.empty()) refuse();
  for (const Instance& i : r->instances)
    if (i.class_index >= r->classes.size()) refuse();
  return r;
}

}  // namespace persense::python
