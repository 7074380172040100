#include "mini/native/pickle.hpp"

#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "message_of.hpp"

using persense::mini::native::stored_tensors;
using persense::testing::message_of;

namespace {

/// What LibTorch writes of a module with the tensor a.weight, 2 x 3, in storage 7.
std::string pickled_module() {
  using std::string_literals::operator""s;
  const auto text = [](const std::string& s) {
    return "X"s + static_cast<char>(s.size()) + "\0\0\0"s + s;
  };
  const std::string storage =
      "(" + text("storage") + "ctorch\nHalfStorage\n" + text("7") + text("cpu") + "K\x06tQ";
  const std::string tensor = "ctorch._utils\n_rebuild_tensor_v2\n(" + storage +
                             "K\x00K\x02K\x03\x86K\x03K\x01\x86\x89"s +
                             "ccollections\nOrderedDict\n)RtR";
  const std::string inner =
      "c__torch__\nConv\n)\x81}(" + text("weight") + tensor + text("training") + "\x89ub";
  return "\x80\x02"
         "c__torch__\nMini\n)\x81}(" +
         text("a") + inner + text("_is_full_backward_hook") + "Nub.";
}

}  // namespace

TEST_CASE("the tensors of a pickled module have the names that state_dict gives them", "[mini]") {
  const auto tensors = stored_tensors(pickled_module());
  REQUIRE(tensors.size() == 1);
  const auto& tensor = tensors.at("a.weight");
  CHECK(tensor.type == "HalfStorage");
  CHECK(tensor.storage == "7");
  CHECK(tensor.offset == 0);
  CHECK(tensor.shape == std::vector<std::size_t>{2, 3});
  CHECK(tensor.strides == std::vector<std::size_t>{3, 1});
}

TEST_CASE("a pickle that ends early or is changed anywhere is an error or another module, no crash",
          "[mini]") {
  const std::string whole = pickled_module();
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK_THROWS_AS(stored_tensors(std::string_view(whole).substr(0, length)), std::runtime_error);
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[i] = static_cast<char>(value);
      try {
        stored_tensors(changed);
      } catch (const std::runtime_error&) {  // in words that are not looked at here
      }
    }
}

TEST_CASE("a pickle with code of its own is refused", "[mini]") {
  CHECK(message_of<std::runtime_error>([] {
          stored_tensors(
              "\x80\x02"
              "i__main__\nrun\n.");
        }) == "its list of tensors has a code that LibTorch does not write, 0x69");
  std::string deep = "\x80\x02";
  for (int i = 0; i < 1000; ++i) deep += "}X\x01" + std::string(3, '\0') + "a";
  CHECK_THROWS_AS(stored_tensors(deep + "}" + std::string(1000, 's') + "."), std::runtime_error);
}
