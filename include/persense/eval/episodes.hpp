// persense/eval/episodes.hpp: which support is shown for which query, as a file to read and to
// reuse.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "persense/eval/dataset.hpp"

namespace persense::eval {

/// One support and one query of a class.
struct Episode {
  std::string class_name;
  std::string support_image;
  std::vector<std::int64_t> marked;  ///< annotation ids; of a label image the label; else empty
  std::string query_image;
  bool operator==(const Episode&) const = default;
};

struct EpisodeList {
  std::string format;  ///< of the data set
  std::optional<int> fold;
  std::uint64_t seed = 0;
  std::vector<Episode> episodes;
};

/// {"format", "fold", "seed", "episodes": [...]}, an episode a line: {"class", "support": {"image",
/// "marked"}, "query"}. @throws Unwritable.
void write_episodes(const std::filesystem::path& path, const EpisodeList& list);

/// @throws FileNotFound, Unreadable  naming the episode that is wrong.
EpisodeList read_episodes(const std::filesystem::path& path);

/// Draws episodes from an annotation file: see open_dataset.
/// @throws InvalidArgument  a fold that is not there, no class with two images.
EpisodeList draw_episodes(const AnnotationFile& file, const DatasetRequest& request);

/// The classes of a fold: into file.categories(), or all of those that may be tested without one.
/// @throws InvalidArgument  no such fold; COCO-20i of a file without 80 categories.
std::vector<std::uint32_t> classes_of_fold(const AnnotationFile& file, std::optional<int> fold);

}  // namespace persense::eval
