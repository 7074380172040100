// persense/options.hpp: every constant of the method. What each means, its range and the source of
// its default are in the table of option_table.hpp.
#pragma once

#include <fmt/core.h>

#include <numbers>
#include <string_view>

#include "persense/error.hpp"

namespace persense {

/// Whose rules a step follows where the paper and the released code differ. `reference` is faithful
/// to the bit, defects included; each step's doc comment lists what that means.
enum class Rules { paper, reference };

/// Where in the most confident box the positive location prior lies.
enum class LocationPrior {
  similarity,  ///< at the most similar pixel (paper, eq. 2)
  box_center,  ///< at the centre (released code)
};

enum class Switch { off, on };

/// What PPSM makes of the estimated count before it computes its threshold.
enum class CountRounding {
  none,
  ceil,  ///< up to the next whole number
};

/// What is made of the stages.
enum class Method {
  persense,      ///< see Pipeline
  grounded_sam,  ///< see GroundedSam: a mask for each box of the detector
  persam,        ///< see PerSam: a mask at the most similar point, again and again
  persam_f,      ///< see PerSamF: the same with weights of the decoder's three masks
  matcher,       ///< see Matcher: masks where patches match the support object's, and it them
  everything,    ///< see Everything: masks at a grid of points, those that are similar
  otsu,          ///< see Otsu: a threshold and a watershed; no stage is asked
};

/// How a detector that reads text gets class label and phrase ("all potatoes").
enum class Captions {
  separate,  ///< a caption each, as in two runs of the released code; the image is looked at once
  joint,     ///< one caption: "potato. all potatoes."; each one's own words score it
};

/// What takes the place of the detections when there are none.
enum class Fallback {
  off,         ///< nothing: the result is empty
  similarity,  ///< boxes around what is most similar to the support object: see similarity_boxes
};

struct LabelOptions {
  Rules rules = Rules::paper;
};

struct DetectionOptions {
  float threshold = 0.15f;
};

struct DetectorOptions {
  Captions captions = Captions::separate;
  Fallback fallback = Fallback::similarity;
};

struct DmgOptions {
  Rules rules = Rules::paper;
};

/// Of the methods that PerSense is compared with.
struct BaselineOptions {
  float similarity = 0.5f;
  int grid = 32;
};

/// What of a density map becomes candidate points.
enum class IdmMode {
  contour,  ///< blobs, and the cores of composite ones (PerSense)
  peaks,    ///< peaks alone, to see what they are worth
  hybrid,   ///< both (PerSense++)
};

struct IdmOptions {
  int threshold = 30;
  Rules rules = Rules::paper;
  Switch split = Switch::on;
  IdmMode mode = IdmMode::contour;
};

/// What PPSM asks of a candidate point.
enum class PromptSelection {
  off,    ///< nothing: every candidate is a prompt
  on,     ///< similarity above a threshold and a detected box around it (PerSense)
  boxes,  ///< a detected box around it (PerSense++)
};

struct PpsmOptions {
  float norm_const = std::numbers::sqrt2_v<float>;
  CountRounding count_rounding = CountRounding::none;
  Rules rules = Rules::paper;
  PromptSelection selection = PromptSelection::on;
};

struct DecoderOptions {
  Switch calibration = Switch::on;
  Switch guidance = Switch::on;
  Switch refinement = Switch::on;
  int chunk_megabytes = 1024;
};

/// Probabilities, and overlaps (IoU); below 0: as the archive has them, see Manifest::Calibration.
struct MiniOptions {
  float same = -1;
  float quality = -1;
  float same_alone = -1;
  float present = -1;
};

/// Which masks of a pass become the exemplars of the next one.
enum class ExemplarSelection {
  top,      ///< those with the highest scores (PerSense)
  diverse,  ///< typical ones of different sizes (PerSense++)
};

struct FeedbackOptions {
  int shots = 4;
  int iterations = 1;
  Rules rules = Rules::paper;
  ExemplarSelection selection = ExemplarSelection::top;
};

/// Which masks of the last pass are no instances.
enum class Rejection {
  off,
  imrm,  ///< those far larger than most that no detection vouches for (PerSense++)
};

struct RejectionOptions {
  Rejection mode = Rejection::off;
  Rules rules = Rules::paper;
};

struct InstanceOptions {
  float duplicate_overlap = 0.7f;
};

/// What the separate parts of one support mask are.
enum class Parts {
  examples,  ///< those of like size are one example each
  largest,   ///< the largest is the one example, the others are left out
};

struct SupportOptions {
  Parts parts = Parts::examples;
};

/// What becomes of instances that touch the image's border. Every instance says whether it does.
enum class Border { keep, drop };

/// How stages see an image that is larger than what their networks do.
struct TileOptions {
  int size = 0;
};

/// Which instances are reported. Areas are numbers of pixels; ratios are of the area that the
/// support's median diameter stands for.
struct FilterOptions {
  float min_score = 0;
  int min_area = 0;
  int max_area = 0;
  float min_area_ratio = 0;
  float max_area_ratio = 0;
  int max_instances = 0;
  Border border = Border::keep;
};

/// All options of a pipeline. `for_each_option` documents every field: see option_table.hpp.
struct Options {
  Method method = Method::persense;
  LabelOptions label;
  DetectionOptions detection;
  DetectorOptions detector;
  LocationPrior location_prior = LocationPrior::similarity;
  DmgOptions dmg;
  IdmOptions idm;
  PpsmOptions ppsm;
  DecoderOptions decoder;
  MiniOptions mini;
  FeedbackOptions feedback;
  RejectionOptions rejection;
  InstanceOptions instances;
  SupportOptions support;
  TileOptions tiles;
  FilterOptions filter;
  BaselineOptions baselines;

  /// The paper's method (the default).
  static Options paper() { return {}; }

  /// The released code, to the bit: strict threshold, box-centre prior, its centroid arithmetic,
  /// its exemplar file, and no removal of duplicates.
  static Options reference() {
    Options options;
    options.location_prior = LocationPrior::box_center;
    options.detector.fallback = Fallback::off;
    options.label.rules = options.dmg.rules = options.idm.rules = Rules::reference;
    options.ppsm.rules = options.feedback.rules = Rules::reference;
    options.ppsm.count_rounding = CountRounding::ceil;
    options.instances.duplicate_overlap = 1.0f;
    options.support.parts = Parts::largest;
    options.rejection.rules = Rules::reference;
    return options;
  }

  /// PerSense++: the hybrid IDM, diverse exemplars, and rejection of masks that are far too large.
  /// Where the released code of PerSense++ has defects, they are mended: each step's doc comment
  /// lists them.
  static Options plus_plus() {
    Options options;
    options.idm.mode = IdmMode::hybrid;
    options.feedback.selection = ExemplarSelection::diverse;
    options.rejection.mode = Rejection::imrm;
    return options;
  }

  /// A preset by name. @throws InvalidArgument  another name.
  static Options preset(std::string_view name) {
    if (name == "paper") return paper();
    if (name == "reference") return reference();
    if (name == "plus_plus") return plus_plus();
    throw InvalidArgument(
        fmt::format("preset: got \"{}\", expected paper, plus_plus or reference", name));
  }
};

}  // namespace persense
