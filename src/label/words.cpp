#include "words.hpp"

#include <algorithm>
#include <string>
#include <unordered_set>

namespace persense::english {

namespace {

using Set = std::unordered_set<std::string_view>;

bool all_digits(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == '~' || c == '%';
  });
}

bool ends_with_any(std::string_view word, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](auto e) { return word.size() > e.size() && word.ends_with(e); });
}

}  // namespace

bool is_determiner(std::string_view word) {
  static const Set words = {
      "a",         "an",       "the",       "this",          "that",   "these",
      "those",     "some",     "several",   "many",          "few",    "multiple",
      "various",   "numerous", "any",       "one",           "two",    "three",
      "four",      "five",     "six",       "seven",         "eight",  "nine",
      "ten",       "eleven",   "twelve",    "twenty",        "thirty", "dozen",
      "dozens",    "hundreds", "thousands", "its",           "their",  "my",
      "your",      "his",      "her",       "our",           "each",   "every",
      "both",      "all",      "another",   "other",         "single", "individual",
      "countless", "it",       "what",      "there",         "lots",   "plenty",
      "half",      "me",       "also",      "single-serving"};
  return words.contains(word) || all_digits(word);
}

bool is_filler(std::string_view word) {
  static const Set words = {
      "probably",    "likely",     "possibly",  "perhaps",   "maybe",      "most",
      "more",        "very",       "quite",     "rather",    "really",     "just",
      "simply",      "indeed",     "actually",  "clearly",   "definitely", "certainly",
      "apparently",  "presumably", "obviously", "mostly",    "mainly",     "primarily",
      "either",      "sort",       "slightly",  "partially", "partly",     "freshly",
      "brightly",    "fully",      "visibly",   "so",        "too",        "basically",
      "essentially", "typically",  "usually",   "commonly",  "about",      "approximately",
      "only",        "not",        "highly",    "lightly",   "perfectly",  "beautifully",
      "nicely",      "roughly",    "still"};
  static const Set in_ly = {
      "family",    "jelly",  "butterfly", "dragonfly", "firefly",  "lily",    "fly",
      "belly",     "holly",  "doily",     "gully",     "assembly", "anomaly", "housefly",
      "dolly",     "trolly", "filly",     "jolly",     "ugly",     "curly",   "lovely",
      "oily",      "silly",  "wooly",     "woolly",    "prickly",  "early",   "bubbly",
      "chilly",    "wobbly", "hilly",     "crumbly",   "bristly",  "wrinkly", "underbelly",
      "waterlily", "gadfly", "mayfly",    "smelly",    "july",     "ply"};
  return words.contains(word) || (word.size() > 4 && word.ends_with("ly") && !in_ly.contains(word));
}

