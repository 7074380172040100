#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "console.hpp"
#include "interrupt.hpp"
#include "option_flags.hpp"
#include "queries.hpp"
#include "serve/server.hpp"
#include "stage_flags.hpp"

namespace persense::cli {

namespace {

const char* const description =
    "Mark objects and find all like them, on a page in the browser\n"
    "\n"
    "Examples:\n"
    "  # the images of a folder; the address to open is printed\n"
    "  persense serve shelf/\n"
    "\n"
    "  # images are dropped onto the page\n"
    "  persense serve --port 8080\n"
    "\n"
    "  # for other machines: requests need the token that is part of the printed address\n"
    "  persense serve shelf/ --host 0.0.0.0 --port 8080\n";

const char* const footer =
    "On the page: mark an object by a click (P), a box (B) or a brush (D), what is not meant after "
    "N;\n"
    "Shift and click takes an object out; 1 to 9 choose a class; arrows go through the images; "
    "the\n"
    "wheel, + and - zoom; 0 shows the whole image; Z takes back; Esc cancels.\n"
    "\n"
    "Nothing is sent anywhere: the page has no other server than this one, and other sites' pages\n"
    "cannot ask it. Ctrl-C ends it.\n"
    "\n";

struct ServeRequest {
  std::vector<std::string> queries;
  serve::ServerOptions server{"127.0.0.1", 7777, "", {}};
  StageFlags stages;
  OptionFlags options;
};

Exit serve_page(ServeRequest& request) {
  if (!request.queries.empty()) {
    const Queries found = expand_queries(request.queries);
    for (const std::string& note : found.notes) print_note(note);
    for (const QueryFile& file : found.files) request.server.files.push_back(file.path);
  }
  if (!serve::is_loopback(request.server.host) && request.server.token.empty())
    request.server.token = serve::random_token();
  const Interrupt interrupt;
  const Engine engine = engine_from(request.stages, request.options);
  serve::Server server(engine, request.server);
  print_out(fmt::format("open {} (Ctrl-C ends it)\n", server.bind()));
  flush_stdout();
  server.run(interrupt.token());
  return Exit::ok;
}

}  // namespace

void add_serve(CLI::App& program, Task& task) {
  auto* command = program.add_subcommand("serve", description);
  const auto request = std::make_shared<ServeRequest>();
  command->add_option("QUERY", request->queries, "images to list: files, folders or 'patterns*'")
      ->type_name("")
      ->check(not_empty());
  command
      ->add_option("--host", request->server.host,
                   "where requests are taken from: this machine, or 0.0.0.0 for all")
      ->type_name("HOST")
      ->check(not_empty())
      ->capture_default_str();
  command->add_option("--port", request->server.port, "0: any that is free")
      ->type_name("N")
      ->check(CLI::Range(0, 65535).description(""))
      ->capture_default_str();
  command
      ->add_option("--token", request->server.token,
                   "what requests must carry; made up where --host is not this machine")
      ->type_name("TEXT")
      ->check(not_empty());
  add_option_flags(*command, request->options);
  add_stage_flags(*command, request->stages);
  command->footer(std::string(footer) + exit_code_help);
  command->callback([request, &task] { task = [request] { return serve_page(*request); }; });
}

}  // namespace persense::cli
