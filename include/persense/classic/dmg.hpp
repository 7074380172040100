// persense/classic/dmg.hpp: a density map from object-like pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <span>

#include "persense/classic/filters.hpp"
#include "persense/classic/pieces.hpp"
#include "persense/support.hpp"

namespace persense::classic {

/// Each piece adds a Gaussian around its most interior pixel, whose mass is the belief that it is
/// an object: 1 from a score of 0.3 on, less below. So the map's sum is about the expected count
/// (a little less where pieces overlap); fragments of one object melt into one blob for IDM, and
/// doubtful pieces stay faint.
/// @par Threads  Stateless; any number of threads.
/// @par Source  this library.
class ClassicDmg {
 public:
  /// @return  at working resolution.
  template <HoldsClassicEncoder E>
  DensityMap density(const Query<E>& query) const {
    return density(*pieces_of(ClassicQuery(query), query.exemplars));
  }

  static DensityMap density(const Cut& cut) {
    constexpr double certain = 0.3;
    constexpr double width = 0.18;  // of the object's radius: neighbours in contact stay apart
    std::vector<double> areas;
    DensityMap map = DensityMap::Zero(cut.labels.rows, cut.labels.cols);
    for (const Piece& piece : cut.pieces) {
      if (piece.score < lowest_piece_score) continue;
      map(piece.core.y, piece.core.x) += static_cast<float>(std::min(1.0, piece.score / certain));
      areas.push_back(piece.area);
    }
    if (areas.empty()) return map;
    const double radius = 0.5 * equivalent_diameter(detail::median(areas));
    const double sigma = std::max(0.8, width * radius);
    cv::Mat smooth = blurred(as_mat(map), sigma, cv::BORDER_REFLECT);
    // IDM goes by the highest peak: where some add up, or at the edge, it would hide the others
    cv::min(smooth, peak_of_one(sigma), smooth);
    return as_map(smooth);
  }

 private:
  /// Of a Gaussian of unit mass, as cv::GaussianBlur samples it.
  static double peak_of_one(double sigma) {
    const int reach = static_cast<int>(std::ceil(4 * sigma));
    const double middle = cv::getGaussianKernel(2 * reach + 1, sigma, CV_64F).at<double>(reach);
    return middle * middle;
  }
};

}  // namespace persense::classic
