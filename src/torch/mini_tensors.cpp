#include "mini_tensors.hpp"

namespace persense::torchscript {

at::Tensor tensor_of(const cv::Mat& image, const Placement& placement) {
  const cv::Mat whole = image.isContinuous() ? image : image.clone();
  return at::from_blob(whole.data, {1, whole.rows, whole.cols, 3}, at::kFloat)
      .permute({0, 3, 1, 2})
      .to(at::TensorOptions(placement.device).dtype(placement.dtype), /*non_blocking=*/false,
          /*copy=*/true, at::MemoryFormat::ChannelsLast);
}

at::Tensor view_of(const mini::Vectors& rows) {
  return at::from_blob(const_cast<float*>(rows.data()), {rows.rows(), rows.cols()}, at::kFloat);
}

mini::Vectors rows_of(const at::Tensor& tensor) {
  const at::Tensor rows = tensor.to(at::kCPU, at::kFloat).contiguous();
  return Eigen::Map<const mini::Vectors>(rows.data_ptr<float>(), rows.size(0), rows.size(1));
}

at::Tensor part_of(const at::Tensor& map, const cv::Rect& part, int stride) {
  const cv::Rect cells = mini::cells_of(part, stride);
  return map.narrow(2, cells.y, cells.height).narrow(3, cells.x, cells.width);
}

void put(const at::Tensor& computed, const mini::SeenPart& part, int stride, at::Tensor& whole) {
  part_of(whole, part.kept, stride).copy_(part_of(computed, part.own(), stride));
}

at::Tensor room(std::int64_t channels, cv::Size size, int stride,
                const at::TensorOptions& options) {
  return at::empty({1, channels, size.height / stride, size.width / stride},
                   options.memory_format(at::MemoryFormat::ChannelsLast));
}

at::Tensor filled(const at::Tensor& some) {
  const std::int64_t n = some.size(0);
  const std::int64_t step = n > mini::batch / 2 ? mini::batch : n > 1 ? 16 : 1;
  const std::int64_t missing = (step - n % step) % step;
  if (missing == 0) return some;
  std::vector<std::int64_t> shape = some.sizes().vec();
  shape[0] = missing;
  return at::cat({some, at::zeros(shape, some.options())});
}

}  // namespace persense::torchscript
