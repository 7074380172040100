#include "persense/io/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <opencv2/imgproc.hpp>

#include "drawing.hpp"
#include "persense/error.hpp"

namespace persense::io {

namespace {

using detail::Color, detail::ink, detail::paper, detail::scalar;

const Color label_ink{104, 110, 120}, grid{228, 230, 234};
// told apart by people who see few colours, too: Okabe and Ito, "Color universal design", 2008
const Color palette[] = {{0, 114, 178},   {213, 94, 0},   {0, 158, 115},
                         {204, 121, 167}, {86, 180, 233}, {230, 159, 0}};

constexpr int plot_width = 960, margin = 28;
constexpr double heading_height = 13, text_height = 10, small_height = 8;

Color color_of(std::size_t series) { return palette[series % std::size(palette)]; }

enum class Align { left, middle, right };

cv::Size size_of(const std::string& text, double height) {
  return detail::text_coverage(detail::ascii(text), height).size();
}

/// @param at  its left end, middle or right end, and its vertical middle.
void write(cv::Mat& rgb, const std::string& text, cv::Point at, double height, Color color,
           Align align = Align::left) {
  if (text.empty()) return;
  const cv::Mat coverage = detail::text_coverage(detail::ascii(text), height);
  const int shift = align == Align::left     ? 0
                    : align == Align::middle ? coverage.cols / 2
                                             : coverage.cols;
  // text lies on its canvas with room for descenders below
  detail::stamp(rgb, {at.x - shift, at.y - cvRound(0.55 * height)}, coverage, color);
}

void line(cv::Mat& rgb, cv::Point2d from, cv::Point2d to, Color color, int thickness) {
  constexpr int bits = 4;
  const auto fixed = [](cv::Point2d p) { return cv::Point(cvRound(p.x * 16), cvRound(p.y * 16)); };
  cv::line(rgb, fixed(from), fixed(to), scalar(color), thickness, cv::LINE_AA, bits);
}

void dashed_line(cv::Mat& rgb, cv::Point2d from, cv::Point2d to, Color color) {
  constexpr double dash = 9, period = 15;
  const double length = cv::norm(to - from);
  for (double at = 0; at < length; at += period)
    line(rgb, from + (to - from) * (at / length),
         from + (to - from) * (std::min(at + dash, length) / length), color, 2);
}

void marker(cv::Mat& rgb, cv::Point2d at, Color color, bool hollow) {
  constexpr int bits = 4;
  const cv::Point center(cvRound(at.x * 16), cvRound(at.y * 16));
  cv::circle(rgb, center, 5 * 16, scalar(color), cv::FILLED, cv::LINE_AA, bits);
  if (hollow) cv::circle(rgb, center, 3 * 16, scalar(paper), cv::FILLED, cv::LINE_AA, bits);
}

/// Round numbers from at most `low` to at least `high`.
std::vector<double> ticks(double low, double high) {
  constexpr double wanted = 5;
  const double rough = std::max(high - low, 1e-9) / wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough) step = factor * power;
  std::vector<double> values;
  const auto first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  for (double k = first; k <= last; ++k) values.push_back(k * step);
  return values;
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double value) {
    if (std::isnan(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

/// Title and legend; @return  where what follows them may begin.
int draw_head(cv::Mat& rgb, const Plot& plot) {
  write(rgb, plot.title, {margin, margin + 8}, heading_height, ink);
  int x = margin, y = margin + 44;
  constexpr int swatch = 26, pitch = 24;
  for (std::size_t s = 0; s < plot.series.size(); ++s) {
    const PlotSeries& series = plot.series[s];
    const int wide = swatch + 8 + size_of(series.name, text_height).width + 28;
    if (x > margin && x + wide > plot_width - margin) x = margin, y += pitch;
    const cv::Point2d from(x, y), to(x + swatch, y);
    if (!plot.categories.empty()) {
      cv::rectangle(rgb, cv::Rect(x + 6, y - 7, 14, 14), scalar(color_of(s)),
                    series.published ? 2 : cv::FILLED);
    } else {
      series.published ? dashed_line(rgb, from, to, color_of(s))
                       : line(rgb, from, to, color_of(s), 2);
      marker(rgb, (from + to) / 2, color_of(s), series.published);
    }
    write(rgb, series.name, {x + swatch + 8, y}, text_height, ink);
    x += wide;
  }
  return y + 28;
}

constexpr int caption_pitch = 16;

int caption_height(const Plot& plot) {
  return caption_pitch * static_cast<int>(plot.captions.size());
}

/// A line that is wider than the plot is made smaller.
void draw_captions(cv::Mat& rgb, const Plot& plot) {
  int y = rgb.rows - 10 - caption_height(plot) + caption_pitch / 2;
  for (const std::string& caption : plot.captions) {
    double height = small_height;
    while (height > 4 && size_of(caption, height).width > plot_width - 2 * margin) height -= 0.5;
    write(rgb, caption, {margin, y}, height, label_ink);
    y += caption_pitch;
  }
}

std::string tick_text(double value) {
  return fmt::format("{:g}", std::abs(value) < 1e-12 ? 0 : value);
}

/// From values to pixels.
struct Axis {
  double low, high;
  double begin, end;
  double at(double value) const { return begin + (value - low) / (high - low) * (end - begin); }
};

/// Every x that a point has, where there is room for its number.
void draw_x_ticks(cv::Mat& rgb, const Plot& plot, const Axis& x, int bottom) {
  std::vector<double> values;
  for (const PlotSeries& series : plot.series)
    values.insert(values.end(), series.x.begin(), series.x.end());
  std::sort(values.begin(), values.end());
  double free = -1e9;
  for (const double value : values) {
    const std::string text = fmt::format("{:.4g}", value);
    const int half = size_of(text, text_height).width / 2 + 6;
    if (x.at(value) - half < free) continue;
    free = x.at(value) + half;
    line(rgb, {x.at(value), double(bottom)}, {x.at(value), bottom + 5.0}, label_ink, 1);
    write(rgb, text, {cvRound(x.at(value)), bottom + 18}, text_height, label_ink, Align::middle);
  }
}

void draw_lines_on(cv::Mat& rgb, const Plot& plot, const Axis& x, const Axis& y) {
  for (std::size_t s = 0; s < plot.series.size(); ++s) {
    const PlotSeries& series = plot.series[s];
    std::vector<cv::Point2d> points;
    for (std::size_t i = 0; i < series.y.size(); ++i)
      if (!std::isnan(series.y[i])) points.emplace_back(x.at(series.x[i]), y.at(series.y[i]));
    for (std::size_t i = 1; i < points.size(); ++i)
      series.published ? dashed_line(rgb, points[i - 1], points[i], color_of(s))
                       : line(rgb, points[i - 1], points[i], color_of(s), 2);
    for (const auto& point : points) marker(rgb, point, color_of(s), series.published);
  }
}

cv::Mat render_lines(const Plot& plot) {
  constexpr int height = 540, left = 84, bottom_room = 70;
  cv::Mat rgb(height + caption_height(plot), plot_width, CV_8UC3, scalar(paper));
  const int top = draw_head(rgb, plot) + 22, bottom = height - bottom_room;
  Range xs, ys;
  for (const PlotSeries& series : plot.series)
    for (std::size_t i = 0; i < series.y.size(); ++i)
      if (!std::isnan(series.y[i])) xs.add(series.x[i]), ys.add(series.y[i]);
  const double pad = xs.high > xs.low ? 0.04 * (xs.high - xs.low) : 1;
  const Axis x{xs.low - pad, xs.high + pad, left, double(plot_width - margin)};
  const double least = std::max(ys.high - ys.low, 0.02 * std::abs(ys.high) + 1e-6);
  const auto marks = ticks(ys.low - 0.1 * least, ys.high + 0.1 * least);
  const Axis y{marks.front(), marks.back(), double(bottom), double(top)};
  for (const double value : marks) {
    line(rgb, {x.begin, y.at(value)}, {x.end, y.at(value)}, grid, 1);
    write(rgb, tick_text(value), {left - 10, cvRound(y.at(value))}, text_height, label_ink,
          Align::right);
  }
  line(rgb, {x.begin, double(bottom)}, {x.end, double(bottom)}, label_ink, 1);
  draw_x_ticks(rgb, plot, x, bottom);
  write(rgb, plot.y_title, {margin, top - 20}, text_height, ink);
  write(rgb, plot.x_title, {cvRound((x.begin + x.end) / 2), bottom + 42}, text_height, ink,
        Align::middle);
  draw_lines_on(rgb, plot, x, y);
  draw_captions(rgb, plot);
  return rgb;
}

constexpr int bar = 15, group_gap = 14;

void draw_group(cv::Mat& rgb, const Plot& plot, std::size_t category, const Axis& x, int top) {
  int y = top + group_gap / 2;
  const int middle = y + static_cast<int>(plot.series.size()) * bar / 2;
  write(rgb, plot.categories[category], {cvRound(x.begin) - 10, middle}, text_height, ink,
        Align::right);
  for (std::size_t s = 0; s < plot.series.size(); ++s, y += bar) {
    const double value = plot.series[s].y[category];
    if (std::isnan(value)) continue;
    const int from = cvRound(x.begin), to = std::max(from + 1, cvRound(x.at(value)));
    const bool hollow = plot.series[s].published;
    cv::rectangle(rgb, cv::Rect(from, y + 1, to - from, bar - 2), scalar(color_of(s)),
                  hollow ? 1 : cv::FILLED);
    write(rgb, fmt::format("{:.4g}", value), {to + 6, y + bar / 2}, small_height, label_ink);
  }
}

cv::Mat render_bars(const Plot& plot) {
  int left = margin;
  for (const std::string& name : plot.categories)
    left = std::max(left, margin + size_of(name, text_height).width + 14);
  const int group = static_cast<int>(plot.series.size()) * bar + group_gap;
  cv::Mat head(1000, plot_width, CV_8UC3,
               scalar(paper));  // how high it is, is known when it is drawn
  const int top = draw_head(head, plot) + 22;
  const int bottom = top + group * static_cast<int>(plot.categories.size());
  cv::Mat rgb(bottom + 44 + caption_height(plot), plot_width, CV_8UC3, scalar(paper));
  draw_head(rgb, plot);
  Range values;
  for (const PlotSeries& series : plot.series)
    for (const double value : series.y) values.add(value);
  const auto marks = ticks(std::min(0.0, values.low), std::max(values.high, 1e-6));
  constexpr int number_room = 40;
  const Axis x{marks.front(), marks.back(), double(left),
               double(plot_width - margin - number_room)};
  for (const double value : marks) {
    line(rgb, {x.at(value), double(top)}, {x.at(value), double(bottom)}, grid, 1);
    write(rgb, tick_text(value), {cvRound(x.at(value)), bottom + 16}, text_height, label_ink,
          Align::middle);
  }
  write(rgb, plot.y_title, {left, top - 16}, text_height, ink);
  for (std::size_t c = 0; c < plot.categories.size(); ++c)
    draw_group(rgb, plot, c, x, top + group * static_cast<int>(c));
  line(rgb, {x.begin, double(top)}, {x.begin, double(bottom)}, label_ink, 1);
  draw_captions(rgb, plot);
  return rgb;
}

void check(const Plot& plot) {
  bool any = false;
  for (const PlotSeries& series : plot.series) {
    const std::size_t wanted = plot.categories.empty() ? series.x.size() : plot.categories.size();
    if (series.y.size() != wanted)
      throw InvalidArgument(fmt::format("plot: series \"{}\": got {} values, expected {}",
                                        series.name, series.y.size(), wanted));
    any = any || std::any_of(series.y.begin(), series.y.end(),
                             [](double value) { return !std::isnan(value); });
  }
  if (!any) throw InvalidArgument("plot: got no value, expected one at least");
}

}  // namespace

cv::Mat render_plot(const Plot& plot) {
  check(plot);
  return plot.categories.empty() ? render_lines(plot) : render_bars(plot);
}

}  // namespace persense::io
