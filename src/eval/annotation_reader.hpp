// What a COCO file's events become, one after another.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json_stream.hpp"
#include "persense/eval/annotations.hpp"

namespace persense::eval {

/// An item of one of the three lists, as far as it is of use.
struct ReadItem {
  std::optional<std::int64_t> id, image_id, category_id;
  std::optional<double> width, height;
  std::optional<std::string> name, file_name, coco_url;
  bool crowd = false;
  bool has_frequency = false;
};

/// What a segmentation holds, checked as it goes by; outlines are not kept.
struct ReadSegmentation {
  enum class Kind { none, polygons, runs };
  Kind kind = Kind::none;
  std::int64_t polygons = 0, values = 0;  // values: of the polygon that is being read
  std::optional<std::int64_t> height, width, pixels;
  int sizes = 0;
  std::string problem;  // the first one
  void wrong(std::string what) {
    if (problem.empty()) problem = std::move(what);
  }
};

class AnnotationReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  AnnotationReader(AnnotationFile& file, detail::ByteStream& stream, Broken broken)
      : file_(file), stream_(stream), policy_(broken) {}

  /// After the last event: what belongs together, in order.
  void resolve();

  bool null() override;
  bool boolean(bool value) override;
  bool number_integer(number_integer_t value) override;
  bool number_unsigned(number_unsigned_t value) override;
  bool number_float(number_float_t value, const string_t& text) override;
  bool string(string_t& value) override;
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override;
  bool key(string_t& name) override;
  bool end_object() override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& error) override;

 private:
  enum class Section { other, images, annotations, categories };
  enum class Field {
    other,
    id,
    image_id,
    category_id,
    width,
    height,
    name,
    file_name,
    coco_url,
    iscrowd,
    frequency,
    segmentation
  };
  enum class Part { none, size, counts };
  // an annotation with the ids that it names
  struct Kept {
    AnnotationFile::Annotation annotation;
    std::int64_t image_id, category_id;
    std::int32_t width, height;  // of its run lengths; 0 of polygons
  };

  void number(double value, std::optional<std::int64_t> whole);
  void segmentation_number(double value, std::optional<std::int64_t> whole);
  void finish_segmentation();
  void finish_item();
  void finish_image();
  void finish_category();
  void finish_annotation();
  void report(const std::string& kind, std::optional<std::int64_t> id, std::size_t number,
              const std::string& what);
  std::string resolved(Kept& kept) const;
  bool in_item() const { return depth_ == 3 && section_ != Section::other; }
  bool in_segmentation() const {
    return depth_ > 3 && section_ == Section::annotations && field_ == Field::segmentation;
  }

  AnnotationFile& file_;
  detail::ByteStream& stream_;
  const Broken policy_;
  int depth_ = 0;  // containers that are open: 1 the file, 2 a list, 3 an item
  Section section_ = Section::other;
  Field field_ = Field::other;
  Part part_ = Part::none;
  ReadItem item_;
  ReadSegmentation segmentation_;
  std::uint64_t begin_ = 0;
  std::size_t image_number_ = 0, category_number_ = 0, annotation_number_ = 0;
  bool has_images_ = false, has_annotations_ = false, has_categories_ = false;
  std::vector<Kept> kept_;
};

}  // namespace persense::eval
