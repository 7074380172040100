#include "persense/io/class_names.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

namespace io = persense::io;

TEST_CASE("file_name_part: valid UTF-8 without what file systems refuse", "[io]") {
  CHECK(io::file_name_part("bean") == "bean");
  CHECK(io::file_name_part("größer 3.5") == "größer 3.5");
  CHECK(io::file_name_part("a/b\\c:d*e?f\"g<h>i|j") == "a_b_c_d_e_f_g_h_i_j");
  CHECK(io::file_name_part("a\nb\x7F") == "a_b_");
  CHECK(io::file_name_part(".hidden") == "_hidden");
  CHECK(io::file_name_part("..") == "_.");
  CHECK(io::file_name_part("\xFFn\xC3") == "_n_");
  CHECK(io::file_name_part("").empty());
}

TEST_CASE("file_name_parts: every name has another one", "[io]") {
  const std::vector<std::string> names = {"bean", "a/b", "a_b", ".hidden", "a:b", "a_b_2"};
  CHECK(io::file_name_parts(names) ==
        std::vector<std::string>{"bean", "a_b", "a_b_2", "_hidden", "a_b_3", "a_b_2_2"});
}
