#include "persense/engine.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "model.hpp"
#include "persense/classic/classic.hpp"

namespace persense {

namespace {

Stages stages_of(const std::string& name) {
  return name == "classic" ? Stages{} : Stages::in_folder(name);
}

}  // namespace

Stages Stages::in_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw FileNotFound(fmt::format(
        "models: got \"{}\", expected \"classic\" or a folder with encoder.pt, detector.pt, dmg.pt "
        "or decoder.pt",
        folder));
  Stages stages;
  const auto fill = [&](std::string& slot, const char* file) {
    const fs::path path = fs::path(folder) / file;
    if (fs::exists(path, error)) slot = path.string();
  };
  fill(stages.encoder, "encoder.pt");
  fill(stages.detector, "detector.pt");
  fill(stages.dmg, "dmg.pt");
  fill(stages.decoder, "decoder.pt");
  if (stages.all_classic())
    throw FileNotFound(
        fmt::format("models: no encoder.pt, detector.pt, dmg.pt or decoder.pt in {}", folder));
  return stages;
}

bool Stages::all_classic() const {
  return encoder == "classic" && detector == "classic" && dmg == "classic" && decoder == "classic";
}

Engine::Engine(const std::string& stages, const Options& preset)
    : Engine(stages_of(stages), stages_of(stages).adapt(preset)) {}

Engine::Engine(const Stages& stages, const Options& options) {
  using namespace classic;
  if (stages.all_classic() && (stages.device != "cpu" || stages.dtype != "fp32"))
    throw InvalidArgument(
        fmt::format("device {}, dtype {}: no stage is an archive, and the weight-free stages run "
                    "on the CPU",
                    stages.device, stages.dtype));
  model_ = stages.all_classic() ? EngineParts::model(ClassicEncoder{}, ClassicDetector{},
                                                     ClassicDmg{}, ClassicDecoder{}, options)
                                : EngineParts::with_archives(stages, options);
}

const Options& Engine::options() const { return model_->options(); }

EngineSupport Engine::support(ImageView image, MaskView mask, const std::string& label) const {
  EngineSupport handle = model_->support(image, mask, label);
  handle.owner_ = model_;
  return handle;
}

Result Engine::segment(const EngineSupport& support, ImageView query, const RunOptions& run) const {
  if (support.owner_ != model_)
    throw InvalidArgument("support: was prepared by another engine, expected this one's");
  return model_->segment(support, query, run);
}

}  // namespace persense
