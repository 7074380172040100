#include "text_inputs.hpp"

#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "persense/error.hpp"

namespace persense::torchscript {

namespace {

using Ids = std::vector<WordPiece::Id>;

/// At most this much of the user's text stands in a message.
std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string start(text.substr(0, longest));
  std::replace_if(
      start.begin(), start.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return '"' + start + (text.size() > longest ? "...\"" : "\"");
}

/// An expression's words, with a full stop at the end.
Ids sentence(const WordPiece& words, std::string_view expression) {
  Ids ids = words.ids(expression);
  if (std::none_of(ids.begin(), ids.end(), [&](auto id) { return words.means_something(id); }))
    throw InvalidArgument(fmt::format(
        "class label: got {}, expected a word that the detector's vocabulary of {} tokens has",
        quoted(expression), words.size()));
  if (ids.back() != words.full_stop()) ids.push_back(words.full_stop());
  return ids;
}

void require_length(const Ids& caption, int max_tokens, std::string_view expression) {
  if (caption.size() <= static_cast<std::size_t>(max_tokens)) return;
  throw InvalidArgument(
      fmt::format("class label: {} makes a caption of {} tokens, expected at most {}",
                  quoted(expression), caption.size(), max_tokens));
}

bool ends_phrase(const WordPiece& words, WordPiece::Id id) {
  return id == words.begin() || id == words.end() || id == words.full_stop() ||
         id == words.question_mark();
}

/// One row of the tensors.
void write_caption(const WordPiece& words, const Ids& caption, std::int64_t row, TextInputs& to) {
  auto ids = to.ids.accessor<std::int64_t, 2>(),
       positions = to.positions.accessor<std::int64_t, 2>();
  auto attention = to.attention.accessor<bool, 3>();
  auto tokens = to.tokens.accessor<bool, 2>();
  std::int64_t begin = 0;  // of the phrase
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(caption.size()); ++i) {
    ids[row][i] = caption[static_cast<std::size_t>(i)];
    positions[row][i] = i - begin;
    tokens[row][i] = true;
    if (!ends_phrase(words, ids[row][i])) continue;
    for (std::int64_t a = begin; a <= i; ++a)
      for (std::int64_t b = begin; b <= i; ++b) attention[row][a][b] = true;
    begin = i + 1;
  }
}

}  // namespace

TextInputs text_inputs(const WordPiece& words, const std::vector<std::string_view>& expressions,
                       Captions captions, int max_tokens) {
  TextInputs inputs;
  std::vector<Ids> rows;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    if (i == 0 || captions == Captions::separate) rows.push_back({words.begin()});
    Ids& row = rows.back();
    const auto begin = static_cast<std::int64_t>(row.size());
    const Ids sentence_ids = sentence(words, expressions[i]);
    row.insert(row.end(), sentence_ids.begin(), sentence_ids.end());
    inputs.parts.push_back(
        {static_cast<std::int64_t>(rows.size()) - 1, begin, static_cast<std::int64_t>(row.size())});
    if (i + 1 == expressions.size() || captions == Captions::separate) row.push_back(words.end());
    require_length(row, max_tokens, expressions[i]);
  }
  std::size_t longest = 0;
  for (const Ids& row : rows) longest = std::max(longest, row.size());
  const auto count = static_cast<std::int64_t>(rows.size());
  const auto length = static_cast<std::int64_t>(longest);
  inputs.ids = at::full({count, length}, words.padding(), at::kLong);
  inputs.positions = at::zeros({count, length}, at::kLong);
  inputs.tokens = at::zeros({count, length}, at::kBool);
  inputs.attention = at::eye(length, at::kBool).repeat({count, 1, 1});
  for (std::int64_t i = 0; i < count; ++i)
    write_caption(words, rows[static_cast<std::size_t>(i)], i, inputs);
  if (captions == Captions::separate)
    for (TextInputs::Part& part : inputs.parts)
      part = {part.row, 0,
              static_cast<std::int64_t>(rows[static_cast<std::size_t>(part.row)].size())};
  return inputs;
}

}  // namespace persense::torchscript
