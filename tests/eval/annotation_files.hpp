// Small COCO files for the tests of data sets.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>

namespace persense::test {

inline void put_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file of `images` images of 40 x 30, named 1.png and so on, and `categories` categories with
/// the ids 10, 20, ..., named c0, c1, ... Image i has two squares of each category c for which
/// has(i, c): the annotations 1000 i + 10 c + 1 and + 2, counted from image 1 and category 0.
template <class Has>
nlohmann::json squares(int images, int categories, Has&& has) {
  nlohmann::json coco = {{"images", nlohmann::json::array()},
                         {"annotations", nlohmann::json::array()},
                         {"categories", nlohmann::json::array()}};
  for (int c = 0; c < categories; ++c)
    coco["categories"].push_back({{"id", 10 * (c + 1)}, {"name", fmt::format("c{}", c)}});
  for (int i = 1; i <= images; ++i) {
    coco["images"].push_back(
        {{"id", i}, {"file_name", fmt::format("{}.png", i)}, {"width", 40}, {"height", 30}});
    for (int c = 0; c < categories; ++c) {
      if (!has(i, c)) continue;
      for (int k = 1; k <= 2; ++k) {
        const int x = 18 * (k - 1) + 2, y = 3 * (c % 5) + 2;
        coco["annotations"].push_back(
            {{"id", 1000 * i + 10 * c + k},
             {"image_id", i},
             {"category_id", 10 * (c + 1)},
             {"iscrowd", 0},
             {"segmentation", {{x, y, x + 10, y, x + 10, y + 8, x, y + 8}}}});
      }
    }
  }
  return coco;
}

/// The images of such a file, black, beside it.
inline void put_images(const std::filesystem::path& folder, int images) {
  for (int i = 1; i <= images; ++i)
    cv::imwrite((folder / fmt::format("{}.png", i)).string(), cv::Mat::zeros(30, 40, CV_8UC3));
}

}  // namespace persense::test
