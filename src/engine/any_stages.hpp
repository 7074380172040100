// any_stages.hpp: stages that are chosen at run time. Each slot is an interface, which a class
// template implements over any stage; so the pipeline is compiled once, whatever is in its slots.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "persense/descriptor.hpp"
#include "persense/detail/marking.hpp"
#include "persense/options.hpp"
#include "persense/stages.hpp"
#include "persense/tiles/encoder.hpp"

namespace persense {

/// Values of several types, at most one of each. Cheap to copy: copies share them.
class ByType {
 public:
  template <class T>
  void add(T value) {
    parts_[typeid(T)] = std::make_shared<const T>(std::move(value));
  }
  /// Null where there is none of the type.
  template <class T>
  const T* find() const {
    const auto at = parts_.find(typeid(T));
    return at == parts_.end() ? nullptr : static_cast<const T*>(at->second.get());
  }
  /// @throws InternalError  none of the type.
  template <class T>
  const T& get() const {
    if (const T* const part = find<T>()) return *part;
    throw InternalError(fmt::format("engine: no encoder in use makes a {}", typeid(T).name()));
  }

 private:
  std::map<std::type_index, std::shared_ptr<const void>> parts_;
};

/// What the encoders in use made of an image.
struct AnyEmbedding {
  ByType parts;
};

/// What they made of the support's examples.
struct AnyPrototype {
  ByType parts;
  std::vector<std::string> notes;
};

/// The encoder in the encoder's slot, which says what is similar, and those that other slots'
/// stages were made for. No other computes anything.
class AnyEncoder {
 public:
  using Embedding = AnyEmbedding;
  using Prototype = AnyPrototype;

  /// @param main  the one that says what is similar.
  template <class E>
  requires(!std::same_as<E, AnyEncoder>) explicit AnyEncoder(E main) { add(std::move(main)); }

  template <ImageEncoder E>
  void add(E encoder) {
    encoders_.push_back(std::make_shared<const Of<E>>(std::move(encoder)));
  }

  /// Longest side of what the encoder sees; none: an image of any size as it is, or not known.
  std::optional<int> input_side() const { return encoders_.front()->input_side(); }

  /// Null where none of them is an E.
  template <ImageEncoder E>
  const E* find() const {
    for (const auto& encoder : encoders_)
      if (const auto* of = dynamic_cast<const Of<E>*>(encoder.get())) return &of->encoder;
    return nullptr;
  }

  /// The same encoders as other options have them; each of the two may use embeddings of the other.
  AnyEncoder with(const Options& options) const {
    AnyEncoder other = *this;
    for (auto& encoder : other.encoders_)
      if (auto changed = encoder->with(options)) encoder = std::move(changed);
    return other;
  }

  Embedding encode(ImageView image) const {
    Embedding all;
    for (const auto& encoder : encoders_) encoder->encode(image, all);
    return all;
  }
  Prototype prototype(std::span<const EncodedExample<Embedding>> examples) const {
    Prototype all;
    for (const auto& encoder : encoders_) encoder->prototype(examples, all);
    return all;
  }
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype, Size size) const {
    return encoders_.front()->similarity(embedding, prototype, size);
  }
  /// Empty where the encoder describes no objects.
  Eigen::RowVectorXf describe(const Embedding& embedding, const Mask& mask, Size size) const {
    return encoders_.front()->describe(embedding, mask, size);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual void encode(ImageView image, Embedding& all) const = 0;
    virtual void prototype(std::span<const EncodedExample<Embedding>> examples,
                           Prototype& all) const = 0;
    virtual FloatMap similarity(const Embedding& embedding, const Prototype& prototype,
                                Size size) const = 0;
    virtual Eigen::RowVectorXf describe(const Embedding& embedding, const Mask& mask,
                                        Size size) const = 0;
    virtual std::optional<int> input_side() const = 0;
    /// Null where options change nothing.
    virtual std::shared_ptr<const Interface> with(const Options& options) const = 0;
  };
  template <ImageEncoder E>
  struct Of;

