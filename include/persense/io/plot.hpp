// persense/io/plot.hpp: measured values as lines or bars.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace persense::io {

/// Values that belong together. NaN: none.
struct PlotSeries {
  std::string name;
  std::vector<double> x;   ///< of lines; ascending
  std::vector<double> y;   ///< as many; of bars one for each category
  bool published = false;  ///< drawn as a quotation: dashed, or hollow
};

/// Lines over x or, with categories, horizontal bars. Texts are ASCII; other letters become "?".
struct Plot {
  std::string title;
  std::string x_title;                ///< of lines
  std::string y_title;                ///< what is measured
  std::vector<std::string> captions;  ///< lines in small letters below
  std::vector<std::string> categories;
  std::vector<PlotSeries> series;
};

/// Draws a plot on white: CV_8UC3, R, G, B.
/// @throws InvalidArgument  no value at all, or a series of another length than its x or than
///   there are categories.
cv::Mat render_plot(const Plot& plot);

}  // namespace persense::io
