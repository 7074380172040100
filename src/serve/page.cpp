#include "page.hpp"

#include <cstddef>
#include <string>

namespace persense::serve {

namespace {

namespace html {
#include "index.html.inc"
}
namespace style {
#include "page.css.inc"
}
namespace script {
#include "page.js.inc"
}

/// The page's parts in their places, so that one request gets all of it.
std::string joined() {
  std::string_view rest(html::bytes, html::length);
  std::string whole;
  const auto put = [&](std::string_view place, std::string_view part) {
    const std::size_t at = rest.find(place);
    whole.append(rest.substr(0, at)).append(part);
    rest.remove_prefix(at + place.size());
  };
  put("/* style */\n", {style::bytes, style::length});
  put("/* script */\n", {script::bytes, script::length});
  return whole.append(rest);
}

}  // namespace

std::string_view page() {
  static const std::string whole = joined();
  return whole;
}

}  // namespace persense::serve
