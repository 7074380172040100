#include "placement.hpp"

namespace persense::scenes::training {

using namespace detail;

Placement::Placement(const World& world, int size, float radius, Random random)
    : world_(world), size_(static_cast<float>(size)), radius_(radius), random_(random) {
  turn_ = random_.uniform();
  gap_ = random_.uniform(1.02f, 1.7f);
  spread_ = random_.uniform(0.1f, 0.26f);
  jitter_ = random_.uniform() < 0.4f ? 0.03f : random_.uniform(0.03f, 0.35f);
  const int centres = 1 + random_.below(4);
  for (int i = 0; i < centres; ++i) centres_.push_back(anywhere());
}

std::array<float, 2> Placement::next(float radius, const std::vector<Placed>& placed) {
  switch (world_.layout) {
    case Layout::rows:
      return in_row();
    case Layout::clusters: {
      const auto& centre =
          centres_[static_cast<std::size_t>(random_.below(static_cast<int>(centres_.size())))];
      return {centre[0] + spread_ * size_ * random_.normal(),
              centre[1] + spread_ * size_ * random_.normal()};
    }
    case Layout::chains:
      if (placed.empty() || random_.uniform() < (placed.size() == before_ ? 0.4f : 0.1f)) break;
      before_ = placed.size();
      turn_ += 0.07f * random_.normal();
      return beside(placed.back(), radius, turn_);
    case Layout::touching:
      if (placed.empty() || random_.uniform() < 0.25f) break;
      turn_ = random_.uniform();
      return beside(
          placed[static_cast<std::size_t>(random_.below(static_cast<int>(placed.size())))], radius,
          turn_);
    default:
      break;
  }
  return anywhere();
}

std::array<float, 2> Placement::anywhere() {
  return {random_.uniform(-6, size_ + 6), random_.uniform(-6, size_ + 6)};
}

std::array<float, 2> Placement::beside(const Placed& other, float radius, float turn) {
  const float apart = (other.pose.radius + radius) * random_.uniform(0.93f, 1.08f);
  return {other.pose.x + apart * cosine_of_turns(turn),
          other.pose.y + apart * sine_of_turns(turn) * world_.squeeze};
}

std::array<float, 2> Placement::in_row() {
  const float step = 2.1f * radius_ * gap_;
  const int columns = static_cast<int>(1.5f * size_ / step) + 1;
  const int column = cell_ % columns, row = cell_ / columns;
  ++cell_;
  const float c = cosine_of_turns(world_.direction), s = sine_of_turns(world_.direction);
  const float u = (static_cast<float>(column) - 0.5f * static_cast<float>(columns) +
                   jitter_ * random_.normal()) *
                  step;
  const float v =
      (static_cast<float>(row) - 0.5f * static_cast<float>(columns) + jitter_ * random_.normal()) *
      step;
  return {0.5f * size_ + u * c - v * s, 0.5f * size_ + u * s + v * c};
}

}  // namespace persense::scenes::training
