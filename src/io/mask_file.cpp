// What is to be a mask: a shape, a label image, or a picture by mistake.
#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <set>
#include <vector>

#include "persense/error.hpp"
#include "persense/io/images.hpp"

namespace persense::io {

namespace {

/// Where any channel is not zero, or above a level; what is no number is outside.
cv::Mat marked(const cv::Mat& pixels, double level) {
  std::vector<cv::Mat> channels;
  cv::split(cv::Mat(cv::abs(pixels)) > level, channels);
  cv::Mat any = channels[0];
  for (std::size_t c = 1; c < channels.size(); ++c) any |= channels[c];
  return any;
}

/// What a pixel of a mask is above.
double level_of(const cv::Mat& pixels, bool lossy) {
  double most = 0;
  if (lossy) cv::minMaxLoc(pixels.reshape(1), nullptr, &most);
  return 0.5 * most;
}

/// Whether all that is inside has one colour, as most masks have.
bool is_plain(const cv::Mat& pixels, const cv::Mat& inside) {
  for (int c = 0; c < pixels.channels(); ++c) {
    cv::Mat channel;
    cv::extractChannel(pixels, channel, c);
    double least = 0, most = 0;
    cv::minMaxLoc(channel, &least, &most, nullptr, nullptr, inside);
    if (least != most) return false;
  }
  return true;
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
  constexpr double step = 65536;
  cv::Mat numbers = cv::Mat::zeros(pixels.size(), CV_64F), channel, wide;
  double factor = 1;
  for (int c = 0; c < pixels.channels(); ++c, factor *= step) {
    cv::extractChannel(pixels, channel, c);
    channel.convertTo(wide, CV_64F);
    cv::scaleAdd(wide, factor, numbers, numbers);
  }
  numbers.setTo(0, ~inside);
  return numbers;
}

struct Values {
  std::set<double> all;    // as many as are told apart
  std::set<double> plain;  // those that have a pixel whose neighbours all have the same
  double plain_part = 0;   // of the pixels inside: those with one of these
};

/// Calls body(value, y, begin, end) for every run of equal numbers in a row that are not 0.
template <class Body>
void each_run(const cv::Mat& numbers, Body&& body) {
  for (int y = 0; y < numbers.rows; ++y) {
    const double* const row = numbers.ptr<double>(y);
    for (int x = 0, end = 0; x < numbers.cols; x = end) {
      for (end = x + 1; end < numbers.cols && row[end] == row[x];) ++end;
      if (row[x] != 0) body(row[x], y, x, end);
    }
  }
}

Values values_in(const cv::Mat& numbers) {
  constexpr std::size_t most = 1 << 16;  // a picture may have millions
  cv::Mat lowest, highest;
  cv::erode(numbers, lowest, cv::Mat());
  cv::dilate(numbers, highest, cv::Mat());
  const cv::Mat is_plain = lowest == highest;
  Values values;
  each_run(numbers, [&](double value, int y, int x, int end) {
    if (values.all.size() < most) values.all.insert(value);
    const std::uint8_t* const plain = is_plain.ptr(y);
    if (std::find(plain + x, plain + end, 255) != plain + end && values.plain.size() < most)
      values.plain.insert(value);
  });
  double inside = 0, covered = 0;
  each_run(numbers, [&](double value, int, int x, int end) {
    inside += end - x;
    if (values.plain.contains(value)) covered += end - x;
  });
  values.plain_part = covered / std::max(1.0, inside);
  return values;
}

/// The shape without pixels beside another object's, so that no two objects touch; of two that do
/// the upper left one loses its pixel.
cv::Mat parted(const cv::Mat& numbers, const cv::Mat& inside) {
  cv::Mat apart = inside.clone();
  const cv::Rect image({}, numbers.size());
  for (const cv::Point step : {cv::Point(1, 0), cv::Point(0, 1), cv::Point(1, 1), cv::Point(-1, 1)})
    for (int y = 0; y < numbers.rows; ++y)
      for (int x = 0; x < numbers.cols; ++x) {
        const cv::Point there = cv::Point(x, y) + step;
        if (apart.at<std::uint8_t>(y, x) == 0 || !image.contains(there) ||
            apart.at<std::uint8_t>(there) == 0)
          continue;
        if (numbers.at<double>(y, x) != numbers.at<double>(there)) apart.at<std::uint8_t>(y, x) = 0;
      }
  return apart;
}

constexpr double most_are_plain = 0.9;  // part of the pixels of a label or class image

/// Whether numbers are those of objects: each is a plain area, or a few.
bool are_labels(const Values& values, const cv::Mat& apart) {
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

cv::Mat shape_of_pixels(const cv::Mat& pixels, const cv::Mat& alpha, bool lossy) {
  MaskFile unused;
  return within_alpha(marked(pixels, level_of(pixels, lossy)), alpha, unused);
}

MaskFile mask_of_pixels(const cv::Mat& pixels, const cv::Mat& alpha, bool lossy) {
  MaskFile file;
  const double level = level_of(pixels, lossy);
  file.mask = within_alpha(marked(pixels, level), alpha, file);
  if (is_plain(pixels, file.mask)) return file;
  const cv::Mat numbers = numbers_of(pixels, file.mask);
  const Values values = values_in(numbers);
  refuse_picture(pixels, values, file.mask, level);
  if (lossy) return file;
  const cv::Mat apart = parted(numbers, file.mask);
  if (are_labels(values, apart)) {
    file.notes.push_back(fmt::format(
        "support mask: is a label image of {} objects, which are examples if they are of like "
        "size; to mark one of them, give its label (--mask-label K, id=K)",
        values.plain.size()));
    file.mask = apart;
  } else if (values.plain.size() > 1 && values.plain_part >= most_are_plain) {
    file.notes.push_back(fmt::format(
        "support mask: has {} different values; all that is not 0 was taken", values.plain.size()));
  }
  return file;
}

}  // namespace persense::io
