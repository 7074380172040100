// Stages that are Python functions: the GIL is taken for the call, what Python raises goes through
// the engine to its caller unchanged, and what Python returns is checked here for its type and by
// the engine for its values.
#include "stages.hpp"

#include <fmt/format.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bind.hpp"
#include "persense/engine.hpp"
#include "persense/mask.hpp"

namespace persense::python {

using namespace py::literals;

thread_local const ShownImages* ShownImages::current_ = nullptr;

namespace {

py::array read_only(py::array array) {
  array = array.attr("view")().cast<py::array>();
  array.attr("flags").attr("writeable") = false;
  return array;
}

}  // namespace

py::array ShownImages::array_of(ImageView image) {
  const auto same = [&](const Held<ImageView>* held) {
    const ImageView& v = held->view;  // a part of an image may begin where the whole does
    return v.data == image.data && v.size() == image.size() && v.stride == image.stride;
  };
  const Held<ImageView>* shown = nullptr;
  if (current_ != nullptr)
    for (const Held<ImageView>* held : current_->held_)
      if (same(held)) shown = held;
  if (shown == nullptr) return read_only(python::array_of(Image::copy_of(image).mat()));
  if (!shown->copy.empty()) return read_only(python::array_of(shown->copy));
  return read_only(py::reinterpret_borrow<py::array>(shown->array));
}

namespace {

// A Python function that C++ may copy and destroy without the GIL.
using Function = std::shared_ptr<py::object>;

Function shared_function(py::object function) {
  return Function(new py::object(std::move(function)), [](py::object* f) {
    py::gil_scoped_acquire gil;
    delete f;
  });
}

py::array_t<float> copy_of(const FloatMapView& map) {
  py::array_t<float> array({map.rows(), map.cols()});
  Eigen::Map<FloatMap>(array.mutable_data(), map.rows(), map.cols()) = map;
  return array;
}

const char* name_of(Prompt::Role role) {
  switch (role) {
    case Prompt::Role::exemplar:
      return "exemplar";
    case Prompt::Role::first_pass:
      return "first_pass";
    case Prompt::Role::final_pass:
      return "final_pass";
  }
  return "";
}

// What a stage sees of a query. The image is the caller's own array. The rest is the library's,
// only for the duration of the call, and a stage may keep what it was given: so arrays are copied
// when they are first asked for, and nothing is left to ask for once the call is over.
class PythonQuery {
 public:
  PythonQuery(const StageQuery& query, std::span<const Prompt> prompts)
      : query_(&query), prompts_(prompts) {
    if (!prompts.empty()) role_ = name_of(prompts[0].role);
  }

  void end() { query_ = nullptr; }

  py::array_t<std::uint8_t> image() {
    return kept<std::uint8_t>("image", [&] { return ShownImages::array_of(now().image); });
  }
  py::array_t<float> similarity() {
    return kept<float>("similarity", [&] { return copy_of(now().similarity); });
  }
  py::array_t<std::uint8_t> support_image() {
    return kept<std::uint8_t>("support_image",
                              [&] { return ShownImages::array_of(now().support_image); });
  }
  py::array_t<bool> support_mask() {
    return kept<bool>("support_mask", [&] {
      return python::array_of(now().support_mask.mat().clone()).attr("astype")("bool");
    });
  }
  py::array_t<float> exemplars() {
    return kept<float>("exemplars", [&] { return python::array_of(boxes_of(now().exemplars)); });
  }
  std::vector<std::optional<Mask>> exemplar_masks() const {
    std::vector<std::optional<Mask>> masks;
    for (const Exemplar& e : now().exemplars)
      masks.push_back(e.mask == nullptr ? std::nullopt : std::optional<Mask>(*e.mask));
    return masks;
  }
  py::array_t<float> exemplar_scores() {
    return kept<float>("exemplar_scores", [&] {
      py::array_t<float> scores(static_cast<py::ssize_t>(now().exemplars.size()));
      std::transform(now().exemplars.begin(), now().exemplars.end(), scores.mutable_data(),
                     [](const Exemplar& e) { return e.score; });
      return scores;
    });
  }
  std::optional<py::array_t<float>> features() {
    if (now().features == nullptr) return std::nullopt;
    return kept<float>("features", [&] {
      const FeatureGrid& grid = *now().features;
      return copy_of(grid.features)
          .reshape({grid.features.rows(), Eigen::Index{grid.size.height},
                    Eigen::Index{grid.size.width}});
    });
  }
  std::string label() const { return std::string(now().label); }
  std::string phrase() const { return std::string(now().phrase); }
  std::optional<std::string> role() const { return role_; }
  std::optional<py::array_t<float>> boxes() {
    (void)now();
    if (prompts_.empty() || !prompts_[0].box) return std::nullopt;
    return kept<float>("boxes", [this] {
      std::vector<Box> boxes;
      for (const Prompt& prompt : prompts_) boxes.push_back(*prompt.box);
      return python::array_of(boxes);
    });
  }

