// What a chat server may answer: the body of its reply, the message in it, the name in that.
#include "http.hpp"
#include "json_answer.hpp"
#include "persense/class_label.hpp"
#include "persense/detail/reply.hpp"
#include "persense/detail/utf8.hpp"
#include "persense/label/noun.hpp"
#include "request.hpp"
#include "target.hpp"
#include "text.hpp"

using namespace persense;
using namespace persense::fuzz;

namespace {

constexpr std::string_view secret = "sk-0123456789";

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = detail::utf8_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

void check_quoted(const std::string& text) {
  const std::string quoted = label::quoted(label::without_secret(text, secret));
  require(is_utf8(quoted) && quoted.size() < 200, "what is quoted is short and UTF-8");
  require(quoted.find(secret.substr(0, 6)) == quoted.npos, "what is quoted holds no secret");
  require(std::none_of(quoted.begin(), quoted.end(), [](unsigned char c) { return c < 0x20; }),
          "what is quoted is one line");
}

void check_name(const std::string& answer) {
  accepts([&] {
    const auto named = label::label_in_json(answer);
    if (!named) return;
    require(!named->label.empty() && named->label.size() <= 60, "a name is short");
    require(named->phrase.starts_with("all ") && named->phrase.size() > 4, "a phrase has a name");
  });
  accepts([&] {
    const std::string noun = noun_from_answer(answer);
    require(!noun.empty(), "a noun is a word");
    require(all_phrase(noun).starts_with("all "), "a noun has a phrase");
  });
  accepts([&] {
    require(label_from_answer(answer).find('.') == std::string::npos, "a label has no full stop");
  });
  const auto reply = detail::reply_of(answer);
  require(!reply || reply->size() <= answer.size(), "a reply is a part of the answer");
}

void check_endpoint(const std::string& url) {
  accepts([&] {
    const label::Endpoint endpoint = label::endpoint_of(url);
    require(endpoint.url.starts_with(endpoint.tls ? "https://" : "http://"), "a URL has a scheme");
    require(endpoint.shown.find('@') == endpoint.shown.npos || url.find('@') > url.find('/', 8),
            "no user is shown");
    require(label::endpoint_of(endpoint.url).url == endpoint.url, "a whole URL stays as it is");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(text_of({data, size}));
  check_quoted(text);
  check_quoted(label::complaint(text));
  check_name(text);
  try {
    const std::string message = label::message_in(text, secret);
    require(!detail::is_blank(message), "a message has words");
    check_name(message);
  } catch (const label::NoMessage& none) {
    check_quoted(none.got);
    require(!none.got.empty() && !none.expected.empty(), "a refusal says why");
  }
  for (const int status : {200, 400, 422}) {
    label::HttpAnswer answer;
    answer.status = status;
    answer.body = text;
    const label::Parameters sent = label::response_format | label::max_tokens;
    const label::Parameters refused = label::refused_in(answer, sent);
    require((refused & ~sent) == 0, "only what was sent is refused");
    require(status != 200 || refused == 0, "an answer refuses nothing");
  }
  if (label::http_is_built_in()) check_endpoint(text);
  return 0;
}
