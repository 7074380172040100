#include "persense/engine.hpp"

#include <fmt/format.h>

#include "persense/classic/classic.hpp"
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

Engine::Engine(const std::string& stages, const Options& options) {
  if (stages != "classic")
    throw InvalidArgument(fmt::format("stages: got \"{}\", expected one of {}", stages,
                                      fmt::join(available_stages(), ", ")));
  using namespace classic;
  model_ = std::make_shared<ModelOf<ClassicEncoder, ClassicDetector, ClassicDmg, ClassicDecoder>>(
      Pipeline(ClassicEncoder{}, ClassicDetector{}, ClassicDmg{}, ClassicDecoder{}, options));
}

std::vector<std::string> Engine::available_stages() { return {"classic"}; }

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
