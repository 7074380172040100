// messages.hpp: what a page and the server tell each other, as JSON.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "open_images.hpp"
#include "persense/engine.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"

namespace persense::serve {

using Json = nlohmann::json;

/// A mark as a page sends it: {"image": NAME, "class": NAME, "negative": false, and one of
/// "box": [x0, y0, x1, y1], "point": [x, y], "polygon": [x, y, ...],
/// "runs": [outside, inside, outside, ...] of the image's pixels, row by row}.
struct MarkedClasses {
  std::vector<std::string> names;  ///< in the order of their first marks
  std::vector<EngineSupport> supports;
};

/// The image of a name that marks have.
using ImageOf = std::function<std::shared_ptr<const OpenImage>(const std::string& name)>;

/// Supports of the marks of a request, one for each class.
/// @throws InvalidArgument  a mark that is none, or no mark at all; messages name it by its number.
MarkedClasses supports_of(const Json& marks, const Engine& engine, const ImageOf& images);

/// The same, made once for as long as a page has the same marks, whatever images it goes through.
/// @par Threads  `of` may be called from several threads at once.
class Supports {
 public:
  explicit Supports(const Engine& engine) : engine_(engine) {}

  /// @param images  under one name always the same image. @throws as supports_of.
  MarkedClasses of(const Json& marks, const ImageOf& images);

 private:
  const Engine& engine_;
  std::mutex guard_;
  std::list<std::pair<std::string, MarkedClasses>> kept_;  // by the marks; the last comes first
};

/// The request's "filter": {"min_score": 0.3, "border": "drop", ...}: keys and values of the
/// options `filter.*`. @throws InvalidArgument.
FilterOptions filter_of(const Json& request, const Options& options);

/// {"instances": [{"id", "class", "score", "area", "point", "box", "border", "rings": [[x, y, ...],
/// ...]}, ...], "classes": [{"name", "count", "estimated"}], "confidence", "notes", "seconds",
/// "width", "height"}. Rings are borders of masks, holes among them, to be filled by the even-odd
/// rule; they run at most `tolerance` pixels from the mask's.
Json to_json(const Result& result, double tolerance);

/// The masks that were taken for the marks of an image: [{"class", "negative", "rings"}, ...].
Json examples_in(const MarkedClasses& classes, const Image& image);

/// `result` without what a page took out: instances below "min_score", and ids in "removed".
Result kept_of(const Result& result, const Json& request);

}  // namespace persense::serve
