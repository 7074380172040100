#include "persense/io/npy.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "catch.hpp"
#include "persense/error.hpp"
#include "scratch.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using namespace persense;
using namespace persense::test;

namespace {

/// An .npy file of version 1.0 with this header and these values.
template <class T>
Bytes npy(const std::string& header, const std::vector<T>& values) {
  Bytes bytes = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  bytes.push_back(static_cast<std::uint8_t>((header.size() + 1) & 255));
  bytes.push_back(static_cast<std::uint8_t>((header.size() + 1) >> 8));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.push_back('\n');
  const std::size_t at = bytes.size();
  bytes.resize(at + values.size() * sizeof(T));
  std::memcpy(bytes.data() + at, values.data(), values.size() * sizeof(T));
  return bytes;
}

std::string header(const std::string& type, bool fortran, const std::string& shape) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", type,
                     fortran ? "True" : "False", shape);
}

const std::vector<float> six = {0, 1, 2, 3, 4, 5};

}  // namespace

TEST_CASE("write_npy: read_npy_map gives the same map", "[io][npy]") {
  const Scratch scratch;
  FloatMap map = FloatMap::Random(17, 31);
  map(3, 4) = std::numeric_limits<float>::infinity();
  io::write_npy(scratch / "m.npy", map);
  CHECK((io::read_npy_map(scratch / "m.npy") == map).all());
  CHECK((bytes_of(scratch / "m.npy").size() - 17 * 31 * 4) % 64 == 0);  // as NumPy aligns it
}

TEST_CASE("read_npy_map: C and Fortran order, float32 and float64", "[io][npy]") {
  const Scratch scratch;
  put_bytes(scratch / "c.npy", npy<float>(header("<f4", false, "(2, 3)"), six));
  put_bytes(scratch / "f.npy", npy<float>(header("<f4", true, "(2, 3)"), six));
  put_bytes(scratch / "d.npy", npy<double>(header("<f8", false, "(2, 3)"), {0, 1, 2, 3, 4, 5}));
  FloatMap rows(2, 3), columns(2, 3);
  rows << 0, 1, 2, 3, 4, 5;
  columns << 0, 2, 4, 1, 3, 5;
  CHECK((io::read_npy_map(scratch / "c.npy") == rows).all());
  CHECK((io::read_npy_map(scratch / "f.npy") == columns).all());
  CHECK((io::read_npy_map(scratch / "d.npy") == rows).all());
}

TEST_CASE("read_npy_map: a leading or trailing dimension of 1 is dropped", "[io][npy]") {
  const Scratch scratch;
  for (const std::string shape : {"(1, 2, 3)", "(2, 3, 1)"}) {
    put_bytes(scratch / "m.npy", npy<float>(header("<f4", false, shape), six));
    const FloatMap map = io::read_npy_map(scratch / "m.npy");
    CHECK(map.rows() == 2);
    CHECK(map.cols() == 3);
  }
}

TEST_CASE("read_npy_map: types and shapes it cannot use are named", "[io][npy][errors]") {
  const Scratch scratch;
  const auto message = [&](const Bytes& bytes) {
    put_bytes(scratch / "m.npy", bytes);
    return message_of<InvalidArgument>([&] { io::read_npy_map(scratch / "m.npy"); });
  };
  CHECK_THAT(message(npy<float>(header("<i4", false, "(2, 3)"), six)),
             EndsWith("m.npy: type '<i4', expected '<f4' or '<f8' (float32, float64)"));
  CHECK_THAT(message(npy<float>(header(">f4", false, "(2, 3)"), six)),
             ContainsSubstring("type '>f4'"));
  CHECK_THAT(message(npy<float>(header("<i4\n\n4", false, "(2, 3)"), six)),
             ContainsSubstring("type '<i4  4'"));
  for (const std::string shape :
       {"(6,)", "()", "(2, 3, 4)", "(0, 3)", "(1, 1, 2, 3)", "(18446744073709551615, 2)"})
    CHECK_THAT(message(npy<float>(header("<f4", false, shape), six)),
               ContainsSubstring("expected (height, width)"));
}

TEST_CASE("read_npy_map: damaged and hostile files are Unreadable", "[io][npy][errors]") {
  const Scratch scratch;
  const Bytes good = npy<float>(header("<f4", false, "(2, 3)"), six);
  const auto refused = [&](const Bytes& bytes) {
    put_bytes(scratch / "m.npy", bytes);
    CHECK_THROWS_AS(io::read_npy_map(scratch / "m.npy"), Unreadable);
  };
  for (std::size_t length = 0; length < good.size(); ++length)
    refused(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
  refused(npy<float>(header("<f4", false, "(1073741824, 1073741824)"), six));  // 2^62 bytes claimed
  refused(npy<float>(header("<f4", false, "(2, 2)"), six));
  std::string ones;
  for (int i = 0; i < 1000; ++i) ones += "1, ";
  refused(npy<float>(header("<f4", false, "(" + ones + ")"), six));
  refused(npy<float>(header("<f4", false, "(2, -3)"), six));
  refused(npy<float>(header("<f4", false, "(99999999999999999999999, 3)"), six));
  refused(npy<float>("{'descr': '<f4', 'shape': (2, 3)", six));
  refused(npy<float>("{'descr': '<f4, 'fortran_order': False, 'shape': 2, 3", six));
  refused({'P', 'K', 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}
