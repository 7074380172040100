// x_anylabeling.hpp: the interface of X-AnyLabeling-Server, as JSON in and JSON out.
#pragma once

#include <string>

#include "messages.hpp"
#include "tool_queries.hpp"

namespace persense::serve {

/// Answers what X-AnyLabeling's Remote-Server asks: GET /v1/models, POST /v1/predict.
///
/// Points and rectangles that are drawn in the image mark what is looked for there ("+", "-": not
/// these). Without them it is what the server's own supports show. Written from the documented
/// interface.
/// @par Source  https://github.com/CVHub520/X-AnyLabeling-Server, docs/router.md and
///   docs/configuration.md
/// @par Threads  All members may be called from several threads at once.
class XAnyLabeling {
 public:
  explicit XAnyLabeling(ToolQueries& queries) : queries_(queries) {}

  static constexpr const char* model = "persense";  ///< its only one

  /// {"success": true, "data": {"persense": {"display_name", "widgets", "params"}}}
  Json models() const;
  /// {"success": true, "data": {"model_id", ...}} or {"success": false, "error": {...}}
  Json model_info(const std::string& id) const;

  /// {"success": true, "data": {"shapes", "description"}} for {"model", "image": base64 or data:,
  /// "params": {"marks", "conf_threshold"}}. What is refused is told as the interface has it:
  /// {"success": false, "error": {"code", "message"}}, under the status 200.
  Json predict(const Json& request);

 private:
  Json described() const;
  Json shapes_for(const Json& request);

  ToolQueries& queries_;
};

}  // namespace persense::serve
