// persense/models/manifest.hpp: what a model archive says of itself. Needs no LibTorch.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "persense/regions/score_calibration.hpp"

namespace persense {

/// Which slot of the pipeline an archive fills; `all`: all four, with one network.
enum class Stage { encoder, detector, dmg, decoder, all };

/// "encoder", "detector", "dmg", "decoder" or "all", as in `persense.json`.
constexpr const char* name_of(Stage stage) noexcept {
  constexpr const char* names[] = {"encoder", "detector", "dmg", "decoder", "all"};
  return names[static_cast<int>(stage)];
}

/// What an archive says of itself: the file `persense.json` inside it. Which fields must be there
/// depends on the stage; one that a stage does not have keeps its default. `all` has neither
/// `input` nor `output`: what they would say is part of the network that `name` names.
struct Manifest {
  static constexpr int newest_format = 1;

  int format = newest_format;
  Stage stage = Stage::encoder;
  std::string name;  ///< "sam_vit_h", "countr", ...

  struct Input {
    int size = 0;  ///< longest (or only) side of the input, pixels; detectors have the next two
    int short_side = 0;                       ///< detectors: the image's, pixels, where
    int long_side = 0;                        ///< the other one would not be above this
    std::array<float, 3> mean{0, 0, 0};       ///< R G B, subtracted from 0..255
    std::array<float, 3> deviation{1, 1, 1};  ///< R G B, divided by
    int pad_multiple = 0;                     ///< encoders: sides; 0: padded to a square of `size`
    int exemplar_size = 0;                    ///< DMGs: side of an exemplar; 0: it takes boxes
  } input;

  struct Output {
    int channels = 0;  ///< of the embedding that an encoder gives and a decoder takes
    int stride = 0;    ///< of that embedding: input pixels a cell
    int masks = 0;     ///< decoders: masks a prompt
    float scale = 1;   ///< DMGs: the map is `scale` times objects per pixel
    int queries = 0;   ///< detectors: boxes in every answer
  } output;

  struct Text {
    std::string vocabulary;  ///< name of the file in the archive that holds one token a line
    int max_tokens = 0;      ///< of a caption, those that begin and end it included
  } text;                    ///< detectors

  /// Networks of all stages: what their probabilities are worth, chosen on images with truth by
  /// `persense_training.calibrate`.
  struct Calibration {
    float same = 0.5f;        ///< least probability of the class that an instance has
    float quality = 0.4f;     ///< least overlap with a whole object that is expected of it
    float same_alone = 0.2f;  ///< least probability of the class before any exemplar is known
    float present = 0;  ///< least probability of the likeliest one then: below, nothing is found
    std::vector<regions::ScoreKnot> scores;  ///< see regions::calibrated; none: as they are
  } calibration;

  std::string encoder;             ///< decoders: the name of the encoder they belong to
  std::string prototype = "mean";  ///< encoders: "mean" or "ring_contrast" (the default with
                                   ///< `pad_multiple` > 0)
  std::string dtype = "fp32";      ///< of the stored weights: "fp32", "fp16" or "bf16"
  std::string upstream;            ///< where the weights come from, licence
  std::string sha256_weights;      ///< of the checkpoint, hex; of an average, of its
                                   ///< checkpoints' in a row; may be empty
};

/// An archive that lies in memory, as one that is part of a library does. Borrowed for each call.
struct EmbeddedArchive {
  std::string name;  ///< begins every message, as a file's path would
  std::span<const std::uint8_t> bytes;
};

/// An archive as `persense info` shows it.
struct ArchiveInfo {
  Manifest manifest;
  std::uintmax_t bytes = 0;     ///< of the file
  std::uintmax_t parts = 0;     ///< files inside it, each with the right checksum; of ONNX: 0
  std::int64_t parameters = 0;  ///< floating-point numbers in its weights and buffers
};

/// Reads an archive's manifest; the weights are neither read nor checked.
/// @throws FileNotFound, Unreadable (truncated, not an archive, damaged), BadModel (no manifest, a
///   newer format, a field that is missing, of the wrong type or out of range).
/// @par Threads  Safe to call concurrently.
Manifest read_manifest(const std::filesystem::path& file);

}  // namespace persense
