// The only user of cpp-httplib.
#include "http.hpp"

#include <fcntl.h>
#include <httplib.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "persense/error.hpp"

namespace persense::label {

namespace {

// What the asking thread and the thread that talks to the server share. The latter keeps it alive:
// a name server that does not answer cannot be interrupted, and then nobody waits for its thread.
struct Conversation {
  Conversation(HttpRequest what, Clock::time_point until)
      : request(std::move(what)), deadline(until) {}
  ~Conversation() {
    for (const int socket : sockets) ::close(socket);
  }

  /// A socket that httplib opened. The duplicate is ours, so that it can be shut down at any time.
  void remember(int socket) {
    const std::scoped_lock lock(guard);
    const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return;
    sockets.push_back(copy);
    if (given_up) ::shutdown(copy, SHUT_RDWR);
  }

  /// Makes every read and write of the talking thread fail from now on.
  void give_up() {
    const std::scoped_lock lock(guard);
    given_up = true;
    for (const int socket : sockets) ::shutdown(socket, SHUT_RDWR);
  }

  void finish(HttpOutcome with) {
    const std::scoped_lock lock(guard);
    outcome = std::move(with);
    finished.notify_all();
  }

  double seconds_left() const {
    return std::chrono::duration<double>(deadline - Clock::now()).count();
  }

  const HttpRequest request;
  const Clock::time_point deadline;
  std::mutex guard;
  std::condition_variable finished;
  std::optional<HttpOutcome> outcome;
  std::vector<int> sockets;
  std::atomic<bool> given_up{false};
};

HttpOutcome failed(std::string what, bool worth_another_try) {
  return {std::nullopt, {std::move(what), worth_another_try, false}};
}

// All addresses of the host as text. httplib would resolve it too, but could not be kept from going
// on to the request when the name server took too long.
std::vector<std::string> addresses_of(const Endpoint& endpoint, std::string& problem) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  const int error = ::getaddrinfo(endpoint.host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    problem = ::gai_strerror(error);
    return {};
  }
  std::vector<std::string> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
        0)
      addresses.emplace_back(text);
  }
  ::freeaddrinfo(found);
  if (addresses.empty()) problem = "no address";
  return addresses;
}

std::unique_ptr<httplib::ClientImpl> client_for(const HttpRequest& request) {
  const Endpoint& endpoint = request.endpoint;
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  if (endpoint.tls) {
    auto client = std::make_unique<httplib::SSLClient>(endpoint.host, endpoint.port);
    if (!request.ca_bundle.empty()) client->set_ca_cert_path(request.ca_bundle);
    client->enable_server_certificate_verification(true);
    return client;
  }
#endif
  return std::make_unique<httplib::ClientImpl>(endpoint.host, endpoint.port);
}

// Seconds, or a date.
std::optional<double> retry_after_of(const std::string& value) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc() && end == value.data() + value.size()) return seconds;
  std::tm date{};
  if (::strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr) return std::nullopt;
  return std::max(0.0, std::difftime(::timegm(&date), std::time(nullptr)));
}

std::string tls_problem(const httplib::ClientImpl& client) {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  const auto* secure = dynamic_cast<const httplib::SSLClient*>(&client);
  switch (const long result = secure == nullptr ? X509_V_OK : secure->get_openssl_verify_result()) {
    case X509_V_OK:
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate has expired";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "its certificate is not trusted (it is signed by itself)";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      return "its certificate is not trusted (by an authority that is not known)";
    default:
      return "its certificate is not trusted (X509 error " + std::to_string(result) + ")";
  }
#else
  (void)client;
#endif
  return "its certificate is not for this host";
}

HttpOutcome failure_of(httplib::Error error, const httplib::ClientImpl& client,
                       const HttpRequest& request) {
  using httplib::Error;
  switch (error) {
    case Error::Connection:
    case Error::ConnectionTimeout:
    case Error::BindIPAddress:
      return failed("no connection could be made", true);
    case Error::SSLServerVerification:
      return failed(tls_problem(client), false);
    case Error::SSLLoadingCerts:
      return failed("no certificates of authorities could be read" +
                        (request.ca_bundle.empty() ? std::string(" from the system")
                                                   : " from " + request.ca_bundle),
                    false);
    case Error::SSLConnection:
      return failed("TLS could not be negotiated (does the server speak https?)", false);
    default:
      return failed("the connection broke before an answer was complete", true);
  }
}

