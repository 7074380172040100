// persense/detail/marking.hpp: from the user's marks to masks, by the pipeline's own decoder.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <numbers>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "persense/detail/marks.hpp"
#include "persense/detail/support_mask.hpp"
#include "persense/example.hpp"
#include "persense/geometry.hpp"
#include "persense/mask.hpp"
#include "persense/stages.hpp"

namespace persense::detail {

/// A decoder that makes a mask of a mark by itself: see DecoderFor.
template <class D, class E>
concept DecodesMarks = requires(const D& decoder, const MarkedImage<E>& image,
                                const Prompt& prompt) {
  { decoder.decode_mark(image, prompt) } -> std::same_as<ScoredMask>;
};

/// Intersection over union of two masks.
inline float iou(const Mask& a, const Mask& b) {
  const auto common = static_cast<float>(intersection_area(a, b));
  return common / std::max(1.0f, static_cast<float>(a.area() + b.area()) - common);
}

/// The part of a mask that lies in a box.
inline Mask clipped(const Mask& mask, const PixelBox& box) {
  const PixelBox common = intersection(mask.box, box);
  if (common.empty()) return {};
  cv::Mat view(common.height(), common.width(), CV_8UC1);
  for (int y = common.y0; y < common.y1; ++y)
    std::copy_n(mask.row(y) + (common.x0 - mask.box.x0), common.width(), view.ptr(y - common.y0));
  return crop_to_box(MaskView(view), {common.x0, common.y0});
}

/// The same mask, seen from an origin elsewhere.
inline Mask shifted(Mask mask, int dx, int dy) {
  if (mask.empty()) return mask;
  mask.box = {mask.box.x0 + dx, mask.box.y0 + dy, mask.box.x1 + dx, mask.box.y1 + dy};
  return mask;
}

/// Makes masks of boxes and points with a decoder that needs a support to look for: the mark is
/// one. What is around it is looked at alone, so that time does not grow with the image.
/// @par Source  this library.
template <ImageEncoder Encoder, DecoderFor<Encoder> Decoder>
class Marking {
 public:
  Marking(const Encoder& encoder, const Decoder& decoder, ImageView image)
      : encoder_(encoder), decoder_(decoder), image_(image) {}

  /// The decoder's mask of the object that fills the box; empty where there is none.
  Mask of_box(const Box& box) const {
    constexpr float margin = 1.0f;  // of the box's sides, around it
    constexpr float slack = 0.1f;   // of its sides: how far an object may reach beyond
    const PixelBox around = grown(box, margin, 8);
    Mask mask = crop_to_box(MaskView(ellipse_in(box, image_.size())));
    Mask best;
    float best_fit = fills_box;
    for (int round = 0; round < 2; ++round) {
      for (Mask& answer : ask(around, mask, five_points(box), box)) {
        answer = clipped(answer, grown(box, slack, 1));
        const float fit = answer.empty() ? 0 : persense::iou(static_cast<Box>(answer.box), box);
        if (fit > best_fit) best = std::move(answer), best_fit = fit;
      }
      if (best.empty()) return {};
      mask = best;
    }
    return best;
  }

  /// The decoder's mask of the object around the point. Its size is not known, so discs of many
  /// sizes are tried; the one that shows an object which, taken for the support, shows itself again
  /// and stands out from what is around it, is right. Empty where there is none.
  Mask of_point(Point point) const {
    Mask best;
    float best_fit = shows_itself;
    const double largest = 0.5 * std::min(image_.width, image_.height);
    for (double diameter = 6; diameter <= std::max(largest, 6.0); diameter *= std::numbers::sqrt2) {
      const auto [mask, fit] = tried(point, diameter);
      if (fit > best_fit) best = mask, best_fit = fit;
    }
    return best;
  }

 private:
  static constexpr float fills_box = 0.5f;     // least overlap of an object's box with the user's
  static constexpr float shows_itself = 0.2f;  // least fit of an object around a point

  struct Tried {
    Mask mask;
    float fit = 0;
  };

  PixelBox grown(const Box& box, float part, int least) const {
    const float dx = std::max(part * box.width(), static_cast<float>(least));
    const float dy = std::max(part * box.height(), static_cast<float>(least));
    const auto clip = [](float v, int most) {
      return static_cast<int>(std::clamp(v, 0.0f, static_cast<float>(most)));
    };
    return {
        clip(std::floor(box.x0 - dx), image_.width), clip(std::floor(box.y0 - dy), image_.height),
        clip(std::ceil(box.x1 + dx), image_.width), clip(std::ceil(box.y1 + dy), image_.height)};
  }

