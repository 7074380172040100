// persense/engine.hpp: stages chosen at run time: names and options in, a type-erased pipeline out.
// The program, the C ABI and the Python package stand on this and on nothing else.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "persense/custom_stages.hpp"
#include "persense/example.hpp"
#include "persense/image.hpp"
#include "persense/models/manifest.hpp"
#include "persense/options.hpp"
#include "persense/result.hpp"
#include "persense/run_options.hpp"

namespace persense {

/// What fills the four slots of a pipeline, and where networks run.
///
/// A slot is "mini" (learned: persense's own small network), "classic" (weight-free), the path of a
/// TorchScript archive or ONNX model (see `persense_export`), or the user's (`custom`). They mix
/// freely, but for a decoder archive, which needs the encoder it was trained with.
struct Stages {
  /// What fills a slot by default: "mini".
  static std::string default_name();

  std::string encoder = default_name();  ///< says what is similar to the support object
  std::string detector = default_name();
  std::string dmg = default_name();
  std::string decoder = default_name();

  /// Where one is set, the slot's name above is no archive's and does not count.
  CustomStages custom;

  std::string mini;  ///< the archive that "mini" is, of the user's training; empty: the library's

  std::string device = "cpu";  ///< of networks: "cpu", "cuda" or "cuda:N"
  std::string dtype = "fp32";  ///< of networks: "fp32", "fp16" (not on the CPU) or "bf16"
  /// Of networks on the CPU, for the whole process; 0 = as OMP_NUM_THREADS, an earlier engine or
  /// the program around the library has it, else all cores that the process may use.
  int threads = 0;

  /// The stages in a folder of `encoder.pt`, `detector.pt`, `dmg.pt` and `decoder.pt`, or `.onnx`
  /// instead, and `mini.pt`, which fills every slot without a file of its own. Without that one,
  /// such a slot holds the default.
  /// @throws FileNotFound  no such folder, or none of the five in it.
  static Stages in_folder(const std::string& folder);

  /// "mini" or "classic", which fill every slot, or a folder.
  /// @throws as in_folder.
  static Stages named(const std::string& models);

  /// Whether LibTorch runs a stage: an archive, or "mini" on a GPU or in another precision than
  /// fp32.
  bool need_torch() const;

  /// What these stages ask of a preset where they are not what it was made for: CounTR's maps are
  /// binarised at 20, and the released code does not round its count up; mini has the hybrid IDM
  /// and seven exemplars, which it was trained with (of the preset `reference`, nothing). Nothing,
  /// where `preset.method` has no use for a DMG.
  /// @throws as persense::Engine  when the DMG's archive cannot be read.
  Options adapt(const Options& preset) const;

  /// The same, with a user's settings over it: they win over the adaptation, and the method among
  /// them says whether there is one.
  /// @param set  sets some options; is called twice.
  Options adapt(const Options& preset, const std::function<void(Options&)>& set) const;
};

/// An image that one engine encoded; cheap to copy, safe to share between threads. Ask it about any
/// number of supports, or mark examples in it.
class EngineImage {
 public:
  /// @throws InvalidArgument  one that no engine made.
  Size size() const;

 private:
  friend class Engine;
  friend struct EngineParts;  // src/engine/model.hpp
  struct Encoded;
  Size size_;
  std::shared_ptr<const Encoded> encoded_;
  std::shared_ptr<const void> owner_;  // the encoders of the engine that made it
};

/// One marked object: see BasicExample.
using Example = BasicExample<EngineImage>;

/// Support examples prepared by one engine; cheap to copy, safe to share between threads.
class EngineSupport {
 public:
  struct Info {
    Size image_size;     ///< of the first example's image that is not negative
    PixelBox box;        ///< tight box of that example
    float diameter = 0;  ///< median of theirs, of the disc with the mask's area, pixels
    std::string label, phrase;
    std::vector<std::string> notes;
    std::vector<SupportExample> examples;  ///< with the masks that were taken
  };
  /// @throws InvalidArgument  one that no engine made.
  const Info& info() const;

 private:
  friend class Engine;
  friend struct EngineParts;  // src/engine/model.hpp
  struct Prepared;
  std::shared_ptr<const Info> info_;
  std::shared_ptr<const Prepared> prepared_;
  std::shared_ptr<const void> owner_;  // the pipeline of the engine that made it
};

/// A pipeline whose stages were chosen at run time.
/// @par Threads  Const throughout; one engine may serve any number of threads.
class Engine {
 public:
  /// @param models  "mini", "classic", or a folder of archives: see Stages::named. The preset is
  ///   adapted to them.
  explicit Engine(const std::string& models = Stages::default_name(),
                  const Options& preset = Options::paper());

  /// Loads the networks that the method needs. Options are taken as they are: see Stages::adapt.
  /// @throws InvalidArgument    an option out of its range, a device or dtype that is none or that
  ///   no stage would use, stages that need_torch in a build without, or a slot with both an
  ///   archive and a stage of the user's.
  /// @throws FileNotFound, Unreadable, BadModel  an archive that is missing, damaged, of another
  ///   stage, or that does not fit the others; Unreadable  LibTorch itself cannot be loaded.
  /// @throws DeviceUnavailable, OutOfMemory.
  explicit Engine(const Stages& stages, const Options& options = Options::paper());

  /// The same stages and networks, which are not loaded again, with other options. Images that one
  /// of the two encoded may be asked about, or marked in, by the other; supports are each one's
  /// own.
  /// @throws InvalidArgument  an option out of its range; another method or tiles.size, or other
  ///   options of detector, dmg or decoder than these stages were made with.
  Engine with(const Options& options) const;

  /// Whether this build can run archives, and "mini" on a GPU.
  static bool has_torch();

  /// What an archive holds, of any stage; all its checksums are computed and LibTorch reads it.
  /// @throws InvalidArgument  a build without LibTorch. @throws FileNotFound, Unreadable, BadModel,
  ///   OutOfMemory.
  static ArchiveInfo inspect(const std::filesystem::path& archive);

  /// The archive that "mini" is where Stages::mini is empty. Its bytes stay where they are as long
  /// as the program runs.
  static EmbeddedArchive mini();

  const Options& options() const;

  /// What fills each slot, in one line: "encoder mini, detector mini, dmg mini, decoder mini".
  const std::string& stages() const;

  /// See StagedMethod::encode.
  EngineImage encode(ImageView image) const;

  /// See StagedMethod::support. @throws InvalidArgument  an image that another engine encoded.
  EngineSupport support(std::span<const Example> examples, const std::string& label = {},
                        const std::string& phrase = {}) const;
  EngineSupport support(ImageView image, MaskView mask, const std::string& label = {},
                        const std::string& phrase = {}) const;

  /// See StagedMethod::segment. @throws InvalidArgument  a support or image that another engine
  /// prepared, or none did.
  Result segment(const EngineSupport& support, ImageView query, const RunOptions& run = {}) const;
  Result segment(const EngineImage& query, const EngineSupport& support,
                 const RunOptions& run = {}) const;
  /// Several supports are several classes.
  Result segment(std::span<const EngineSupport> classes, ImageView query,
                 const RunOptions& run = {}) const;
  Result segment(const EngineImage& query, std::span<const EngineSupport> classes,
                 const RunOptions& run = {}) const;

 private:
  friend struct EngineParts;  // src/engine/model.hpp
  struct Model;
  void require_own(std::span<const EngineSupport> supports) const;
  void require_own(const EngineImage& image) const;

  std::shared_ptr<const Model> model_;
  std::shared_ptr<const void> encoders_;  // whose images it takes
  std::string stages_;
};

}  // namespace persense
