#include "persense/engine.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "any_stages.hpp"
#include "archive_stages.hpp"
#include "own_stages.hpp"
#include "persense/classic/classic.hpp"

namespace persense {

namespace {

constexpr const char* weight_free = "classic";

/// A slot cannot hold an archive and a stage of the user's.
void check_slots(const Stages& stages) {
  const auto check = [](const char* slot, const std::string& archive, bool own) {
    if (own && archive != weight_free)
      throw InvalidArgument(fmt::format(
          "{}: got \"{}\" and a stage of your own, expected one of them", slot, archive));
  };
  check("encoder", stages.encoder, static_cast<bool>(stages.own.encode));
  check("detector", stages.detector, static_cast<bool>(stages.own.detect));
  check("dmg", stages.dmg, static_cast<bool>(stages.own.density));
  check("decoder", stages.decoder, static_cast<bool>(stages.own.decode));
}

template <class Own, class WeightFree, class Function>
AnyOf<WeightFree, Own> either(const Function& function) {
  if (function) return AnyOf<WeightFree, Own>(Own(function));
  return AnyOf<WeightFree, Own>(WeightFree{});
}

std::shared_ptr<const EngineParts::Model> model_without_archives(const Stages& stages,
                                                                 const Options& options) {
  using namespace classic;
  const OwnStages& own = stages.own;
  if (own.encode && own.detect && own.density && own.decode)  // none needs the weight-free encoder
    return EngineParts::model(OwnEncoder(own.encode), OwnDetector(own.detect), OwnDmg(own.density),
                              OwnDecoder(own.decode), options);
  auto detector = either<OwnDetector, ClassicDetector>(own.detect);
  auto dmg = either<OwnDmg, ClassicDmg>(own.density);
  auto decoder = either<OwnDecoder, ClassicDecoder>(own.decode);
  if (own.encode)
    return EngineParts::model(JoinedEncoder(OwnEncoder(own.encode)), std::move(detector),
                              std::move(dmg), std::move(decoder), options);
  return EngineParts::model(ClassicEncoder{}, std::move(detector), std::move(dmg),
                            std::move(decoder), options);
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
  if (stages.first_archive().empty())
    throw FileNotFound(
        fmt::format("models: no encoder.pt, detector.pt, dmg.pt or decoder.pt in {}", folder));
  return stages;
}

Stages Stages::named(const std::string& models) {
  return models == weight_free ? Stages{} : in_folder(models);
}

std::string Stages::first_archive() const {
  for (const auto* slot : {&encoder, &detector, &dmg, &decoder})
    if (*slot != weight_free) return *slot;
  return {};
}

Options Stages::adapt(const Options& preset) const {
  return dmg == weight_free ? preset : archive_stages(dmg).adapt(*this, preset);
}

bool Engine::has_torch() { return has_archive_stages(); }

torchscript::ArchiveInfo Engine::inspect(const std::filesystem::path& archive) {
  return archive_stages(archive.string()).inspect(archive);
}

Engine::Engine(const std::string& models, const Options& preset) {
  const Stages stages = Stages::named(models);
  *this = Engine(stages, stages.adapt(preset));
}

Engine::Engine(const Stages& stages, const Options& options) {
  check_slots(stages);
  const std::string archive = stages.first_archive();
  if (archive.empty() && (stages.device != "cpu" || stages.dtype != "fp32"))
    throw InvalidArgument(
        fmt::format("device {}, dtype {}: no stage is an archive, and the weight-free stages run "
                    "on the CPU",
                    stages.device, stages.dtype));
  model_ = archive.empty() ? model_without_archives(stages, options)
                           : archive_stages(archive).model(stages, options);
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
