// Servers on the loopback that answer as they are told, for one test each.
#pragma once

#include <arpa/inet.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace persense::testing {

/// A chat server's answer with this text.
inline std::string chat_answer(const std::string& text) {
  return nlohmann::json{{"choices", {{{"message", {{"role", "assistant"}, {"content", text}}}}}}}
      .dump();
}

/// An HTTP (or HTTPS) server that keeps what it was asked.
class StubServer {
 public:
  using Handler = std::function<void(const httplib::Request&, httplib::Response&, int number)>;

  /// @param handler  called for each request, numbered from 1.
  explicit StubServer(Handler handler,
                      std::unique_ptr<httplib::Server> server = std::make_unique<httplib::Server>())
      : server_(std::move(server)) {
    server_->Post(".*",
                  [this, handler](const httplib::Request& request, httplib::Response& response) {
                    int number = 0;
                    {
                      const std::scoped_lock lock(guard_);
                      requests_.push_back(request);
                      number = static_cast<int>(requests_.size());
                    }
                    handler(request, response, number);
                  });
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~StubServer() {
    server_->stop();
    thread_.join();
  }
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }
  std::vector<httplib::Request> requests() const {
    const std::scoped_lock lock(guard_);
    return requests_;
  }

 private:
  std::unique_ptr<httplib::Server> server_;
  int port_ = 0;
  std::thread thread_;
  mutable std::mutex guard_;
  std::vector<httplib::Request> requests_;
};

/// A server that accepts connections and says to them what no HTTP server would.
class RawServer {
 public:
  /// @param talk  what becomes of each connection, which is closed afterwards; none: it is never
  ///   accepted.
  explicit RawServer(std::function<void(int socket)> talk) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, talk ? 16 : 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (!talk) return;
    thread_ = std::thread([this, talk] {
      for (int socket; (socket = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(socket))
        talk(socket);
    });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// Sends without a signal when the other side is gone; whether it is still there.
  static bool say(int socket, const std::string& text) {
    return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) >= 0;
  }
  /// Reads until the other side closes.
  static void listen_on(int socket) {
    char bytes[4096];
    while (::recv(socket, bytes, sizeof bytes, 0) > 0) {
    }
  }

 private:
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

}  // namespace persense::testing
