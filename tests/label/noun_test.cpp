#include "persense/label/noun.hpp"

#include <string>
#include <utility>

#include "catch.hpp"
#include "message_of.hpp"
#include "persense/error.hpp"
#include "text.hpp"

using namespace persense;
using persense::testing::message_of;

TEST_CASE("noun_from_answer: finds the noun in what models answer", "[label]") {
  const std::pair<const char*, const char*> answers[] = {
      {"The object in the image is a ripe potato.", "potato"},
      {"These are two red bell peppers, on a plate", "bell pepper"},
      {"It is an apple!", "apple"},
      {"Potato", "potato"},
      {"**durian**", "durian"},
      {"a bunch of grapes", "grape"},
      {"The image shows several bags of rice.", "bag of rice"},
      {"The object in the image is a durian.", "durian"},
      {"The object in the image is a **durian**, a tropical fruit known for its spiky shell.",
       "durian"},
      {"Potato.", "potato"},
      {"POTATO", "potato"},
      {"\"bell pepper\"", "bell pepper"},
      {"'bell pepper'.", "bell pepper"},
      {"The object is called a “jalapeño”.", "jalapeño"},
      {"It's a strawberry.", "strawberry"},
      {"It’s a strawberry.", "strawberry"},
      {"This is a picture of a green apple with a leaf.", "apple"},
      {"The image depicts a close-up of a single coffee bean.", "coffee bean"},
      {"In the image, there is a traffic cone.", "traffic cone"},
      {"There are many potatoes in the image.", "potato"},
      {"There are three knives lying on the table.", "knife"},
      {"The image contains a number of red apples.", "apple"},
      {"I see a mushroom on a black background.", "mushroom"},
      {"I can see a screw.", "screw"},
      {"The object appears to be a red blood cell.", "blood cell"},
      {"It looks like a kiwi.", "kiwi"},
      {"This looks like a slice of pizza", "pizza"},
      {"The object in the image is likely a macaron.", "macaron"},
      {"The object is probably an orange.", "orange"},
      {"This is an orange", "orange"},
      {"A round, ripe pumpkin on a wooden table.", "pumpkin"},
      {"An orange pumpkin.", "pumpkin"},
      {"A potato is shown in the image.", "potato"},
      {"The potato is brown and round.", "potato"},
      {"The object in the image is red and round. It is a tomato.", "tomato"},
      {"Sure! The object in the image is a marble.", "marble"},
      {"Certainly! Here is the answer: soccer ball", "soccer ball"},
      {"Answer: Potato", "potato"},
      {"**Object:** Soccer ball", "soccer ball"},
      {"Object name: cookie", "cookie"},
      {"{\"object\": \"bell pepper\"}", "bell pepper"},
      {"```json\n{\"label\": \"olive\"}\n```", "olive"},
      {"1. Potato\n2. Tomato", "potato"},
      {"- potato\n- tomato", "potato"},
      {"# Potato", "potato"},
      {"<think>The user wants the name. It could be a stone.</think>It is a potato.", "potato"},
      {"Okay, the image shows a stone at first sight, but no.\n</think>\n\nIt is a potato.",
       "potato"},
      {"<Reasoning>It is a stone.</Reasoning>It is a potato.", "potato"},
      {"[THINK]It is a stone.[/THINK]It is a potato.", "potato"},
      {"<|channel|>analysis<|message|>A stone.<|end|><|start|>assistant<|channel|>final<|message|>"
       "It is a potato.<|return|>",
       "potato"},
      {"The object is a type of fruit called a durian.", "durian"},
      {"The object in the image is a fruit, specifically a mango.", "mango"},
      {"It could be a mango or a peach.", "mango"},
      {"I'm not sure, but it looks like a lychee.", "lychee"},
      {"I'm not sure, but it might be a kiwi.", "kiwi"},
      {"The main subject of this photo is clearly a sea urchin.", "sea urchin"},
      {"This is a pair of scissors.", "scissors"},
      {"The image shows a bottle of water.", "bottle of water"},
      {"It is a loaf of bread.", "loaf of bread"},
      {"The object in the image is a piece of sushi.", "sushi"},
      {"A Petri dish.", "petri dish"},
      {"The object is a TV.", "TV"},
      {"a pair of shoes", "shoe"},
      {"The objects are cookies.", "cookie"},
      {"They are mice.", "mouse"},
      {"The object is a bus", "bus"},
      {"These are glasses.", "glass"},
      {"The object in the image is a dice.", "dice"},
      {"The object in the image is a green leafy vegetable, which appears to be a cabbage.",
       "vegetable"},
      {"It is a potato, which looks like a stone.", "potato"},
      {"The image shows a person wearing a red hat.", "person"},
      {"The image features a large, juicy, freshly picked strawberry.", "strawberry"},
      {"The object is a Rubik's cube.", "rubik's cube"},
      {"You are looking at a hazelnut.", "hazelnut"},
      {"I would call it a pebble.", "pebble"},
      {"I think it's a walnut.", "walnut"},
      {"What you see is a cherry tomato.", "cherry tomato"},
      {"The name of the object is \"pine cone\".", "pine cone"},
      {"The object in the image is a metal nut (hexagonal).", "metal nut"},
      {"Macadamia nuts.", "macadamia nut"},
      {"a red and yellow apple", "apple"},
      {"An egg-shaped, brown-colored kiwi.", "kiwi"},
      {"The object in the picture is an almond, which is an edible seed.", "almond"},
      {"The object in the image is a sliced lemon.", "lemon"},
      {"Blueberries", "blueberry"},
      {"12 eggs", "egg"},
      {"The highlighted object is a sheep.", "sheep"},
      {"This image is of a potato.", "potato"},
      {"The object in the image is a potato. It is brown.", "potato"},
      {"The fruit in the image is a passion fruit.", "passion fruit"},
      {"The object in the image is a chocolate chip cookie.", "chocolate chip cookie"},
      {"The object in the image is most likely a kidney bean.", "kidney bean"},
      {"Based on the image, the object is a pistachio.", "pistachio"},
      {"The object shown is a mango.", "mango"},
      {"Name: Pistachio", "pistachio"},
      {"The object is a small, white, oval-shaped pill.", "pill"},
      {"a statue of a lion", "statue"},
      {"The image shows a red pepper and a green pepper.", "pepper"},
      {"Der Apfel.", "der apfel"},
      {"土豆。", "土豆"},
      {"It seems to be a plastic bottle cap.", "plastic bottle cap"},
      {"I believe this is a carrot.", "carrot"},
      {"Yes, it is a beetle.", "beetle"},
      {"The object is an X-ray.", "x-ray"},
      {"A cup of coffee.", "cup of coffee"},
      {"A bowl of mixed nuts.", "bowl"},
      {"The image displays one ripe banana isolated against a black background.", "banana"},
      {"A bunch of ripe bananas.", "banana"},
      {"The answer is: cashew.", "cashew"},
      {"There are several objects in the image: a potato, a tomato and a carrot.", "potato"},
      {"This appears to be a cluster of cells.", "cell"}};
  for (const auto& [answer, noun] : answers) {
    INFO(answer);
    CHECK(noun_from_answer(answer) == noun);
  }
}

