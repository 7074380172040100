#include "persense/io/imagej.hpp"

#include <zip.h>

#include <bit>

#include "catch.hpp"
#include "persense/error.hpp"
#include "shapes.hpp"

using namespace persense;
using namespace persense::test;

namespace {

using Entries = std::vector<std::pair<std::string, Bytes>>;

Entries entries_in(const Bytes& file) {
  zip_source_t* source = zip_source_buffer_create(file.data(), file.size(), 0, nullptr);
  zip_t* archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, nullptr);
  REQUIRE(archive != nullptr);
  Entries entries;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    zip_stat_t status;
    const auto index = static_cast<zip_uint64_t>(i);
    REQUIRE(zip_stat_index(archive, index, 0, &status) == 0);
    Bytes bytes(status.size);
    zip_file_t* entry = zip_fopen_index(archive, index, 0);
    CHECK(zip_fread(entry, bytes.data(), bytes.size()) == static_cast<zip_int64_t>(status.size));
    CHECK(zip_fclose(entry) == 0);
    entries.emplace_back(status.name, bytes);
  }
  zip_discard(archive);
  return entries;
}

/// What ImageJ's layout has at fixed places.
struct Roi {
  int type = 0, slice = 0, group = 0;
  PixelBox box;
  std::u16string name;
  std::vector<Corners> rings;
};

unsigned u16(const Bytes& bytes, std::size_t at) { return bytes.at(at) << 8 | bytes.at(at + 1); }
std::uint32_t u32(const Bytes& bytes, std::size_t at) {
  return u16(bytes, at) << 16 | u16(bytes, at + 2);
}
float number(const Bytes& bytes, std::size_t at) { return std::bit_cast<float>(u32(bytes, at)); }

std::vector<Corners> composite_in(const Bytes& bytes, std::size_t count) {
  std::vector<Corners> rings;
  for (std::size_t i = 0; i < count;) {
    const float kind = number(bytes, 64 + 4 * i);
    if (kind == 4) {  // close
      ++i;
      continue;
    }
    if (kind == 0) rings.emplace_back();
    rings.back().emplace_back(number(bytes, 64 + 4 * i + 4), number(bytes, 64 + 4 * i + 8));
    i += 3;
  }
  return rings;
}

Roi roi_in(const Bytes& bytes) {
  REQUIRE(std::string(bytes.begin(), bytes.begin() + 4) == "Iout");
  Roi roi;
  roi.type = bytes.at(6);
  const auto side = [&](std::size_t at) { return static_cast<int>(u16(bytes, at)); };
  roi.box = {side(10), side(8), side(14), side(12)};
  const std::size_t corners = u16(bytes, 16), composite = u32(bytes, 36);
  if (composite > 0) {
    roi.rings = composite_in(bytes, composite);
  } else {
    Corners& ring = roi.rings.emplace_back();
    for (std::size_t i = 0; i < corners; ++i)
      ring.emplace_back(roi.box.x0 + side(64 + 2 * i), roi.box.y0 + side(64 + 2 * (corners + i)));
  }
  roi.slice = static_cast<int>(u32(bytes, 56));
  const std::size_t second = u32(bytes, 60), name = u32(bytes, second + 16);
  roi.group = bytes.at(second + 30);
  for (std::size_t i = 0; i < u32(bytes, second + 20); ++i)
    roi.name += static_cast<char16_t>(u16(bytes, name + 2 * i));
  CHECK(bytes.size() == name + 2 * roi.name.size());
  return roi;
}

std::vector<Roi> rois_of(const Result& result, int slice = 0) {
  std::vector<Roi> rois;
  for (const auto& [name, bytes] : entries_in(io::to_imagej_rois(result, slice)))
    rois.push_back(roi_in(bytes));
  return rois;
}

constexpr int composite = 1, traced = 8;

}  // namespace

TEST_CASE("to_imagej_rois: what is inside is the mask", "[io][imagej]") {
  for (const Result& result : {hard_shapes(), result_of(noise(300)), three_discs()}) {
    const auto rois = rois_of(result);
    REQUIRE(rois.size() == result.count());
    for (std::size_t i = 0; i < rois.size(); ++i) {
      const Mask& mask = result.instances[i].mask;
      CHECK(rois[i].box == mask.box);
      CHECK(same(filled(rois[i].rings, result.image_size), spread(mask, result.image_size)));
    }
  }
}

TEST_CASE("to_imagej_rois: one outline is a traced selection, several are a composite one",
          "[io][imagej]") {
  std::vector<int> types;
  for (const Roi& roi : rois_of(hard_shapes())) types.push_back(roi.type);
  CHECK(types ==
        std::vector<int>{traced, composite, composite, traced, composite, composite, traced});
}

TEST_CASE("to_imagej_rois: beyond 32767 pixels, where 16 bits end, a selection is composite",
          "[io][imagej]") {
  const Size size{70000, 3};
  const auto rois = rois_of(result_of(
      {drawn({32766, 1}, {"#"}), drawn({32767, 1}, {"#"}), drawn({69990, 0}, {"##", "##"})}, size));
  REQUIRE(rois.size() == 3);
  CHECK(rois[0].type == traced);
  CHECK(rois[1].type == composite);
  CHECK(rois[2].rings == std::vector<Corners>{{{69990, 0}, {69992, 0}, {69992, 2}, {69990, 2}}});
}

TEST_CASE("to_imagej_rois: files and selections are called by id and class", "[io][imagej]") {
  Result result = two_classes();
  result.classes[1].label = "a/b \xF0\x9F\xAB\x98 \xff\n";
  const auto entries = entries_in(io::to_imagej_rois(result, 7));
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].first == "0001 bean.roi");
  CHECK(entries[1].first == "0002 a_b \xF0\x9F\xAB\x98 __.roi");
  const auto rois = rois_of(result, 7);
  CHECK(rois[0].name == u"0001 bean");
  CHECK(rois[1].name == u"0002 a_b \U0001FAD8 __");
  CHECK(rois[0].group == 1);
  CHECK(rois[1].group == 2);
  CHECK(rois[2].slice == 7);
  CHECK(rois_of(hard_shapes())[0].group == 0);
  CHECK(rois_of(hard_shapes())[0].slice == 0);
}

TEST_CASE("write_imagej_rois: the same result is the same file, one of nothing a file of nothing",
          "[io][imagej]") {
  const Scratch scratch;
  CHECK(io::to_imagej_rois(hard_shapes()) == io::to_imagej_rois(hard_shapes()));
  io::write_imagej_rois(scratch / "none.zip", result_of({Mask{}}));
  CHECK(entries_in(bytes_of(scratch / "none.zip")).empty());
  io::write_imagej_rois(scratch / "some.zip", result_of({Mask{}, drawn({0, 0}, {"#"})}));
  const auto entries = entries_in(bytes_of(scratch / "some.zip"));
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].first == "0002 object.roi");
  CHECK_THROWS_AS(io::write_imagej_rois(scratch / "no/a.zip", result_of({})), Unwritable);
}
