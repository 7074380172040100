#include "episode.hpp"

#include <algorithm>
#include <cmath>

#include "../ranges.hpp"
#include "differences.hpp"
#include "labelled_image.hpp"

namespace persense::scenes::training {

using namespace detail;

namespace {

/// Of its silhouette in the frame, for an object with a label.
constexpr float least_visible_part = 0.25f;

/// Whether an object cannot be told from what is behind it, in the image as the sensor shows it.
bool is_faint(const Sensor& s, float level, const Contrast& contrast) {
  const float gain = std::min(s.exposure, 1.0f) / level;
  const float shown =
      (s.gamma * contrast.root * std::sqrt(gain) + (1 - s.gamma) * contrast.linear * gain) *
      (1 - s.black);
  return shown < std::min(0.045f, 0.1f * s.exposure) + 0.4f * s.read_noise + 0.15f * s.shot_noise;
}

/// Writes the labels of the objects that show, numbered from 1 without a gap.
std::vector<Instance> number_instances(const Sensor& sensor, float level,
                                       const LabelledImage& image, cv::Mat& labels) {
  std::vector<std::uint16_t> renamed(image.placed.size() + 1, 0);
  std::vector<Instance> instances;
  for (std::size_t i = 0; i < image.placed.size(); ++i) {
    const Placed& p = image.placed[i];
    const bool shows =
        !is_faint(sensor, level, p.contrast) && p.visible_area >= least_visible_area &&
        static_cast<float>(p.visible_area) >= least_visible_part * static_cast<float>(p.frame_area);
    if (shows) instances.push_back({p.object_class, p.visible_area, p.full_area, 0, 0});
    renamed[i + 1] = shows ? static_cast<std::uint16_t>(instances.size()) : ignored_label;
  }
  std::vector<double> x(instances.size(), 0), y(instances.size(), 0);
  for (int row = 0; row < labels.rows; ++row)
    for (int column = 0; column < labels.cols; ++column) {
      const std::uint16_t painted =
          image.labels[static_cast<std::size_t>(row * labels.cols + column)];
      const std::uint16_t label = painted == debris_label ? painted : renamed[painted];
      labels.at<std::uint16_t>(row, column) = label;
      if (label == 0 || label >= debris_label) continue;
      x[label - 1u] += column, y[label - 1u] += row;
    }
  for (std::size_t i = 0; i < instances.size(); ++i) {
    instances[i].x = static_cast<float>(x[i] / instances[i].visible_area);
    instances[i].y = static_cast<float>(y[i] / instances[i].visible_area);
  }
  return instances;
}

/// Adds what is seen of objects that show most of themselves.
void add_glances(const cv::Mat& image, const cv::Mat& labels,
                 const std::vector<Instance>& instances, std::vector<std::vector<Glance>>& seen) {
  const std::vector<Glance> glances = glances_of(image, labels, instances.size());
  for (std::size_t i = 0; i < instances.size(); ++i)
    if (4 * instances[i].visible_area > 3 * instances[i].full_area)
      seen[static_cast<std::size_t>(instances[i].object_class)].push_back(glances[i]);
}

}  // namespace

Episode render_training_episode(const EpisodeOptions& options) {
  require_range("size", options.size, 64, 1024);
  require_range("pictures", options.pictures, 1, 64);
  require_range("classes", options.classes, 0, 3);
  Random random(options.seed, 40, 0);
  const World first = random_world(options, random);
  Episode episode{options.size,
                  options.pictures,
                  static_cast<int>(first.classes.size()),
                  {},
                  {},
                  {},
                  {},
                  {},
                  {}};
  episode.images.create(options.size * options.pictures, options.size, CV_8UC3);
  episode.labels.create(options.size * options.pictures, options.size, CV_16UC1);
  episode.world = {first.imaging, first.background.kind, first.layout};
  for (const ObjectClass& c : first.classes)
    episode.class_traits.push_back({c.shape.family, c.look.material, c.look.pattern, c.diameter});
  std::vector<std::vector<Glance>> seen(first.classes.size());
  for (int p = 0; p < options.pictures; ++p) {
    const std::uint64_t seed = mixed(options.seed) + static_cast<std::uint64_t>(p) * 0x51ED27ull;
    Random view(seed, 45, 0);
    const World world = p == 0 ? first : another_view(first, view);
    LabelledImage painted(options.size);
    paint_image(world, seed, painted);
    const cv::Range rows(p * options.size, (p + 1) * options.size);
    cv::Mat image = episode.images.rowRange(rows), labels = episode.labels.rowRange(rows);
    const float level = expose(world, seed, painted.frame, image.data, image.step);
    episode.instances.push_back(number_instances(world.sensor, level, painted, labels));
    add_glances(image, labels, episode.instances.back(), seen);
  }
  for (std::size_t a = 0; a < seen.size(); ++a)
    for (std::size_t b = 0; b < seen.size(); ++b)
      episode.differences.push_back(a == b ? Difference::same
                                           : difference_between(seen[a], seen[b]));
  return episode;
}

}  // namespace persense::scenes::training
