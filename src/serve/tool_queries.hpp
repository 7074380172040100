// tool_queries.hpp: what annotation tools ask: an image, and marks in it or none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "jobs.hpp"
#include "messages.hpp"
#include "open_images.hpp"
#include "persense/engine.hpp"
#include "persense/result.hpp"

namespace persense::serve {

/// Supports that a server was started with, for images in which nothing is marked.
struct OwnSupports {
  std::vector<EngineSupport> classes;
  std::string identity;  ///< of what is marked; other marks have another one
};

/// Finds objects in images that are in no list.
/// @par Threads  All members may be called from several threads at once.
class ToolQueries {
 public:
  /// @param running  all of them can be cancelled there.
  ToolQueries(const Engine& engine, Queries& running, OwnSupports own)
      : engine_(engine),
        running_(running),
        own_(std::move(own)),
        images_(engine, most_open),
        supports_(engine) {}

  /// @param name  for messages. @throws Unreadable  bytes that are no image.
  std::shared_ptr<const OpenImage> open(const std::string& bytes, const std::string& name);

  /// What marks of an image call it.
  static std::string name_of(const OpenImage& image) { return std::to_string(image.number); }

  bool has_own_supports() const { return !own_.classes.empty(); }

  /// All objects like those marked or, without marks, like those of the own supports.
  /// @param marks  as in messages.hpp, of this image. @pre marks, or own supports.
  /// @throws InvalidArgument  marks that cannot be used. @throws Cancelled.
  Result find(const std::shared_ptr<const OpenImage>& image, const Json& marks, double min_score);

  /// "persense-0.1.0-mini", and the identity of the own supports: whose results are the same.
  std::string version() const;

 private:
  static constexpr std::size_t most_open = 4;

  const Engine& engine_;
  Queries& running_;
  const OwnSupports own_;
  OpenImages images_;
  Supports supports_;
};

}  // namespace persense::serve
