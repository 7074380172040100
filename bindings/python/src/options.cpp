// Options by key.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>

#include <filesystem>

#include "bind.hpp"
#include "persense/io/settings.hpp"
#include "persense/option_table.hpp"
#include "persense/options.hpp"

namespace persense::python {

namespace py = pybind11;
using namespace py::literals;

namespace {

// (key, default, lowest, highest, values, help); bounds are None for options that are words, and
// values empty for those that are numbers.
using Row = py::typing::Tuple<py::str, py::object, py::object, py::object, py::object, py::str>;

py::typing::List<Row> option_table() {
  const Options defaults;
  py::typing::List<Row> table;
  for_each_option(defaults, [&]<class Field>(const char* key, const Field& field, auto lowest,
                                             auto highest, const char* help) {
    py::object low = py::none(), high = py::none(), value = py::str(option_text(field));
    py::list words;
    if constexpr (std::is_enum_v<Field>) {
      for (const char* name : detail::EnumNames<Field>::names) words.append(name);
    } else {
      // through the text: 0.15f is 0.15 and not 0.15000000596
      value =
          py::module_::import("builtins").attr(std::is_integral_v<Field> ? "int" : "float")(value);
      low = py::cast(lowest);
      high = py::cast(highest);
    }
    table.append(py::make_tuple(key, value, low, high, py::tuple(words), help));
  });
  return table;
}

}  // namespace

void bind_options(py::module_& m) {
  m.def("option_table", &option_table,
        "Every option as (key, default, lowest, highest, words, help).");
  m.def(
      "read_settings",
      [](const std::filesystem::path& path) { return io::read_settings(path).options; }, "path"_a,
      "The options of a settings file, as (key, value) pairs of text.");
  py::class_<Options>(m, "Options", "All options of a pipeline.")
      .def_static("preset", &Options::preset, "name"_a,
                  "The options of a preset: paper, plus_plus or reference.")
      .def(
          "copy", [](const Options& options) { return options; }, "The same, to be changed.")
      .def(
          "set",
          [](Options& options, std::string_view key, std::string_view value) {
            set_option(options, key, value);
          },
          "key"_a, "value"_a, "Sets one option from text, as \"idm.threshold\" from \"25\".")
      .def(
          "items",
          [](const Options& options) {
            py::typing::Dict<py::str, py::str> values;
            for_each_option(options, [&](const char* key, const auto& field, auto, auto, auto) {
              values[key] = option_text(field);
            });
            return values;
          },
          "Every option's value as text.");
}

}  // namespace persense::python
