// jobs.hpp: what takes long: queries that can be cancelled, and runs over all images.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "image_store.hpp"
#include "messages.hpp"
#include "persense/engine.hpp"
#include "persense/io/coco.hpp"

namespace persense::serve {

/// Queries by the names that pages gave them.
/// @par Threads  All members may be called from several threads at once.
class Queries {
 public:
  /// While it lives, the query can be cancelled.
  class Entry {
   public:
    Entry(Queries& all, std::string name);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    std::stop_token token() const { return source_.get_token(); }

   private:
    Queries& all_;
    const std::string name_;
    std::stop_source source_;
  };

  /// @return  whether there was one of this name.
  bool cancel(const std::string& name);
  void cancel_all();

 private:
  std::mutex guard_;
  std::multimap<std::string, std::stop_source> running_;
};

/// The last results, by the ids that pages were told.
/// @par Threads  All members may be called from several threads at once.
class Results {
 public:
  struct Kept {
    std::string image;
    std::shared_ptr<const OpenImage> pixels;
    Result result;
  };
  std::size_t add(Kept kept);
  /// @throws InvalidArgument  it was never there, or is too old.
  std::shared_ptr<const Kept> at(std::size_t id) const;

 private:
  mutable std::mutex guard_;
  std::size_t next_ = 1;
  std::list<std::pair<std::size_t, std::shared_ptr<const Kept>>> kept_;
};

/// One walk over all images with the same supports, on a thread of its own.
/// @par Threads  All members may be called from several threads at once.
class FolderRun {
 public:
  FolderRun(const Engine& engine, ImageStore& images) : engine_(engine), images_(images) {}
  ~FolderRun();

  /// @throws InvalidArgument  one is going on.
  void start(MarkedClasses classes, FilterOptions filter, double min_score);
  void cancel();

  /// {"running", "done", "total", "failed": [line...], "rows": [{"image", "counts"}, ...],
  /// "classes"}
  Json progress() const;

  /// The results so far as a COCO file, or as a table of counts.
  /// @throws InvalidArgument  nothing was run.
  std::string coco() const;
  std::string counts() const;

 private:
  void work(const std::stop_token& stop, const FilterOptions& filter, double min_score);

  const Engine& engine_;
  ImageStore& images_;
  mutable std::mutex guard_;
  MarkedClasses classes_;
  std::vector<std::string> names_;  // of the images to do
  std::vector<std::pair<std::string, Result>> done_;
  std::vector<std::string> failed_;
  bool running_ = false;
  std::jthread worker_;  // last: it ends before what it uses
};

/// What a COCO file says of the engine and the classes of a result.
io::CocoHeader coco_header(const Engine& engine, const Result& result);

}  // namespace persense::serve
