// calibration.hpp: the few thresholds of the stages that find most on a user's labelled images.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "console.hpp"
#include "dataset_flags.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "option_flags.hpp"
#include "persense/engine.hpp"
#include "persense/eval/calibration.hpp"
#include "persense/eval/dataset.hpp"
#include "persense/io/images.hpp"
#include "stage_flags.hpp"

namespace persense::cli {

struct CalibrationRequest {
  DatasetFlags dataset;
  std::filesystem::path settings;  ///< the file that is written
  StageFlags stages;
  OptionFlags options;
  std::size_t folds = 5;
  int jobs = 1;
};

/// What is tried of which options: those that decide what these stages keep. The first value of
/// each is what `options` has.
/// @throws InvalidArgument  the options' method is another one than persense.
std::vector<eval::TriedOption> tried_options(const Stages& stages, const Options& options);

/// Images that an engine encoded, as many as fit into memory; the others are encoded anew.
class EncodedImages {
 public:
  struct Encoded {
    EngineImage image;
    std::optional<io::Window> window;  ///< that deep pixels went through
  };
  explicit EncodedImages(const Engine& engine) : engine_(engine) {}

  /// One that is kept nowhere. @throws as get.
  static Encoded encode(const Engine& engine, const std::filesystem::path& path,
                        const std::optional<io::Window>& window);
  /// @param window  that deep pixels are read through. @throws FileNotFound, Unreadable.
  /// @par Threads  Any number at once.
  Encoded get(const std::filesystem::path& path, const std::optional<io::Window>& window);

 private:
  using Key = std::tuple<std::filesystem::path, double, double>;  // and the window

  const Engine& engine_;
  std::mutex guard_;
  std::map<Key, Encoded> kept_;
  std::int64_t pixels_ = 0;  // of those
};

class Calibration {
 public:
  /// @throws InvalidArgument  too few images with the truth of each object; as open_dataset.
  explicit Calibration(const CalibrationRequest& request);
  Exit run();

 private:
  /// An engine with one setting, and the supports of the classes that have one.
  struct Trial {
    eval::Setting setting;
    Engine engine;
    std::vector<std::optional<EngineSupport>> supports;  // by class
  };
  using Job = std::pair<const eval::DatasetClass*, const eval::DatasetQuery*>;

  eval::CoordinateSearch search() const;
  std::vector<std::string> values_of(const eval::Setting& setting) const;
  void measure(std::size_t option);
  void encode_supports();
  Trial trial_of(const eval::Setting& setting) const;
  EngineSupport support_of(const Engine& engine, const eval::DatasetClass& c, std::size_t index,
                           const EngineImage& image) const;
  void process(std::size_t query, const std::vector<Trial>& trials, const std::stop_token& stop,
               const std::string& detail);
  void report(const eval::Gain& gain, double seconds) const;
  std::string settings(const eval::Gain& gain) const;

  const CalibrationRequest& request_;
  const Interrupt interrupt_;
  const eval::Dataset dataset_;  // before the engine, whose networks take time to load
  std::vector<Job> queries_;
  const Engine engine_;
  EncodedImages images_;
  std::vector<std::optional<EncodedImages::Encoded>> shown_;  // the support of a class with one
  eval::CoordinateSearch search_;
  std::optional<Progress> progress_;
};

}  // namespace persense::cli
