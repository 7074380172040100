// model.hpp: a pipeline behind a virtual face, so that an engine can hold any.
#pragma once

#include <memory>
#include <utility>

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

template <class Encoder, class Detector, class Dmg, class Decoder>
struct Engine::ModelOf final : Engine::Model {
  explicit ModelOf(Pipeline<Encoder, Detector, Dmg, Decoder> stages)
      : pipeline(std::move(stages)) {}

  const Options& options() const override { return pipeline.options(); }

  EngineSupport support(ImageView image, MaskView mask, const std::string& label) const override {
    auto prepared = std::make_shared<const Support<Encoder>>(pipeline.support(image, mask, label));
    EngineSupport handle;
    handle.info_ = std::make_shared<const EngineSupport::Info>(
        EngineSupport::Info{prepared->image.size(), prepared->box, prepared->diameter,
                            prepared->label, prepared->phrase, prepared->notes});
    handle.prepared_ = std::move(prepared);
    return handle;
  }

  Result segment(const EngineSupport& support, ImageView query,
                 const RunOptions& run) const override {
    return pipeline.segment(*static_cast<const Support<Encoder>*>(support.prepared_.get()), query,
                            run);
  }

  Pipeline<Encoder, Detector, Dmg, Decoder> pipeline;
};

/// Access to the engine's parts for the files that fill them.
struct EngineParts {
  using Model = Engine::Model;

  template <class Encoder, class Detector, class Dmg, class Decoder>
  static std::shared_ptr<const Model> model(Encoder encoder, Detector detector, Dmg dmg,
                                            Decoder decoder, const Options& options) {
    return std::make_shared<const Engine::ModelOf<Encoder, Detector, Dmg, Decoder>>(Pipeline(
        std::move(encoder), std::move(detector), std::move(dmg), std::move(decoder), options));
  }
};

}  // namespace persense
