#include "watershed_markers.hpp"

#include <cstddef>
#include <cstdint>
#include <opencv2/imgproc.hpp>

namespace persense::classic {

Markers place_markers(const cv::Mat& interior, const cv::Mat& foreground, const cv::Mat& seeds,
                      const std::vector<bool>& is_confident) {
  Markers markers;
  cv::Mat highest;
  cv::dilate(interior, highest, cv::Mat());
  const int n = cv::connectedComponents((interior >= highest) & foreground, markers.labels, 8);
  const int* seed = seeds.ptr<int>();
  const std::uint8_t* inside = foreground.ptr();
  int* marker = markers.labels.ptr<int>();
  const auto in_confident_seed = [&](std::size_t p) {
    return is_confident[static_cast<std::size_t>(seed[p])];
  };

  // maxima that touch a confident seed give way to it; the others are numbered first
  std::vector<int> number(static_cast<std::size_t>(n), 0);
  for (std::size_t p = 0, total = markers.labels.total(); p < total; ++p)
    if (in_confident_seed(p)) number[static_cast<std::size_t>(marker[p])] = -1;
  int next = 0;
  for (std::size_t i = 1; i < number.size(); ++i) number[i] = number[i] < 0 ? 0 : ++next;
  number[0] = 0;
  markers.is_confident.assign(static_cast<std::size_t>(next) + 1, false);

  std::vector<int> marker_of_seed(is_confident.size(), 0);
  for (std::size_t p = 0, total = markers.labels.total(); p < total; ++p) {
    if (!inside[p] || !in_confident_seed(p)) {
      marker[p] = number[static_cast<std::size_t>(marker[p])];
      continue;
    }
    int& own = marker_of_seed[static_cast<std::size_t>(seed[p])];
    if (own == 0) {
      own = ++next;
      markers.is_confident.push_back(true);
    }
    marker[p] = own;
  }
  return markers;
}

}  // namespace persense::classic
