// persense/models/dsalvanet_frame.hpp: what DSALVANet does around its network.
#pragma once

#include <fmt/core.h>

#include <opencv2/imgproc.hpp>
#include <span>
#include <vector>

#include "persense/exemplar.hpp"
#include "persense/geometry.hpp"
#include "persense/image.hpp"
#include "persense/maps.hpp"
#include "persense/models/planes.hpp"
#include "persense/options.hpp"

namespace persense::dsalvanet {

/// Mean and deviation of ImageNet's pixels.
inline constexpr PixelScaling imagenet{{123.675f, 116.28f, 103.53f}, {58.395f, 57.12f, 57.375f}};

/// @par Rules  Rules::reference differs from the paper in one point, and reproduces it: the network
///   gets three exemplars always. Of more, it gets the first three; fewer are repeated from the
///   first on. With Rules::paper it gets what there are.
struct Options {
  Rules rules = Rules::paper;
  PixelScaling scaling = imagenet;
  int side = 512;  ///< of the square that images are brought to, whatever their aspect
};

/// An exemplar in the square, in the order the network takes: first and last row and column.
struct ExemplarBox {
  float y0 = 0, x0 = 0, y1 = 0, x1 = 0;
  bool operator==(const ExemplarBox&) const = default;
};

/// An image and its exemplars as DSALVANet sees them.
struct Frame {
  Planes image;                        ///< [1, 3, side, side]
  std::vector<ExemplarBox> exemplars;  ///< at least one
};

/// Brings an image and its exemplars into DSALVANet's frame.
/// @param exemplars  boxes in the image's pixels, at least one.
/// @throws InvalidArgument  an empty image, no exemplar, or one outside the image.
/// @par Threads  Pure function.
/// @par Source  DSALVANet (He et al. 2024); released code, DSALVANet wrapper.
inline Frame make_frame(ImageView image, std::span<const Box> exemplars,
                        const Options& options = {}) {
  if (image.empty())
    throw InvalidArgument(
        fmt::format("dsalvanet: image of {}, expected at least 1 x 1", to_string(image.size())));
  if (exemplars.empty()) throw InvalidArgument("dsalvanet: got no exemplar, expected at least one");
  constexpr std::size_t shots = 3;  // of the released code
  const std::size_t count = options.rules == Rules::reference ? shots : exemplars.size();
  const double across = static_cast<double>(options.side) / image.width;
  const double down = static_cast<double>(options.side) / image.height;
  const auto scaled = [](double v, double factor) {
    return static_cast<float>(static_cast<int>(v * factor));
  };

  Frame frame{Planes(1, 3, {options.side, options.side}), {}};
  cv::Mat square;
  cv::resize(image.mat(), square, {options.side, options.side}, 0, 0, cv::INTER_LINEAR);
  put_pixels(square, options.scaling, frame.image, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto c = exemplar_corners(exemplars[i % exemplars.size()], image.size());
    frame.exemplars.push_back({scaled(c.first_y, down), scaled(c.first_x, across),
                               scaled(c.last_y, down), scaled(c.last_x, across)});
  }
  return frame;
}

}  // namespace persense::dsalvanet