 private:
  const StageQuery& now() const {
    if (query_ == nullptr)
      throw InvalidArgument(
          "query: was used after the stage had returned; keep its arrays instead");
    return *query_;
  }

  template <class T, class Make>
  py::array_t<T> kept(const char* name, Make make) {
    (void)now();  // the same answer whether or not the array was asked for before
    if (!arrays_.contains(name)) arrays_[name] = read_only(make());
    return arrays_[name].cast<py::array_t<T>>();
  }

  const StageQuery* query_;
  std::span<const Prompt> prompts_;  // a decoder's
  std::optional<std::string> role_;
  py::dict arrays_;
};

// Calls a stage with a query that ends with the call, however that ends.
py::object call(const Function& function, const StageQuery& query,
                std::span<const Prompt> prompts = {}) {
  const auto shown = std::make_shared<PythonQuery>(query, prompts);
  struct End {
    PythonQuery& query;
    ~End() { query.end(); }
  } const end{*shown};
  if (prompts.empty()) return (*function)(shown);
  std::vector<Point> points;
  for (const Prompt& prompt : prompts) points.push_back(prompt.point);
  return (*function)(shown, python::array_of(points));
}

[[noreturn]] void refuse(const std::string& what, const py::handle& got, const char* expected) {
  throw InvalidArgument(fmt::format("{}: got {}, expected {}", what, describe(got), expected));
}

// Whatever NumPy can read, a CPU tensor included; what that raises reaches the caller.
py::array numpy_array(const py::handle& value) {
  return py::module_::import("numpy").attr("asarray")(value).cast<py::array>();
}

py::array_t<float, py::array::c_style> float_array(const py::handle& value, const std::string& what,
                                                   py::ssize_t dimensions, const char* expected) {
  const py::array array = numpy_array(value);
  if (array.dtype().kind() != 'f' || array.ndim() != dimensions) {
    const bool number = array.dtype().kind() != 'O';  // None, say, is not called an array
    refuse(what, number ? py::object(array) : py::reinterpret_borrow<py::object>(value), expected);
  }
  return py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(array);
}

FeatureGrid features_from(const py::handle& value) {
  const auto array = float_array(value, "encoder: features", 3, "floats of shape (C, h, w)");
  FeatureGrid grid;
  grid.size = {static_cast<int>(array.shape(2)), static_cast<int>(array.shape(1))};
  grid.features =
      Eigen::Map<const FloatMap>(array.data(), array.shape(0), array.shape(1) * array.shape(2));
  return grid;
}

DensityMap density_from(const py::handle& value) {
  const auto array = float_array(value, "dmg: density map", 2, "floats of shape (h, w)");
  return Eigen::Map<const FloatMap>(array.data(), array.shape(0), array.shape(1));
}

std::vector<Detection> detections_from(const py::handle& value) {
  const char* const expected = "(boxes of shape (N, 4), confidences of shape (N,))";
  if (!py::isinstance<py::tuple>(value) || py::len(value) != 2) refuse("detector", value, expected);
  const auto pair = value.cast<py::tuple>();
  const auto boxes = boxes_argument(numpy_array(pair[0]), "detector: boxes");
  const py::array confidences = numpy_array(pair[1]);
  if (confidences.ndim() != 1 || confidences.size() != static_cast<py::ssize_t>(boxes.size()))
    refuse("detector: confidences", confidences, "one a box");
  const auto values = confidences.cast<py::array_t<float, py::array::forcecast>>();
  std::vector<Detection> detections;
  for (std::size_t i = 0; i < boxes.size(); ++i)
    detections.push_back({boxes[i], values.at(static_cast<py::ssize_t>(i))});
  return detections;
}

// One list for label and phrase, or a tuple of one for each.
Detections both_detections_from(const py::object& value) {
  if (py::isinstance<py::tuple>(value) && py::len(value) == 2) {
    const auto pair = value.cast<py::tuple>();
    if (py::isinstance<py::tuple>(pair[0]) && py::isinstance<py::tuple>(pair[1]))
      return {detections_from(pair[0]), detections_from(pair[1])};
  }
  auto same = detections_from(value);
  return {same, same};
}

// None, a mask of the image's size, or (a part of one, (x0, y0) of its first pixel).
Mask mask_from_stage(const py::handle& value, std::size_t index, Size image) {
  if (value.is_none()) return {};
  const std::string what = fmt::format("decoder: mask {}", index);
  if (py::isinstance<py::tuple>(value)) {
    const auto pair = value.cast<py::tuple>();
    if (pair.size() != 2) refuse(what, value, "(mask, (x0, y0))");
    const auto part = mask_argument(numpy_array(pair[0]), what.c_str());
    const auto [x0, y0] = pair[1].cast<std::pair<int, int>>();
    return crop_to_box(part.view, {x0, y0});
  }
  const auto whole = mask_argument(numpy_array(value), what.c_str());
  if (whole.view.size() != image)
    throw InvalidArgument(fmt::format("{}: is {}, expected the image's {} or (mask, (x0, y0))",
                                      what, to_string(whole.view.size()), to_string(image)));
  return crop_to_box(whole.view);
}

std::vector<ScoredMask> masks_from(const py::object& value, Size image) {
  if (!py::isinstance<py::tuple>(value) || py::len(value) != 2)
    refuse("decoder", value, "(masks, scores)");
  const auto pair = value.cast<py::tuple>();
  const py::array scores = numpy_array(pair[1]);
  if (scores.ndim() != 1 || static_cast<std::size_t>(scores.size()) != py::len(pair[0]))
    refuse("decoder: scores", scores, "one a mask");
  const auto values = scores.cast<py::array_t<float, py::array::forcecast>>();
  std::vector<ScoredMask> masks;
  for (const py::handle mask : py::iter(pair[0])) {
    const std::size_t i = masks.size();
    masks.push_back({mask_from_stage(mask, i, image), values.at(static_cast<py::ssize_t>(i))});
  }
  return masks;
}

void set_encode(Stages& stages, py::object function) {
  stages.custom.encode = [f = shared_function(std::move(function))](ImageView image) {
    py::gil_scoped_acquire gil;
    return features_from((*f)(ShownImages::array_of(image)));
  };
}

void set_detect(Stages& stages, py::object function) {
  stages.custom.detect = [f = shared_function(std::move(function))](const StageQuery& query) {
    py::gil_scoped_acquire gil;
    return both_detections_from(call(f, query));
  };
}

void set_density(Stages& stages, py::object function) {
  stages.custom.density = [f = shared_function(std::move(function))](const StageQuery& query) {
    py::gil_scoped_acquire gil;
    return density_from(call(f, query));
  };
}

void set_decode(Stages& stages, py::object function) {
  stages.custom.decode = [f = shared_function(std::move(function))](
                             const StageQuery& query, std::span<const Prompt> prompts) {
    py::gil_scoped_acquire gil;
    return masks_from(call(f, query, prompts), query.image.size());
  };
}

void bind_query(py::module_& m) {
  py::class_<PythonQuery, std::shared_ptr<PythonQuery>>(
      m, "Query",
      "What is known of a query so far; for a stage of the user's, while it runs.\n\n"
      "Arrays are read-only and may be kept; the query itself is over when the stage returns.")
      .def_property_readonly("image", &PythonQuery::image,
                             "(H, W, 3) uint8, RGB: the caller's own memory, where it was not "
                             "encoded before.")
      .def_property_readonly("similarity", &PythonQuery::similarity,
                             "(H, W) float32 in [-1, 1]: every pixel's similarity to the support.")
      .def_property_readonly("support_image", &PythonQuery::support_image,
                             "(H', W', 3) uint8, RGB.")
      .def_property_readonly("support_mask", &PythonQuery::support_mask,
                             "(H', W') bool: the marked objects in the support image.")
      .def_property_readonly("exemplars", &PythonQuery::exemplars,
                             "(K, 4) float32: x0, y0, x1, y1 of the current pass's exemplars; none "
                             "before the first pass.")
      .def_property_readonly("exemplar_masks", &PythonQuery::exemplar_masks,
                             "K masks of them; None where there is none.")
      .def_property_readonly("exemplar_scores", &PythonQuery::exemplar_scores,
                             "(K,) float32: the decoder's scores of these masks.")
      .def_property_readonly("features", &PythonQuery::features,
                             "(C, h, w) float32: what the user's own encoder made of the image; "
                             "None without one.")
      .def_property_readonly("label", &PythonQuery::label, "The support's label; may be empty.")
      .def_property_readonly("phrase", &PythonQuery::phrase,
                             "\"all <plural>\"; empty without a label.")
      .def_property_readonly("role", &PythonQuery::role,
                             "Of a decode: \"exemplar\", \"first_pass\" or \"final_pass\".")
      .def_property_readonly(
          "boxes", &PythonQuery::boxes,
          "(N, 4) float32: x0, y0, x1, y1 of the boxes that a decoder is to segment in; "
          "None where it has points alone.");
}

}  // namespace

void bind_stages(py::module_& m) {
  bind_query(m);
  const auto slot = [](auto name) { return [name](const Stages& stages) { return stages.*name; }; };
  const auto fill_slot = [](auto name) {
    return [name](Stages& stages, const std::filesystem::path& archive) {
      stages.*name = archive.string();
    };
  };
  const char* const name = "\"mini\", \"classic\" or an archive's path.";
  py::class_<Stages>(m, "Stages", "What fills the four slots of a pipeline.")
      .def(py::init<>())
      .def_static(
          "named",
          [](const std::filesystem::path& models) { return Stages::named(models.string()); },
          "models"_a, "\"mini\" or \"classic\", which fill every slot, or a folder of archives.")
      .def("need_torch", &Stages::need_torch, "Whether LibTorch runs a stage: an archive, say.")
      .def("adapt", py::overload_cast<const Options&>(&Stages::adapt, py::const_), "preset"_a,
           py::call_guard<py::gil_scoped_release>(), "The preset with what these stages ask for.")
      .def("set_encode", &set_encode, "function"_a, "function(image) -> (C, h, w) floats.")
      .def("set_detect", &set_detect, "function"_a, "function(query) -> boxes, confidences.")
      .def("set_density", &set_density, "function"_a, "function(query) -> (h, w) floats.")
      .def("set_decode", &set_decode, "function"_a, "function(query, points) -> masks, scores.")
      .def_property("encoder", slot(&Stages::encoder), fill_slot(&Stages::encoder), name)
      .def_property("detector", slot(&Stages::detector), fill_slot(&Stages::detector), name)
      .def_property("dmg", slot(&Stages::dmg), fill_slot(&Stages::dmg), name)
      .def_property("decoder", slot(&Stages::decoder), fill_slot(&Stages::decoder), name)
      .def_readwrite("device", &Stages::device, "\"cpu\", \"cuda\" or \"cuda:N\".")
      .def_readwrite("dtype", &Stages::dtype, "\"fp32\", \"fp16\" or \"bf16\".")
      .def_readwrite("threads", &Stages::threads, "0 = all cores.");
}

}  // namespace persense::python
