// mini_state.hpp (private): an image as the network sees it, and what was derived from it lately.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <opencv2/core.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "level_images.hpp"
#include "mini_network.hpp"
#include "persense/detail/memo.hpp"
#include "persense/mini/mini.hpp"
#include "proposals.hpp"
#include "pyramid.hpp"

namespace persense::mini {

/// @par Threads  Safe: the first of several threads that ask computes, the others wait.
struct MiniEmbedding::State {
  /// What proposals depend on: the prototype, and the masks of exemplars.
  struct Key {
    detail::Identity prototype;
    std::vector<Mask> masks;

    bool operator==(const Key& other) const {
      return prototype == other.prototype &&
             std::equal(
                 masks.begin(), masks.end(), other.masks.begin(), other.masks.end(),
                 [](const Mask& a, const Mask& b) { return a.box == b.box && a.bits == b.bits; });
    }
  };

  std::shared_ptr<const Network> network;
  Pyramid pyramid;
  mutable detail::Memo<int, Level> levels{8};
  mutable detail::Memo<Key, Proposals> proposed{3};
  mutable detail::Memo<Key, Classified> classifications{6};

  State(std::shared_ptr<const Network> of, ImageView image)
      : network(std::move(of)), pyramid(image) {}

  /// What body returns: see Network::guarded.
  template <class Body>
  auto guarded(const char* doing, Body&& body) const {
    std::optional<decltype(body())> value;
    network->guarded(doing, [&] { value = body(); });
    return std::move(*value);
  }

  cv::Size level_size(int k) const {
    return {static_cast<int>(std::ldexp(pyramid.size().width, k)),
            static_cast<int>(std::ldexp(pyramid.size().height, k))};
  }
  std::shared_ptr<const Level> level(int k) const {
    return levels.get(k, [&] {
      Level level = whole_level(pyramid, k);
      level.features = network->features(level);
      return level;
    });
  }
  /// A square of the image at a level's scale: see square_level.
  std::shared_ptr<const Level> square_at(cv::Point2d middle, int k, int side) const;

  MiniExample example_of(const std::shared_ptr<const Level>& level, const Region& region) const;
  MiniExample example(const Mask& mask) const;

  /// The image's proposals, classified by the prototype's examples and by exemplars with masks.
  std::shared_ptr<const Classified> classify(const MiniPrototype& prototype,
                                             std::span<const Exemplar> exemplars) const;

  /// A refined outline: logits of a window of a level.
  struct Outline {
    cv::Mat logits;
    cv::Point corner;
  };
  std::vector<Outline> refined(std::span<const RefinedRegion> regions) const;

  /// In the image. @param refined  logits of a window at `corner`; empty: the region as it is.
  Mask mask_of(const MappedLevel& level, const Region& region, const cv::Mat& refined,
               cv::Point corner) const;

 private:
  std::vector<MiniExample> with_exemplars(const MiniPrototype& prototype,
                                          std::span<const Mask> masks) const;
  std::shared_ptr<const Proposals> propose(const MiniPrototype& prototype,
                                           const std::vector<Mask>& masks,
                                           const std::vector<MiniExample>& examples) const;
  Classified classify_anew(const MiniPrototype& prototype, const std::vector<Mask>& masks) const;
};

}  // namespace persense::mini
