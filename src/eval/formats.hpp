// How each format becomes a data set.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "persense/eval/dataset.hpp"
#include "persense/eval/episodes.hpp"

namespace persense::eval {

/// @param path  the annotation file.
Dataset open_annotated(const std::filesystem::path& path, const DatasetRequest& request);
/// @param path  the folder.
Dataset open_fsc147(const std::filesystem::path& path, const DatasetRequest& request);
Dataset open_labels(const std::filesystem::path& path, const DatasetRequest& request);

/// The annotation file itself, or the one JSON file of a folder, here or in `annotations`.
/// @throws InvalidArgument  a folder with none, or with several.
std::filesystem::path annotation_file(const std::filesystem::path& path);
/// The folder to which an annotation file's names of images are relative: the one that has the
/// first of them that is there.
/// @param named  the only one that is looked into; empty: those where images usually are.
/// @throws FileNotFound  none of them has any. @throws Unreadable  the file has no image.
std::filesystem::path image_folder(const AnnotationFile& file, const std::filesystem::path& named);

/// The annotation file that FSC-147 has in a folder; empty where it has none.
std::filesystem::path fsc147_annotations(const std::filesystem::path& folder);
/// Whether a folder has images with label images.
bool has_labels(const std::filesystem::path& folder);

/// Files of a folder whose extension is that of an image, by name. Hidden ones are none.
std::vector<std::filesystem::path> image_files(const std::filesystem::path& folder);

/// The episode list that is there, if it fits what else is asked for; else the one that `make`
/// makes, which is written where a file is named.
EpisodeList episodes_of(const DatasetRequest& request, const std::string& format,
                        const std::function<EpisodeList()>& make);

/// Of a data set whose supports are given: as many of its queries as are asked for, drawn by the
/// seed, or those of the episode list.
void choose_queries(Dataset& dataset, const DatasetRequest& request);

}  // namespace persense::eval