bool is_adjective(std::string_view word) {
  static const Set words = {
      // colours
      "red", "green", "blue", "yellow", "orange", "purple", "violet", "pink", "brown", "black",
      "white", "grey", "gray", "golden", "silvery", "beige", "tan", "maroon", "turquoise",
      "crimson", "scarlet", "reddish", "greenish", "bluish", "yellowish", "brownish", "purplish",
      "pinkish", "whitish", "greyish", "grayish", "blackish", "orangish", "colorful", "colourful",
      "multicolored", "multicoloured", "pale", "dark", "light", "bright", "vibrant", "transparent",
      "translucent", "clear", "opaque", "shiny", "glossy", "matte", "dull",
      // sizes and shapes
      "big", "large", "small", "little", "tiny", "huge", "giant", "long", "short", "tall", "thin",
      "thick", "wide", "narrow", "flat", "round", "circular", "oval", "square", "rectangular",
      "triangular", "spherical", "cylindrical", "conical", "curved", "elongated", "oblong",
      "irregular", "medium", "miniature", "massive", "plump", "pointy", "slender", "chunky",
      // surface and substance
      "smooth", "rough", "spiky", "spiny", "thorny", "prickly", "ugly", "curly", "oily", "wooly",
      "woolly", "bubbly", "crumbly", "bristly", "smelly", "fuzzy", "furry", "fluffy", "hairy",
      "bumpy", "wrinkly", "soft", "hard", "firm", "wet", "dry", "dusty", "dirty", "muddy", "crispy",
      "crunchy", "juicy", "creamy", "sticky", "wooden", "metallic", "woolen", "leafy", "grassy",
      "sandy", "rocky", "edible", "tropical", "exotic", "wild", "organic", "natural", "fibrous",
      // states and looks
      "ripe", "unripe", "overripe", "fresh", "raw", "rotten", "mature", "young", "old", "new",
      "whole", "half-cut", "empty", "full", "open", "delicious", "tasty", "sweet", "sour", "spicy",
      "beautiful", "lovely", "nice", "cute", "typical", "common", "simple", "plain", "ordinary",
      "regular", "standard", "different", "similar", "same", "real", "realistic", "fake", "lone",
      "main", "visible", "healthy", "perfect", "appetizing", "decorative", "ornate", "vintage",
      "modern", "antique", "traditional", "classic", "generic", "certain", "particular", "specific",
      "blurry", "blank", "unclear", "dense", "heavy", "warm", "cold", "hot", "frozen", "broken",
      "upright", "horizontal", "vertical", "own", "good", "bad", "few-day-old", "adult", "baby"};
  static const Set nouns = {"red",   "seed",    "bed",     "weed",      "reed",    "sled",
                            "shed",  "feed",    "need",    "breed",     "wed",     "ed",
                            "moped", "aniseed", "flatbed", "flowerbed", "seaweed", "linseed",
                            "tweed", "bobsled", "biped",   "quadruped"};
  if (words.contains(word)) return true;
  if (ends_with_any(word, {"-colored", "-coloured", "-shaped", "-like", "-looking", "-sized",
                           "-skinned", "-free", "-fleshed", "-made", "-cut", "-brown", "-red",
                           "-green", "-yellow", "-white", "-black", "-blue", "-orange"}))
    return true;
  return word.size() > 3 && word.ends_with("ed") && !nouns.contains(word);
}

bool ends_noun_phrase(std::string_view word) {
  static const Set words = {
      "and",          "or",       "but",       "with",      "without",    "on",       "in",
      "at",           "from",     "to",        "into",      "onto",       "for",      "by",
      "under",        "over",     "above",     "below",     "behind",     "beside",   "near",
      "next",         "against",  "inside",    "outside",   "between",    "among",    "amongst",
      "around",       "across",   "along",     "through",   "like",       "as",       "than",
      "which",        "who",      "whose",     "where",     "when",       "while",    "because",
      "since",        "if",       "here",      "is",        "are",        "was",      "were",
      "be",           "been",     "being",     "am",        "isn't",      "aren't",   "it's",
      "that's",       "there's",  "i",         "you",       "we",         "they",     "he",
      "she",          "can",      "could",     "may",       "might",      "must",     "should",
      "will",         "would",    "has",       "have",      "had",        "having",   "do",
      "does",         "appears",  "appear",    "seems",     "seem",       "looks",    "look",
      "looking",      "shown",    "showing",   "shows",     "show",       "depicted", "depicts",
      "depict",       "pictured", "displayed", "displays",  "seen",       "see",      "visible",
      "present",      "featured", "features",  "contains",  "containing", "located",  "placed",
      "positioned",   "sitting",  "sits",      "lying",     "laying",     "lies",     "resting",
      "rests",        "standing", "stands",    "hanging",   "hangs",      "growing",  "grows",
      "held",         "holding",  "arranged",  "scattered", "isolated",   "set",      "stacked",
      "piled",        "cut",      "made",      "used",      "called",     "named",    "known",
      "specifically", "namely",   "facing",    "floating",  "surrounded", "covered",  "centered",
      "wrapped",      "packed",   "lined",     "belonging", "consisting", "similar",  "such",
      "including",    "rather",   "instead",   "then",      "though",     "although", "however",
      "yet",          "it",       "its",       "resembles", "resembling", "suggests", "indicates",
      "represents",   "based",    "due",       "given",     "captured",   "taken",    "viewed",
      "highlighted",  "masked",   "cropped",   "has",       "please",     "i'm",      "i'd",
      "let",          "wearing",  "flying",    "swimming",  "perched",    "attached", "ready",
      "that",         "what",     "there"};
  return words.contains(word);
}

