// handles.hpp: what is behind the opaque types. None changes after its creation.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "persense.h"
#include "persense/engine.hpp"
#include "persense/idm.hpp"
#include "persense/label/extractor.hpp"

namespace persense::capi {

/// Lines of text as an array of C strings. The lines must outlive it, unchanged.
inline std::vector<const char*> c_strings(const std::vector<std::string>& lines) {
  std::vector<const char*> pointers;
  pointers.reserve(lines.size());
  for (const std::string& line : lines) pointers.push_back(line.c_str());
  return pointers;
}

/// Structs as an array of pointers, so that they may grow. They must outlive it where they are.
template <class Info>
std::vector<const Info*> addresses_of(const std::vector<Info>& infos) {
  std::vector<const Info*> pointers;
  pointers.reserve(infos.size());
  for (const Info& info : infos) pointers.push_back(&info);
  return pointers;
}

}  // namespace persense::capi

struct persense_pipeline {
  persense_pipeline(const persense::Stages& stages, const persense::Options& options);

  const persense::Engine engine;
  std::vector<std::pair<std::string, std::string>> options;  ///< key and value, as text
};

struct persense_encoded {
  const persense::Engine engine;
  const persense::EngineImage image;
};

struct persense_support {
  persense_support(const persense::Engine& made_by, persense::EngineSupport prepared);
  persense_support(const persense_support&) = delete;

  const persense::Engine engine;
  const persense::EngineSupport support;
  std::vector<const char*> notes;
  std::vector<persense_example_info> example_infos;
  std::vector<const persense_example_info*> examples;
  persense_support_info info{};
};

struct persense_label {
  explicit persense_label(persense::ClassLabel found);
  persense_label(const persense_label&) = delete;

  const persense::ClassLabel text;
  persense_label_info info{};
};

struct persense_result {
  explicit persense_result(persense::Result found);
  persense_result(const persense_result&) = delete;

  const persense::Result result;
  std::vector<persense_instance> instances;
  std::vector<std::int32_t> instance_classes;
  std::vector<std::uint8_t> touches_border;
  std::vector<persense_class_info> class_infos;
  std::vector<const persense_class_info*> classes;
  std::vector<const char*> notes;
  persense_result_info info{};

  std::mutex rle_guard;
  std::vector<std::string> rle;  ///< by instance; empty until it is asked for
};

struct persense_points {
  explicit persense_points(const persense::IdmResult& found);
  persense_points(const persense_points&) = delete;

  std::vector<persense_point> points;
  persense_points_info info{};
};

struct persense_image_buffer {
  persense_image_buffer(cv::Mat from_file, persense_pixel_format format);

  const cv::Mat pixels;
  persense_image image{};
  persense_image_buffer_info info{1, 0, 0, 0};
};
