#include "mask_file.hpp"

#include <fmt/format.h>

#include <opencv2/imgproc.hpp>
#include <set>
#include <vector>

#include "persense/error.hpp"

namespace persense::io::detail {

namespace {

/// Where any channel is not zero, or above a level; what is no number is outside.
cv::Mat marked(const cv::Mat& pixels, double level) {
  std::vector<cv::Mat> channels;
  cv::split(cv::Mat(cv::abs(pixels)) > level, channels);
  return channels[0] | channels[1] | channels[2];
}

/// The shape that alpha cuts out, where it does; and within it what is marked, where that is a
/// part.
cv::Mat within_alpha(const cv::Mat& inside, const cv::Mat& alpha, MaskFile& file) {
  if (alpha.empty()) return inside;
  double most = 0;
  cv::minMaxLoc(alpha, nullptr, &most);
  const cv::Mat opaque = alpha > 0.5 * most;
  const int all = cv::countNonZero(opaque);
  if (all == static_cast<int>(opaque.total())) return inside;
  const cv::Mat both = inside & opaque;
  const int marked = cv::countNonZero(both);
  if (marked > 0 && marked < all) return both;
  file.notes.emplace_back("support mask: its shape is in the alpha channel, which was taken");
  return opaque;
}

/// One number for each colour: CV_64F, exact up to 16 bits a channel; 0 outside.
cv::Mat numbers_of(const cv::Mat& pixels, const cv::Mat& inside) {
  std::vector<cv::Mat> channels;
  cv::Mat wide;
  pixels.convertTo(wide, CV_64F);
  cv::split(wide, channels);
  const bool is_grey = cv::countNonZero(channels[0] != channels[1]) == 0 &&
                       cv::countNonZero(channels[0] != channels[2]) == 0;
  constexpr double step = 65536;
  cv::Mat numbers = channels[0];
  if (!is_grey) numbers = channels[0] + step * (channels[1] + step * channels[2]) + 1;
  numbers.setTo(0, ~inside);
  return numbers;
}

struct Values {
  std::set<double> all;
  std::set<double> plain;  // those that have a pixel whose neighbours all have the same
  double plain_part = 0;   // of the pixels inside: those with one of these
};

Values values_in(const cv::Mat& numbers, const cv::Mat& inside) {
  cv::Mat lowest, highest;
  cv::erode(numbers, lowest, cv::Mat());
  cv::dilate(numbers, highest, cv::Mat());
  const cv::Mat is_plain = (lowest == highest) & inside;
  Values values;
  for (int y = 0; y < numbers.rows; ++y)
    for (int x = 0; x < numbers.cols; ++x) {
      if (inside.at<std::uint8_t>(y, x) == 0) continue;
      const double value = numbers.at<double>(y, x);
      values.all.insert(value);
      if (is_plain.at<std::uint8_t>(y, x) != 0) values.plain.insert(value);
    }
  int count = 0;
  for (int y = 0; y < numbers.rows; ++y)
    for (int x = 0; x < numbers.cols; ++x)
      if (inside.at<std::uint8_t>(y, x) != 0 && values.plain.contains(numbers.at<double>(y, x)))
        ++count;
  values.plain_part = count / std::max(1.0, static_cast<double>(cv::countNonZero(inside)));
  return values;
}

/// The shape without the pixels that have a neighbour of another object to the right or below.
cv::Mat parted(const cv::Mat& numbers, const cv::Mat& inside) {
  cv::Mat apart = inside.clone();
  for (int y = 0; y < numbers.rows; ++y)
    for (int x = 0; x < numbers.cols; ++x) {
      const double own = numbers.at<double>(y, x);
      if (own == 0) continue;
      for (const cv::Point step :
           {cv::Point(1, 0), cv::Point(0, 1), cv::Point(1, 1), cv::Point(-1, 1)}) {
        const cv::Point there = cv::Point(x, y) + step;
        if (!cv::Rect({}, numbers.size()).contains(there)) continue;
        const double other = numbers.at<double>(there);
        if (other != 0 && other != own) apart.at<std::uint8_t>(y, x) = 0;
      }
    }
  return apart;
}

/// Whether numbers are those of objects: each is a plain area, or a few.
bool are_labels(const Values& values, const cv::Mat& apart) {
  constexpr double most_are_plain = 0.9;
  if (values.plain.size() < 2 || values.plain_part < most_are_plain) return false;
  cv::Mat unused;
  const auto parts = static_cast<std::size_t>(cv::connectedComponents(apart, unused, 8) - 1);
  return parts <= 2 * values.all.size() + 8;
}

/// @throws InvalidArgument  a picture: shades nearly everywhere.
void refuse_picture(const cv::Mat& pixels, const Values& values, const cv::Mat& inside,
                    double level) {
  constexpr double nearly_all = 0.9, some = 0.3;
  constexpr std::size_t shades = 64;
  const double total = static_cast<double>(inside.total());
  double part = cv::countNonZero(inside) / total;
  bool is_picture =
      part > nearly_all && values.all.size() > shades && values.plain_part < nearly_all;
  if (level > 0) {  // lossy: a mask has next to nothing between dark and bright
    const cv::Mat between = marked(pixels, 0.5 * level) & ~marked(pixels, 1.5 * level);
    part = cv::countNonZero(between) / total;
    is_picture = part > some;
  }
  if (is_picture)
    throw InvalidArgument(fmt::format(
        "looks like a picture: {} shades, {:.0f} % of its pixels are neither black nor white; "
        "expected a mask, which is 0 (black) outside of the object",
        values.all.size(), 100 * part));
}

}  // namespace

MaskFile shape_in(const cv::Mat& pixels, const cv::Mat& alpha, double level) {
  MaskFile file;
  file.mask = within_alpha(marked(pixels, level), alpha, file);
  return file;
}

MaskFile mask_in(const cv::Mat& pixels, const cv::Mat& alpha, double level) {
  MaskFile file = shape_in(pixels, alpha, level);
  const cv::Mat numbers = numbers_of(pixels, file.mask);
  const Values values = values_in(numbers, file.mask);
  refuse_picture(pixels, values, file.mask, level);
  if (level > 0) return file;
  const cv::Mat apart = parted(numbers, file.mask);
  if (are_labels(values, apart)) {
    file.notes.push_back(fmt::format(
        "support mask: is a label image of {} objects, which are examples if they are of like "
        "size; to mark one of them, give its label (--mask-label K, label=K)",
        values.plain.size()));
    file.mask = apart;
  } else if (values.plain.size() > 1) {
    file.notes.push_back(fmt::format(
        "support mask: has {} different values; all that is not 0 was taken", values.plain.size()));
  }
  return file;
}

}  // namespace persense::io::detail
