// Which images of an annotation file have which class.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "persense/eval/annotations.hpp"

namespace persense::eval {

/// Annotations of each image, of each category. Crowds are no object to show, but a part of the
/// truth.
class AnnotatedImages {
 public:
  explicit AnnotatedImages(const AnnotationFile& file) : file_(file) {
    by_category_.resize(file.categories().size());
    for (std::uint32_t i = 0; i < file.annotations().size(); ++i) {
      const auto& annotation = file.annotations()[i];
      by_category_[annotation.category][annotation.image].push_back(i);
    }
  }

  /// Images that have an object of the category, by id: images of crowds alone are none.
  std::vector<std::uint32_t> images(std::uint32_t category) const {
    std::vector<std::uint32_t> images;
    for (const auto& [image, annotations] : by_category_[category])
      if (!objects(annotations).empty()) images.push_back(image);
    return images;
  }
  /// Objects and crowds.
  const std::vector<std::uint32_t>& annotations(std::uint32_t category, std::uint32_t image) const {
    static const std::vector<std::uint32_t> none;
    const auto at = by_category_[category].find(image);
    return at == by_category_[category].end() ? none : at->second;
  }
  std::vector<std::uint32_t> objects(const std::vector<std::uint32_t>& annotations) const {
    std::vector<std::uint32_t> objects;
    for (const std::uint32_t i : annotations)
      if (!file_.annotations()[i].crowd) objects.push_back(i);
    return objects;
  }

 private:
  const AnnotationFile& file_;
  std::vector<std::map<std::uint32_t, std::vector<std::uint32_t>>> by_category_;
};

}  // namespace persense::eval
