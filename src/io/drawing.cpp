#include "drawing.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <vector>

namespace persense::io::detail {

namespace {

void blend(cv::Vec3b& pixel, Color color, float alpha) {
  for (int c = 0; c < 3; ++c)
    pixel[c] = cv::saturate_cast<std::uint8_t>(static_cast<float>(pixel[c]) * (1 - alpha) +
                                               static_cast<float>(color[c]) * alpha);
}

PixelBox frame_of(const cv::Mat& picture) { return {0, 0, picture.cols, picture.rows}; }

/// Vivid colours around the hue circle of OKLCH, of similar lightness: none dominates.
constexpr std::size_t palette_size = 12;
const Color palette[palette_size] = {{253, 84, 97},   {253, 139, 74},  {254, 180, 58},
                                     {244, 217, 22},  {156, 228, 50},  {20, 225, 132},
                                     {1, 232, 223},   {27, 195, 243},  {70, 153, 254},
                                     {148, 118, 255}, {213, 106, 238}, {253, 99, 182}};

/// A colour where distances are about as large as they look (OKLab, Ottosson 2020).
cv::Vec3f oklab_of(const cv::Scalar& rgb) {
  double linear[3];
  for (int c = 0; c < 3; ++c) {
    const double v = rgb[c] / 255;
    linear[c] = v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  }
  const auto [r, g, b] = linear;
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {static_cast<float>(0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s),
          static_cast<float>(1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s),
          static_cast<float>(0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s)};
}

double distance(const cv::Vec3f& a, const cv::Vec3f& b) { return cv::norm(a - b); }

/// Pairs of instances that lie so close that equal colours would run together.
std::vector<std::vector<std::size_t>> neighbours_of(std::span<const Instance> instances) {
  std::vector<std::size_t> order(instances.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto box = [&](std::size_t i) -> const PixelBox& { return instances[i].mask.box; };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return box(a).x0 < box(b).x0; });
  std::vector<std::vector<std::size_t>> neighbours(instances.size());
  for (std::size_t a = 0; a < order.size(); ++a) {
    const PixelBox& p = box(order[a]);
    const int reach = std::max(p.width(), p.height()) / 2 + 2;
    for (std::size_t b = a + 1; b < order.size() && box(order[b]).x0 <= p.x1 + reach; ++b) {
      const PixelBox& q = box(order[b]);
      if (q.y0 > p.y1 + reach || p.y0 > q.y1 + reach) continue;
      neighbours[order[a]].push_back(order[b]);
      neighbours[order[b]].push_back(order[a]);
    }
  }
  return neighbours;
}

/// What the image looks like under an object.
cv::Vec3f background_color(const cv::Mat& rgb, const Mask& mask) {
  const PixelBox box = intersection(mask.box, frame_of(rgb));
  return oklab_of(cv::mean(rgb(cv::Rect(box.x0, box.y0, box.width(), box.height()))));
}

/// The colour of a lightness and hue in OKLCH, as vivid as a screen can show it.
Color vivid(double lightness, double degrees) {
  const double hue = degrees * CV_PI / 180;
  Color color;
  for (double chroma = 0.21; chroma > 0; chroma -= 0.01) {
    const double a = chroma * std::cos(hue), b = chroma * std::sin(hue);
    const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
    const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
    const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    const double linear[] = {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
                             -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
                             -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
    bool shown = true;
    for (int c = 0; c < 3; ++c) {
      shown = shown && linear[c] > -1e-3 && linear[c] < 1 + 1e-3;
      const double v = std::clamp(linear[c], 0.0, 1.0);
      color[c] = cv::saturate_cast<std::uint8_t>(
          255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055));
    }
    if (shown) break;
  }
  return color;
}

/// Shades of one hue, the middle one first.
Family family_of(double hue) {
  return {vivid(0.70, hue), vivid(0.78, hue), vivid(0.62, hue), vivid(0.74, hue), vivid(0.66, hue)};
}

/// A mask with background around it: CV_8UC1, 0 or 255.
cv::Mat padded(const Mask& mask, int pad) {
  const PixelBox& box = mask.box;
  cv::Mat inside(box.height() + 2 * pad, box.width() + 2 * pad, CV_8UC1, cv::Scalar(0));
  for (int y = box.y0; y < box.y1; ++y)
    std::transform(mask.row(y), mask.row(y) + box.width(), inside.ptr(y - box.y0 + pad) + pad,
                   [](std::uint8_t bit) { return bit != 0 ? std::uint8_t{255} : std::uint8_t{0}; });
  return inside;
}

/// How far each pixel is from the nearest one that is 0.
cv::Mat depth_of(const cv::Mat& inside) {
  cv::Mat depth;
  cv::distanceTransform(inside, depth, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  return depth;
}

/// @param origin  the depth map's first pixel in the image.
Pole deepest(const cv::Mat& depth, Point origin) {
  double radius = 0;
  cv::Point at;
  cv::minMaxLoc(depth, nullptr, &radius, nullptr, &at);
  return {{origin.x + at.x, origin.y + at.y}, static_cast<float>(radius)};
}

/// Paints one object: fill, and an outline that lies inside its border, so that touching objects
/// show two lines. All of it from the signed distance to the border, smoothed by a pixel.
Pole paint_object(cv::Mat& rgb, const Mask& mask, Color color, const OverlayOptions& options) {
  constexpr int pad = 3;
  const PixelBox& box = mask.box;
  const cv::Mat inside = padded(mask, pad);
  const cv::Mat depth = depth_of(inside);
  // pixel centres lie half a pixel from the border: d - 1/2 inside, 1/2 - d outside
  cv::Mat signed_distance = depth - depth_of(~inside);
  for (auto it = signed_distance.begin<float>(); it != signed_distance.end<float>(); ++it)
    *it -= std::copysign(0.5f, *it);
  cv::GaussianBlur(signed_distance, signed_distance, {}, 0.8);

  const PixelBox visible =
      intersection({box.x0 - pad, box.y0 - pad, box.x1 + pad, box.y1 + pad}, frame_of(rgb));
  for (int y = visible.y0; y < visible.y1; ++y) {
    const float* distances = signed_distance.ptr<float>(y - box.y0 + pad) - box.x0 + pad;
    auto* row = rgb.ptr<cv::Vec3b>(y);
    for (int x = visible.x0; x < visible.x1; ++x) {
      const float d = distances[x];
      const float covered = std::clamp(d + 0.5f, 0.0f, 1.0f);
      if (covered == 0) continue;
      const float inner = std::clamp(d - options.line_width + 0.5f, 0.0f, 1.0f);
      blend(row[x], color, (covered - inner) + inner * options.fill);
    }
  }
  return deepest(depth, {box.x0 - pad, box.y0 - pad});
}

bool rectangle_inside(const Mask& mask, const PixelBox& rectangle) {
  if (intersection(mask.box, rectangle) != rectangle) return false;
  for (int y = rectangle.y0; y < rectangle.y1; ++y) {
    const std::uint8_t* bits = mask.row(y) - mask.box.x0;
    if (std::find(bits + rectangle.x0, bits + rectangle.x1, 0) != bits + rectangle.x1) return false;
  }
  return true;
}

PixelBox centred_box(Point center, cv::Size size) {
  const int x0 = center.x - size.width / 2, y0 = center.y - size.height / 2;
  return {x0, y0, x0 + size.width, y0 + size.height};
}

// Text is drawn large and reduced: OpenCV's strokes have whole widths, small text needs fractions.
constexpr int oversampling = 4;
constexpr int font = cv::FONT_HERSHEY_SIMPLEX;

/// Where the strokes of a text lie, known without drawing it.
struct TextLayout {
  double scale;
  int stroke;        // on the large canvas
  cv::Point origin;  // of the first letter, on the large canvas
  cv::Size size;     // of the reduced canvas

  TextLayout(const std::string& text, double height)
      : scale(oversampling * height / 21),  // a capital of this font is 21 high at scale 1
        stroke(std::max(1, cvRound(oversampling * height * 0.15))) {
    int below = 0;
    const cv::Size large = cv::getTextSize(text, font, scale, stroke, &below);
    const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
    const int margin = stroke / 2 + 1, descent = digits ? margin : below;
    const auto reduced = [](int n) { return (n + oversampling - 1) / oversampling; };
    size = {reduced(large.width + 2 * margin), reduced(large.height + margin + descent)};
    origin = {margin, large.height + margin - stroke / 2};
  }
};

struct LabelStyle {
  double largest = 0, smallest = 0;  // height of a digit, pixels
};

struct Label {
  PixelBox box;
  cv::Mat coverage;
};

/// The number as large as the style and the object allow. It keeps `clearance` pixels from the
/// prompt; 0 lets it cover the prompt.
std::optional<Label> place_label(const Instance& instance, const Pole& pole,
                                 const std::string& text, const LabelStyle& style, int clearance) {
  for (double height = style.largest; height >= style.smallest; height *= 0.82) {
    const double width = 0.8 * height * static_cast<double>(text.size());
    if (std::hypot(width, height) > 2.6 * pole.radius) continue;  // cannot fit: skip drawing it
    const cv::Size size = TextLayout(text, height).size;
    const int shift = size.height / 2 + clearance + 1;
    const Point p = instance.point;
    for (const Point center : {pole.center, Point{p.x, p.y + shift}, Point{p.x, p.y - shift}}) {
      const PixelBox box = centred_box(center, size);
      const PixelBox grown{box.x0 - clearance, box.y0 - clearance, box.x1 + clearance,
                           box.y1 + clearance};
      if (clearance > 0 && grown.contains(p)) continue;
      if (rectangle_inside(instance.mask, box)) return Label{box, text_coverage(text, height)};
    }
  }
  return std::nullopt;
}

/// Numbers are of one size where objects allow it: half of the median object's inner radius, within
/// what is legible and what is modest for the image.
LabelStyle label_style(const cv::Mat& rgb, const std::vector<Pole>& poles) {
  std::vector<float> radii;
  for (const Pole& pole : poles) radii.push_back(pole.radius);
  const auto middle = radii.begin() + static_cast<std::ptrdiff_t>(radii.size() / 2);
  std::nth_element(radii.begin(), middle, radii.end());
  const double scale = std::max(1.0, std::max(rgb.rows, rgb.cols) / 1200.0);
  LabelStyle style;
  style.smallest = 7.0 * std::sqrt(scale);
  style.largest = std::clamp(0.55 * static_cast<double>(*middle), style.smallest, 13.0 * scale);
  return style;
}

/// Dots and numbers. Where an object has no room for both, its number stands in the dot's place.
void annotate(cv::Mat& rgb, std::span<const Instance> instances, const std::vector<Pole>& poles,
              const OverlayOptions& options) {
  const LabelStyle style = label_style(rgb, poles);
  const double dot_radius = std::max(1.2, 0.7 * static_cast<double>(options.line_width));
  const int clearance = options.points ? static_cast<int>(std::ceil(1.4 * dot_radius)) + 1 : 0;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const std::string text = std::to_string(i + 1);
    std::optional<Label> label;
    if (options.numbers) label = place_label(instances[i], poles[i], text, style, clearance);
    const bool room_for_dot = label.has_value();
    if (options.numbers && !label) label = place_label(instances[i], poles[i], text, style, 0);
    if (label) draw_label(rgb, label->box, label->coverage);
    if (options.points && (room_for_dot || !label))
      draw_dot(rgb, cv::Point2d(instances[i].point.x, instances[i].point.y), dot_radius);
  }
}

}  // namespace

