#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "commands.hpp"
#include "console.hpp"
#include "fingerprint.hpp"
#include "interrupt.hpp"
#include "mark_flags.hpp"
#include "marks.hpp"
#include "option_flags.hpp"
#include "queries.hpp"
#include "segment_flags.hpp"
#include "serve/server.hpp"
#include "stage_flags.hpp"

namespace persense::cli {

namespace {

const char* const serve_description =
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
    "  persense serve shelf/ --host 0.0.0.0 --port 8080\n"
    "\n"
    "  # for Label Studio and X-AnyLabeling, in which objects are marked; it has images of its "
    "own\n"
    "  LABEL_STUDIO_API_KEY=TOKEN persense serve --label-studio-url http://localhost:8080\n"
    "\n"
    "  # the same for whole batches in which nothing is marked: what is looked for is shown here\n"
    "  persense serve shelf/ --support support.jpg --class bolt --mask mask.png\n";

const char* const serve_footer =
    "On the page: mark an object by a click (P), a box (B) or a brush (D), what is not meant after "
    "N;\n"
    "Shift and click takes an object out; 1 to 9 choose a class; arrows go through the images; "
    "the\n"
    "wheel, + and - zoom; 0 shows the whole image; Z takes back; Esc cancels.\n"
    "\n"
    "Nothing is sent anywhere: the page has no other server than this one, and other sites' pages\n"
    "cannot ask it. Ctrl-C ends it.\n"
    "\n"
    "Annotation tools: in Label Studio the printed address is that of a model (Settings, Model), "
    "in\n"
    "X-AnyLabeling the remote server's. The token is the password of basic authentication there, "
    "or\n"
    "the API key. Files that Label Studio names are read below the folders among QUERY, or "
    "fetched\n"
    "from --label-studio-url, and from nowhere else.\n"
    "\n";

struct ServeRequest {
  std::vector<std::string> queries;
  serve::ServerOptions server;
  MarkFlags marks;
  StageFlags stages;
  OptionFlags options;
};

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What the marks on the command line show. @throws as read_marks, encode_marks and support_of.
serve::OwnSupports own_supports(const MarkFlags& flags, const std::vector<QueryFile>& queries,
                                const Engine& engine) {
  serve::OwnSupports own;
  if (flags.supports.empty() && flags.marks.empty() && flags.prompts.empty()) return own;
  const Marks marks = read_marks(flags, "", queries);
  for (const std::string& note : marks.notes) print_note(note);
  const EncodedMarks encoded = encode_marks(marks, engine, std::nullopt);
  std::string identities;
  for (const std::string& identity : marks.identities()) identities += identity + "\n";
  for (const MarkedClass& marked : marks.classes) {
    own.classes.push_back(support_of(marked, encoded, engine, marked.label));
    identities += marked.label + "\n";
  }
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(identities.data());
  own.identity = fingerprint({bytes, identities.size()});
  return own;
}

Exit serve_page(ServeRequest& request) {
  Queries found;
  if (!request.queries.empty()) {
    found = expand_queries(request.queries, {}, masks_in(request.marks));
    for (const std::string& note : found.notes) print_note(note);
    for (const QueryFile& file : found.files) request.server.files.push_back(file.path);
    for (const std::string& query : request.queries)
      if (std::filesystem::is_directory(query)) request.server.folders.emplace_back(query);
  }
  if (!serve::is_loopback(request.server.host) && request.server.token.empty())
    request.server.token = serve::random_token();
  const Interrupt interrupt;
  const Engine engine = engine_from(request.stages, request.options);
  request.server.supports = own_supports(request.marks, found.files, engine);
  if (request.server.label_studio_url.empty())
    request.server.label_studio_url = environment("LABEL_STUDIO_URL");
  request.server.label_studio_key = environment("LABEL_STUDIO_API_KEY");
  request.server.note = print_note;
  serve::Server server(engine, request.server);
  print_out(fmt::format("open {} (Ctrl-C ends it)\n", server.bind()));
  flush_stdout();
  server.run(interrupt.token());
  return Exit::ok;
}

}  // namespace

void add_serve(Command program, Task& task) {
  const Command command = program.add_subcommand("serve", serve_description);
  const auto request = std::make_shared<ServeRequest>();
  request->server.port = 7777;
  command.add_option("QUERY", request->queries, "images to list: files, folders or 'patterns*'")
      .type_name("")
      .not_empty();
  command
      .add_option("--host", request->server.host,
                  "where requests are taken from: this machine, or 0.0.0.0 for all")
      .type_name("HOST")
      .not_empty()
      .capture_default_str();
  command.add_option("--port", request->server.port, "0: any that is free")
      .type_name("N")
      .range(0, 65535)
      .capture_default_str();
  command
      .add_option("--token", request->server.token,
                  "what requests must carry; made up where --host is not this machine")
      .type_name("TEXT")
      .not_empty();
  command
      .add_option("--label-studio-url", request->server.label_studio_url,
                  "the Label Studio whose files may be fetched, with the token in "
                  "LABEL_STUDIO_API_KEY; otherwise that of LABEL_STUDIO_URL")
      .type_name("URL")
      .not_empty();
  add_mark_flags(command, request->marks);
  add_option_flags(command, request->options);
  add_stage_flags(command, request->stages);
  command.footer(std::string(serve_footer) + marking_help + exit_code_help);
  command.callback([request, &task] { task = [request] { return serve_page(*request); }; });
}

}  // namespace persense::cli
