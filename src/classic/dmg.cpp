#include "persense/classic/dmg.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "density.hpp"
#include "filters.hpp"
#include "persense/detail/median.hpp"
#include "persense/detail/support_mask.hpp"
#include "segment_query.hpp"

namespace persense::classic {

namespace {

/// Of a Gaussian of unit mass, as cv::GaussianBlur samples it.
double peak_of_one(double sigma) {
  const int reach = static_cast<int>(std::ceil(4 * sigma));
  const double middle = cv::getGaussianKernel(2 * reach + 1, sigma, CV_64F).at<double>(reach);
  return middle * middle;
}

}  // namespace

DensityMap density_of(const Segmentation& segmentation) {
  constexpr double certain = 0.3;
  constexpr double width = 0.18;  // of the object's radius: neighbours in contact stay apart
  std::vector<double> areas;
  DensityMap map = DensityMap::Zero(segmentation.labels.rows, segmentation.labels.cols);
  for (const Region& region : segmentation.regions) {
    if (region.score < lowest_region_score) continue;
    map(region.core.y, region.core.x) += static_cast<float>(std::min(1.0, region.score / certain));
    areas.push_back(region.area);
  }
  if (areas.empty()) return map;
  const double radius = 0.5 * equivalent_diameter(persense::detail::median(areas));
  const double sigma = std::max(0.8, width * radius);
  cv::Mat smooth = blurred(as_mat(map), sigma, cv::BORDER_REFLECT);
  // IDM goes by the highest peak: where some add up, or at the edge, it would hide the others
  cv::min(smooth, peak_of_one(sigma), smooth);
  return as_map(smooth);
}

DensityMap ClassicDmg::estimate_density(const ClassicQuery& query) {
  return density_of(*segment_query(query, query.exemplars));
}

}  // namespace persense::classic
