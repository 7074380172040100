#include "persense/engine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "any_stages.hpp"
#include "persense/option_table.hpp"
#include "slot_stages.hpp"
#include "slots.hpp"
#include "torch_plugin.hpp"

namespace persense {

namespace {

/// Whether LibTorch runs a slot's stage.
bool runs_on_torch(std::string_view slot, const Stages& stages) {
  return is_archive(slot) || (slot == learned && !run_mini_natively(stages));
}

/// What asks for LibTorch, for messages; empty where nothing does.
std::string torch_user(const Stages& stages) {
  const auto slots = slots_of(stages);
  const auto first = std::find_if(slots.begin(), slots.end(), [&](std::string_view slot) {
    return runs_on_torch(slot, stages);
  });
  if (first == slots.end()) return "";
  if (is_archive(*first)) return std::string(*first);
  return fmt::format("{} with device {}, dtype {}", learned, stages.device, stages.dtype);
}

/// A slot cannot hold an archive and a stage of the user's.
void check_slots(const Stages& stages) {
  const auto check = [](const char* slot, const std::string& archive, bool own) {
    if (own && is_archive(archive))
      throw InvalidArgument(fmt::format(
          "{}: got \"{}\" and a stage of your own, expected one of them", slot, archive));
  };
  check("encoder", stages.encoder, static_cast<bool>(stages.custom.encode));
  check("detector", stages.detector, static_cast<bool>(stages.custom.detect));
  check("dmg", stages.dmg, static_cast<bool>(stages.custom.density));
  check("decoder", stages.decoder, static_cast<bool>(stages.custom.decode));
}

/// Of a slot that holds an archive.
template <class Stage>
Stage no_other() {
  throw InternalError("engine: a slot without a stage");
}

std::shared_ptr<const EngineParts::Model> model_without_torch(const Stages& stages,
                                                              const Options& options) {
  const auto make_mini = [&] { return native_mini(stages, mini::mini_archive(), options.mini); };
  return EngineParts::model(
      stages, encoder_of(stages, make_mini, no_other<AnyEncoder>),
      [&] { return detector_of(stages, no_other<AnyDetector>); },
      [&] { return dmg_of(stages, no_other<AnyDmg>); },
      decoder_of(stages, options.decoder, no_other<AnyDecoder>), options);
}

/// Without what the method has no use for, so that it is neither loaded nor prepared for.
Stages in_use(const Stages& stages, Method method) {
  Stages used = stages;
  if (method == Method::persense) return used;
  used.dmg = unused;
  used.custom.density = nullptr;
  if (method == Method::grounded_sam) return used;
  used.detector = unused;
  used.custom.detect = nullptr;
  if (method != Method::otsu) return used;
  used.encoder = used.decoder = weight_free;  // makes masks of boxes and points
  used.custom.encode = nullptr;
  used.custom.decode = nullptr;
  return used;
}

Stages filled_with(const std::string& name) {
  Stages stages;
  for (std::string* slot : {&stages.encoder, &stages.detector, &stages.dmg, &stages.decoder})
    *slot = name;
  return stages;
}

std::string described(const Stages& stages) {
  const auto slots = slots_of(stages);
  const auto name = [](std::string_view slot) {
    if (!is_archive(slot)) return std::string(slot);
    return std::filesystem::path(slot).filename().string();
  };
  constexpr std::array names{"encoder", "detector", "dmg", "decoder"};
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (slots[i] != unused) parts.push_back(fmt::format("{} {}", names[i], name(slots[i])));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::string Stages::default_name() { return std::string(learned); }

Stages Stages::in_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  constexpr const char* expected =
      "encoder.pt, detector.pt, dmg.pt, decoder.pt (or .onnx) or mini.pt";
  if (!fs::is_directory(folder, error))
    throw FileNotFound(
        fmt::format("models: got \"{}\", expected \"mini\", \"classic\" or a folder with {}",
                    folder, expected));
  bool found = false;
  const auto fill = [&](std::string& slot, const std::string& file) {
    const fs::path path = fs::path(folder) / file;
    if (!fs::exists(path, error)) return;
    slot = path.string();
    found = true;
  };
  Stages stages;
  fill(stages.mini, "mini.pt");
  for (const std::string kind : {".onnx", ".pt"}) {  // of two files for a slot the archive stays
    fill(stages.encoder, "encoder" + kind);
    fill(stages.detector, "detector" + kind);
    fill(stages.dmg, "dmg" + kind);
    fill(stages.decoder, "decoder" + kind);
  }
  if (!found) throw FileNotFound(fmt::format("models: no {} in {}", expected, folder));
  return stages;
}

Stages Stages::named(const std::string& models) {
  return models == weight_free || models == learned ? filled_with(models) : in_folder(models);
}

bool Stages::need_torch() const { return !torch_user(*this).empty(); }

Options Stages::adapt(const Options& preset) const {
  const auto slots = slots_of(*this);
  const std::string_view dmg_slot = slots[2];
  if (preset.method != Method::persense) return preset;
  if (is_archive(dmg_slot)) return torch_plugin(dmg).adapt(*this, preset);
  if (dmg_slot == learned && preset.feedback.rules == Rules::paper) {
    Options adapted = preset;
    adapted.idm.mode = IdmMode::hybrid;
    constexpr int trained_with = 7;  // exemplars of the query at most
    adapted.feedback.shots = trained_with;
    return adapted;
  }
  return preset;
}

Options Stages::adapt(const Options& preset, const std::function<void(Options&)>& set) const {
  Options with_method = preset, as_set = preset;
  set(as_set);
  with_method.method = as_set.method;
  Options adapted = adapt(with_method);
  set(adapted);
  return adapted;
}

bool Engine::has_torch() { return has_torch_plugin(); }

EmbeddedArchive Engine::mini() { return mini::mini_archive(); }

ArchiveInfo Engine::inspect(const std::filesystem::path& archive) {
  return torch_plugin(archive.string()).inspect(archive);
}

Engine::Engine(const std::string& models, const Options& preset) {
  const Stages stages = Stages::named(models);
  *this = Engine(stages, stages.adapt(preset));
}

Engine::Engine(const Stages& all, const Options& options) {
  check_slots(all);
  const Stages stages = in_use(all, options.method);
  if (!have_networks(stages) && (stages.device != "cpu" || stages.dtype != "fp32"))
    throw InvalidArgument(fmt::format(
        "device {}, dtype {}: no stage is \"mini\" or an archive, and the others run on "
        "the CPU",
        stages.device, stages.dtype));
  const std::string user = torch_user(stages);
  model_ = user.empty() ? model_without_torch(stages, options)
                        : torch_plugin(user).model(stages, options, mini::mini_archive());
  encoders_ = model_;
  stages_ = described(stages);
}

namespace {

/// What stages took when they were made cannot change.
void require_same_stages(const Options& now, const Options& asked) {
  const auto require = [](const char* key, const auto& made, const auto& other) {
    if (made != other)
      throw InvalidArgument(fmt::format("option {}: got {}, expected {} as the stages were made",
                                        key, option_text(other), option_text(made)));
  };
  require("method", now.method, asked.method);
  require("tiles.size", now.tiles.size, asked.tiles.size);
  require("detector.captions", now.detector.captions, asked.detector.captions);
  require("dmg.rules", now.dmg.rules, asked.dmg.rules);
  require("decoder.calibration", now.decoder.calibration, asked.decoder.calibration);
  require("decoder.guidance", now.decoder.guidance, asked.decoder.guidance);
  require("decoder.refinement", now.decoder.refinement, asked.decoder.refinement);
  require("decoder.chunk_megabytes", now.decoder.chunk_megabytes, asked.decoder.chunk_megabytes);
}

}  // namespace

Engine Engine::with(const Options& options) const {
  require_same_stages(model_->options(), options);
  Engine other = *this;
  other.model_ = model_->with(options);
  return other;
}

const Options& Engine::options() const { return model_->options(); }

const std::string& Engine::stages() const { return stages_; }

Size EngineImage::size() const {
  if (!encoded_) throw InvalidArgument("image: no engine encoded it; Engine::encode makes one");
  return size_;
}

const EngineSupport::Info& EngineSupport::info() const {
  if (!info_) throw InvalidArgument("support: no engine prepared it; Engine::support makes one");
  return *info_;
}

void Engine::require_own(std::span<const EngineSupport> supports) const {
  for (const EngineSupport& support : supports) {
    (void)support.info();
    if (support.owner_ != model_)
      throw InvalidArgument("support: was prepared by another engine, expected this one's");
  }
}

void Engine::require_own(const EngineImage& image) const {
  (void)image.size();
  if (image.owner_ != encoders_)
    throw InvalidArgument("image: was encoded by another engine, expected this one's");
}

EngineImage Engine::encode(ImageView image) const {
  EngineImage handle = model_->encode(image);
  handle.owner_ = encoders_;
  return handle;
}

EngineSupport Engine::support(std::span<const Example> examples, const std::string& label,
                              const std::string& phrase) const {
  for (const Example& example : examples)
    if (const auto* image = std::get_if<EngineImage>(&example.image)) require_own(*image);
  EngineSupport handle = model_->support(examples, label, phrase);
  handle.owner_ = model_;
  return handle;
}

EngineSupport Engine::support(ImageView image, MaskView mask, const std::string& label,
                              const std::string& phrase) const {
  const Example example{image, mask};
  return support(std::span(&example, 1), label, phrase);
}

Result Engine::segment(const EngineSupport& support, ImageView query, const RunOptions& run) const {
  return segment(std::span(&support, 1), query, run);
}

Result Engine::segment(const EngineImage& query, const EngineSupport& support,
                       const RunOptions& run) const {
  return segment(query, std::span(&support, 1), run);
}

Result Engine::segment(std::span<const EngineSupport> classes, ImageView query,
                       const RunOptions& run) const {
  require_own(classes);
  return model_->segment(classes, query, run);
}

Result Engine::segment(const EngineImage& query, std::span<const EngineSupport> classes,
                       const RunOptions& run) const {
  require_own(classes);
  require_own(query);
  return model_->segment(classes, query, run);
}

}  // namespace persense
