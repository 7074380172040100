#include "persense/class_label.hpp"
#include "persense/detail/english.hpp"

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
  CHECK(label_from_answer("a potato .\n").empty());  // as the released code has it
}

TEST_CASE("label_from_answer: an answer without a word throws InvalidArgument", "[label][errors]") {
  CHECK_THROWS_AS(label_from_answer(""), InvalidArgument);
  CHECK_THROWS_AS(label_from_answer(" \t\n"), InvalidArgument);
}

TEST_CASE("english: plural_of and singular_of give both forms of either", "[label]") {
  struct Forms {
    const char *given, *plural, *singular;
  };
  const Forms forms[] = {{"berry", "berries", "berry"},
                         {"knife", "knives", "knife"},
                         {"bananas", "bananas", "banana"},
                         {"loaf", "loaves", "loaf"},
                         {"mice", "mice", "mouse"},
                         {"goose", "geese", "goose"},
                         {"tooth", "teeth", "tooth"},
                         {"foot", "feet", "foot"},
                         {"person", "people", "person"},
                         {"sheep", "sheep", "sheep"},
                         {"goldfish", "goldfish", "goldfish"},
                         {"quiz", "quizzes", "quiz"},
                         {"potato", "potatoes", "potato"},
                         {"photo", "photos", "photo"},
                         {"bus", "buses", "bus"},
                         {"box", "boxes", "box"},
                         {"bell pepper", "bell peppers", "bell pepper"},
                         {"cup of tea", "cups of tea", "cup of tea"},
                         {"cups of tea", "cups of tea", "cup of tea"},
                         {"olives", "olives", "olive"},
                         {"gloves", "gloves", "glove"},
                         {"houses", "houses", "house"},
                         {"cookies", "cookies", "cookie"},
                         {"brownies", "brownies", "brownie"},
                         {"pies", "pies", "pie"},
                         {"shoes", "shoes", "shoe"},
                         {"horseshoe", "horseshoes", "horseshoe"},
                         {"peaches", "peaches", "peach"},
                         {"walruses", "walruses", "walrus"},
                         {"hippopotamuses", "hippopotamuses", "hippopotamus"},
                         {"octopus", "octopuses", "octopus"},
                         {"irises", "irises", "iris"},
                         {"vases", "vases", "vase"},
                         {"roses", "roses", "rose"},
                         {"lens", "lenses", "lens"},
                         {"glasses", "glasses", "glass"},
                         {"women", "women", "woman"},
                         {"human", "humans", "human"},
                         {"specimen", "specimens", "specimen"},
                         {"children", "children", "child"},
                         {"kiwi", "kiwis", "kiwi"},
                         {"kiwis", "kiwis", "kiwi"},
                         {"menus", "menus", "menu"},
                         {"scissors", "scissors", "scissors"},
                         {"rice", "rice", "rice"},
                         {"mongoose", "mongooses", "mongoose"},
                         {"blouse", "blouses", "blouse"},
                         {"slices", "slices", "slice"},
                         {"taxes", "taxes", "tax"},
                         {"leaf", "leaves", "leaf"},
                         {"Berry", "Berries", "Berry"},
                         {"Person", "People", "Person"},
                         {"TV", "TVs", "TV"},
                         {"TVs", "TVs", "TV"},
                         {"strawberries", "strawberries", "strawberry"},
                         {"donkey", "donkeys", "donkey"},
                         {"day", "days", "day"},
                         {"prizes", "prizes", "prize"},
                         {"fish", "fish", "fish"},
                         {"nucleus", "nuclei", "nucleus"},
                         {"nuclei", "nuclei", "nucleus"},
                         {"bacteria", "bacteria", "bacterium"},
                         {"roof", "roofs", "roof"},
                         {"fireflies", "fireflies", "firefly"},
                         {"cherry tomato", "cherry tomatoes", "cherry tomato"},
                         {"piano", "pianos", "piano"},
                         {"deer", "deer", "deer"},
                         {"ox", "oxen", "ox"},
                         {"fox", "foxes", "fox"},
                         {"cats", "cats", "cat"},
                         {"watch", "watches", "watch"},
                         {"calculators", "calculators", "calculator"},
                         {"Christmas tree", "Christmas trees", "Christmas tree"},
                         {"dice", "dice", "dice"}};
  for (const auto& [given, plural, singular] : forms) {
    INFO(given);
    CHECK(english::plural_of(given) == plural);
    CHECK(english::singular_of(given) == singular);
  }
}

TEST_CASE("label_from_answer: leaves out reasoning before the reply", "[label]") {
  const char* const answers[] = {
      "<think>a stone?</think>potato",
      "<think>a stone?</think>\n<think>a rock?</think>\nIt is a potato.",
      "Okay, a stone.\n</think>\n\nIt is a potato.",
      "a stone</THINK>potato",
      "</think>potato",
      "<Thinking>a stone</Thinking> a potato",
      "a stone</thinking>potato",
      "<thought>a stone</thought>potato",
      "<reasoning>a stone</reasoning>potato",
      "<reflection type=\"x\">a stone</reflection >potato",
      "<analysis>a stone</analysis><answer>potato</answer>",
      "<seed:think>a stone</seed:think>potato",
      "<|think|>a stone<|/think|>potato",
      "[THINK]a stone[/THINK]potato",
      "◁think▷a stone◁/think▷potato",
      "<|START_THINKING|>a stone<|END_THINKING|><|START_RESPONSE|>potato<|END_RESPONSE|>",
      "<|inner_prefix|>a stone<|inner_suffix|>potato",
      "<|begin_of_thought|>a stone<|end_of_thought|>\n<|begin_of_solution|>\npotato",
      "<|channel>thought\na stone<channel|>potato",
      "<|channel|>analysis<|message|>a stone<|end|><|start|>assistant<|channel|>final<|message|>It "
      "is a potato.<|return|>",
      "<|channel|>final<|message|>potato",
      "analysisThe object is a stone.assistantfinalpotato",
      "Here is my thought process: a stone. Here is my response: potato",
      "Here are my reasoning steps: a stone. [BEGIN FINAL RESPONSE] potato",
      "He says <think>, then </think> and again <think>a stone</think> potato."};
  for (const char* const answer : answers) {
    INFO(answer);
    CHECK(label_from_answer(answer) == "potato");
  }
  CHECK(label_from_answer("<b>Potato</b>") == "<b>Potato</b>");  // of no reasoning
  CHECK(label_from_answer("I think: potato") == "potato");
  CHECK(label_from_answer("An analysis: <") == "<");
}

TEST_CASE("label_from_answer: reasoning that no reply follows throws InvalidArgument",
          "[label][errors]") {
  for (const char* const answer :
       {"<think>It is a stone", "<THINKING>It is a stone", "<think>", "</think>", "a</think> \n",
        "<think>a stone</think>", "<think>a</think>\n<think>a stone", "a <reasoning>b",
        "[THINK]a stone", "◁think▷a stone", "<|START_THINKING|>a stone",
        "<|channel|>analysis<|message|>a stone", "<|channel|>final<|message|>",
        "<|channel>thought\na stone", "analysisThe object is a stone"}) {
    INFO(answer);
    CHECK_THROWS_AS(label_from_answer(answer), InvalidArgument);
  }
}

TEST_CASE("label_from_answer: a long answer of marks takes no long time", "[label]") {
  std::string marks;
  for (int i = 0; i < 200000; ++i) marks += "<<think>";
  CHECK_THROWS_AS(label_from_answer(marks), InvalidArgument);
  CHECK(label_from_answer(marks + "</think>" + std::string(1 << 20, '<') + " potato") == "potato");
}
