// model.hpp: a pipeline of stages that are chosen at run time, as an engine holds it. It is
// virtual, as the one that runs networks may come from a library that is opened on first use: see
// torch_plugin.hpp.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "any_stages.hpp"
#include "persense/engine.hpp"

namespace persense {

/// Supports and images are those of this model: the engine checks that.
struct Engine::Model {
  virtual ~Model() = default;
  virtual const Options& options() const = 0;
  /// The same stages with other options: see Engine::with.
  virtual std::shared_ptr<const Model> with(const Options& options) const = 0;
  virtual EngineImage encode(ImageView image) const = 0;
  virtual EngineSupport support(std::span<const Example> examples, const std::string& label,
                                const std::string& phrase) const = 0;
  virtual Result segment(std::span<const EngineSupport> classes, ImageView query,
                         const RunOptions& run) const = 0;
  virtual Result segment(std::span<const EngineSupport> classes, const EngineImage& query,
                         const RunOptions& run) const = 0;
};

struct EngineImage::Encoded {
  EncodedImage<AnyEncoder> image;
};

struct EngineSupport::Prepared {
  Support<AnyEncoder> support;
};

/// Access to the engine's parts for the files that fill them.
struct EngineParts {
  using Model = Engine::Model;

  /// The method that the options name, over the stages that are in these slots.
  /// @param make_detector, make_dmg  called where the method has a use for one.
  static std::shared_ptr<const Model> model(const Stages& slots, AnyEncoder encoder,
                                            const std::function<AnyDetector()>& make_detector,
                                            const std::function<AnyDmg()>& make_dmg,
                                            AnyDecoder decoder, const Options& options);

  template <class Runner>
  struct ModelOf;
};

}  // namespace persense
