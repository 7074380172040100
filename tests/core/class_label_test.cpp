#include "persense/class_label.hpp"

#include "catch.hpp"

using namespace persense;

TEST_CASE("all_phrase: paper rules write regular English plurals", "[label]") {
  const std::pair<const char*, const char*> pairs[] = {{"banana", "bananas"},
                                                       {"potato", "potatoes"},
                                                       {"tomato", "tomatoes"},
                                                       {"knife", "knives"},
                                                       {"leaf", "leaves"},
                                                       {"berry", "berries"},
                                                       {"toy", "toys"},
                                                       {"box", "boxes"},
                                                       {"dish", "dishes"},
                                                       {"peach", "peaches"},
                                                       {"glass", "glasses"},
                                                       {"apple", "apples"},
                                                       {"cookie", "cookies"},
                                                       {"avocado", "avocados"},
                                                       {"key", "keys"},
                                                       {"loaf", "loaves"},
                                                       {"beans", "beans"},
                                                       {"Berry", "Berries"},
                                                       {"bell pepper", "bell peppers"}};
  for (const auto& [noun, plural] : pairs) CHECK(all_phrase(noun) == std::string("all ") + plural);
}

TEST_CASE("all_phrase: reference rules look at the last letters alone", "[label]") {
  const std::pair<const char*, const char*> pairs[] = {
      {"banana", "bananaes"}, {"knife", "knifes"},  {"toy", "toies"},   {"key", "keys"},
      {"box", "boxs"},        {"peach", "peaches"}, {"glass", "glass"}, {"berry", "berries"}};
  for (const auto& [noun, plural] : pairs)
    CHECK(all_phrase(noun, Rules::reference) == std::string("all ") + plural);
}

TEST_CASE("all_phrase: an empty label throws InvalidArgument", "[label][errors]") {
  CHECK_THROWS_AS(all_phrase(""), InvalidArgument);
  CHECK_THROWS_AS(all_phrase("", Rules::reference), InvalidArgument);
}

TEST_CASE("all_phrase: a single letter has a plural under either rule", "[label]") {
  CHECK(all_phrase("o") == "all os");
  CHECK(all_phrase("y") == "all ys");
  CHECK(all_phrase("o", Rules::reference) == "all oes");
}

TEST_CASE("label_from_answer: the last word without full stops", "[label]") {
  CHECK(label_from_answer("The object in the image is a durian.") == "durian");
  CHECK(label_from_answer("potato") == "potato");
  CHECK(label_from_answer("It is from the U.S.A. \n") == "USA");
  CHECK(label_from_answer("a cube!") == "cube!");
}

TEST_CASE("label_from_answer: an answer without a word throws InvalidArgument", "[label][errors]") {
  CHECK_THROWS_AS(label_from_answer(""), InvalidArgument);
  CHECK_THROWS_AS(label_from_answer(" \t\n"), InvalidArgument);
}
