// model.hpp: a pipeline behind a virtual face, so that an engine can hold any.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "persense/baselines/grounded_sam.hpp"
#include "persense/engine.hpp"
#include "persense/pipeline.hpp"

namespace persense {

/// Supports and images are those of this model: the engine checks that.
struct Engine::Model {
  virtual ~Model() = default;
  virtual const Options& options() const = 0;
  virtual EngineImage encode(ImageView image) const = 0;
  virtual EngineSupport support(std::span<const Example> examples,
                                const std::string& label) const = 0;
  virtual Result segment(std::span<const EngineSupport> classes, ImageView query,
                         const RunOptions& run) const = 0;
  virtual Result segment(std::span<const EngineSupport> classes, const EngineImage& query,
                         const RunOptions& run) const = 0;
};

/// Access to the engine's parts for the files that fill them.
struct EngineParts {
  using Model = Engine::Model;

  /// @param make_dmg  gives the DMG; called where the method has a use for one.
  template <class Encoder, class Detector, class MakeDmg, class Decoder>
  static std::shared_ptr<const Model> model(Encoder encoder, Detector detector, MakeDmg&& make_dmg,
                                            Decoder decoder, const Options& options);
};

/// @tparam Runner  a Pipeline or GroundedSam.
template <class Runner>
struct EngineModelOf final : EngineParts::Model {
  using Prepared = typename Runner::Prepared;
  using Encoded = typename Runner::Encoded;

  explicit EngineModelOf(Runner made) : runner(std::move(made)) {}

  const Options& options() const override { return runner.options(); }

  EngineImage encode(ImageView image) const override {
    EngineImage handle;
    handle.size_ = image.size();
    handle.encoded_ = std::make_shared<const Encoded>(runner.encode(image));
    return handle;
  }

  EngineSupport support(std::span<const Example> examples,
                        const std::string& label) const override {
    std::vector<typename Runner::Example> own;
    for (const Example& e : examples) {
      if (const auto* image = std::get_if<EngineImage>(&e.image))
        own.push_back({encoded(*image), e.mark, e.negative});
      else
        own.push_back({std::get<ImageView>(e.image), e.mark, e.negative});
    }
    auto prepared = std::make_shared<const Prepared>(runner.support(own, label));
    EngineSupport handle;
    handle.info_ = std::make_shared<const EngineSupport::Info>(EngineSupport::Info{
        prepared->image.size(), prepared->box, prepared->diameter, prepared->label,
        prepared->phrase, prepared->notes, prepared->examples});
    handle.prepared_ = std::move(prepared);
    return handle;
  }

  Result segment(std::span<const EngineSupport> classes, ImageView query,
                 const RunOptions& run) const override {
    return runner.segment(std::span<const Prepared* const>(prepared(classes)), query, run);
  }

  Result segment(std::span<const EngineSupport> classes, const EngineImage& query,
                 const RunOptions& run) const override {
    return runner.segment(encoded(query), std::span<const Prepared* const>(prepared(classes)), run);
  }

  static const Encoded& encoded(const EngineImage& image) {
    return *static_cast<const Encoded*>(image.encoded_.get());
  }
  static std::vector<const Prepared*> prepared(std::span<const EngineSupport> supports) {
    std::vector<const Prepared*> all;
    for (const EngineSupport& s : supports)
      all.push_back(static_cast<const Prepared*>(s.prepared_.get()));
    return all;
  }

  Runner runner;
};

template <class Encoder, class Detector, class MakeDmg, class Decoder>
std::shared_ptr<const EngineParts::Model> EngineParts::model(Encoder encoder, Detector detector,
                                                             MakeDmg&& make_dmg, Decoder decoder,
                                                             const Options& options) {
  const auto of = [](auto runner) {
    return std::make_shared<const EngineModelOf<decltype(runner)>>(std::move(runner));
  };
  if (options.method == Method::grounded_sam)
    return of(GroundedSam(std::move(encoder), std::move(detector), std::move(decoder), options));
  return of(
      Pipeline(std::move(encoder), std::move(detector), make_dmg(), std::move(decoder), options));
}

}  // namespace persense
