#include "page.hpp"

#include <cstddef>

namespace persense::eval::detail {

namespace html {
#include "report.html.inc"
}
namespace style {
#include "report.css.inc"
}
namespace script {
#include "report.js.inc"
}

namespace viewer {
#include "viewer.js.inc"
}

std::string_view page_html() { return {html::bytes, html::length}; }
std::string_view page_style() { return {style::bytes, style::length}; }
std::string_view page_script() { return {script::bytes, script::length}; }
std::string_view page_viewer() { return {viewer::bytes, viewer::length}; }

}  // namespace persense::eval::detail
