#include "mark_flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "option_flags.hpp"

namespace persense::cli {

namespace {

using Kind = MarkFlag::Kind;

// Called in the order of the command line, because marks belong to the --support and --class before
// them.
using Seen = std::function<void(const std::string&)>;

Flag add(Command command, const std::string& name, const char* type, const std::string& help,
         const Seen& seen) {
  return command.add_option_function(name, seen, help)
      .type_name(type)
      .not_empty()
      .group("Marks (see \"Marking\" below)");
}

void add_mark(Command command, MarkFlags& flags, Kind kind, const char* name, const char* type,
              const std::string& help) {
  for (const bool negative : {false, true}) {
    const std::string flag = fmt::format("--{}{}", negative ? "negative-" : "", name);
    add(command, flag, type,
        negative ? fmt::format("the same of an object that is not wanted") : help,
        [&flags, kind, negative, flag](const std::string& text) {
          std::optional<std::size_t> support;
          if (!flags.supports.empty()) support = flags.supports.size() - 1;
          flags.marks.push_back({kind, negative, flag, text, {}, support, flags.current_class});
        });
  }
}

void take_label_id(MarkFlags& flags, const std::string& text) {
  std::int32_t id = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, id);
  const auto refuse = [&flags](const std::string& why) {
    if (flags.misuse.empty()) flags.misuse = why;
  };
  if (read.ec != std::errc() || read.ptr != end || id < 1)
    return refuse(fmt::format(
        "--mask-label: got \"{}\", expected the number of an object, 1 or above", text));
  if (flags.marks.empty() || flags.marks.back().kind != Kind::mask)
    return refuse(
        fmt::format("--mask-label {}: expected it right after the --mask whose object it "
                    "is",
                    text));
  if (flags.marks.back().label_id) flags.marks.push_back(flags.marks.back());  // one more of them
  flags.marks.back().label_id = id;
}

}  // namespace

void add_mark_flags(Command command, MarkFlags& flags) {
  add(command, "--support", "FILE",
      "image that shows the object; the marks after it are in it; without it, they are in QUERY",
      [&flags](const std::string& file) { flags.supports.emplace_back(file); });
  add_mark(command, flags, Kind::mask, "mask", "FILE",
           "rough mask of the object: 0 is background; several parts of like size are one example "
           "each");
  add(command, "--mask-label", "K", "of the mask before it, a label image: only its object K",
      [&flags](const std::string& text) { take_label_id(flags, text); });
  add_mark(command, flags, Kind::box, "box", "X0,Y0,X1,Y1", "box around the object, in pixels");
  add_mark(command, flags, Kind::point, "point", "X,Y",
           "a pixel of the object, best in its middle");
  add_mark(command, flags, Kind::polygon, "polygon", "X,Y,X,Y,...", "outline of the object");
  add(command, "--class", "NAME", "the marks after it are of this class",
      [&flags](const std::string& name) {
        const auto known = std::find(flags.classes.begin(), flags.classes.end(), name);
        flags.current_class = static_cast<std::size_t>(known - flags.classes.begin());
        if (known == flags.classes.end()) flags.classes.push_back(name);
      });
  add(command, "--prompts", "FILE",
      "labelme file: its shapes are marks, their names are classes, \"not NAME\" is negative",
      [&flags](const std::string& file) { flags.prompts.emplace_back(file); });
}

std::optional<std::vector<float>> numbers_in(const std::string& text) {
  std::vector<float> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    while (at != end && *at == ' ') ++at;
    float value = 0;
    const auto read = std::from_chars(at, end, value);
    if (read.ec != std::errc()) return std::nullopt;
    numbers.push_back(value);
    at = read.ptr;
    while (at != end && *at == ' ') ++at;
    if (at == end) return numbers;
    if (*at++ != ',') return std::nullopt;
  }
}

}  // namespace persense::cli
