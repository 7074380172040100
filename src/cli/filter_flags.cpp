#include <opencv2/core.hpp>

#include "filter_flags.hpp"
#include "fingerprint.hpp"

#include <fmt/format.h>

#include "mark_flags.hpp"
#include "marks.hpp"
#include "option_flags.hpp"
#include "persense/detail/marks.hpp"
#include "persense/io/files.hpp"
#include "persense/option_table.hpp"
#include "quiet_io.hpp"

namespace persense::cli {

void add_filter_flags(Command command, FilterFlags& flags) {
  const auto add = [&](const char* name, std::string& value, const char* type, const char* help) {
    command.add_option(name, value, help)
        .type_name(type)
        .not_empty()
        .group("Filters (which instances are reported)");
  };
  add("--min-score", flags.min_score, "S", "lowest score, 0 to 1");
  add("--min-area", flags.min_area, "N|Nx", "smallest area: pixels, or 0.5x the support object's");
  add("--max-area", flags.max_area, "N|Nx", "largest area, likewise");
  add("--max-instances", flags.max_instances, "N", "at most so many, those with the best scores");
  add("--region", flags.region, "FILE|X,Y,...",
      "only those that mostly lie in it: a mask of the queries' size, or a polygon");
  add("--border", flags.border, "keep|drop", "instances that touch the image's border");
}

namespace {

/// Sets an option; errors name the flag instead.
void set(Options& options, const std::string& flag, const std::string& key,
         const std::string& text) {
  try {
    set_option(options, key, text);
  } catch (const InvalidArgument& e) {
    const std::string prefix = "option " + key, message = e.what();
    throw InvalidArgument(
        flag + (message.starts_with(prefix) ? message.substr(prefix.size()) : ": " + message));
  }
}

void set_area(Options& options, const std::string& flag, const std::string& key,
              const std::string& text) {
  const bool is_ratio = text.ends_with('x');
  const std::string number = is_ratio ? text.substr(0, text.size() - 1) : text;
  if (const auto values = numbers_in(number); !values || values->size() != 1)
    throw InvalidArgument(
        fmt::format("{}: got \"{}\", expected pixels as in 200, or times the support object's area "
                    "as in 0.5x",
                    flag, text));
  set(options, flag, is_ratio ? key + "_ratio" : key, number);
}

}  // namespace

void apply_filters(Options& options, const FilterFlags& flags) {
  const auto given = [](const std::string& text) { return !text.empty(); };
  if (given(flags.min_score)) set(options, "--min-score", "filter.min_score", flags.min_score);
  if (given(flags.min_area)) set_area(options, "--min-area", "filter.min_area", flags.min_area);
  if (given(flags.max_area)) set_area(options, "--max-area", "filter.max_area", flags.max_area);
  if (given(flags.max_instances))
    set(options, "--max-instances", "filter.max_instances", flags.max_instances);
  if (given(flags.border)) set(options, "--border", "filter.border", flags.border);
}

Region::Region(const std::string& text) : text_(text) {
  if (text.empty()) return;
  std::error_code ignored;
  const bool looks_like_polygon = text.find_first_not_of("0123456789.,+-eE ") == text.npos;
  if (std::filesystem::exists(text, ignored) || !looks_like_polygon) {
    file_ = text;
    mask_ = read_mask(file_);
    if (cv::countNonZero(mask_) == 0)
      throw InvalidArgument(fmt::format(
          "--region {}: no pixel is set, expected those where instances are wanted", text));
    return;
  }
  const auto numbers = numbers_in(text);
  if (!numbers || numbers->size() < 6 || numbers->size() % 2 != 0)
    throw InvalidArgument(fmt::format(
        "--region: got \"{}\", expected the file of a mask, or X,Y of three vertices or "
        "more as in 0,0,600,0,600,400",
        text));
  polygon_.emplace();
  for (std::size_t i = 0; i < numbers->size(); i += 2)
    polygon_->vertices.push_back({(*numbers)[i], (*numbers)[i + 1]});
}

cv::Mat Region::mask_of(Size query) const {
  if (polygon_) try {
      return detail::mask_of(*polygon_, query);
    } catch (const InvalidArgument&) {
      throw InvalidArgument(
          fmt::format("--region {}: covers no pixel of the query's {}", text_, to_string(query)));
    }
  if (!mask_.empty() && (mask_.cols != query.width || mask_.rows != query.height))
    throw InvalidArgument(fmt::format("--region {}: size {}, expected the query's {}", text_,
                                      to_string(Size{mask_.cols, mask_.rows}), to_string(query)));
  return mask_;
}

std::string Region::identity() const {
  return file_.empty() ? text_ : fingerprint(io::read_file(file_));
}

}  // namespace persense::cli
