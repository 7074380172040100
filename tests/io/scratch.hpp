// A temporary folder, and results made of simple shapes.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "message_of.hpp"
#include "persense/result.hpp"

namespace persense::test {

using testing::message_of;

namespace fs = std::filesystem;

/// A folder that is gone when the test ends.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "persense-io-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp: " + name);
    folder_ = name;
  }
  ~Scratch() { fs::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  fs::path operator/(const std::string& name) const { return folder_ / name; }
  const fs::path& path() const { return folder_; }
  std::size_t file_count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator{}));
  }

 private:
  fs::path folder_;
};

using Bytes = std::vector<std::uint8_t>;

inline Bytes bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void put_bytes(const fs::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

inline Instance instance_of(const cv::Mat& mask, float score = 0.5f) {
  Instance instance;
  instance.mask = crop_to_box(MaskView(mask));
  instance.box = static_cast<Box>(instance.mask.box);
  instance.point = {(instance.mask.box.x0 + instance.mask.box.x1) / 2,
                    (instance.mask.box.y0 + instance.mask.box.y1) / 2};
  instance.score = score;
  return instance;
}

inline Instance disc(Size size, Point center, int radius, float score = 0.5f) {
  cv::Mat mask = cv::Mat::zeros(size.height, size.width, CV_8UC1);
  cv::circle(mask, {center.x, center.y}, radius, cv::Scalar(255), cv::FILLED);
  return instance_of(mask, score);
}

inline ClassResult class_result(const std::string& label, std::size_t count) {
  ClassResult result;
  result.label = label;
  result.count = count;
  return result;
}

/// Two discs that share pixels and one that touches the image's corner.
inline Result three_discs() {
  const Size size{90, 60};
  Result result;
  result.image_size = size;
  result.instances = {disc(size, {20, 20}, 12, 0.5f), disc(size, {36, 22}, 12, 0.9f),
                      disc(size, {89, 59}, 15, 0.75f)};
  result.instances[2].touches_border = true;
  result.classes = {class_result("", 3)};
  return result;
}

/// The same, where the second disc is of another class.
inline Result two_classes() {
  Result result = three_discs();
  result.instances[1].class_index = 1;
  result.classes = {class_result("bean", 2), class_result("pea, green", 1)};
  return result;
}

}  // namespace persense::test
