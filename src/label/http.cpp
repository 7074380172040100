// The only user of libcurl.
#include "http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "persense/error.hpp"
#include "text.hpp"

namespace persense::label {

namespace {

template <auto end>
struct Ends {
  template <class T>
  void operator()(T* what) const {
    end(what);
  }
};
using Url = std::unique_ptr<CURLU, Ends<curl_url_cleanup>>;
using Easy = std::unique_ptr<CURL, Ends<curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Ends<curl_multi_cleanup>>;
using Headers = std::unique_ptr<curl_slist, Ends<curl_slist_free_all>>;

std::string part_of(const Url& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, Ends<curl_free>> owned(text);
  return text;
}

std::string full_path(std::string path) {
  constexpr std::string_view completions = "/chat/completions";
  while (path.ends_with('/')) path.pop_back();
  if (path.empty()) path = "/v1";
  return path.ends_with(completions) ? path : path + std::string(completions);
}

void initialise() {  // once; programs that use libcurl too may have done so before
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK)
    throw InternalError(fmt::format("label extraction: libcurl: {}", curl_easy_strerror(code)));
}

template <class Value>
void set(const Easy& easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy.get(), option, value);
  if (code != CURLE_OK)
    throw InternalError(fmt::format("label extraction: libcurl refuses its option {}: {}",
                                    static_cast<int>(option), curl_easy_strerror(code)));
}

/// An answer as far as it has come.
struct Coming {
  HttpAnswer answer;
  std::size_t most = 0;  // bytes of its body
};

std::size_t take(const char* bytes, std::size_t, std::size_t count, void* user) {
  auto& [answer, most] = *static_cast<Coming*>(user);
  const std::size_t room = most - answer.body.size();
  answer.body.append(bytes, std::min(count, room));
  answer.too_large = count > room;
  return std::min(count, room);  // fewer than were given end the transfer
}

Headers headers_of(const HttpRequest& request) {
  Headers headers;
  const auto add = [&](const std::string& line) {
    curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)headers.release();
    headers.reset(longer);
  };
  if (request.method == HttpMethod::post) {
    add("Accept: application/json");
    add("Content-Type: application/json");
    add("Expect:");  // else libcurl asks first whether a large body is welcome, and waits
  }
  if (!request.authorization.empty()) add("Authorization: " + request.authorization);
  return headers;
}

// One request to a server, with the answer as far as it has come.
class Transfer {
 public:
  Transfer(const HttpRequest& request, Clock::time_point deadline)
      : request_(request),
        headers_(headers_of(request)),
        coming_{{}, request.most},
        multi_(curl_multi_init()),
        easy_(curl_easy_init()) {
    if (!multi_ || !easy_) throw std::bad_alloc();
    what_to_send();
    limits(deadline);
    const CURLMcode code = curl_multi_add_handle(multi_.get(), easy_.get());
    if (code != CURLM_OK) throw InternalError(curl_multi_strerror(code));
  }
  ~Transfer() { curl_multi_remove_handle(multi_.get(), easy_.get()); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Does what can be done without waiting; whether more is to come.
  bool goes_on() {
    int running = 0;
    const CURLMcode code = curl_multi_perform(multi_.get(), &running);
    if (code != CURLM_OK) throw InternalError(curl_multi_strerror(code));
    return running > 0;
  }
  void wait(std::chrono::milliseconds longest) {
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(longest.count()), nullptr);
  }
  HttpOutcome outcome();

 private:
  void what_to_send();
  void limits(Clock::time_point deadline);
  HttpFailure failure_of(CURLcode code) const;

  const HttpRequest& request_;
  const Headers headers_;
  Coming coming_;
  char problem_[CURL_ERROR_SIZE] = "";  // in libcurl's words
  const Multi multi_;  // libcurl wants its handles to end in this order, the last one first
  const Easy easy_;
};

void Transfer::what_to_send() {
  set(easy_, CURLOPT_URL, request_.endpoint.url.c_str());
  set(easy_, CURLOPT_PATH_AS_IS, 1L);
  set(easy_, CURLOPT_HTTPHEADER, headers_.get());
  set(easy_, CURLOPT_USERAGENT, "persense");
  if (request_.method == HttpMethod::post) {
    set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());
  }
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_WRITEFUNCTION, take);
  set(easy_, CURLOPT_WRITEDATA, &coming_);
  set(easy_, CURLOPT_ERRORBUFFER, problem_);
}

void Transfer::limits(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  set(easy_, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(left)));  // 0 is no limit
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, static_cast<long>(left)));
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_PROXY, "");       // else the environment names one
  set(easy_, CURLOPT_NOSIGNAL, 1L);    // signals are the program's own
  set(easy_, CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer is not waited for
  if (request_.ca_bundle.empty()) return;
  set(easy_, CURLOPT_CAINFO, request_.ca_bundle.c_str());
  set<const char*>(easy_, CURLOPT_CAPATH, nullptr);  // these authorities and no others
}