  /// The middle of a box and four points around it, for objects with a hole or a dent.
  std::vector<Point> five_points(const Box& box) const {
    std::vector<Point> points;
    constexpr std::array<std::pair<float, float>, 5> places{
        {{0.5f, 0.5f}, {0.25f, 0.5f}, {0.75f, 0.5f}, {0.5f, 0.25f}, {0.5f, 0.75f}}};
    for (const auto& [u, v] : places) {
      const Point p{std::clamp(static_cast<int>(box.x0 + u * box.width()), 0, image_.width - 1),
                    std::clamp(static_cast<int>(box.y0 + v * box.height()), 0, image_.height - 1)};
      if (std::find(points.begin(), points.end(), p) == points.end()) points.push_back(p);
    }
    return points;
  }

  Tried tried(Point point, double diameter) const {
    constexpr float reach = 2.5f;  // diameters around the point that are looked at
    const auto radius = static_cast<float>(0.5 * diameter);
    const float x = static_cast<float>(point.x) + 0.5f, y = static_cast<float>(point.y) + 0.5f;
    const Box disc{x - radius, y - radius, x + radius, y + radius};
    const PixelBox around = grown(disc, reach - 0.5f, 8);
    const Mask first = crop_to_box(MaskView(ellipse_in(disc, image_.size())));
    std::vector<Mask> found = ask(around, first, {point}, std::nullopt);
    if (!plausible(found[0], diameter, around)) return {};
    const Mask once = std::move(found[0]);
    FloatMap similarity;
    found = ask(around, once, {point}, std::nullopt, &similarity);
    if (!plausible(found[0], diameter, around)) return {};
    const float fit = iou(once, found[0]) * contrast(found[0], similarity, around);
    return {std::move(found[0]), fit};
  }

  /// Whether an object is about as large as the disc that was tried, and seen as a whole.
  bool plausible(const Mask& mask, double diameter, const PixelBox& around) const {
    constexpr double widest = 1.6;  // times too large or too small
    if (mask.empty()) return false;
    const double size = equivalent_diameter(static_cast<double>(mask.area())) / diameter;
    const bool is_cut = (mask.box.x0 == around.x0 && around.x0 > 0) ||
                        (mask.box.y0 == around.y0 && around.y0 > 0) ||
                        (mask.box.x1 == around.x1 && around.x1 < image_.width) ||
                        (mask.box.y1 == around.y1 && around.y1 < image_.height);
    return size < widest && size > 1 / widest && !is_cut;
  }

  /// How much more similar an object is to itself than its box's other pixels and a margin are: 0
  /// to 1.
  static float contrast(const Mask& mask, const FloatMap& similarity, const PixelBox& around) {
    const int margin = std::max(2, mask.box.width() / 4);
    const PixelBox near = intersection(
        {mask.box.x0 - margin, mask.box.y0 - margin, mask.box.x1 + margin, mask.box.y1 + margin},
        around);
    double inside = 0, beside = 0;
    std::int64_t in = 0, out = 0;
    for (int y = near.y0; y < near.y1; ++y)
      for (int x = near.x0; x < near.x1; ++x) {
        const float value = similarity(y - around.y0, x - around.x0);
        if (mask.contains({x, y}))
          inside += value, ++in;
        else
          beside += value, ++out;
      }
    if (in == 0 || out == 0) return 0;
    const double contrast = inside / static_cast<double>(in) - beside / static_cast<double>(out);
    return static_cast<float>(std::clamp(0.5 * contrast, 0.0, 1.0));
  }

  /// What the decoder finds at some points of a part of the image, for a support that is `mask`.
  /// All in pixels of the whole image. @param similarity  gets the map of the part, unless null.
  std::vector<Mask> ask(const PixelBox& part, const Mask& mask, const std::vector<Point>& points,
                        const std::optional<Box>& box, FloatMap* similarity = nullptr) const {
    const ImageView view = image_.part(part);
    const Mask own = shifted(mask, -part.x0, -part.y0);
    const auto embedding = encoder_.encode(view);
    const EncodedExample<typename Encoder::Embedding> example{&embedding, &own, view.size()};
    const Support<Encoder> support =
        support_of(view, own, encoder_.prototype(std::span(&example, 1)));
    const FloatMap map = encoder_.similarity(embedding, support.prototype, view.size());
    const Exemplar exemplar{static_cast<Box>(own.box), &own, 1.0f};
    const Query<Encoder> query{view, embedding, map, support, std::span(&exemplar, 1)};
    std::vector<Prompt> prompts;
    for (const Point p : points)
      prompts.push_back({{p.x - part.x0, p.y - part.y0}, Prompt::Role::exemplar});
    if (box && does_take_boxes(decoder_))
      prompts = {
          {prompts[0].point, Prompt::Role::exemplar,
           Box{box->x0 - static_cast<float>(part.x0), box->y0 - static_cast<float>(part.y0),
               box->x1 - static_cast<float>(part.x0), box->y1 - static_cast<float>(part.y0)}}};
    std::vector<Mask> masks;
    for (ScoredMask& answer : masks_of(decoder_, query, prompts))
      masks.push_back(shifted(std::move(answer.mask), part.x0, part.y0));
    if (similarity != nullptr) *similarity = map;
    return masks;
  }