  std::vector<std::shared_ptr<const Interface>> encoders_;
};

template <ImageEncoder E>
struct AnyEncoder::Of final : Interface {
  explicit Of(E made) : encoder(std::move(made)) {}

  void encode(ImageView image, Embedding& all) const override {
    all.parts.add(encoder.encode(image));
  }
  void prototype(std::span<const EncodedExample<Embedding>> examples,
                 Prototype& all) const override {
    std::vector<EncodedExample<typename E::Embedding>> own;
    for (const auto& e : examples)
      own.push_back(
          {&e.embedding->parts.template get<typename E::Embedding>(), e.mask, e.image, e.negative});
    auto made = encoder.prototype(std::span<const EncodedExample<typename E::Embedding>>(own));
    if constexpr (requires { made.notes; })
      all.notes.insert(all.notes.end(), made.notes.begin(), made.notes.end());
    all.parts.add(std::move(made));
  }
  FloatMap similarity(const Embedding& embedding, const Prototype& prototype,
                      Size size) const override {
    return encoder.similarity(embedding.parts.template get<typename E::Embedding>(),
                              prototype.parts.template get<typename E::Prototype>(), size);
  }
  Eigen::RowVectorXf describe(const Embedding& embedding, const Mask& mask,
                              Size size) const override {
    if constexpr (DescribesObjects<E>)
      return encoder.describe(embedding.parts.template get<typename E::Embedding>(), mask, size);
    else
      return {};
  }
  std::optional<int> input_side() const override { return input_side_of(encoder); }
  std::shared_ptr<const Interface> with([[maybe_unused]] const Options& options) const override {
    if constexpr (requires { encoder.with(options.mini); })
      return std::make_shared<const Of>(encoder.with(options.mini));
    else
      return nullptr;
  }

  const E encoder;
};

class AnyDetector {
 public:
  template <class D>
  requires(!std::same_as<D, AnyDetector>) explicit AnyDetector(D detector)
      : detector_(std::make_shared<const Of<D>>(std::move(detector))) {}

  Detections detect(const Query<AnyEncoder>& query) const { return detector_->detect(query); }
  bool from_similarity() const { return detector_->from_similarity(); }
  bool reads_text() const { return detector_->reads_text(); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual Detections detect(const Query<AnyEncoder>& query) const = 0;
    virtual bool from_similarity() const = 0;
    virtual bool reads_text() const = 0;
  };
  template <DetectorFor<AnyEncoder> D>
  struct Of final : Interface {
    explicit Of(D made) : detector(std::move(made)) {}
    Detections detect(const Query<AnyEncoder>& query) const override {
      return detector.detect(query);
    }
    bool from_similarity() const override { return is_from_similarity(detector); }
    bool reads_text() const override { return does_read_text(detector); }
    const D detector;
  };

  std::shared_ptr<const Interface> detector_;
};

class AnyDmg {
 public:
  template <class G>
  requires(!std::same_as<G, AnyDmg>) explicit AnyDmg(G dmg)
      : dmg_(std::make_shared<const Of<G>>(std::move(dmg))) {}

  DensityMap density(const Query<AnyEncoder>& query) const { return dmg_->density(query); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual DensityMap density(const Query<AnyEncoder>& query) const = 0;
  };
  template <DmgFor<AnyEncoder> G>
  struct Of final : Interface {
    explicit Of(G made) : dmg(std::move(made)) {}
    DensityMap density(const Query<AnyEncoder>& query) const override { return dmg.density(query); }
    const G dmg;
  };

  std::shared_ptr<const Interface> dmg_;
};

class AnyDecoder {
 public:
  template <class M>
  requires(!std::same_as<M, AnyDecoder>) explicit AnyDecoder(M decoder)
      : decoder_(std::make_shared<const Of<M>>(std::move(decoder))) {}

