#include "persense/feedback.hpp"

#include "catch.hpp"
#include "inputs.hpp"

using namespace persense;

namespace {

/// A box that can be told from the others by its number.
Box box(int number) {
  const auto x = static_cast<float>(10 * number);
  return {x, 0, x + 9, 9};
}
const Box first = box(0);

std::vector<Box> boxes(std::initializer_list<int> numbers) {
  std::vector<Box> list;
  for (const int n : numbers) list.push_back(box(n));
  return list;
}

FeedbackOptions with(int shots, Rules rules = Rules::paper) { return {shots, 1, rules}; }

}  // namespace

TEST_CASE("feedback: the k masks with the highest scores, highest first", "[feedback]") {
  const std::vector<ScoredBox> masks{
      {box(1), 0.2f}, {box(2), 0.9f}, {box(3), 0.5f}, {box(4), 0.7f}, {box(5), 0.1f}};
  CHECK(feedback(first, masks) == boxes({2, 4, 3, 1}));
  CHECK(feedback(first, masks, with(2)) == boxes({2, 4}));
  CHECK(feedback(first, masks, with(1)) == boxes({2}));
  CHECK(feedback(first, masks, with(64)) == boxes({2, 4, 3, 1, 5}));
}

TEST_CASE("feedback: masks of equal score keep their order", "[feedback]") {
  const std::vector<ScoredBox> masks{
      {box(3), 0.5f}, {box(1), 0.5f}, {box(4), 0.8f}, {box(2), 0.5f}};
  CHECK(feedback(first, masks, with(3)) == boxes({4, 3, 1}));
  std::vector<ScoredBox> many;  // more than std::sort leaves in order by chance
  for (int i = 1; i <= 100; ++i) many.push_back({box(i), 0.5f});
  CHECK(feedback(first, many) == boxes({1, 2, 3, 4}));
}

TEST_CASE("feedback: without masks the detector's exemplar stays", "[feedback]") {
  for (const int shots : {1, 4})
    for (const Rules rules : {Rules::paper, Rules::reference})
      CHECK(feedback(first, {}, with(shots, rules)) == boxes({0}));
}

TEST_CASE("feedback: a repeated box is one exemplar in paper, and fills several in reference",
          "[feedback]") {
  const std::vector<ScoredBox> masks{
      {box(1), 0.9f}, {box(1), 0.8f}, {box(2), 0.7f}, {box(3), 0.6f}, {box(4), 0.1f}};
  CHECK(feedback(first, masks, with(3)) == boxes({1, 2, 3}));
  CHECK(feedback(first, masks, with(4, Rules::reference)) == boxes({0, 1, 1, 2}));
}

TEST_CASE("feedback: the reference keeps the detector's exemplar and the k - 1 best",
          "[feedback]") {
  const std::vector<ScoredBox> masks{{box(1), 0.2f}, {box(2), 0.9f}, {box(3), 0.5f}};
  CHECK(feedback(first, masks, with(3, Rules::reference)) == boxes({0, 2, 3}));
  CHECK(feedback(first, masks, with(1, Rules::reference)) == boxes({0}));
}

TEST_CASE("feedback: the reference loses the line glued behind the last mask's", "[feedback]") {
  // the last mask sorts second, so the third line is read as part of it
  const std::vector<ScoredBox> masks{
      {box(1), 0.9f}, {box(2), 0.5f}, {box(3), 0.4f}, {box(4), 0.7f}};
  CHECK(feedback(first, masks, with(8, Rules::reference)) == boxes({0, 1, 4, 3}));
  CHECK(feedback(first, masks, with(8)) == boxes({1, 4, 2, 3}));
}
