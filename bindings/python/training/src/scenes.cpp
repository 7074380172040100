// persense_training._scenes: training scenes as NumPy arrays.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <string>
#include <training/episode.hpp>
#include <vector>

namespace {

namespace py = pybind11;
namespace training = persense::scenes::training;
using namespace py::literals;
using training::Episode;
using EpisodePtr = std::shared_ptr<Episode>;

/// A read-only array over memory that the episode owns.
template <class T>
py::array_t<T> view_of(const EpisodePtr& episode, std::vector<py::ssize_t> shape, const T* data) {
  py::array_t<T> array(std::move(shape), data, py::cast(episode));
  py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return array;
}

EpisodePtr render(std::uint64_t seed, int size, int pictures, int classes) {
  const py::gil_scoped_release nogil;
  return std::make_shared<Episode>(
      training::render_training_episode({seed, size, pictures, classes}));
}

py::array_t<std::uint8_t> images_of(const EpisodePtr& e) {
  return view_of<std::uint8_t>(e, {e->pictures, e->size, e->size, 3}, e->images.data);
}

py::array_t<std::uint16_t> labels_of(const EpisodePtr& e) {
  return view_of<std::uint16_t>(e, {e->pictures, e->size, e->size}, e->labels.ptr<std::uint16_t>());
}

py::array_t<std::uint8_t> differences_of(const EpisodePtr& e) {
  static_assert(sizeof(training::Difference) == 1);
  return view_of<std::uint8_t>(e, {e->classes, e->classes},
                               reinterpret_cast<const std::uint8_t*>(e->differences.data()));
}

/// One value per instance, one array per image.
template <class T, class Value>
std::vector<py::array_t<T>> per_picture(const Episode& episode, Value&& value) {
  std::vector<py::array_t<T>> arrays;
  for (const auto& instances : episode.instances) {
    py::array_t<T> array(static_cast<py::ssize_t>(instances.size()));
    T* out = array.mutable_data();
    for (const auto& instance : instances) *out++ = value(instance);
    arrays.push_back(std::move(array));
  }
  return arrays;
}

std::vector<py::array_t<float>> centres_of(const Episode& episode) {
  std::vector<py::array_t<float>> arrays;
  for (const auto& instances : episode.instances) {
    py::array_t<float> array({static_cast<py::ssize_t>(instances.size()), py::ssize_t{2}});
    float* out = array.mutable_data();
    for (const auto& instance : instances) {
      *out++ = instance.x;
      *out++ = instance.y;
    }
    arrays.push_back(std::move(array));
  }
  return arrays;
}

template <class Enum>
std::string named(Enum value) {
  return std::string(training::names<Enum>()[static_cast<std::size_t>(value)]);
}

/// One value a class.
template <class Value>
auto per_class(const Episode& episode, Value&& value) {
  std::vector<decltype(value(episode.class_traits[0]))> values;
  for (const auto& traits : episode.class_traits) values.push_back(value(traits));
  return values;
}

void bind_traits(py::class_<Episode, EpisodePtr>& episode) {
  using training::ClassTraits;
  episode.def_property_readonly("imaging", [](const Episode& e) { return named(e.world.imaging); })
      .def_property_readonly("background",
                             [](const Episode& e) { return named(e.world.background); })
      .def_property_readonly("layout", [](const Episode& e) { return named(e.world.layout); })
      .def_property_readonly("families",
                             [](const Episode& e) {
                               return per_class(
                                   e, [](const ClassTraits& c) { return named(c.family); });
                             })
      .def_property_readonly("materials",
                             [](const Episode& e) {
                               return per_class(
                                   e, [](const ClassTraits& c) { return named(c.material); });
                             })
      .def_property_readonly("patterns",
                             [](const Episode& e) {
                               return per_class(
                                   e, [](const ClassTraits& c) { return named(c.pattern); });
                             })
      .def_property_readonly("diameters", [](const Episode& e) {
        return per_class(e, [](const ClassTraits& c) { return c.diameter; });
      });
}

template <class Enum>
std::vector<std::string> listed() {
  const auto names = training::names<Enum>();
  return {names.begin(), names.end()};
}

void bind_names(py::module_& m) {
  m.def("names", [] {
    return std::map<std::string, std::vector<std::string>>{
        {"families", listed<training::Family>()},  {"materials", listed<training::Material>()},
        {"patterns", listed<training::Pattern>()}, {"backgrounds", listed<training::Background>()},
        {"imagings", listed<training::Imaging>()}, {"layouts", listed<training::Layout>()}};
  });
}

}  // namespace

PYBIND11_MODULE(_scenes, m) {
  m.doc() = "Training scenes; use them through persense_training.scenes.";
  m.attr("IGNORED") = training::ignored_label;
  m.attr("DEBRIS") = training::debris_label;
  py::class_<Episode, EpisodePtr> episode(m, "Episode");
  episode.def_property_readonly("images", images_of)
      .def_property_readonly("labels", labels_of)
      .def_property_readonly("differences", differences_of)
      .def_property_readonly("object_classes",
                             [](const Episode& e) {
                               return per_picture<int>(
                                   e, [](const auto& i) { return i.object_class; });
                             })
      .def_property_readonly("visible_areas",
                             [](const Episode& e) {
                               return per_picture<int>(
                                   e, [](const auto& i) { return i.visible_area; });
                             })
      .def_property_readonly("full_areas",
                             [](const Episode& e) {
                               return per_picture<int>(e,
                                                       [](const auto& i) { return i.full_area; });
                             })
      .def_property_readonly("centres", centres_of);
  bind_traits(episode);
  bind_names(m);
  m.def("render", render, "seed"_a, "size"_a, "pictures"_a, "classes"_a);
}
