#include "quiet_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <mutex>
#include <utility>

#include "persense/error.hpp"

namespace persense::cli {

namespace {

// While one lives, standard error leads nowhere. Only for as long as an image is decoded: reports
// of crashes and sanitizers are to be seen.
class Quiet {
 public:
  Quiet() {
    const std::scoped_lock lock(guard);
    if (users++ > 0) return;
    before = ::dup(STDERR_FILENO);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (before >= 0 && nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
    if (nowhere >= 0) ::close(nowhere);
  }
  ~Quiet() {
    const std::scoped_lock lock(guard);
    if (--users > 0 || before < 0) return;
    ::dup2(before, STDERR_FILENO);
    ::close(before);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  static inline std::mutex guard;
  static inline int users = 0;
  static inline int before = -1;
};

}  // namespace

io::LoadedImage load_image(const std::filesystem::path& path, const io::ReadOptions& options) {
  const Quiet quiet;
  return io::load_image(path, options);
}

std::optional<io::Window> own_window(const std::filesystem::path& path, int page) try {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored) || !io::may_be_deep(path))
    return std::nullopt;
  return cli::load_image(path, {page, std::nullopt}).window;
} catch (const Error&) {  // whoever needs the image says it
  return std::nullopt;
}

int page_count(const std::filesystem::path& path) {
  const Quiet quiet;
  return io::page_count(path);
}

io::MaskFile load_mask(const std::filesystem::path& path) {
  const Quiet quiet;
  return io::load_mask(path);
}

cv::Mat read_mask(const std::filesystem::path& path) {
  const Quiet quiet;
  return io::read_mask(path);
}

cv::Mat read_labels(const std::filesystem::path& path) {
  const Quiet quiet;
  return io::read_labels(path);
}

io::LabelmeFile read_labelme(const std::filesystem::path& path) {
  const Quiet quiet;
  return io::read_labelme(path);
}

eval::CorrectedImage read_corrected(const eval::Corrections& corrections, std::size_t index) {
  const Quiet quiet;
  return corrections.read(index);
}

std::vector<std::uint8_t> checked_image(const eval::CorrectedImage& image) {
  const Quiet quiet;
  return eval::checked_image(image);
}

io::ImageFile image_beside_masks(std::vector<std::uint8_t> bytes, const std::string& name) {
  const Quiet quiet;
  return io::image_beside_masks(std::move(bytes), name);
}

eval::Truth read_truth(const eval::DatasetQuery& query) {
  const Quiet quiet;
  return eval::read_truth(query);
}

cv::Mat support_mask(const eval::DatasetSupport& support) {
  const Quiet quiet;
  return eval::support_mask(support);
}

}  // namespace persense::cli