HttpFailure Transfer::failure_of(CURLcode code) const {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {"", false, true};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {"its host is not known", true};
    case CURLE_COULDNT_CONNECT:
      return {"no connection could be made", true};
    case CURLE_PEER_FAILED_VERIFICATION: {
      long verified = 0;  // the TLS library's verdict; 0 or 1 where only the name is wrong
      curl_easy_getinfo(easy_.get(), CURLINFO_SSL_VERIFYRESULT, &verified);
      const char* const what = verified > 1 ? "trusted" : "for this host";
      return {fmt::format("its certificate is not {} ({})", what, problem_)};
    }
    case CURLE_SSL_CACERT_BADFILE:
      return {"no certificates of authorities could be read from " +
              (request_.ca_bundle.empty() ? "the system" : request_.ca_bundle)};
    case CURLE_SSL_CONNECT_ERROR:
      return {"TLS could not be negotiated (does the server speak https?)"};
    case CURLE_UNSUPPORTED_PROTOCOL:  // of the answer: libcurl takes it for HTTP 0.9
    case CURLE_WEIRD_SERVER_REPLY:
      return {"answered with something that is not HTTP"};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return {"the connection broke before an answer was complete", true};
    default:
      return {problem_[0] == '\0' ? curl_easy_strerror(code) : problem_};
  }
}

HttpOutcome Transfer::outcome() {
  HttpAnswer& answer = coming_.answer;
  int others = 0;
  const CURLMsg* const done = curl_multi_info_read(multi_.get(), &others);
  if (done == nullptr) throw InternalError("label extraction: libcurl ended without a result");
  if (const CURLcode code = done->data.result; code != CURLE_OK && !answer.too_large)
    return {std::nullopt, failure_of(code)};
  long status = 0;
  curl_off_t retry_after = 0;
  char* location = nullptr;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &retry_after);
  curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_URL, &location);
  answer.status = static_cast<int>(status);
  answer.retry_after = std::max(0.0, static_cast<double>(retry_after));
  if (location != nullptr) answer.location = location;
  return {std::move(answer), {}};
}

}  // namespace

Endpoint endpoint_of(std::string_view url) {
  const auto refuse = [](std::string_view what) -> void {
    throw InvalidArgument(fmt::format(
        "label endpoint {}, expected http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], as "
        "in http://localhost:8080/v1",
        what));
  };
  if (url.empty()) refuse("is empty");
  const std::string_view before_query = url.substr(0, url.find_first_of("?#"));
  const bool encoded =
      std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  const Url parsed(curl_url());
  const CURLUcode code = encoded
                             ? curl_url_set(parsed.get(), CURLUPART_URL, std::string(url).c_str(),
                                            CURLU_PATH_AS_IS | CURLU_DISALLOW_USER)
                             : CURLUE_MALFORMED_INPUT;
  // before anything is quoted: what stands before an @ may be a password
  if (code != CURLUE_OK && before_query.find('@') != url.npos)
    refuse("holds a user name or password (keys come from an environment variable)");
  const std::string got = "got " + quoted(before_query);
  if (!encoded) refuse(got + " with white space or characters that must be percent-encoded");
  const std::string scheme = part_of(parsed, CURLUPART_SCHEME);
  if (code != CURLUE_OK || (scheme != "http" && scheme != "https") ||
      part_of(parsed, CURLUPART_PORT) == "0")
    refuse(got);

  const std::string path = full_path(part_of(parsed, CURLUPART_PATH));
  const bool has_query = !part_of(parsed, CURLUPART_QUERY).empty();
  curl_url_set(parsed.get(), CURLUPART_PATH, path.c_str(), 0);
  curl_url_set(parsed.get(), CURLUPART_FRAGMENT, nullptr, 0);
  Endpoint endpoint{part_of(parsed, CURLUPART_URL), "", scheme == "https"};
  curl_url_set(parsed.get(), CURLUPART_QUERY, nullptr, 0);
  endpoint.shown = part_of(parsed, CURLUPART_URL) + (has_query ? "?..." : "");
  return endpoint;
}

std::optional<HttpOrigin> origin_of(const std::string& url) {
  const Url parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                   CURLU_PATH_AS_IS | CURLU_DISALLOW_USER) != CURLUE_OK)
    return std::nullopt;
  HttpOrigin origin{part_of(parsed, CURLUPART_SCHEME), part_of(parsed, CURLUPART_HOST),
                    part_of(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT)};
  if (origin.scheme != "http" && origin.scheme != "https") return std::nullopt;
  return origin;
}

bool http_is_built_in() { return true; }

bool http_has_tls() {
  return (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_SSL) != 0;
}

HttpOutcome send(const HttpRequest& request, Clock::time_point deadline,
                 const std::function<bool()>& should_stop) {
  initialise();
  Transfer transfer(request, deadline);
  auto next_question = Clock::now();
  while (transfer.goes_on()) {
    if (should_stop && Clock::now() >= next_question) {
      if (should_stop()) throw Cancelled("label extraction: interrupted");
      next_question = Clock::now() + stop_interval;
    }
    transfer.wait(stop_interval);
  }
  return transfer.outcome();
}

}  // namespace persense::label
