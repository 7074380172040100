// quiet_io.hpp: images read without what image libraries have to say about them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "persense/eval/corrections.hpp"
#include "persense/eval/truth.hpp"
#include "persense/io/images.hpp"
#include "persense/io/labelme.hpp"

namespace persense::cli {

/// The same as in io and eval. libpng and libjpeg write their own lines about damaged files
/// to standard error; here those are dropped, because the exception says it in one line of ours.
/// @par Threads  Any number at once. Write to `messages()`, not to stderr, meanwhile.
io::LoadedImage load_image(const std::filesystem::path& path, const io::ReadOptions& options);
/// The window that a file is read through by itself; none of 8-bit pixels, of a pipe, which can be
/// read only once, and of what cannot be read.
std::optional<io::Window> own_window(const std::filesystem::path& path, int page);
int page_count(const std::filesystem::path& path);
io::MaskFile load_mask(const std::filesystem::path& path);
cv::Mat read_mask(const std::filesystem::path& path);
cv::Mat read_labels(const std::filesystem::path& path);
io::LabelmeFile read_labelme(const std::filesystem::path& path);
eval::CorrectedImage read_corrected(const eval::Corrections& corrections, std::size_t index);
std::vector<std::uint8_t> checked_image(const eval::CorrectedImage& image);
io::ImageFile image_beside_masks(std::vector<std::uint8_t> bytes, const std::string& name);
eval::Truth read_truth(const eval::DatasetQuery& query);
cv::Mat support_mask(const eval::DatasetSupport& support);

}  // namespace persense::cli
