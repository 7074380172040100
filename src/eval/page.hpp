// The page of a run, in parts, as the library carries it: see page/report.html for how they join.
#pragma once

#include <string_view>

namespace persense::eval::detail {

std::string_view page_html();
std::string_view page_style();
std::string_view page_script();
std::string_view page_viewer();

}  // namespace persense::eval::detail
