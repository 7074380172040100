#include "persense/classic/encoder.hpp"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "object_model.hpp"
#include "scaled_images.hpp"

namespace persense::classic {

ClassicEmbedding::ClassicEmbedding(ImageView image)
    : images_(std::make_shared<const ScaledImages>(image.mat())) {}

ClassicPrototype::ClassicPrototype(ObjectModel model)
    : model_(std::make_shared<const ObjectModel>(std::move(model))) {}

ClassicPrototype ClassicEncoder::prototype(
    std::span<const EncodedExample<Embedding>> examples) const {
  return ClassicPrototype(learn_model(examples));
}

FloatMap ClassicEncoder::similarity(const Embedding& embedding, const Prototype& prototype,
                                    Size size) const {
  const ObjectModel& model = prototype.model();
  const double neutral = model.expected.neutral();
  const double reach = std::max(model.expected.height - neutral, 1e-3);
  FloatMap map(size.height, size.width);
  cv::Mat out = as_mat(map);  // the map's own memory: written in place
  cv::resize(embedding.images().height_map(model)->height(), out, out.size(), 0, 0,
             cv::INTER_LINEAR);
  map = ((map - static_cast<float>(neutral)) / static_cast<float>(reach)).max(-1.0f).min(1.0f);
  return map;
}

}  // namespace persense::classic