std::string ascii(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) plain += c;
    if (byte >= 0xc0) plain += '?';
  }
  return plain;
}

cv::Mat text_coverage(const std::string& text, double height) {
  const TextLayout layout(text, height);
  cv::Mat canvas(layout.size * oversampling, CV_8UC1, cv::Scalar(0));
  cv::putText(canvas, text, layout.origin, font, layout.scale, cv::Scalar(255), layout.stroke,
              cv::LINE_AA);
  cv::resize(canvas, canvas, layout.size, 0, 0, cv::INTER_AREA);
  return canvas;
}

void stamp(cv::Mat& rgb, Point top_left, const cv::Mat& coverage, Color color, double opacity) {
  const PixelBox box =
      intersection({top_left.x, top_left.y, top_left.x + coverage.cols, top_left.y + coverage.rows},
                   frame_of(rgb));
  for (int y = box.y0; y < box.y1; ++y) {
    const std::uint8_t* cover = coverage.ptr(y - top_left.y) - top_left.x;
    auto* row = rgb.ptr<cv::Vec3b>(y);
    for (int x = box.x0; x < box.x1; ++x)
      if (cover[x] != 0) blend(row[x], color, static_cast<float>(opacity * cover[x] / 255.0));
  }
}

void draw_label(cv::Mat& rgb, const PixelBox& box, const cv::Mat& coverage) {
  const int rim = std::max(1, coverage.rows / 8);
  cv::Mat shade;
  cv::copyMakeBorder(coverage, shade, 2 * rim, 2 * rim, 2 * rim, 2 * rim, cv::BORDER_CONSTANT);
  const int side = 2 * rim + 1;
  cv::dilate(shade, shade, cv::getStructuringElement(cv::MORPH_ELLIPSE, {side, side}));
  cv::GaussianBlur(shade, shade, {}, 0.6 * rim);
  stamp(rgb, {box.x0 - 2 * rim, box.y0 - 2 * rim}, shade, {10, 12, 20}, 0.8);
  stamp(rgb, {box.x0, box.y0}, coverage, {255, 255, 255});
}

