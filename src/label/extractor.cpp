#include "persense/label/extractor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <thread>
#include <utility>

#include "http.hpp"
#include "json_answer.hpp"
#include "persense/class_label.hpp"
#include "persense/detail/reply.hpp"
#include "persense/failure.hpp"
#include "persense/io/images.hpp"
#include "persense/label/noun.hpp"
#include "request.hpp"
#include "text.hpp"

namespace persense {

namespace {

using label::Clock;
using label::Endpoint;
using label::HttpAnswer;
using label::HttpOutcome;
using label::Parameters;
using nlohmann::json;
using ShouldStop = std::function<bool()>;

void require_range(const char* name, double value, double lowest, double highest) {
  if (!(value >= lowest && value <= highest))
    throw InvalidArgument(
        fmt::format("label {}: got {}, expected {} to {}", name, value, lowest, highest));
}

void check(const LabelSettings& settings) {
  if (settings.prompt.empty()) throw InvalidArgument("label prompt: empty, expected a question");
  require_range("temperature", settings.temperature, 0, 2);
  require_range("max_tokens", settings.max_tokens, 1, 100000);
  require_range("timeout", settings.timeout, 0.001, 86400);
  require_range("retries", settings.retries, 0, 100);
  require_range("backoff", settings.backoff, 0, 3600);
}

// The key, or an empty text where no variable is named.
std::string key_in(const std::string& variable) {
  if (variable.empty()) return "";
  const char* const value = std::getenv(variable.c_str());
  if (value == nullptr || *value == '\0')
    throw InvalidArgument(fmt::format(
        "label key: the environment variable {} is not set, expected the endpoint's key in it",
        label::quoted(variable)));
  const std::string key = value;
  if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
    throw InvalidArgument(fmt::format(
        "label key: the environment variable {} holds white space or other characters that no key "
        "has",
        label::quoted(variable)));
  return key;
}

// One question: what is asked, of whom, until when.
class Question {
 public:
  /// @param refused  what the server is known to refuse; what it refuses now joins it.
  Question(const LabelSettings& settings, std::atomic<unsigned>& refused, std::string shown,
           ShouldStop should_stop)
      : settings_(settings),
        refused_(refused),
        shown_(std::move(shown)),
        should_stop_(std::move(should_stop)),
        key_(key_in(settings.key_variable)),
        deadline_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(settings.timeout))) {}

  std::string ask(const std::string& image) const;
  ClassLabel understood(const std::string& answer) const;

 private:
  HttpAnswer send(std::string body, Parameters sent) const;
  [[noreturn]] void fail(const std::string& what, const std::string& expected) const;
  [[noreturn]] void out_of_time(const std::string& last) const;
  std::string problem_of(const HttpOutcome& outcome) const;
  std::string message_in(const std::string& body) const;
  void pause(double seconds) const;

  const LabelSettings& settings_;
  std::atomic<unsigned>& refused_;
  const std::string shown_;
  const ShouldStop should_stop_;
  const std::string key_;
  const Clock::time_point deadline_;
};

// The one place where errors about the endpoint are written, and where the key is kept out of them.
void Question::fail(const std::string& what, const std::string& expected) const {
  throw NoAnswer(one_line(label::without_secret(
      fmt::format("label endpoint {}: {}, expected {}; --label NAME gives the label without asking",
                  shown_, what, expected),
      key_)));
}

void Question::out_of_time(const std::string& last) const {
  fail(fmt::format("no complete answer within {:g} s{}", settings_.timeout,
                   last.empty() ? "" : " (" + last + ")"),
       "one within the time limit");
}

std::string Question::problem_of(const HttpOutcome& outcome) const {
  if (!outcome.answer) return outcome.failure.what;
  const HttpAnswer& answer = *outcome.answer;
  std::string problem = fmt::format("answered with status {}", answer.status);
  if (!answer.location.empty())  // without what may be secret in it
    problem += ", a redirect to " +
               label::quoted(answer.location.substr(0, answer.location.find_first_of("?#")));
  if (!answer.body.empty())
    problem += fmt::format(
        " {}", label::quoted(label::without_secret(label::complaint(answer.body), key_)));
  return problem;
}