  static Support<Encoder> support_of(ImageView view, const Mask& mask,
                                     typename Encoder::Prototype prototype) {
    const float diameter = equivalent_diameter(static_cast<double>(mask.area()));
    const Image image = Image::copy_of(view);
    return {{{image, mask, diameter}},
            image,
            to_frame(mask, view.size()),
            diameter,
            mask.box,
            std::move(prototype),
            {},
            {},
            {}};
  }

  const Encoder& encoder_;
  const Decoder& decoder_;
  ImageView image_;
};

/// The decoder's mask of a box or a point; empty where it finds no object. A decoder that is known
/// at run time alone has an overload beside it.
template <ImageEncoder Encoder, class Decoder>
Mask decoded_mark(const Encoder& encoder, const Decoder& decoder,
                  const EncodedImage<Encoder>& image, const Prompt& prompt) {
  const ImageView view = image.image().view();
  if constexpr (DecodesMarks<Decoder, Encoder>)
    return decoder.decode_mark(MarkedImage<Encoder>{view, image.embedding()}, prompt).mask;
  else if (prompt.box)
    return Marking<Encoder, Decoder>(encoder, decoder, view).of_box(*prompt.box);
  else
    return Marking<Encoder, Decoder>(encoder, decoder, view).of_point(prompt.point);
}

/// The masks of marks on one image, with notes of what was done.
template <ImageEncoder Encoder, class Decoder>
class MarkedMasks {
 public:
  MarkedMasks(const Encoder& encoder, const Decoder& decoder, const EncodedImage<Encoder>& image,
              Parts parts, std::vector<std::string>& notes)
      : encoder_(encoder), decoder_(decoder), image_(image), parts_(parts), notes_(notes) {}

  /// One mask, or several where a mask has several parts.
  /// @throws InvalidArgument  a mark that marks nothing.
  std::vector<Mask> operator()(const Mark& mark) const { return std::visit(*this, mark); }

  std::vector<Mask> operator()(const MaskView& mask) const {
    CheckedMask checked = check_support(image_.image().view(), mask, parts_);
    notes_.insert(notes_.end(), checked.notes.begin(), checked.notes.end());
    return std::move(checked.parts);
  }
  std::vector<Mask> operator()(const Polygon& polygon) const {
    return (*this)(MaskView(mask_of(polygon, image_.image().size())));
  }
  std::vector<Mask> operator()(const LabelId& label) const {
    return (*this)(MaskView(mask_of(label, image_.image().size())));
  }

  std::vector<Mask> operator()(const Box& box) const {
    constexpr float fills = 0.5f;  // least overlap of the mask's box with the user's
    const Size size = image_.image().size();
    check_box(box, size);
    const auto middle = [](float a, float b, int length) {
      return static_cast<int>(std::clamp(0.5f * (a + b), 0.0f, static_cast<float>(length - 1)));
    };
    const Point centre{middle(box.x0, box.x1, size.width), middle(box.y0, box.y1, size.height)};
    Mask mask = decoded({centre, Prompt::Role::exemplar, box});
    if (mask.empty() || persense::iou(static_cast<Box>(mask.box), box) < fills) {
      notes_.push_back(fmt::format(
          "support box: in {} the decoder finds no object that fills it, so the ellipse "
          "in it is used",
          to_string(box)));
      mask = crop_to_box(MaskView(ellipse_in(box, size)));
    }
    return {std::move(mask)};
  }

  std::vector<Mask> operator()(const Point& point) const {
    check_point(point, image_.image().size());
    Mask mask = decoded({point, Prompt::Role::exemplar});
    if (mask.empty())
      throw InvalidArgument(
          fmt::format("support point: at ({}, {}) the decoder finds no object; expected a pixel of "
                      "one, or a box or mask of it",
                      point.x, point.y));
    return {std::move(mask)};
  }

 private:
  Mask decoded(const Prompt& prompt) const {
    Mask mask = decoded_mark(encoder_, decoder_, image_, prompt);
    require_mask(mask, image_.image().size(), "decoder: the mask of a mark");
    return mask;
  }

  const Encoder& encoder_;
  const Decoder& decoder_;
  const EncodedImage<Encoder>& image_;
  const Parts parts_;
  std::vector<std::string>& notes_;
};

}  // namespace persense::detail