void draw_dot(cv::Mat& rgb, cv::Point2d at, double radius, Color color) {
  constexpr int bits = 4;
  const auto fixed = [](double v) { return cvRound(v * (1 << bits)); };
  const cv::Point center(fixed(at.x), fixed(at.y));
  const double rim = std::max(0.8, 0.4 * radius);
  cv::circle(rgb, center, fixed(radius + rim), cv::Scalar(20, 22, 30), cv::FILLED, cv::LINE_AA,
             bits);
  cv::circle(rgb, center, fixed(radius), cv::Scalar(color[0], color[1], color[2]), cv::FILLED,
             cv::LINE_AA, bits);
}

std::vector<Family> class_families(std::size_t classes) {
  if (classes < 2) return {Family(std::begin(palette), std::end(palette))};
  constexpr double hues[] = {250, 45, 145, 330, 100, 195, 15, 295};  // each far from those before
  constexpr double golden_angle = 137.508;                           // beyond these
  std::vector<Family> families;
  for (std::size_t k = 0; k < classes; ++k)
    families.push_back(
        family_of(k < std::size(hues) ? hues[k] : golden_angle * static_cast<double>(k)));
  return families;
}

std::vector<Family> support_families() {
  return {{vivid(0.80, 150), vivid(0.88, 145), vivid(0.72, 155)},
          {vivid(0.62, 25), vivid(0.70, 22), vivid(0.56, 28)}};
}