// A server that refuses a parameter says which in an answer of status 400 or 422, and is asked
// without it, until it refuses none; each time there is one fewer, so this ends. What it refused is
// kept once it has answered: a guess that did not help is none.
std::string Question::ask(const std::string& image) const {
  for (Parameters refused = refused_;;) {
    const Parameters sent = label::parameters_of(settings_, refused);
    const HttpAnswer answer = send(label::request_body(settings_, image, sent), sent);
    if (const Parameters one = label::refused_in(answer, sent)) {
      refused |= one;
      continue;
    }
    refused_ |= refused;
    if (answer.too_large)
      fail(fmt::format("answered with more than {} bytes", label::largest_answer),
           "a few words about one object");
    return label::without_secret(message_in(answer.body), key_);
  }
}

/// @return  an answer of status 200, or one that refuses a parameter
HttpAnswer Question::send(std::string body, Parameters sent) const {
  const label::HttpRequest request{label::endpoint_of(settings_.endpoint), std::move(body),
                                   key_.empty() ? "" : "Bearer " + key_, settings_.ca_bundle};
  std::string problem;
  double wait = settings_.backoff;
  for (int tries = 1;; ++tries, wait *= 2) {
    HttpOutcome outcome = label::send(request, deadline_, should_stop_);
    if (outcome.failure.out_of_time) out_of_time(problem);
    const int status = outcome.answer ? outcome.answer->status : 0;
    if (status == 200 || (outcome.answer && label::refused_in(*outcome.answer, sent) != 0))
      return std::move(*outcome.answer);
    problem = problem_of(outcome);
    const bool again = status == 429 || status >= 500 || outcome.failure.worth_another_try;
    if (!again || tries > settings_.retries)
      fail(problem + (tries > 1 ? fmt::format(" ({} tries)", tries) : ""),
           "status 200 of a chat server");
    const double asked = outcome.answer ? outcome.answer->retry_after : 0;
    if (asked > std::chrono::duration<double>(deadline_ - Clock::now()).count())
      fail(fmt::format("{}, and asks to wait {:g} s, beyond the time limit of {:g} s", problem,
                       asked, settings_.timeout),
           "status 200 of a chat server");
    pause(std::max(wait, asked));
    if (Clock::now() >= deadline_) out_of_time(problem);
  }
}

void Question::pause(double seconds) const {
  const auto until =
      std::min(deadline_, Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                             std::chrono::duration<double>(seconds)));
  while (Clock::now() < until) {
    if (should_stop_ && should_stop_()) throw Cancelled("label extraction: interrupted");
    std::this_thread::sleep_until(
        std::min<Clock::time_point>(until, Clock::now() + label::stop_interval));
  }
}

std::string Question::message_in(const std::string& body) const try {
  return label::message_in(body, key_);
} catch (const label::NoMessage& none) {
  fail("answered " + none.got, none.expected);
}

ClassLabel Question::understood(const std::string& answer) const {
  if (!detail::reply_of(answer))
    fail("answered " + label::quoted(answer) + ", reasoning without a reply",
         fmt::format("the object's name after it (max_tokens is {})", settings_.max_tokens));
  try {
    if (settings_.rules == Rules::paper)
      if (auto named = label::label_in_json(answer)) return *named;
    ClassLabel made;
    made.label =
        settings_.rules == Rules::reference ? label_from_answer(answer) : noun_from_answer(answer);
    made.phrase = all_phrase(made.label, settings_.rules);
    made.answer = answer;
    return made;
  } catch (const InvalidArgument&) {
    fail("answered " + label::quoted(answer), "words that name one object");
  }
}

}  // namespace

ClassLabelExtractor::ClassLabelExtractor(LabelSettings settings)
    : settings_(std::move(settings)), refused_(std::make_shared<std::atomic<unsigned>>(0)) {
  if (!is_built_in())
    throw InvalidArgument(
        "label endpoint: this build has no label extraction (it was made without libcurl), "
        "expected a label given with --label");
  const Endpoint endpoint = label::endpoint_of(settings_.endpoint);
  if (endpoint.tls && !has_tls())
    throw InvalidArgument(fmt::format(
        "label endpoint {}: this build has no TLS (libcurl was made without it), expected http",
        endpoint.shown));
  check(settings_);
  shown_ = endpoint.shown;
}

bool ClassLabelExtractor::is_built_in() { return label::http_is_built_in(); }
bool ClassLabelExtractor::has_tls() { return label::http_has_tls(); }

ClassLabel ClassLabelExtractor::extract(ImageView image, MaskView mask,
                                        const std::function<bool()>& should_stop) const {
  const cv::Mat shown = shown_support(image, mask, settings_.rules);
  const Question question(settings_, *refused_, shown_, should_stop);
  return question.understood(question.ask(label::image_url(io::encode_png(shown))));
}

}  // namespace persense
