// IDM and PPSM for people who have their own density maps.
#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <numeric>
#include <optional>

#include "commands.hpp"
#include "console.hpp"
#include "json.hpp"
#include "option_flags.hpp"
#include "persense/idm.hpp"
#include "persense/io/files.hpp"
#include "persense/io/npy.hpp"
#include "persense/ppsm.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

const char* const points_description =
    "Point prompts from your own density map, by IDM and PPSM\n"
    "\n"
    "Examples:\n"
    "  # candidate points of a density map, in the pixels of its 967 x 839 image\n"
    "  persense points density.npy --size 967x839 > points.csv\n"
    "\n"
    "  # only those that are similar enough to the support and lie in a detected box\n"
    "  persense points density.npy --size 967x839 --similarity similarity.npy --boxes boxes.json\n"
    "\n"
    "  # CounTR's maps want a lower threshold; points and count as JSON\n"
    "  persense points countr.npy --size 967x839 --set idm.threshold=20 -o points.json\n";

const char* const points_footer =
    "Standard output has one `x,y` line a point and nothing else; the number of points and the\n"
    "estimated count go to standard error. A file of -o has, by its extension: .csv, a header "
    "line\n"
    "`x,y` and the same lines; .json, {\"size\": [w, h], \"count\": c, \"points\": [[x, y], "
    "...]}.\n"
    "Maps are two-dimensional .npy files, float32 or float64. Boxes are JSON: [[x0, y0, x1, y1],\n"
    "...] in image pixels. When no candidate passes PPSM, all are kept, with a note.\n"
    "\n";

struct PointsRequest {
  fs::path density, similarity, boxes, output;
  std::string size;
  std::optional<double> count;
  OptionFlags options;
};

Size parse_size(const std::string& text) {
  Size size;
  const char* const end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, size.width);
  const bool separated = width.ec == std::errc() && width.ptr != end && *width.ptr == 'x';
  const auto height = separated ? std::from_chars(width.ptr + 1, end, size.height)
                                : std::from_chars_result{end, std::errc::invalid_argument};
  if (height.ec != std::errc() || height.ptr != end || size.width < 1 || size.height < 1)
    throw InvalidArgument(
        fmt::format("--size: got \"{}\", expected WIDTHxHEIGHT in pixels as in 967x839", text));
  return size;
}

std::vector<Box> read_boxes(const fs::path& path) {
  const auto bytes = io::read_file(path);
  const auto list =
      persense::detail::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto expected = [&](const std::string& got) {
    return Unreadable(
        fmt::format("{}: {}, expected a JSON list of boxes [x0, y0, x1, y1]", path.string(), got));
  };
  if (!list.is_array()) throw expected(list.is_discarded() ? "not JSON" : "not a list");
  std::vector<Box> boxes;
  for (const auto& box : list) {
    const bool four =
        box.is_array() && box.size() == 4 &&
        std::all_of(box.begin(), box.end(), [](const auto& v) { return v.is_number(); });
    if (!four) throw expected(fmt::format("box {} is not four numbers", boxes.size() + 1));
    boxes.push_back(
        {box[0].get<float>(), box[1].get<float>(), box[2].get<float>(), box[3].get<float>()});
  }
  return boxes;
}

// The selection as the pipeline does it: all candidates, when none passes.
std::vector<Point> select(const PointsRequest& request, std::vector<Point> candidates, Size size,
                          double count, const PpsmOptions& options) {
  const FloatMap similarity = io::read_npy_map(request.similarity);
  if (size_of(similarity) != size)
    throw InvalidArgument(fmt::format("{}: similarity of {}, expected the image's {} (--size)",
                                      request.similarity.string(), to_string(size_of(similarity)),
                                      to_string(size)));
  const auto boxes = read_boxes(request.boxes);
  const auto selected = ppsm(candidates, similarity, count, boxes, options).selected;
  if (selected.empty() && !candidates.empty()) {
    print_note("no candidate point passed PPSM, so all were kept");
    return candidates;
  }
  std::vector<Point> points;
  for (const std::size_t i : selected) points.push_back(candidates[i]);
  return points;
}

std::string xy_lines(const std::vector<Point>& points) {
  std::string lines;
  for (const Point p : points) lines += fmt::format("{},{}\n", p.x, p.y);
  return lines;
}

std::string as_json(const std::vector<Point>& points, Size size, double count) {
  auto list = nlohmann::json::array();
  for (const Point p : points) list.push_back({p.x, p.y});
  return detail::json_text(nlohmann::ordered_json{
             {"size", {size.width, size.height}}, {"count", count}, {"points", list}}) +
         "\n";
}

// Before anything is computed.
void check(const PointsRequest& request) {
  const auto extension = request.output.extension();
  if (!request.output.empty() && extension != ".csv" && extension != ".json")
    throw InvalidArgument(fmt::format("-o: got \"{}\", expected a name ending in .csv or .json",
                                      request.output.string()));
}

Exit points(const PointsRequest& request) {
  check(request);
  const Options options = options_from(request.options);
  const FloatMap density = io::read_npy_map(request.density);
  const Size size = request.size.empty() ? size_of(density) : parse_size(request.size);
  IdmResult found = idm(density, size, options.idm);
  if (!request.similarity.empty()) {
    const bool round_up = options.ppsm.count_rounding == CountRounding::ceil;
    const double count = request.count.value_or(round_up ? ceil_count(found.count) : found.count);
    found.points = select(request, std::move(found.points), size, count, options.ppsm);
  }
  if (request.output.empty())
    print_out(xy_lines(found.points));
  else if (request.output.extension() == ".json")
    io::write_file(request.output, as_json(found.points, size, found.count));
  else
    io::write_file(request.output, "x,y\n" + xy_lines(found.points));
  flush_stdout();
  std::fputs(
      fmt::format("{}, estimated count {:.2f}\n", plural(found.points.size(), "point"), found.count)
          .c_str(),
      messages());
  return Exit::ok;
}

}  // namespace

void add_points(Command program, Task& task) {
  const Command command = program.add_subcommand("points", points_description);
  const auto request = std::make_shared<PointsRequest>();
  command.add_option("DENSITY", request->density, "density map, objects per pixel (.npy)")
      .type_name("")
      .not_empty()
      .required();
  command
      .add_option("--size", request->size,
                  "size of the image the map is stretched to; default: the map's own")
      .type_name("WxH");
  const Flag similarity =
      command
          .add_option("--similarity", request->similarity,
                      "similarity to the support, of the image's size (.npy): select with PPSM")
          .type_name("FILE")
          .not_empty();
  const Flag boxes =
      command.add_option("--boxes", request->boxes, "detected boxes (.json), for PPSM")
          .type_name("FILE")
          .not_empty();
  similarity.needs(boxes);
  boxes.needs(similarity);
  command
      .add_option("--count", request->count,
                  "object count that PPSM reckons with; default: the density map's sum")
      .type_name("C")
      .needs(similarity);
  command.add_option("-o,--output", request->output, "write a .csv or .json file instead")
      .type_name("FILE")
      .not_empty();
  add_option_flags(command, request->options);
  command.footer(std::string(points_footer) + exit_code_help);
  command.callback([request, &task] { task = [request] { return points(*request); }; });
}

}  // namespace persense::cli
