#include "level_images.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace persense::mini {

cv::Mat Level::stretched(const cv::Rect& part) const {
  cv::Mat out;
  cv::LUT(pixels(part), stretch, out);
  return out;
}

Level whole_level(const Pyramid& pyramid, int k) {
  Level level;
  level.k = k;
  cv::Mat pixels = pyramid.halved(std::max(-k, 0));
  if (k > 0) cv::resize(pixels, pixels, pixels.size() * (1 << k), 0, 0, cv::INTER_LINEAR);
  level.size = pixels.size();
  level.stretch = pyramid.stretch();
  level.to_image = grid_to_grid(static_cast<double>(pixels.cols) / pyramid.size().width,
                                static_cast<double>(pixels.rows) / pyramid.size().height);
  const auto side = [](int length) {
    return std::max((length + level_multiple - 1) / level_multiple * level_multiple, refine_side);
  };
  cv::copyMakeBorder(pixels, level.pixels, 0, side(pixels.rows) - pixels.rows, 0,
                     side(pixels.cols) - pixels.cols, cv::BORDER_REFLECT);
  return level;
}

namespace {

/// A square of a level. @param to_image  x, y of its pixels to those of the image.
Level square_seen(const Pyramid& pyramid, int k, int side, const cv::Matx23d& to_image) {
  Level square;
  square.k = k;
  square.to_image = to_image;
  square.pixels = pyramid.view(side, to_image);
  square.size = square.pixels.size();
  square.stretch = pyramid.stretch();
  return square;
}

}  // namespace

/// On the level's grid; halves are rounded to even numbers, as training does.
Level square_level(const Pyramid& pyramid, cv::Point2d middle, int k, int side) {
  const double scale = std::exp2(k);
  const auto first = [&](double at) {
    const double corner = at - 0.5 * (side - 1) / scale;
    return (std::nearbyint((corner + 0.5) * scale - 0.5) + 0.5) / scale - 0.5;
  };
  return square_seen(pyramid, k, side,
                     {1 / scale, 0, first(middle.x), 0, 1 / scale, first(middle.y)});
}

std::vector<std::shared_ptr<const Level>> tiles_of(const Network& network, const Pyramid& pyramid,
                                                   int k, std::span<const cv::Point> corners) {
  const double step = std::exp2(-k);
  std::vector<std::shared_ptr<Level>> tiles;
  std::vector<const Level*> unread;
  for (const cv::Point& corner : corners) {
    const cv::Matx23d to_image(step, 0, (corner.x + 0.5) * step - 0.5,  //
                               0, step, (corner.y + 0.5) * step - 0.5);
    tiles.push_back(std::make_shared<Level>(square_seen(pyramid, k, tile_side, to_image)));
    unread.push_back(tiles.back().get());
  }
  std::vector<std::shared_ptr<const Features>> features = network.features(unread);
  for (std::size_t i = 0; i < tiles.size(); ++i) tiles[i]->features = std::move(features[i]);
  return {tiles.begin(), tiles.end()};
}

}  // namespace persense::mini