bool is_generic(std::string_view noun) {
  static const Set words = {"object",     "item",        "thing",
                            "image",      "picture",     "photo",
                            "photograph", "subject",     "background",
                            "foreground", "scene",       "view",
                            "something",  "anything",    "everything",
                            "nothing",    "one",         "answer",
                            "label",      "name",        "noun",
                            "class",      "category",    "type",
                            "kind",       "main object", "response",
                            "output",     "result",      "word",
                            "close-up",   "closeup",     "description",
                            "mask",       "region",      "area",
                            "shape",      "figure",      "content",
                            "pixel",      "screenshot",  "illustration",
                            "text",       "element",     "entity",
                            "focus",      "none",        "n/a",
                            "unknown",    "other",       "question",
                            "sure",       "yes",         "no",
                            "okay",       "ok",          "certainly",
                            "absolutely", "course",      "hello",
                            "hi",         "thanks",      "thank",
                            "great",      "following",   "color",
                            "colour",     "size",        "center",
                            "centre",     "middle",      "part",
                            "portion",    "sorry",       "final answer",
                            "input",      "task",        "support image",
                            "null",       "body",        "group",
                            "cluster",    "pile",        "bunch",
                            "variety",    "lot",         "number",
                            "set",        "time",        "json",
                            "value",      "key",         "id"};
  return words.contains(noun);
}

bool is_collective(std::string_view noun) {
  static const Set words = {
      "bunch",        "group",    "pile",      "cluster",    "set",         "pair",    "couple",
      "handful",      "stack",    "heap",      "row",        "collection",  "variety", "type",
      "kind",         "sort",     "piece",     "slice",      "number",      "lot",     "assortment",
      "array",        "batch",    "series",    "selection",  "arrangement", "bundle",  "portion",
      "serving",      "chunk",    "half",      "mix",        "mixture",     "plenty",  "lots",
      "image",        "picture",  "photo",     "photograph", "close-up",    "closeup", "view",
      "illustration", "drawing",  "rendering", "section",    "part",        "wedge",   "species",
      "form",         "example",  "name",      "quantity",   "amount",      "crowd",   "mass",
      "swarm",        "flock",    "herd",      "school",     "line",        "sprig",   "stalk",
      "variant",      "specimen", "object",    "shot",       "segment",     "clump",   "abundance",
      "multitude",    "mound",    "bit",       "range",      "host"};
  return words.contains(noun);
}

bool is_container(std::string_view noun) {
  static const Set words = {"bag",   "bowl",  "basket", "plate", "box",    "cup",     "bottle",
                            "can",   "jar",   "glass",  "pack",  "packet", "package", "carton",
                            "crate", "tray",  "tin",    "mug",   "pot",    "bucket",  "barrel",
                            "sack",  "loaf",  "ear",    "head",  "clove",  "bar",     "roll",
                            "sheet", "stick", "tube",   "vase",  "pint",   "spool",   "ball",
                            "block", "cube",  "bale",   "can",   "deck",   "jug"};
  return words.contains(noun);
}

bool is_copula(std::string_view word) {
  static const Set words = {"is",       "are",      "was",     "were",    "be",     "it's",
                            "that's",   "this's",   "there's", "they're", "here's", "what's",
                            "these're", "object's", "'s",      "its"};
  return words.contains(word);
}

}  // namespace persense::english
