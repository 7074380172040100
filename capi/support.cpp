// Encoded images, and supports of marked examples.
#include <fmt/format.h>

#include <deque>
#include <memory>
#include <tuple>
#include <vector>

#include "arguments.hpp"
#include "handles.hpp"
#include "log_notes.hpp"
#include "persense/detail/support_mask.hpp"

using namespace persense;

namespace persense::capi {

namespace {

/// Examples in the terms of the engine. An image that several of them have is converted once.
class Examples {
 public:
  explicit Examples(std::span<const persense_example> given) {
    examples_.reserve(given.size());
    for (const persense_example& example : given) {
      try {
        add(example);
      } catch (const InvalidArgument& e) {
        if (given.size() == 1) throw;
        throw InvalidArgument(fmt::format("example {}: {}", examples_.size() + 1, e.what()));
      }
    }
  }

  std::span<const Example> all() const { return examples_; }

 private:
  struct Converted {
    persense_image from;
    RgbArgument rgb;
  };

  void add(const persense_example& given) {
    std::variant<ImageView, EngineImage> image;
    if (given.encoded != nullptr && given.image != nullptr)
      throw InvalidArgument("image: got one beside an encoded one, expected one of them");
    if (given.encoded != nullptr)
      image = given.encoded->image;
    else
      image = rgb(given.image);
    examples_.push_back({std::move(image), mark(given), given.negative != 0});
  }

  ImageView rgb(const persense_image* image) {
    const auto key = [](const persense_image& i) {
      return std::tuple(i.data, i.width, i.height, i.stride, i.format);
    };
    for (const Converted& known : converted_)
      if (image != nullptr && key(known.from) == key(*image)) return known.rgb.view;
    RgbArgument made = rgb_argument(image, "support image");
    converted_.push_back({*image, std::move(made)});
    return converted_.back().rgb.view;
  }

  static Mark mark(const persense_example& given) {
    switch (given.kind) {
      case PERSENSE_MARK_MASK:
        return mask_argument(given.mask, "support mask");
      case PERSENSE_MARK_BOX:
        return Box{given.box.x0, given.box.y0, given.box.x1, given.box.y1};
      case PERSENSE_MARK_POINT:
        return Point{given.point.x, given.point.y};
      case PERSENSE_MARK_POLYGON: {
        if (given.vertex_count > 0) require(given.vertices, "support polygon: vertices");
        Polygon polygon;
        for (std::size_t i = 0; i < given.vertex_count; ++i)
          polygon.vertices.push_back({given.vertices[i].x, given.vertices[i].y});
        return polygon;
      }
      case PERSENSE_MARK_LABEL:
        return LabelId{labels_argument(given.labels, "support labels"), given.label_id};
      default:
        throw InvalidArgument(fmt::format("kind: got {}, expected one of persense_mark (0 to {})",
                                          given.kind, static_cast<int>(PERSENSE_MARK_LABEL)));
    }
  }

  std::vector<Example> examples_;
  std::deque<Converted> converted_;  // where they stay
};

/// The structs of an array whose distance is their struct_size.
std::vector<persense_example> read_examples(const persense_example* given, std::size_t count) {
  std::vector<persense_example> examples;
  if (count > 0) require(given, "examples");
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* const at = reinterpret_cast<const persense_example*>(bytes);
    if (at->struct_size != given->struct_size)
      throw InvalidArgument(
          fmt::format("examples: struct_size {} of example {}, expected that of the first, {}",
                      at->struct_size, i + 1, given->struct_size));
    examples.push_back(read_struct(at, "persense_example", offsetof(persense_example, reserved)));
    bytes += given->struct_size;
  }
  return examples;
}

persense_example_info info_of(const SupportExample& from) {
  persense_example_info to{};
  const cv::Mat& pixels = from.image.mat();
  to.image = {pixels.data, pixels.cols, pixels.rows, static_cast<std::int64_t>(pixels.step),
              PERSENSE_RGB8};
  const auto box = static_cast<Box>(from.mask.box);
  to.box = {box.x0, box.y0, box.x1, box.y1};
  to.diameter = from.diameter;
  to.negative = from.negative ? 1 : 0;
  to.mask_x = from.mask.box.x0;
  to.mask_y = from.mask.box.y0;
  to.mask_width = from.mask.box.width();
  to.mask_height = from.mask.box.height();
  to.mask = from.mask.bits.data();
  return to;
}

void make_support(const persense_pipeline* pipeline, std::span<const Example> examples,
                  const std::string& label, const std::string& phrase, persense_support*& out) {
  const Engine& engine = required(pipeline, "pipeline").engine;
  auto made = std::make_unique<persense_support>(engine, engine.support(examples, label, phrase));
  log_notes(made->support.info().notes);
  out = made.release();
}

}  // namespace

}  // namespace persense::capi

