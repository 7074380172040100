#include "persense/io/figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <set>
#include <string>
#include <vector>

#include "drawing.hpp"
#include "persense/maps.hpp"

namespace persense::io {

namespace {

using detail::Color, detail::ink, detail::paper, detail::scalar;

const Color faint_ink{112, 118, 128}, letterbox{240, 241, 244};
const Color amber{255, 184, 46}, sky{64, 196, 255}, red{255, 82, 82}, white{255, 255, 255};

constexpr int panel_width = 460, title_height = 52, gap = 18;

/// An image reduced or enlarged for a panel, and how to get from its pixels to the panel's.
class Stage {
 public:
  Stage(ImageView image, cv::Size room) {
    const double zoom = std::min({static_cast<double>(room.width) / image.width,
                                  static_cast<double>(room.height) / image.height, 8.0});
    const cv::Size size(std::max(1, cvRound(zoom * image.width)),
                        std::max(1, cvRound(zoom * image.height)));
    zoom_x_ = static_cast<double>(size.width) / image.width;
    zoom_y_ = static_cast<double>(size.height) / image.height;
    cv::resize(image.mat(), picture_, size, 0, 0, zoom < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
  }

  cv::Mat picture() const { return picture_.clone(); }

  /// The image as pale grey, for coloured things to stand out on.
  cv::Mat backdrop() const {
    cv::Mat grey;
    cv::cvtColor(picture_, grey, cv::COLOR_RGB2GRAY);
    cv::cvtColor(grey, grey, cv::COLOR_GRAY2RGB);
    return grey * 0.75;
  }

  /// The centre of an image pixel.
  cv::Point2d at(Point p) const {
    return {(p.x + 0.5) * zoom_x_ - 0.5, (p.y + 0.5) * zoom_y_ - 0.5};
  }

  void draw_box(cv::Mat& rgb, const Box& box, Color color, int thickness) const {
    constexpr int bits = 4;
    const auto fixed = [](double v) {  // detectors' boxes reach anywhere
      return cvRound(std::clamp(v, -1e4, 1e4) * (1 << bits));
    };
    const cv::Point from(fixed(box.x0 * zoom_x_), fixed(box.y0 * zoom_y_));
    const cv::Point to(fixed(box.x1 * zoom_x_ - 1), fixed(box.y1 * zoom_y_ - 1));
    cv::rectangle(rgb, from, to, scalar(color), thickness, cv::LINE_AA, bits);
  }

  /// The mask at the panel's scale, cropped to its box.
  Mask scaled(const Mask& mask) const {
    if (mask.empty()) return {};
    const PixelBox& b = mask.box;
    const int x0 = static_cast<int>(std::floor(b.x0 * zoom_x_));
    const int y0 = static_cast<int>(std::floor(b.y0 * zoom_y_));
    const cv::Size size(std::max(1, cvRound(b.x1 * zoom_x_) - x0),
                        std::max(1, cvRound(b.y1 * zoom_y_) - y0));
    const cv::Mat bits(b.height(), b.width(), CV_8UC1, const_cast<std::uint8_t*>(mask.row(b.y0)));
    cv::Mat small;
    cv::resize(bits * 255, small, size, 0, 0, zoom_x_ < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    return crop_to_box(MaskView(cv::Mat(small >= 128)), {x0, y0});
  }

  /// Instances at the panel's scale; those that vanish are left out.
  template <class Masks>
  std::vector<Instance> shapes(const Masks& masks) const {
    std::vector<Instance> scaled_instances;
    for (const auto& m : masks) {
      Instance instance{scaled(m.mask), {}, {}, m.score};
      if (!instance.mask.empty()) scaled_instances.push_back(std::move(instance));
    }
    return scaled_instances;
  }

  /// A map at the panel's scale.
  cv::Mat scaled(const FloatMap& map) const {
    cv::Mat level;
    const bool shrink = map.cols() > picture_.cols;
    cv::resize(as_mat(map), level, picture_.size(), 0, 0,
               shrink ? cv::INTER_AREA : cv::INTER_LINEAR);
    return level;
  }

  /// A scaled map in colours over the grey image, its lowest value darkest.
  cv::Mat heat(cv::Mat level, int colors) const {
    cv::normalize(level, level, 0, 255, cv::NORM_MINMAX, CV_8U);
    cv::Mat colored;
    cv::applyColorMap(level, colored, colors);
    cv::cvtColor(colored, colored, cv::COLOR_BGR2RGB);
    cv::Mat blended;
    cv::addWeighted(colored, 0.78, backdrop(), 0.30, 0, blended);
    return blended;
  }

 private:
  cv::Mat picture_;
  double zoom_x_ = 1, zoom_y_ = 1;
};

struct Panel {
  std::string title, detail;
  cv::Mat picture;
};

OverlayOptions thin_outlines() {
  OverlayOptions options;
  options.line_width = 1.5f;
  options.fill = 0.35f;
  options.numbers = options.points = false;
  return options;
}

std::string counted(std::size_t n, const char* one, const char* many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

void draw_cross(cv::Mat& rgb, cv::Point2d at, double arm, Color color) {
  constexpr int bits = 4;
  const auto point = [&](double dx, double dy) {
    return cv::Point(cvRound((at.x + dx) * (1 << bits)), cvRound((at.y + dy) * (1 << bits)));
  };
  for (const auto& [stroke, shade] : {std::pair{4, white}, std::pair{2, color}}) {
    cv::line(rgb, point(-arm, -arm), point(arm, arm), scalar(shade), stroke, cv::LINE_AA, bits);
    cv::line(rgb, point(-arm, arm), point(arm, -arm), scalar(shade), stroke, cv::LINE_AA, bits);
  }
}

void draw_ring(cv::Mat& rgb, cv::Point2d at, double radius, Color color) {
  constexpr int bits = 4;
  const cv::Point center(cvRound(at.x * (1 << bits)), cvRound(at.y * (1 << bits)));
  cv::circle(rgb, center, cvRound(radius * (1 << bits)), scalar(color), 1, cv::LINE_AA, bits);
}

/// Dots that still show one by one when there are hundreds.
double dot_radius(std::size_t points) { return points > 150 ? 1.7 : points > 50 ? 2.2 : 2.8; }

Panel support_panel(const Stage& stage, std::span<const SupportExample> examples,
                    const SupportExample& first, const std::string& label) {
  cv::Mat picture = stage.picture();
  std::vector<Instance> shown;
  std::size_t wanted = 0, negative = 0;
  for (const SupportExample& e : examples) {
    ++(e.negative ? negative : wanted);
    if (e.image.mat().data != first.image.mat().data) continue;
    Instance instance{stage.scaled(e.mask), {}, {}, 1};
    instance.class_index = e.negative ? 1 : 0;
    if (!instance.mask.empty()) shown.push_back(std::move(instance));
  }
  detail::draw_instances(picture, shown, thin_outlines(), detail::support_families());
  std::string detail =
      fmt::format("{}, {} marked", to_string(first.image.size()),
                  wanted == 1 ? "one object" : counted(wanted, "object", "objects"));
  if (negative > 0) detail += fmt::format(", {} not wanted (red)", negative);
  return {label.empty() ? "Support" : "Support: " + label, detail, picture};
}

Panel similarity_panel(const Stage& stage, const FloatMap& similarity) {
  const float low = similarity.minCoeff(), high = similarity.maxCoeff();
  return {"Similarity to the support", fmt::format("{:.2f} (dark) to {:.2f} (bright)", low, high),
          stage.heat(stage.scaled(similarity), cv::COLORMAP_VIRIDIS)};
}

Panel detection_panel(const Stage& stage, const Trace& trace) {
  cv::Mat picture = stage.backdrop();
  // without passes the method decodes the phrase's boxes: see GroundedSam
  const auto& found = trace.passes.empty() ? trace.detections.phrase : trace.detections.label;
  for (const Detection& d : found) stage.draw_box(picture, d.box, amber, 1);
  if (trace.passes.empty()) return {"Detections", counted(found.size(), "box", "boxes"), picture};
  const Instance exemplar{stage.scaled(trace.exemplar_mask.mask), {}, {}, 1};
  if (!exemplar.mask.empty()) detail::draw_instances(picture, {&exemplar, 1}, thin_outlines());
  stage.draw_box(picture, trace.passes[0].exemplars[0], sky, 2);
  detail::draw_dot(picture, stage.at(trace.location_prior), 3, red);
  return {"Detections, prior, exemplar",
          fmt::format("{}; the first exemplar in blue", counted(found.size(), "box", "boxes")),
          picture};
}

Panel exemplar_panel(const Stage& stage, const std::vector<Box>& exemplars) {
  cv::Mat picture = stage.picture();
  for (const Box& box : exemplars) stage.draw_box(picture, box, sky, 2);
  return {"Exemplars fed back", counted(exemplars.size(), "exemplar", "exemplars"), picture};
}

Panel density_panel(const Stage& stage, const TracePass& pass) {
  cv::Mat density = stage.scaled(pass.density);
  cv::GaussianBlur(density, density, {}, 2.0);  // peaks of a pixel would not be seen
  cv::Mat picture = stage.heat(density, cv::COLORMAP_INFERNO);
  for (const Point p : pass.candidates)  // rings, so that the peak inside is seen
    draw_ring(picture, stage.at(p), 2.2 * dot_radius(pass.candidates.size()), sky);
  return {"Density map, candidates",
          fmt::format("sum {:.1f}, {}", pass.density.cast<double>().sum(),
                      counted(pass.candidates.size(), "candidate", "candidates")),
          picture};
}

Panel prompt_panel(const Stage& stage, const TracePass& pass, const std::string& title) {
  cv::Mat picture = stage.picture();
  const std::set<Point> prompts(pass.prompts.begin(), pass.prompts.end());
  const double radius = dot_radius(pass.candidates.size());
  std::size_t rejected = 0;
  for (const Point p : pass.candidates) {
    if (prompts.contains(p)) continue;
    ++rejected;
    draw_cross(picture, stage.at(p), 1.6 * radius, red);
  }
  for (const Point p : pass.prompts) detail::draw_dot(picture, stage.at(p), radius);
  return {title, fmt::format("{} kept, {} rejected (red)", pass.prompts.size(), rejected), picture};
}

template <class Masks>
Panel mask_panel(const Stage& stage, const std::string& title, const Masks& masks,
                 const std::string& note) {
  cv::Mat picture = stage.picture();
  detail::draw_instances(picture, stage.shapes(masks), thin_outlines());
  return {title, note, picture};
}

void add_pass(std::vector<Panel>& panels, const Stage& stage, const TracePass& pass, bool first,
              bool last) {
  if (!first) panels.push_back(exemplar_panel(stage, pass.exemplars));
  panels.push_back(density_panel(stage, pass));
  panels.push_back(prompt_panel(stage, pass, "Point prompts after PPSM"));
  if (!last)
    panels.push_back(mask_panel(stage, "Masks of this pass", pass.masks,
                                counted(pass.masks.size(), "mask", "masks")));
}

/// All panels but the support's, in their order, added to `panels`.
void add_panels(std::vector<Panel>& panels, const Stage& query, const Result& result) {
  const Trace& trace = *result.trace();
  panels.push_back(similarity_panel(query, trace.similarity));
  const bool points_alone = !trace.passes.empty() && trace.passes[0].exemplars.empty();
  if (points_alone)  // of the methods that go from the similarity to points: see PerSam
    panels.push_back(prompt_panel(query, trace.passes[0], "Point prompts"));
  else
    panels.push_back(detection_panel(query, trace));
  for (std::size_t i = 0; i < trace.passes.size() && !points_alone; ++i)
    add_pass(panels, query, trace.passes[i], i == 0, i + 1 == trace.passes.size());
  panels.push_back(mask_panel(
      query, "Instances", result.instances,
      fmt::format("count {}, estimated {:.1f}", result.count(), result.estimated_count())));
}

/// Columns that bring the figure nearest to a screen's shape; empty cells count against them.
int choose_columns(int panels, cv::Size cell) {
  int best = 1;
  double best_cost = 1e9;
  for (int columns = 1; columns <= panels; ++columns) {
    const int rows = (panels + columns - 1) / columns;
    const double shape = static_cast<double>(columns * cell.width) / (rows * cell.height);
    const double cost =
        std::abs(std::log(shape / 1.7)) + 0.3 * static_cast<double>(columns * rows - panels);
    if (cost < best_cost) {
      best_cost = cost;
      best = columns;
    }
  }
  return best;
}

void draw_panel(cv::Mat cell, const Panel& panel, int number) {
  detail::stamp(cell, {0, 6}, detail::text_coverage(fmt::format("{}  {}", number, panel.title), 13),
                ink);
  detail::stamp(cell, {0, 30}, detail::text_coverage(panel.detail, 10), faint_ink);
  cv::Mat room = cell.rowRange(title_height, cell.rows);
  room.setTo(scalar(letterbox));
  const cv::Rect centred((room.cols - panel.picture.cols) / 2, (room.rows - panel.picture.rows) / 2,
                         panel.picture.cols, panel.picture.rows);
  panel.picture.copyTo(room(centred));
}

cv::Mat arrange(const std::vector<Panel>& panels, cv::Size room) {
  const cv::Size cell(room.width + gap, room.height + title_height + gap);
  const int count = static_cast<int>(panels.size());
  const int columns = choose_columns(count, cell), rows = (count + columns - 1) / columns;
  cv::Mat figure(rows * cell.height + gap / 2, columns * cell.width + gap, CV_8UC3, scalar(paper));
  for (int i = 0; i < count; ++i) {
    const cv::Rect place(gap + i % columns * cell.width, gap / 2 + i / columns * cell.height,
                         room.width, room.height + title_height);
    draw_panel(figure(place), panels[static_cast<std::size_t>(i)], i + 1);
  }
  return figure;
}

void check_inputs(ImageView query, const Result& result) {
  if (result.classes.empty() || !result.trace())
    throw InvalidArgument(
        "figure: the result has no trace, expected one made with RunOptions::trace");
  if (query.empty()) throw InvalidArgument("figure: the query is empty");
  if (query.size() != result.image_size || size_of(result.trace()->similarity) != query.size())
    throw InvalidArgument(fmt::format("figure: query of {}, expected the result's {}",
                                      to_string(query.size()), to_string(result.image_size)));
}

const SupportExample& first_wanted(std::span<const SupportExample> support) {
  const auto first = std::find_if(support.begin(), support.end(),
                                  [](const SupportExample& e) { return !e.negative; });
  if (first == support.end())
    throw InvalidArgument("figure: all support examples are negative, expected one that is not");
  if (first->image.empty()) throw InvalidArgument("figure: the support image is empty");
  return *first;
}

}  // namespace

cv::Mat render_figure(ImageView query, ImageView support, MaskView support_mask,
                      const Result& result) {
  check_inputs(query, result);
  if (support.empty() || support_mask.empty())
    throw InvalidArgument("figure: a support image is empty");
  if (support_mask.size() != support.size())
    throw InvalidArgument(fmt::format("figure: support mask of {}, expected the support's {}",
                                      to_string(support_mask.size()), to_string(support.size())));
  const SupportExample example{Image::from_rgb(support.mat()), crop_to_box(support_mask)};
  return render_figure(query, std::span(&example, 1), result);
}

cv::Mat render_figure(ImageView query, std::span<const SupportExample> support,
                      const Result& result) {
  check_inputs(query, result);
  const double shape = static_cast<double>(query.height) / query.width;
  const cv::Size room(panel_width, static_cast<int>(std::clamp(shape, 0.35, 1.4) * panel_width));
  std::vector<Panel> panels;
  if (!support.empty()) {
    const SupportExample& first = first_wanted(support);
    panels.push_back(support_panel(Stage(first.image.view(), room), support, first,
                                   result.classes.front().label));
  }
  add_panels(panels, Stage(query, room), result);
  return arrange(panels, room);
}

}  // namespace persense::io
