#include "colour_descriptor.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "persense/detail/parallel.hpp"

namespace persense::regions {

namespace {

/// What a descriptor is made of, summed up over pixels.
class ColourSums {
 public:
  void add(const cv::Vec3f& lab) {
    for (int k = 0; k < 3; ++k) {
      sums_[k] += lab[k];
      sums_[k + 3] += double{lab[k]} * lab[k];
    }
    count_ += 1;
  }
  void add(const ColourSums& other) {
    sums_ += other.sums_;
    count_ += other.count_;
  }

  ColourDescriptor descriptor() const {
    ColourDescriptor result;
    const double pixels = std::max(1.0, count_);
    for (int k = 0; k < 3; ++k) {
      const double mean = sums_[k] / pixels;
      result[k] = static_cast<float>(mean);
      result[k + 3] =
          static_cast<float>(std::sqrt(std::max(0.0, sums_[k + 3] / pixels - mean * mean)));
    }
    return result;
  }

 private:
  cv::Vec<double, 6> sums_ = cv::Vec<double, 6>::all(0);  // of L, a, b and of their squares
  double count_ = 0;
};

}  // namespace

double distance(const ColourDescriptor& a, const ColourDescriptor& b) {
  constexpr double weights[6] = {0.5, 1, 1, 0.25, 0.5, 0.5};
  constexpr double unit = 2.55;
  double sum = 0;
  for (int i = 0; i < 6; ++i) {
    const double d = weights[i] * (a[i] - b[i]) / unit;
    sum += d * d;
  }
  return std::sqrt(sum);
}

double nearest_distance(const ColourDescriptor& descriptor,
                        const std::vector<ColourDescriptor>& others) {
  double least = distance(descriptor, others[0]);
  for (const ColourDescriptor& other : others) least = std::min(least, distance(descriptor, other));
  return least;
}

std::vector<ColourDescriptor> describe_colours(const cv::Mat& labels, int n, const cv::Mat& lab) {
  using Sums = std::vector<ColourSums>;
  persense::detail::PerBand<Sums> bands;
  persense::detail::parallel_bands(labels.rows, bands, [&](Sums& sums, const cv::Range& rows) {
    sums.resize(static_cast<std::size_t>(n));
    for (int y = rows.start; y < rows.end; ++y) {
      const int* label = labels.ptr<int>(y);
      const auto* colour = lab.ptr<cv::Vec3f>(y);
      for (int x = 0; x < labels.cols; ++x)
        if (label[x] > 0) sums[static_cast<std::size_t>(label[x] - 1)].add(colour[x]);
    }
  });
  std::vector<ColourDescriptor> descriptors;
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    ColourSums sum;
    for (const Sums& sums : bands) sum.add(sums[i]);
    descriptors.push_back(sum.descriptor());
  }
  return descriptors;
}

}  // namespace persense::regions
