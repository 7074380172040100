#include "persense/eval/dataset_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "persense/error.hpp"
#include "persense/eval/marks.hpp"
#include "persense/io/files.hpp"

namespace persense::eval {

namespace fs = std::filesystem;

std::int64_t typical_area(std::span<const Mask> objects, Size image) {
  std::vector<std::int64_t> whole, all;
  for (const Mask& mask : objects) {
    const PixelBox& b = mask.box;
    const bool cut_off = b.x0 == 0 || b.y0 == 0 || b.x1 == image.width || b.y1 == image.height;
    all.push_back(mask.area());
    if (!cut_off) whole.push_back(all.back());
  }
  std::vector<std::int64_t>& areas = whole.empty() ? all : whole;
  if (areas.empty()) return 0;
  std::sort(areas.begin(), areas.end());
  return areas[areas.size() / 2];
}

std::size_t choose_support(std::span<const std::int64_t> areas) {
  std::vector<std::int64_t> sorted(areas.begin(), areas.end());
  std::sort(sorted.begin(), sorted.end());
  const auto median = static_cast<double>(sorted[sorted.size() / 2]);
  const auto off = [&](std::int64_t area) {
    return std::abs(std::log(static_cast<double>(area) / median));
  };
  const auto nearest = std::min_element(
      areas.begin(), areas.end(), [&](std::int64_t a, std::int64_t b) { return off(a) < off(b); });
  return static_cast<std::size_t>(nearest - areas.begin());
}

cv::Mat labels_of(std::span<const Mask> objects, Size image) {
  std::vector<Instance> instances(objects.size());
  for (std::size_t i = 0; i < objects.size(); ++i) {
    instances[i].mask = objects[i];
    instances[i].score = -static_cast<float>(objects[i].area());  // the best is seen
  }
  return io::label_image(image, instances);
}

ClassWriter::ClassWriter(fs::path folder, std::size_t queries) : folder_(std::move(folder)) {
  digits_ = std::max(2, static_cast<int>(std::to_string(queries).size()));
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw Unwritable(fmt::format("{}: {}", folder_.string(), error.message()));
}

std::int32_t ClassWriter::write_support(const io::ImageFile& image, const cv::Mat& labels) const {
  const auto objects = typical_objects(labels, 1);
  if (objects.empty())
    throw InvalidArgument(
        fmt::format("{}: its support has no object, expected one or more", folder_.string()));
  double label = 0;
  cv::minMaxIdx(labels, nullptr, &label, nullptr, nullptr, objects[0]);
  io::write_file(folder_ / ("00" + image.extension), image.bytes);
  io::write_png(folder_ / "00.png", objects[0]);
  return static_cast<std::int32_t>(label);
}

std::string ClassWriter::write_query(std::size_t number, const io::ImageFile& image,
                                     const cv::Mat& labels) const {
  constexpr double most = 65535;
  double last = 0;
  cv::minMaxIdx(labels, nullptr, &last);
  const std::string name = fmt::format("{:0{}}", number, digits_);
  const fs::path path = folder_ / (name + "_instances.png");
  if (last > most)
    throw InvalidArgument(fmt::format("{}: {} objects, a 16-bit label image holds {} at most",
                                      path.string(), last, most));
  cv::Mat narrow;
  labels.convertTo(narrow, CV_16U);
  io::write_png(path, narrow);
  io::write_file(folder_ / (name + image.extension), image.bytes);
  return name;
}

}  // namespace persense::eval
