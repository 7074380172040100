#include "run_settings.hpp"

#include <fmt/format.h>

#include <system_error>

#include "fingerprint.hpp"
#include "persense/option_table.hpp"
#include "persense/version.hpp"
#include "queries.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

// An archive may be gigabytes: its path, size and time tell whether it is the same.
std::string identity_of_archive(const std::string& slot) {
  std::error_code ignored;
  const auto size = fs::file_size(slot, ignored);
  if (ignored) return slot;
  return fmt::format("{} {} {}", identity(slot).string(), size,
                     fs::last_write_time(slot, ignored).time_since_epoch().count());
}

// Another build may have another network. Nothing where no slot is "mini".
std::string identity_of_mini(const Stages& stages) {
  if (!stages.mini.empty()) return identity_of_archive(stages.mini);
  for (const auto* slot : {&stages.encoder, &stages.detector, &stages.dmg, &stages.decoder})
    if (*slot == "mini") return fingerprint(Engine::mini().bytes);
  return "";
}

Options options_of(const SegmentRequest& request, const Stages& stages) {
  return stages.adapt(preset_of(request.options), [&](Options& options) {
    apply_settings(options, request.options);
    apply_filters(options, request.filters);
  });
}

}  // namespace

fs::path record_file(const SegmentRequest& request) {
  return request.folder / ".persense-run" / "record.jsonl";
}

RunRecord::Settings settings_of(const SegmentRequest& request, const Options& options,
                                const Marks& marks, const Region& region) {
  RunRecord::Settings settings{
      {"version", PERSENSE_VERSION}, {"label", request.label.name}, {"region", region.identity()}};
  std::size_t number = 0;
  for (const std::string& mark : marks.identities())
    settings[fmt::format("mark {}", ++number)] = mark;
  const Stages stages = stages_from(request.stages);
  settings["encoder"] = identity_of_archive(stages.encoder);
  settings["detector"] = identity_of_archive(stages.detector);
  settings["dmg"] = identity_of_archive(stages.dmg);
  settings["decoder"] = identity_of_archive(stages.decoder);
  settings["mini"] = identity_of_mini(stages);
  settings["dtype"] = stages.dtype;
  if (request.coco_polygons) settings["coco masks"] = "polygons";
  if (request.yolo_boxes) settings["yolo shapes"] = "boxes";
  if (!request.pixel_size.empty()) settings["pixel size"] = request.pixel_size;
  settings.merge(label_source(request.label));
  for_each_option(options, [&](const char* key, const auto& field, double, double, auto) {
    settings[key] = option_text(field);
  });
  return settings;
}

std::optional<io::Window> window_of(const SegmentRequest& request) {
  if (request.window.empty()) return std::nullopt;
  const auto numbers = numbers_in(request.window);
  if (!numbers || numbers->size() != 2 || !((*numbers)[0] < (*numbers)[1]))
    throw InvalidArgument(
        fmt::format("--window: got \"{}\", expected LOW,HIGH with LOW below HIGH as in 100,4095",
                    request.window));
  return io::Window{(*numbers)[0], (*numbers)[1]};
}

io::PixelSize pixel_size_of(const SegmentRequest& request) {
  if (request.pixel_size.empty()) return {};
  return io::parse_pixel_size(request.pixel_size, "--pixel-size");
}

std::string window_note(const SegmentRequest& request, const io::Window& window, bool of_support) {
  const std::string why =
      !request.window.empty()
          ? "as --window says"
          : fmt::format("by the 0.1st and 99.9th percentile of the {}; --window sets it",
                        of_support ? "support image" : "first query");
  return fmt::format("pixels of 16 bits and more: {:g} is black and {:g} white, {}", window.low,
                     window.high, why);
}

Engine engine_of(const SegmentRequest& request) {
  const Stages stages = stages_from(request.stages);
  Engine engine(stages, options_of(request, stages));
  note_other_stages(request.options, engine);
  return engine;
}

std::set<std::string> kinds_of(const SegmentRequest& request) {
  std::set<std::string> kinds;
  if (request.overlay) kinds.insert("overlay");
  if (request.labels) kinds.insert("labels");
  if (request.coco || request.coco_polygons) kinds.insert("coco");
  if (request.csv) kinds.insert("csv");
  if (request.measure || !request.pixel_size.empty()) kinds.insert("measurements");
  if (request.labelme) kinds.insert("labelme");
  if (request.yolo || request.yolo_boxes) kinds.insert("yolo");
  if (request.geojson) kinds.insert("geojson");
  if (request.imagej) kinds.insert("imagej");
  if (request.trace) kinds.insert("trace");
  if (kinds.empty()) kinds.insert("overlay");
  return kinds;
}

}  // namespace persense::cli