persense_support::persense_support(const Engine& made_by, EngineSupport prepared)
    : engine(made_by), support(std::move(prepared)), notes(capi::c_strings(support.info().notes)) {
  const EngineSupport::Info& from = support.info();
  const auto box = static_cast<Box>(from.box);
  for (const SupportExample& example : from.examples)
    example_infos.push_back(capi::info_of(example));
  examples = capi::addresses_of(example_infos);
  info.width = from.image_size.width;
  info.height = from.image_size.height;
  info.box = {box.x0, box.y0, box.x1, box.y1};
  info.diameter = from.diameter;
  info.label = from.label.c_str();
  info.phrase = from.phrase.c_str();
  info.note_count = notes.size();
  info.notes = notes.data();
  info.example_count = examples.size();
  info.examples = examples.data();
}

void persense_example_init(persense_example* example, size_t struct_size) {
  capi::init_struct(example, struct_size);
}

persense_status persense_image_encode(const persense_pipeline* pipeline,
                                      const persense_image* image, persense_encoded** out) {
  return capi::guard([&] {
    auto& encoded = capi::emptied(out, "out");
    const Engine& engine = capi::required(pipeline, "pipeline").engine;
    const auto rgb = capi::rgb_argument(image, "image");
    encoded = new persense_encoded{engine, engine.encode(rgb.view)};
  });
}

persense_status persense_support_create(const persense_pipeline* pipeline,
                                        const persense_image* image, const persense_image* mask,
                                        const char* label, persense_support** out) {
  return capi::guard([&] {
    auto& support = capi::emptied(out, "out");
    capi::require(pipeline, "pipeline");
    const auto rgb = capi::rgb_argument(image, "support image");
    const Example example{rgb.view, capi::mask_argument(mask, "support mask")};
    capi::make_support(pipeline, std::span(&example, 1), capi::text_or(label, ""), "", support);
  });
}

persense_status persense_support_create_from_examples(const persense_pipeline* pipeline,
                                                      const persense_example* examples,
                                                      size_t example_count, const char* label,
                                                      persense_support** out) {
  return capi::guard([&] {
    auto& support = capi::emptied(out, "out");
    capi::require(pipeline, "pipeline");
    const auto given = capi::read_examples(examples, example_count);
    const capi::Examples own(given);
    capi::make_support(pipeline, own.all(), capi::text_or(label, ""), "", support);
  });
}

persense_status persense_support_create_named(const persense_pipeline* pipeline,
                                              const persense_example* examples,
                                              size_t example_count, const persense_label* label,
                                              persense_support** out) {
  return capi::guard([&] {
    auto& support = capi::emptied(out, "out");
    capi::require(pipeline, "pipeline");
    const ClassLabel& named = capi::required(label, "label").text;
    const auto given = capi::read_examples(examples, example_count);
    const capi::Examples own(given);
    capi::make_support(pipeline, own.all(), named.label, named.phrase, support);
  });
}

const persense_support_info* persense_support_get_info(const persense_support* support) {
  return capi::guard_getter([&] { return &capi::required(support, "support").info; });
}

persense_status persense_support_get_mask(const persense_support* support, size_t index,
                                          uint8_t* mask, size_t byte_count, int64_t stride) {
  return capi::guard([&] {
    const auto& examples = capi::required(support, "support").support.info().examples;
    if (index >= examples.size())
      throw InvalidArgument(
          fmt::format("index: got {}, expected less than the {} examples", index, examples.size()));
    const SupportExample& example = examples[index];
    cv::Mat into =
        capi::memory_argument(mask, byte_count, stride, example.image.size(), CV_8UC1, "mask");
    to_frame(example.mask, example.image.size()).copyTo(into);
  });
}

void persense_encoded_free(persense_encoded* encoded) { delete encoded; }
void persense_support_free(persense_support* support) { delete support; }
