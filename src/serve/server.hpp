// server.hpp: a page in the browser over one engine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "persense/engine.hpp"
#include "tool_queries.hpp"

namespace persense::serve {

struct ServerOptions {
  std::string host = "127.0.0.1";                     ///< loopback: no token is needed
  int port = 0;                                       ///< 0: any that is free
  std::string token;                                  ///< what requests must carry; empty: none
  std::vector<std::filesystem::path> files;           ///< images of the list
  std::size_t upload_limit = std::size_t{256} << 20;  ///< bytes of a request, or of a file

  // for annotation tools
  std::vector<std::filesystem::path> folders;  ///< below which tasks may name files
  OwnSupports supports;                        ///< what is looked for where nothing is marked
  std::string label_studio_url;                ///< the one server that files are fetched from
  std::string label_studio_key;                ///< its access token
  /// Told why a tool's request was refused: tools show their users little of it. Called from
  /// several threads. None: nobody is told.
  std::function<void(const std::string& line)> note;
};

/// Whether a host is this machine's own and no other's.
bool is_loopback(const std::string& host);

/// 128 random bits as text.
std::string random_token();

/// Serves the page and its requests: marks in, instances out. Annotation tools ask the same server:
/// Label Studio (/setup, /predict) and X-AnyLabeling (/v1/models, /v1/predict).
///
/// A request must be sent to the host that it is served on, by its own page (another site's script
/// cannot ask anything), and carry the token where there is one: as a bearer's, as the password of
/// basic authentication, in the header Token, as a parameter or in the page's cookie.
/// @par Threads  `run` blocks; requests are answered by several threads.
class Server {
 public:
  /// @param engine  must live as long as the server.
  Server(const Engine& engine, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Opens the port. @return the page's address, with the token in it.
  /// @throws InvalidArgument  a host or port that cannot be had.
  std::string bind();

  /// Answers requests until it is stopped. @pre bind() was called.
  void run(const std::stop_token& stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace persense::serve