std::vector<Color> choose_colors(const cv::Mat& rgb, std::span<const Instance> instances,
                                 std::span<const Family> families) {
  const auto neighbours = neighbours_of(instances);
  constexpr double clear = 0.25;  // OKLab units: beyond this, further apart is not clearer
  std::vector<Color> chosen(instances.size());
  std::vector<cv::Vec3f> lab(instances.size());  // of the chosen ones
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const Family& family = families[instances[i].class_index % families.size()];
    const cv::Vec3f background = background_color(rgb, instances[i].mask);
    double best = -1;
    for (std::size_t step = 0; step < family.size(); ++step) {
      // start at another colour each time, so that objects far apart do not all get the same one
      const Color& color = family[(5 * i + step) % family.size()];
      const cv::Vec3f own = oklab_of(cv::Scalar(color[0], color[1], color[2]));
      double nearest = clear;
      for (const std::size_t j : neighbours[i])
        if (j < i) nearest = std::min(nearest, distance(own, lab[j]));
      const double value = nearest + 0.5 * std::min(clear, distance(own, background));
      if (value > best + 1e-9) {
        best = value;
        chosen[i] = color;
        lab[i] = own;
      }
    }
  }
  return chosen;
}

Pole pole_of(const Mask& mask) {
  constexpr int pad = 1;
  return deepest(depth_of(padded(mask, pad)), {mask.box.x0 - pad, mask.box.y0 - pad});
}

