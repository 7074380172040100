// examples/scenes/scene.hpp: renders dense scenes whose every pixel and count is known.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace persense::scenes {

/// The object families. Each has its own shape, material, light and background.
enum class Kind {
  beans,    ///< kidneys; glossy, plain, speckled or marbled
  berries,  ///< spheres with a crown or a stalk end; on wood or cloth
  cells,    ///< fluorescent nuclei; bright and blurred on a dark field
  coffee,   ///< roasted beans; half ellipsoids with a crease
  coins,    ///< metal discs with a raised rim and relief
  grains,   ///< elongated wheat or rice
  hexnuts,  ///< hexagonal metal rings
  leaves,   ///< pointed blades with veins and a stalk; on soil
  pebbles,  ///< rounded irregular stones; on gravel or soil
  pills,    ///< two-coloured capsules; on a table
  stained,  ///< dark nuclei in stained tissue
};

/// Every kind, in the order of the enum.
std::span<const Kind> all_kinds();

/// The kind's name, for example "beans".
/// @throws std::invalid_argument  `kind` is not one of the enum's values.
std::string_view name_of(Kind kind);

/// The kind called `name`.
/// @throws std::invalid_argument  no kind has this name; the message lists them all.
Kind kind_named(std::string_view name);

/// No object that counts shows less than this part of its own silhouette.
inline constexpr float minimum_visible_fraction = 0.35f;

/// What to render. The defaults make 80 beans at 640 x 480.
struct SceneOptions {
  Kind kind = Kind::beans;  ///< the class of the objects that count
  int width = 640;          ///< pixels, 16 to 16384
  int height = 480;         ///< pixels, 16 to 16384
  int count = 80;           ///< objects that count, 1 to 65535
  std::uint64_t seed = 7;   ///< where the objects lie and how each one looks; any value
  std::uint64_t style_seed =
      0;  ///< how the class looks (palette, light, background); 0: follow `seed`
  /// Mean diameter of a disc of an object's area, pixels, at least 4 and at most the shorter side;
  /// 0: as large as `count` and the frame allow.
  float object_diameter = 0.0f;
  /// Standard deviation of the diameter over its mean, 0 to 0.5. Coins, hexnuts and pills come from
  /// factories and have a fifth of it.
  float size_spread = 0.10f;
  float overlap = 0.35f;  ///< 0: no object covers another; 1: up to 60 % of one may be covered
  int distractors = 0;    ///< objects of other classes, 0 to 65535
  float noise = 2.0f;     ///< standard deviation of sensor noise, grey levels of 255, 0 to 64
  float clutter = 0.35f;  ///< contrast of the background and amount of debris on it, 0 to 1
  /// Gaussian of the density map, pixels, 0 to 256; 0: a quarter of each object's diameter.
  float density_sigma = 0.0f;
};

/// One object that counts. Pixel centres have integer coordinates; (0, 0) is the top left pixel.
struct ObjectTruth {
  cv::Point2f centre;  ///< centroid of the whole silhouette, pixels; always inside the frame
  float equivalent_diameter = 0.0f;  ///< of a disc with the silhouette's area, pixels
  int visible_area = 0;  ///< pixels that carry this object's label; at least 35 % of `full_area`
  int full_area = 0;     ///< pixels of the whole silhouette, covered or outside the frame included
};

/// A rendered scene and its truth. All maps are (height, width).
struct Scene {
  cv::Mat image;  ///< CV_8UC3, RGB order
  cv::Mat
      labels;  ///< CV_32SC1; 0: background or distractor; i in 1..count: objects[i - 1] is in front
  cv::Mat distractor_labels;         ///< CV_32SC1; 0: no distractor; else 1..distractors
  std::vector<ObjectTruth> objects;  ///< `count` of them; objects[i - 1] has label i
  cv::Mat density;  ///< CV_32FC1, objects per pixel; each object sums to 1 inside the frame
  float object_diameter = 0.0f;  ///< mean diameter used, pixels; tells what an option of 0 became
};

/// One support image with a mask, and one query of the same class.
struct Episode {
  Scene support;         ///< half as wide and high as the query, a fifth of its objects, same scale
  cv::Mat support_mask;  ///< CV_8UC1, support's size; 255 on one well visible object, else 0
  Scene query;
};

/// Renders one scene. Labels are hard: a pixel belongs to the front-most object that covers its
/// centre. The same options give the same bits on every platform: nothing depends on the standard
/// library's distributions or on its transcendental functions.
/// @throws std::invalid_argument  a field is out of range (the message names it, its value and the
///   range), or `count` objects do not fit without hiding one of them.
/// @par Threads  Pure function; safe to call concurrently. Works through cv::parallel_for_ inside.
Scene render_scene(const SceneOptions& options);

/// Renders a support scene and query 0 of `options`.
/// @throws std::invalid_argument  as render_scene.
Episode render_episode(const SceneOptions& options);

/// The options of query `index` of an episode: the same class, other places. Query 0 is the one
/// that render_episode renders.
/// @throws std::invalid_argument  `index` is negative.
SceneOptions query_options(const SceneOptions& options, int index);

}  // namespace persense::scenes
