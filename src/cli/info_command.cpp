// What a model archive says of itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>

#include "commands.hpp"
#include "console.hpp"
#include "json.hpp"
#include "option_flags.hpp"
#include "persense/engine.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

const char* const info_description =
    "Show what a model archive holds, and check that it is whole\n"
    "\n"
    "Examples:\n"
    "  # stage, shapes, size, where the weights come from\n"
    "  persense info models/encoder.pt\n"
    "\n"
    "  # the same for a script\n"
    "  persense info models/encoder.pt --json\n";

const char* const info_footer =
    "Every checksum in the archive is computed and LibTorch reads it, so an archive that is shown\n"
    "is one that can be used. It needs no GPU, whatever the precision of the weights. An ONNX "
    "model\n"
    "(.onnx) has no checksums; ONNX Runtime loads it.\n"
    "\n";

/// 93735472 as "93 735 472".
std::string grouped(std::uintmax_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3;) digits.insert(i -= 3, " ");
  return digits;
}

std::string megabytes(std::uintmax_t bytes) {
  const auto count = static_cast<double>(bytes);
  return count < 1e6 ? fmt::format("{:.1f} kB", count / 1e3)
                     : fmt::format("{:.1f} MB", count / 1e6);
}

/// As numbers that print as they stand in the manifest: 123.675, not 123.67500305175781.
std::array<double, 3> as_written(const std::array<float, 3>& colour) {
  std::array<double, 3> result{};
  std::transform(colour.begin(), colour.end(), result.begin(),
                 [](float value) { return std::stod(fmt::format("{}", value)); });
  return result;
}

bool has_shapes(Stage stage) { return stage != Stage::all; }
bool has_colours(Stage stage) { return stage != Stage::decoder && stage != Stage::all; }
bool has_embedding(Stage stage) { return stage == Stage::encoder || stage == Stage::decoder; }

std::string stage_line(Stage stage) {
  return stage == Stage::all ? "all: encoder, detector, dmg, decoder" : name_of(stage);
}

std::string input_line(const Manifest& manifest) {
  const auto& input = manifest.input;
  if (!has_shapes(manifest.stage)) return "";
  if (manifest.stage == Stage::decoder)
    return fmt::format("embedding and prompts of a frame of {} pixels", input.size);
  std::string size = fmt::format("{} x {} pixels", input.size, input.size);
  if (manifest.stage == Stage::detector)
    size = fmt::format("short side {} pixels, long side at most {}", input.short_side,
                       input.long_side);
  if (manifest.stage == Stage::encoder)
    size = fmt::format(
        "longest side {} pixels, padded to {}", input.size,
        input.pad_multiple == 0 ? "a square" : fmt::format("multiples of {}", input.pad_multiple));
  return fmt::format("RGB, {}, mean {}, std {}", size, fmt::join(input.mean, " "),
                     fmt::join(input.deviation, " "));
}

std::string output_line(const Manifest& manifest) {
  const auto& output = manifest.output;
  switch (manifest.stage) {
    case Stage::encoder:
      return fmt::format("{} channels, a cell every {} pixels", output.channels, output.stride);
    case Stage::decoder:
      return fmt::format("{} masks a prompt", output.masks);
    case Stage::dmg:
      return fmt::format("density times {}", output.scale);
    case Stage::detector:
      return fmt::format("{} boxes; captions of at most {} tokens", output.queries,
                         manifest.text.max_tokens);
    case Stage::all:
      break;
  }
  return "";
}

std::string as_text(const ArchiveInfo& info) {
  const Manifest& manifest = info.manifest;
  std::string text;
  const auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:<12}{}\n", name, value);
  };
  line("stage", stage_line(manifest.stage));
  line("name", one_line(manifest.name));
  line("input", input_line(manifest));
  line("output", output_line(manifest));
  line("encoder", one_line(manifest.encoder));
  line("prototype", manifest.stage == Stage::encoder ? manifest.prototype : "");
  line("dtype", manifest.dtype);
  line("parameters", grouped(static_cast<std::uintmax_t>(info.parameters)));
  line("size", megabytes(info.bytes));
  line("upstream", one_line(manifest.upstream));
  line("checkpoint",
       manifest.sha256_weights.empty() ? "" : "sha256 " + one_line(manifest.sha256_weights));
  line("checksums", info.parts == 0 ? "none: an ONNX model"
                                    : fmt::format("{} of {} right", info.parts, info.parts));
  return text;
}

/// The fields "input" and "output", and what else depends on the stage.
void write_shapes(const Manifest& manifest, nlohmann::ordered_json& json) {
  json["input"] = nlohmann::ordered_json::object();
  json["output"] = nlohmann::ordered_json::object();
  auto &input = json["input"], &output = json["output"];
  if (manifest.stage != Stage::detector) input["size"] = manifest.input.size;
  if (has_colours(manifest.stage)) {
    input["mean"] = as_written(manifest.input.mean);
    input["std"] = as_written(manifest.input.deviation);
  }
  if (has_embedding(manifest.stage)) {
    output["channels"] = manifest.output.channels;
    output["stride"] = manifest.output.stride;
  }
  if (manifest.stage == Stage::encoder) {
    input["pad_multiple"] = manifest.input.pad_multiple;
    json["prototype"] = manifest.prototype;
  } else if (manifest.stage == Stage::decoder) {
    output["masks"] = manifest.output.masks;
    json["encoder"] = manifest.encoder;
  } else if (manifest.stage == Stage::dmg) {
    input["exemplar_size"] = manifest.input.exemplar_size;
    output["scale"] = manifest.output.scale;
  } else if (manifest.stage == Stage::detector) {
    input["short_side"] = manifest.input.short_side;
    input["long_side"] = manifest.input.long_side;
    output["queries"] = manifest.output.queries;
    json["text"] = {{"vocabulary", manifest.text.vocabulary},
                    {"max_tokens", manifest.text.max_tokens}};
  }
}

nlohmann::ordered_json as_json(const fs::path& file, const ArchiveInfo& info) {
  const Manifest& manifest = info.manifest;
  nlohmann::ordered_json json{{"file", file.string()},
                              {"format", manifest.format},
                              {"stage", name_of(manifest.stage)},
                              {"name", manifest.name}};
  if (has_shapes(manifest.stage)) write_shapes(manifest, json);
  json["dtype"] = manifest.dtype;
  json["parameters"] = info.parameters;
  json["bytes"] = info.bytes;
  json["parts"] = info.parts;
  json["upstream"] = manifest.upstream;
  json["sha256_weights"] = manifest.sha256_weights;
  return json;
}

}  // namespace

void add_info(Command program, Task& task) {
  struct Request {
    fs::path file;
    bool json = false;
  };
  const Command command = program.add_subcommand("info", info_description);
  const auto request = std::make_shared<Request>();
  command.add_option("FILE", request->file, "model archive (.pt, .onnx)")
      .type_name("")
      .not_empty()
      .required();
  command.add_flag("--json", request->json, "print JSON");
  command.footer(std::string(info_footer) + exit_code_help);
  command.callback([request, &task] {
    task = [request] {
      const ArchiveInfo info = Engine::inspect(request->file);
      print_out(request->json ? detail::json_text(as_json(request->file, info), 2) + "\n"
                              : as_text(info));
      return Exit::ok;
    };
  });
}

}  // namespace persense::cli
