// persense/engine.hpp: the run-time face: names and options in, a type-erased pipeline out. The
// program, the C ABI and the Python package stand on this and on nothing else.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "persense/image.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"
#include "persense/run_options.hpp"

namespace persense {

/// A support example prepared by one engine; cheap to copy, safe to share between threads.
class EngineSupport {
 public:
  struct Info {
    Size image_size;
    PixelBox box;        ///< tight box of the support mask
    float diameter = 0;  ///< of the disc with the mask's area, pixels
    std::string label, phrase;
    std::vector<std::string> notes;
  };
  const Info& info() const { return *info_; }

 private:
  friend class Engine;
  std::shared_ptr<const Info> info_;
  std::shared_ptr<const void> prepared_;  // Support<Encoder> of the engine that made it
  std::shared_ptr<const void> owner_;     // that engine's pipeline
};

/// A pipeline whose stages were chosen at run time.
/// @par Threads  Const throughout; one engine may serve any number of threads.
class Engine {
 public:
  /// @param stages  which stages fill the pipeline: "classic" (weight-free).
  /// @throws InvalidArgument  an unknown name, or an option out of its range.
  explicit Engine(const std::string& stages = "classic", const Options& options = Options::paper());

  /// The names `stages` may have in this build.
  static std::vector<std::string> available_stages();

  const Options& options() const;

  /// See Pipeline::support.
  EngineSupport support(ImageView image, MaskView mask, const std::string& label = {}) const;

  /// See Pipeline::segment. @throws InvalidArgument  a support that another engine prepared.
  Result segment(const EngineSupport& support, ImageView query, const RunOptions& run = {}) const;

 private:
  struct Model;
  template <class Encoder, class Detector, class Dmg, class Decoder>
  struct ModelOf;
  std::shared_ptr<const Model> model_;
};

}  // namespace persense
