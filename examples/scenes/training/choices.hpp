// examples/scenes/training/choices.hpp: random choices that a world is made of (internal to the
// library).
#pragma once

#include <cmath>
#include <initializer_list>

#include "world.hpp"

namespace persense::scenes::training {

inline bool chance(Random& random, float part) { return random.uniform() < part; }

/// Positive for this part of the draws.
inline float either_sign(float low, float high, float positive, Random& random) {
  const float size = random.uniform(low, high);
  return chance(random, positive) ? size : -size;
}

template <class T>
T one_of(Random& random, std::initializer_list<T> values) {
  return values.begin()[random.below(static_cast<int>(values.size()))];
}

template <class Enum>
Enum any(Random& random) {
  return static_cast<Enum>(random.below(static_cast<int>(names<Enum>().size())));
}

/// Seven in eight worlds follow what goes together; in the rest everything goes with everything.
inline bool free_choice(Random& random) { return chance(random, 0.125f); }

/// A value between `low` and `high`, denser towards `low` (as 1 / sqrt is uniform).
inline float skewed(float low, float high, Random& random) {
  const float a = 1 / std::sqrt(low), b = 1 / std::sqrt(high);
  const float x = a + (b - a) * random.uniform();
  return 1 / (x * x);
}

inline float display_value(const Colour& c) {
  return std::sqrt(0.3f * c[0] + 0.6f * c[1] + 0.1f * c[2]);
}

/// Chooses the background of `world`; its pattern stays below objects of the `smallest` diameter.
void choose_background(World& world, float smallest, Random& random);

/// A class that the world may show on its background.
ObjectClass random_class(const World& world, float diameter, Random& random);

/// A class that differs from `other` in one or two respects only.
ObjectClass look_alike(const World& world, const ObjectClass& other, Random& random);

/// Pale bodies around the objects of the world's first class.
ObjectClass random_host(const World& world, Random& random);

}  // namespace persense::scenes::training