void draw_instances(cv::Mat& rgb, std::span<const Instance> instances,
                    const OverlayOptions& options, std::span<const Family> families) {
  const std::vector<Color> colors = choose_colors(rgb, instances, families);
  std::vector<Pole> poles;
  for (std::size_t i = 0; i < instances.size(); ++i)
    poles.push_back(paint_object(rgb, instances[i].mask, colors[i], options));
  // last, so that no neighbour paints over them
  if (!instances.empty()) annotate(rgb, instances, poles, options);
}

namespace {

/// What a line of a legend needs.
struct LegendText {
  cv::Mat coverage;
  std::optional<Color> color;
};

/// How much of a rectangle instances cover, roughly: by their boxes.
std::int64_t covered(const PixelBox& place, std::span<const Instance> instances) {
  std::int64_t pixels = 0;
  for (const Instance& i : instances) pixels += intersection(i.mask.box, place).area();
  return pixels;
}

}  // namespace

void draw_legend(cv::Mat& rgb, std::span<const LegendLine> lines,
                 std::span<const Instance> instances) {
  constexpr double smallest = 6;                         // height of a capital that can be read
  constexpr double most_width = 0.5, most_height = 0.4;  // of the image's
  double height = 11 * std::max(1.0, std::max(rgb.rows, rgb.cols) / 1200.0);
  for (; height >= smallest; height *= 0.9) {
    const int pad = cvRound(0.8 * height), pitch = cvRound(1.8 * height);
    const int swatch = cvRound(1.1 * height), indent = swatch + cvRound(0.7 * height);
    std::vector<LegendText> texts;
    int width = 0;
    for (const LegendLine& line : lines) {
      texts.push_back({text_coverage(ascii(line.text), height), line.color});
      width = std::max(width, texts.back().coverage.cols + (line.color ? indent : 0));
    }
    const cv::Size size(width + 2 * pad, static_cast<int>(texts.size()) * pitch + pad);
    const int margin = cvRound(0.6 * height);
    if (size.width + 2 * margin > most_width * rgb.cols ||
        size.height + 2 * margin > most_height * rgb.rows)
      continue;
    const int right = rgb.cols - margin - size.width, bottom = rgb.rows - margin - size.height;
    Point at{margin, margin};
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const Point corner : {Point{margin, margin}, Point{right, margin}, Point{margin, bottom},
                               Point{right, bottom}}) {
      const PixelBox place{corner.x, corner.y, corner.x + size.width, corner.y + size.height};
      if (const auto hidden = covered(place, instances); hidden < least) {
        least = hidden;
        at = corner;
      }
    }
    stamp(rgb, at, cv::Mat(size, CV_8UC1, cv::Scalar(255)), {16, 18, 26}, 0.78);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const int middle = at.y + pad / 2 + static_cast<int>(i) * pitch + pitch / 2;
      const LegendText& text = texts[i];
      if (text.color)
        stamp(rgb, {at.x + pad, middle - swatch / 2},
              cv::Mat(swatch, swatch, CV_8UC1, cv::Scalar(255)), *text.color);
      // text lies on its canvas with room for descenders below
      stamp(rgb, {at.x + pad + (text.color ? indent : 0), middle - cvRound(0.55 * height)},
            text.coverage, {255, 255, 255});
    }
    return;
  }
}

}  // namespace persense::io::detail