// One request to one address. Reads no more of the answer than largest_answer.
/// @param others  addresses that are left to try after this one
HttpOutcome send_to(Conversation& talk, const std::string& address, std::size_t others) {
  const HttpRequest& request = talk.request;
  const auto client = client_for(request);
  client->set_hostname_addr_map({{request.endpoint.host, address}});
  // whoever waits keeps the time; these only end what was left behind
  const std::chrono::duration<double> left(1 + std::max(0.0, talk.seconds_left()));
  client->set_connection_timeout(left / static_cast<double>(1 + others));
  client->set_read_timeout(left);
  client->set_write_timeout(left);
  client->set_follow_location(false);
  client->set_url_encode(false);  // the URL is encoded already
  client->set_tcp_nodelay(true);
  client->set_socket_options([&talk](socket_t socket) { talk.remember(socket); });

  HttpAnswer answer;
  httplib::Request post;
  post.method = "POST";
  post.path = request.endpoint.target;
  post.headers = {{"Accept", "application/json"}, {"Content-Type", "application/json"}};
  if (!request.authorization.empty()) post.headers.emplace("Authorization", request.authorization);
  post.body = request.body;
  post.response_handler = [&](const httplib::Response& response) {
    answer.status = response.status;
    answer.location = response.get_header_value("Location");
    if (response.has_header("Retry-After"))
      answer.retry_after = retry_after_of(response.get_header_value("Retry-After"));
    return true;
  };
  post.content_receiver = [&](const char* bytes, std::size_t count, std::uint64_t, std::uint64_t) {
    const std::size_t room = largest_answer - answer.body.size();
    answer.body.append(bytes, std::min(count, room));
    answer.too_large = count > room;
    return !answer.too_large;
  };
  httplib::Response response;
  httplib::Error error = httplib::Error::Success;
  if (client->send(post, response, error) || answer.too_large) return {std::move(answer), {}};
  return failure_of(error, *client, request);
}

HttpOutcome talk_to_server(Conversation& talk) {
  std::string problem;
  const auto addresses = addresses_of(talk.request.endpoint, problem);
  if (addresses.empty()) return failed("its host is not known (" + problem + ")", true);
  HttpOutcome outcome;
  for (std::size_t i = 0; i < addresses.size(); ++i) {  // "localhost" is two, and one may be silent
    if (talk.given_up) return failed("given up", false);
    outcome = send_to(talk, addresses[i], addresses.size() - i - 1);
    if (outcome.answer || outcome.failure.what != "no connection could be made") break;
  }
  return outcome;
}

// Signals are for the program's own threads. SIGPIPE, which writing to a closed connection raises,
// stays pending here and ends with the thread.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// Ends with the talking thread finished, or left behind when it does not come back.
class Talker {
 public:
  explicit Talker(const std::shared_ptr<Conversation>& talk) : talk_(talk) {
    const SignalsBlocked inherited;
    thread_ = std::thread([talk] {
      HttpOutcome outcome;
      try {
        outcome = talk_to_server(*talk);
      } catch (const std::exception& error) {
        outcome = failed(error.what(), false);
      }
      talk->finish(std::move(outcome));
    });
  }
  ~Talker() {
    constexpr std::chrono::milliseconds grace{300};
    talk_->give_up();
    std::unique_lock lock(talk_->guard);
    const bool back =
        talk_->finished.wait_for(lock, grace, [&] { return talk_->outcome.has_value(); });
    lock.unlock();
    if (back)
      thread_.join();
    else
      thread_.detach();
  }
  Talker(const Talker&) = delete;
  Talker& operator=(const Talker&) = delete;

 private:
  const std::shared_ptr<Conversation> talk_;
  std::thread thread_;
};

}  // namespace

bool http_is_built_in() { return true; }

bool http_has_tls() {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  return true;
#else
  return false;
#endif
}

HttpOutcome post(const HttpRequest& request, Clock::time_point deadline,
                 const std::function<bool()>& should_stop) {
  const auto talk = std::make_shared<Conversation>(request, deadline);
  const Talker talker(talk);
  std::unique_lock lock(talk->guard);
  while (!talk->outcome) {
    if (Clock::now() >= deadline) return {std::nullopt, {"", false, true}};
    lock.unlock();  // which the caller's function must not hold
    if (should_stop && should_stop()) throw Cancelled("label extraction: interrupted");
    lock.lock();
    talk->finished.wait_until(lock, std::min(deadline, Clock::now() + stop_interval),
                              [&] { return talk->outcome.has_value(); });
  }
  return *talk->outcome;
}

}  // namespace persense::label
