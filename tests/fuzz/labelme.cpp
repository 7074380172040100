// labelme's JSON files.
#include "persense/io/labelme.hpp"

#include <algorithm>
#include <set>

#include "persense/detail/marks.hpp"
#include "persense/failure.hpp"
#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

namespace {

void check_shape(const cv::Mat& mask, Size size) {
  require(mask.type() == CV_8UC1, "a mask has one channel of 8 bits");
  require(mask.cols == size.width && mask.rows == size.height, "a mask has the image's size");
}

// What is a shape of another place or of no pixel is refused where it marks something.
void check_shape(const Box& box, Size size) {
  accepts([&] { detail::check_box(box, size); });
}
void check_shape(const Point& point, Size size) {
  accepts([&] { detail::check_point(point, size); });
}
void check_shape(const Polygon& polygon, Size size) {
  require(polygon.vertices.size() >= 3, "a polygon has three vertices");
  constexpr std::int64_t small = 1 << 16;
  if (size.pixels() > small) return;
  accepts([&] { require(!detail::mask_of(polygon, size).empty(), "a polygon is a mask"); });
}

/// What is read shape by shape: what is wrong with one is a line, the others are masks.
void check_objects(const std::filesystem::path& path) {
  io::LabelmeObjects file;
  if (!accepts([&] { file = io::read_labelme_objects(path); })) return;
  require(file.masks.size() == file.labels.size() && file.masks.size() == file.shapes.size(),
          "every object has a label and a shape");
  require(std::is_sorted(file.shapes.begin(), file.shapes.end()),
          "objects are in the file's order");
  for (const std::string& label : file.labels) require(!label.empty(), "an object has a class");
  for (const Mask& mask : file.masks) {
    require(!mask.empty(), "an object has a pixel");
    require_mask(mask, file.size, "object");
  }
  for (const std::string& line : file.broken)
    require(one_line(line) == line && !line.empty(), "what is wrong is one line");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile file;
  io::LabelmeFile marks;
  const auto path = file.holding({data, size});
  check_objects(path);
  if (!accepts([&] { marks = io::read_labelme(path); })) return 0;
  require(marks.size.width >= 1 && marks.size.height >= 1, "an image has pixels");
  std::set<std::string> names;
  for (const io::LabelmeMark& mark : marks.marks) {
    require(!mark.label.empty(), "a mark has a class");
    names.insert(mark.label);
    std::visit([&](const auto& shape) { check_shape(shape, marks.size); }, mark.shape);
    (void)mark.mark();
  }
  const auto classes = marks.classes();
  require(std::set<std::string>(classes.begin(), classes.end()) == names &&
              classes.size() == names.size(),
          "every class is listed once");
  return 0;
}
