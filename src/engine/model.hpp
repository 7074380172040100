// model.hpp: a pipeline behind a virtual face, so that an engine can hold any.
#pragma once

#include <memory>
#include <utility>

#include "persense/baselines/grounded_sam.hpp"
#include "persense/engine.hpp"
#include "persense/pipeline.hpp"

namespace persense {

struct Engine::Model {
  virtual ~Model() = default;
  virtual const Options& options() const = 0;
  virtual EngineSupport support(ImageView image, MaskView mask, const std::string& label) const = 0;
  virtual Result segment(const EngineSupport& support, ImageView query,
                         const RunOptions& run) const = 0;
};

/// @tparam Runner  a Pipeline or GroundedSam.
template <class Runner>
struct Engine::ModelOf final : Engine::Model {
  using Prepared = typename Runner::Prepared;

  explicit ModelOf(Runner made) : runner(std::move(made)) {}

  const Options& options() const override { return runner.options(); }

  EngineSupport support(ImageView image, MaskView mask, const std::string& label) const override {
    auto prepared = std::make_shared<const Prepared>(runner.support(image, mask, label));
    EngineSupport handle;
    handle.info_ = std::make_shared<const EngineSupport::Info>(
        EngineSupport::Info{prepared->image.size(), prepared->box, prepared->diameter,
                            prepared->label, prepared->phrase, prepared->notes});
    handle.prepared_ = std::move(prepared);
    return handle;
  }

  Result segment(const EngineSupport& support, ImageView query,
                 const RunOptions& run) const override {
    return runner.segment(*static_cast<const Prepared*>(support.prepared_.get()), query, run);
  }

  Runner runner;
};

/// Access to the engine's parts for the files that fill them.
struct EngineParts {
  using Model = Engine::Model;

  /// @param make_dmg  gives the DMG; called where the method has a use for one.
  template <class Encoder, class Detector, class MakeDmg, class Decoder>
  static std::shared_ptr<const Model> model(Encoder encoder, Detector detector, MakeDmg&& make_dmg,
                                            Decoder decoder, const Options& options) {
    if (options.method == Method::grounded_sam)
      return of(GroundedSam(std::move(encoder), std::move(detector), std::move(decoder), options));
    return of(
        Pipeline(std::move(encoder), std::move(detector), make_dmg(), std::move(decoder), options));
  }

 private:
  template <class Runner>
  static std::shared_ptr<const Model> of(Runner runner) {
    return std::make_shared<const Engine::ModelOf<Runner>>(std::move(runner));
  }
};

}  // namespace persense
