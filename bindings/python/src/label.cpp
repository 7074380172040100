// Class labels: English, and a model that is asked.
#include <pybind11/stl.h>

#include <string>
#include <tuple>

#include "arrays.hpp"
#include "bind.hpp"
#include "persense/class_label.hpp"
#include "persense/label/extractor.hpp"
#include "persense/label/noun.hpp"

namespace persense::python {

using namespace py::literals;

namespace {

Rules rules_argument(const std::string& name) {
  if (name == "paper") return Rules::paper;
  if (name == "reference") return Rules::reference;
  throw InvalidArgument("rules: got \"" + name + "\", expected \"paper\" or \"reference\"");
}

ClassLabelExtractor make_extractor(const std::string& endpoint, const std::string& model,
                                   const std::string& prompt, double temperature, int max_tokens,
                                   double timeout, int retries, double backoff,
                                   const std::string& key_variable, const std::string& ca_bundle,
                                   const std::string& rules) {
  return ClassLabelExtractor({endpoint, model, prompt, temperature, max_tokens, timeout, retries,
                              backoff, key_variable, ca_bundle, rules_argument(rules)});
}

std::tuple<std::string, std::string, std::string> extract(const ClassLabelExtractor& extractor,
                                                          const py::object& image,
                                                          const py::object& mask) {
  const Held<ImageView> pixels = image_argument(image, "image");
  const Held<MaskView> inside = mask_argument(mask, "mask");
  ClassLabel found;
  {
    py::gil_scoped_release nogil;
    found = extractor.extract(pixels.view, inside.view, [] {
      py::gil_scoped_acquire gil;  // Ctrl-C; on other threads than Python's main one never
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return false;
    });
  }
  return {found.label, found.phrase, found.answer};
}

}  // namespace

void bind_label(py::module_& m) {
  m.def("has_label_extraction", &ClassLabelExtractor::is_built_in,
        "Whether this build can ask a model for a label.");
  m.def("has_tls", &ClassLabelExtractor::has_tls, "Whether it can do so over https.");
  m.def(
      "all_phrase",
      [](const std::string& label, const std::string& rules) {
        return all_phrase(label, rules_argument(rules));
      },
      "label"_a, "rules"_a = "paper", "\"all potatoes\" of \"potato\".");
  m.def(
      "label_from_answer",
      [](const std::string& answer, const std::string& rules) {
        return rules_argument(rules) == Rules::reference ? label_from_answer(answer)
                                                         : noun_from_answer(answer);
      },
      "answer"_a, "rules"_a = "paper", "The noun in what a vision-language model says.");
  py::class_<ClassLabelExtractor>(m, "ClassLabelExtractor", "Asks a model to name an object.")
      .def(py::init(&make_extractor), "endpoint"_a, "model"_a, "prompt"_a, "temperature"_a,
           "max_tokens"_a, "timeout"_a, "retries"_a, "backoff"_a, "key_variable"_a, "ca_bundle"_a,
           "rules"_a)
      .def_property_readonly("shown_endpoint", &ClassLabelExtractor::shown_endpoint,
                             "The URL that is asked, without its query.")
      .def("extract", &extract, "image"_a, "mask"_a, "(label, phrase, answer).");
}

}  // namespace persense::python
