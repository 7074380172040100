// mini_state.hpp (private): an image as the network sees it, and what was derived from it lately.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <utility>
#include <vector>

#include "mini_network.hpp"
#include "module_errors.hpp"
#include "persense/detail/memo.hpp"
#include "persense/mini/mini.hpp"
#include "proposals.hpp"
#include "pyramid.hpp"

namespace persense::torchscript {

/// @par Threads  Safe: the first of several threads that ask computes, the others wait.
struct MiniEmbedding::State {
  /// What proposals depend on: the prototype, and the masks of exemplars.
  struct Key {
    persense::detail::Identity prototype;
    std::vector<Mask> masks;

    bool operator==(const Key& other) const {
      return prototype == other.prototype &&
             std::equal(
                 masks.begin(), masks.end(), other.masks.begin(), other.masks.end(),
                 [](const Mask& a, const Mask& b) { return a.box == b.box && a.bits == b.bits; });
    }
  };

  MiniNetwork network;
  mini::Pyramid pyramid;
  mutable persense::detail::Memo<int, MiniLevel> levels{8};
  mutable persense::detail::Memo<Key, Proposals> proposed{3};
  mutable persense::detail::Memo<Key, Classified> classifications{6};

  State(const MiniNetwork& of, ImageView image) : network(of), pyramid(image) {}

  /// Calls body, with LibTorch's errors in our words.
  template <class Body>
  auto guarded(const char* doing, Body&& body) const {
    return translate(network.module(), doing, std::forward<Body>(body));
  }

  cv::Size level_size(int k) const {
    return {static_cast<int>(std::ldexp(pyramid.size().width, k)),
            static_cast<int>(std::ldexp(pyramid.size().height, k))};
  }
  std::shared_ptr<const MiniLevel> level(int k) const {
    return levels.get(k, [&] { return network.level(pyramid, k); });
  }
  /// A square of the image at a level's scale, on the level's grid.
  std::shared_ptr<const MiniLevel> square_at(cv::Point2d middle, int k, int side) const;

  MiniExample example_of(const std::shared_ptr<const MiniLevel>& level,
                         const mini::Region& region) const;
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
  Mask mask_of(const MappedLevel& level, const mini::Region& region, const cv::Mat& refined,
               cv::Point corner) const;

 private:
  std::vector<MiniExample> with_exemplars(const MiniPrototype& prototype,
                                          std::span<const Mask> masks) const;
  std::shared_ptr<const Proposals> propose(const MiniPrototype& prototype,
                                           const std::vector<Mask>& masks,
                                           const std::vector<MiniExample>& examples) const;
  Classified classify_anew(const MiniPrototype& prototype, const std::vector<Mask>& masks) const;
};

}  // namespace persense::torchscript
