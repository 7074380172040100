// persense/detail/reply.hpp: what a language model replied, without the reasoning before it.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "persense/detail/ascii.hpp"
#include "persense/error.hpp"

namespace persense::detail {

/// Tags around reasoning, as in <think> and </think>, also with a prefix (<seed:think>), bars
/// (<|think|>) or attributes.
inline constexpr std::string_view reasoning_tags =
    "think thinking thought thoughts reason reasoning rationale reflection analysis scratchpad ";

/// What else begins and ends reasoning, in lower case: of models that vLLM, SGLang and llama.cpp
/// know (Magistral, Kimi, Command A, Apertus, Sky-T1, Gemma, gpt-oss, Granite, Apriel).
struct ReasoningMarks {
  std::string_view open, close;
};
inline constexpr std::array reasoning_marks{
    ReasoningMarks{"[think]", "[/think]"},
    ReasoningMarks{"◁think▷", "◁/think▷"},
    ReasoningMarks{"<|start_thinking|>", "<|end_thinking|>"},
    ReasoningMarks{"<|inner_prefix|>", "<|inner_suffix|>"},
    ReasoningMarks{"<|begin_of_thought|>", "<|end_of_thought|>"},
    ReasoningMarks{"<|channel>thought", "<channel|>"},
    ReasoningMarks{"<|channel|>analysis", "<|channel|>final"},
    ReasoningMarks{"<|channel|>commentary", "<|channel|>final"},
    ReasoningMarks{"assistantcommentary", "assistantfinal"},  // servers that leave out <|...|>
    ReasoningMarks{"here is my thought process:", "here is my response:"},
    ReasoningMarks{"here are my reasoning steps:", "[begin final response]"}};

/// Where reasoning begins and ends in an answer.
struct ReasoningEnds {
  std::size_t closed = 0;             ///< behind the last closing mark; 0: there is none
  std::optional<std::size_t> opened;  ///< where the last opening mark begins
  void open_at(std::size_t at) { opened = std::max(opened.value_or(0), at); }
};

/// Takes note of the tag that begins at `at`, where it is one around reasoning.
inline void note_tag(std::string_view low, std::size_t at, ReasoningEnds& ends) {
  constexpr std::size_t longest = 80;  // so that "<<<<..." takes no time
  std::string_view name = low.substr(at + 1, longest);
  const std::size_t end = name.find('>');
  if (end == name.npos) return;
  name = name.substr(0, end);
  const auto skip = [&](std::string_view marks) {
    name.remove_prefix(std::min(name.size(), name.find_first_not_of(marks)));
  };
  skip("| ");
  const bool closes = name.starts_with('/');
  skip("/ ");
  name = name.substr(0, name.find_first_of("| \t\r\n/"));
  name.remove_prefix(name.find(':') + 1);  // npos + 1 is 0
  if (!is_in(reasoning_tags, name)) return;
  if (closes)
    ends.closed = std::max(ends.closed, at + 1 + end + 1);
  else
    ends.open_at(at);
}

inline ReasoningEnds reasoning_ends(std::string_view answer) {
  const std::string low = lowered(answer);
  ReasoningEnds ends;
  for (std::size_t at = low.find('<'); at != low.npos; at = low.find('<', at + 1))
    note_tag(low, at, ends);
  for (const auto& [open, close] : reasoning_marks) {
    if (const std::size_t at = low.rfind(close); at != low.npos)
      ends.closed = std::max(ends.closed, at + close.size());
    if (const std::size_t at = low.rfind(open); at != low.npos) ends.open_at(at);
  }
  constexpr std::string_view channel = "analysis";  // "analysisThe user asks": without <|...|>
  const bool runs_on = answer.starts_with(channel) && answer.size() > channel.size() &&
                       is_upper(answer[channel.size()]);
  if (runs_on) ends.open_at(0);
  return ends;
}

/// A text with `with` for each of its tags; a '<' that nothing closes is none.
inline std::string without_tags(std::string_view text, std::string_view with) {
  std::string kept;
  for (std::size_t begin; (begin = text.find('<')) != text.npos;) {
    const std::size_t end = text.find('>', begin);
    if (end == text.npos) break;
    kept.append(text.substr(0, begin)).append(with);
    text.remove_prefix(end + 1);
  }
  return kept.append(text);
}

/// The reply in a model's answer: what stands behind the last mark that closes reasoning, be it
/// opened in the answer or, as by chat templates, in the prompt; without tags around it. An answer
/// without such marks is the reply as it is.
/// @return  nothing where reasoning is opened and not closed, or nothing stands behind it.
inline std::optional<std::string> reply_of(std::string_view answer) {
  const ReasoningEnds ends = reasoning_ends(answer);
  if (ends.opened && *ends.opened >= ends.closed) return std::nullopt;
  if (ends.closed == 0) return std::string(answer);
  answer.remove_prefix(ends.closed);
  constexpr std::string_view message = "<|message|>";  // behind a channel's name and format
  if (const std::size_t at = answer.rfind(message); at != answer.npos)
    answer.remove_prefix(at + message.size());
  std::string reply = without_tags(answer, " ");  // as <answer> and <|return|>
  if (is_blank(reply)) return std::nullopt;
  return reply;
}

/// @throws InvalidArgument  where reply_of() gives nothing.
inline std::string reply_in(std::string_view answer) {
  if (auto reply = reply_of(answer)) return *std::move(reply);
  throw InvalidArgument(
      "class label: the answer is reasoning that no reply follows, expected a reply such as "
      "\"It is a potato.\" after it");
}

}  // namespace persense::detail