TEST_CASE("noun_from_answer: refusals and answers that name nothing throw, quoting them",
          "[label][errors]") {
  const char* const answers[] = {"I cannot see the image.",
                                 "I'm sorry, but I can't see any image. Please upload a photo.",
                                 "I am unable to view images. If you describe it, I can help.",
                                 "As an AI language model, I cannot see images.",
                                 "The image is completely black.",
                                 "There is nothing in the image.",
                                 "There is no object in the image.",
                                 "The image does not contain any object.",
                                 "The object in the image is an object.",
                                 "",
                                 "...",
                                 "It is not possible to identify the object.",
                                 "The image is too blurry.",
                                 " \n\t",
                                 "!!!",
                                 "It is.",
                                 "The object."};
  for (const char* const answer : answers) {
    INFO(answer);
    const std::string message = message_of<InvalidArgument>([&] { noun_from_answer(answer); });
    CHECK_THAT(message, Catch::Matchers::StartsWith("class label: the answer \""));
    CHECK_THAT(message, Catch::Matchers::EndsWith("expected one such as \"It is a potato.\""));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("noun_from_answer: hostile text gives a noun or InvalidArgument", "[label][errors]") {
  std::string bytes;
  for (int round = 0, state = 1; round < 2000; ++round) {
    state = static_cast<int>((state * 1103515245LL + 12345) & 0x7fffffff);
    bytes += static_cast<char>(state >> 16);
    try {
      CHECK_FALSE(noun_from_answer(bytes).empty());
    } catch (const InvalidArgument&) {  // as well
    }
  }
  const std::string long_word(100000, 'x');
  CHECK(noun_from_answer(long_word) == long_word);
  for (const char* const answer :
       {"a <think>never closed", "<THINK>It is a stone.", "It is a stone.</think>"})
    CHECK_THAT(message_of<InvalidArgument>([&] { noun_from_answer(answer); }),
               Catch::Matchers::ContainsSubstring("reasoning that no reply follows"));
}

TEST_CASE("label::quoted: one line of whole characters, cut where it is long", "[label]") {
  CHECK(label::quoted("a\nb") == "\"a b\"");
  CHECK(label::quoted("\xff\xc3 x") == "\"?? x\"");
  CHECK(label::quoted("caf\u00e9s", 4) == "\"caf\u00e9...\"");
}

TEST_CASE("label::without_secret: masks the secret and every part of it", "[label][errors]") {
  CHECK(label::without_secret("key sk-1234567890!", "sk-1234567890") == "key *************!");
  CHECK(label::without_secret("starts sk-1234, ends 567890", "sk-1234567890") ==
        "starts *******, ends ******");
  CHECK(label::without_secret("nothing", "") == "nothing");
  CHECK(label::without_secret("ab cab", "ab") == "** c**");
}
