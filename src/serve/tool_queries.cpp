#include "tool_queries.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "io/image_bytes.hpp"
#include "persense/error.hpp"
#include "persense/version.hpp"

namespace persense::serve {

namespace {

/// "mini", or "sam_vit_b+mini", of "encoder sam_vit_b, detector mini, dmg mini, decoder sam_vit_b".
std::string models_in(std::string_view stages) {
  std::vector<std::string_view> models;
  while (!stages.empty()) {
    const std::string_view stage = stages.substr(0, stages.find(", "));
    const std::string_view model = stage.substr(stage.find(' ') + 1);
    if (std::find(models.begin(), models.end(), model) == models.end()) models.push_back(model);
    stages.remove_prefix(std::min(stage.size() + 2, stages.size()));
  }
  return fmt::format("{}", fmt::join(models, "+"));
}

}  // namespace

std::shared_ptr<const OpenImage> ToolQueries::open(const std::string& bytes,
                                                   const std::string& name) {
  return images_.open(bytes, [&] {
    try {
      return io::detail::load_image({bytes.begin(), bytes.end()}, name, {}).image;
    } catch (const Error&) {
      throw Unreadable(fmt::format("{}: is no image that can be read", name));
    }
  });
}

Result ToolQueries::find(const std::shared_ptr<const OpenImage>& image, const Json& marks,
                         double min_score) {
  const Queries::Entry entry(running_, "");
  RunOptions how;
  how.stop = entry.token();
  how.filter = engine_.options().filter;
  const MarkedClasses marked = marks.empty()
                                   ? MarkedClasses{{}, own_.classes}
                                   : supports_.of(marks, [&](const std::string&) { return image; });
  return kept_of(engine_.segment(image->encoded, marked.supports, how),
                 Json{{"min_score", min_score}});
}

std::string ToolQueries::version() const {
  return fmt::format("persense-{}-{}{}", PERSENSE_VERSION, models_in(engine_.stages()),
                     own_.identity.empty() ? "" : "-" + own_.identity);
}

}  // namespace persense::serve