  std::vector<ScoredMask> decode(const Query<AnyEncoder>& query,
                                 std::span<const Prompt> prompts) const {
    return decoder_->decode(query, prompts);
  }
  bool takes_boxes() const { return decoder_->takes_boxes(); }
  bool decodes_scales() const { return decoder_->decodes_scales(); }

  /// Both only where decodes_scales().
  ScaleLogits scale_logits(const MarkedImage<AnyEncoder>& image, Point point) const {
    return decoder_->scale_logits(image, point);
  }
  std::vector<ScoredMask> decode_weighted(const MarkedImage<AnyEncoder>& image,
                                          std::span<const Point> points,
                                          const ScaleWeights& weights) const {
    return decoder_->decode_weighted(image, points, weights);
  }

  /// As detail::decoded_mark, which takes this one: a mark is decoded in the decoder's own way.
  friend Mask decoded_mark(const AnyEncoder& encoder, const AnyDecoder& decoder,
                           const EncodedImage<AnyEncoder>& image, const Prompt& mark) {
    return decoder.decoder_->marked(encoder, image, mark);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual std::vector<ScoredMask> decode(const Query<AnyEncoder>& query,
                                           std::span<const Prompt> prompts) const = 0;
    virtual bool takes_boxes() const = 0;
    virtual bool decodes_scales() const = 0;
    virtual ScaleLogits scale_logits(const MarkedImage<AnyEncoder>& image, Point point) const = 0;
    virtual std::vector<ScoredMask> decode_weighted(const MarkedImage<AnyEncoder>& image,
                                                    std::span<const Point> points,
                                                    const ScaleWeights& weights) const = 0;
    virtual Mask marked(const AnyEncoder& encoder, const EncodedImage<AnyEncoder>& image,
                        const Prompt& mark) const = 0;
  };
  template <DecoderFor<AnyEncoder> M>
  struct Of final : Interface {
    explicit Of(M made) : decoder(std::move(made)) {}
    std::vector<ScoredMask> decode(const Query<AnyEncoder>& query,
                                   std::span<const Prompt> prompts) const override {
      return decoder.decode(query, prompts);
    }
    bool takes_boxes() const override { return does_take_boxes(decoder); }
    bool decodes_scales() const override { return DecodesScales<M, AnyEncoder>; }
    ScaleLogits scale_logits([[maybe_unused]] const MarkedImage<AnyEncoder>& image,
                             [[maybe_unused]] Point point) const override {
      if constexpr (DecodesScales<M, AnyEncoder>)
        return decoder.scale_logits(image, point);
      else
        throw InternalError("decoder: has no masks of three scales");
    }
    std::vector<ScoredMask> decode_weighted(
        [[maybe_unused]] const MarkedImage<AnyEncoder>& image,
        [[maybe_unused]] std::span<const Point> points,
        [[maybe_unused]] const ScaleWeights& weights) const override {
      if constexpr (DecodesScales<M, AnyEncoder>)
        return decoder.decode_weighted(image, points, weights);
      else
        throw InternalError("decoder: has no masks of three scales");
    }
    Mask marked(const AnyEncoder& encoder, const EncodedImage<AnyEncoder>& image,
                const Prompt& mark) const override {
      return detail::decoded_mark(encoder, decoder, image, mark);
    }
    const M decoder;
  };

  std::shared_ptr<const Interface> decoder_;
};

/// Where AnyEncoder holds a TiledEncoder of another AnyEncoder.
inline const TiledEmbedding<AnyEncoder>& tiled_embedding(const AnyEmbedding& embedding) {
  return embedding.parts.get<TiledEmbedding<AnyEncoder>>();
}
inline const TiledPrototype<AnyEncoder>& tiled_prototype(const AnyPrototype& prototype) {
  return prototype.parts.get<TiledPrototype<AnyEncoder>>();
}

static_assert(ImageEncoder<AnyEncoder> && DetectorFor<AnyDetector, AnyEncoder> &&
              DmgFor<AnyDmg, AnyEncoder> && DecoderFor<AnyDecoder, AnyEncoder>);

}  // namespace persense
