#include "model.hpp"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "free_memory.hpp"
#include "persense/baselines/everything.hpp"
#include "persense/baselines/grounded_sam.hpp"
#include "persense/baselines/matcher.hpp"
#include "persense/baselines/otsu.hpp"
#include "persense/baselines/persam.hpp"
#include "persense/pipeline.hpp"
#include "persense/tiles/stages.hpp"
#include "slots.hpp"

namespace persense {

using Make = std::function<std::shared_ptr<const EngineParts::Model>(const Options&)>;

/// @tparam Runner  a Pipeline or one of the baselines, of stages chosen at run time.
template <class Runner>
struct EngineParts::ModelOf final : EngineParts::Model {
  ModelOf(Runner made, std::string of_stages, bool networks, Make make)
      : runner(std::move(made)),
        note(std::move(of_stages)),
        runs_networks(networks),
        again(std::move(make)) {}

  const Options& options() const override { return runner.options(); }

  std::shared_ptr<const Model> with(const Options& options) const override {
    return again(options);
  }

  EngineImage encode(ImageView image) const override {
    EngineImage handle;
    handle.size_ = image.size();
    handle.encoded_ =
        std::make_shared<const EngineImage::Encoded>(EngineImage::Encoded{runner.encode(image)});
    return handle;
  }

  EngineSupport support(std::span<const Example> examples, const std::string& label,
                        const std::string& phrase) const override {
    std::vector<typename Runner::Example> own;
    for (const Example& e : examples) {
      if (const auto* image = std::get_if<EngineImage>(&e.image))
        own.push_back({image->encoded_->image, e.mark, e.negative});
      else
        own.push_back({std::get<ImageView>(e.image), e.mark, e.negative});
    }
    auto prepared = std::make_shared<const EngineSupport::Prepared>(
        EngineSupport::Prepared{runner.support(own, label, phrase)});
    const Support<AnyEncoder>& s = prepared->support;
    EngineSupport handle;
    handle.info_ = std::make_shared<const EngineSupport::Info>(EngineSupport::Info{
        s.image.size(), s.box, s.diameter, s.label, s.phrase, s.notes, s.examples});
    handle.prepared_ = std::move(prepared);
    return handle;
  }

  Result segment(std::span<const EngineSupport> classes, ImageView query,
                 const RunOptions& run) const override {
    return noted(
        runner.segment(std::span<const Support<AnyEncoder>* const>(prepared(classes)), query, run));
  }

  Result segment(std::span<const EngineSupport> classes, const EngineImage& query,
                 const RunOptions& run) const override {
    return noted(runner.segment(query.encoded_->image,
                                std::span<const Support<AnyEncoder>* const>(prepared(classes)),
                                run));
  }

  /// What is left to do once a query's memory is free.
  Result noted(Result result) const {
    if (runs_networks) return_free_memory();
    if (!note.empty()) result.notes.push_back(note);
    return result;
  }

  static std::vector<const Support<AnyEncoder>*> prepared(std::span<const EngineSupport> supports) {
    std::vector<const Support<AnyEncoder>*> all;
    for (const EngineSupport& s : supports) all.push_back(&s.prepared_->support);
    return all;
  }

  Runner runner;
  std::string note;  ///< of every result; may be empty
  bool runs_networks;
  Make again;  ///< the same stages with other options
};

namespace {

using ModelPtr = std::shared_ptr<const EngineParts::Model>;

/// What is in the slots, as it was made.
struct SlotParts {
  Stages slots;
  AnyEncoder encoder;
  std::optional<AnyDetector> detector;  // where the method has a use for one
  std::optional<AnyDmg> dmg;
  AnyDecoder decoder;
};

/// Why there are no tiles though they were asked for; else nothing.
std::string note_of_tiles(const SlotParts& parts, int size) {
  const bool any_size = take_any_size(parts.slots);
  if (size > 0 && any_size)
    return fmt::format(
        "tiles.size {}: these stages see images of any size as they are, so there are "
        "no tiles",
        size);
  if (size < 0 && !any_size && !parts.encoder.input_side())
    return fmt::format(
        "tiles.size {}: the encoder does not say how large an image it sees, so there "
        "are no tiles; give their side in pixels",
        size);
  return {};
}

void put_tiles_around(SlotParts& parts, const Options& options) {
  parts.encoder =
      AnyEncoder(TiledEncoder<AnyEncoder>(std::move(parts.encoder), options.tiles.size));
  parts.decoder = AnyDecoder(TiledDecoder<AnyDecoder, AnyEncoder>(std::move(parts.decoder)));
  if (parts.detector)
    parts.detector = AnyDetector(TiledDetector<AnyDetector, AnyEncoder>(
        std::move(*parts.detector), options.detection.threshold));
  if (parts.dmg) parts.dmg = AnyDmg(TiledDmg<AnyDmg, AnyEncoder>(std::move(*parts.dmg)));
}

ModelPtr assembled(SlotParts parts, const Options& options) {
  const auto again = [parts](const Options& other) {
    SlotParts same = parts;
    same.encoder = same.encoder.with(other);
    return assembled(std::move(same), other);
  };
  const std::string note = note_of_tiles(parts, options.tiles.size);
  const bool networks = have_networks(parts.slots);
  if (options.tiles.size != 0 && note.empty() && !take_any_size(parts.slots))
    put_tiles_around(parts, options);
  const auto of = [&](auto runner) -> ModelPtr {
    return std::make_shared<const EngineParts::ModelOf<decltype(runner)>>(std::move(runner), note,
                                                                          networks, again);
  };
  auto& [slots, encoder, detector, dmg, decoder] = parts;
  switch (options.method) {
    case Method::persam:
      return of(PerSam(std::move(encoder), std::move(decoder), options));
    case Method::persam_f:
      return of(PerSamF<AnyEncoder, AnyDecoder>(std::move(encoder), std::move(decoder), options));
    case Method::matcher:
      return of(Matcher(std::move(encoder), std::move(decoder), options));
    case Method::everything:
      return of(Everything(std::move(encoder), std::move(decoder), options));
    case Method::otsu:
      return of(Otsu(std::move(encoder), std::move(decoder), options));
    case Method::grounded_sam:
      return of(GroundedSam(std::move(encoder), std::move(detector.value()), std::move(decoder),
                            options));
    case Method::persense:
      break;
  }
  return of(Pipeline(std::move(encoder), std::move(detector.value()), std::move(dmg.value()),
                     std::move(decoder), options));
}

}  // namespace

std::shared_ptr<const EngineParts::Model> EngineParts::model(
    const Stages& slots, AnyEncoder encoder, const std::function<AnyDetector()>& make_detector,
    const std::function<AnyDmg()>& make_dmg, AnyDecoder decoder, const Options& options) {
  SlotParts parts{slots, std::move(encoder), {}, {}, std::move(decoder)};
  const bool whole = options.method == Method::persense;
  if (whole || options.method == Method::grounded_sam) parts.detector = make_detector();
  if (whole) parts.dmg = make_dmg();
  return assembled(std::move(parts), options);
}

}  // namespace persense
