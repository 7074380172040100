#include "dataset_flags.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "console.hpp"
#include "option_flags.hpp"
#include "persense/error.hpp"

namespace persense::cli {

const char* const dataset_help =
    "Formats, told apart by what is there:\n"
    "  persense_d  DATASET/CLASS/00.jpg and 00.png are the support image and its mask, NN.jpg the\n"
    "              queries, NN.png their union masks, NN_instances.png (16-bit labels, 0 =\n"
    "              background) their instances; one of the last two is enough. DATASET may be one\n"
    "              such class folder.\n"
    "  coco, lvis  a JSON file, or the folder that holds it; polygons and run lengths. Each class\n"
    "              has one support object, chosen by --seed; its other images are queries. With\n"
    "              --fold the episodes of COCO-20i (0 to 3) or LVIS-92i (0 to 9).\n"
    "  fsc147      the folder of FSC-147: three boxes are marked in each image, the rest is "
    "counted\n"
    "  labels      images/NAME.* with labels/NAME.png, or NAME.* with NAME_labels.png: one class\n";

void add_dataset_flags(Command command, DatasetFlags& flags) {
  command.add_option("DATASET", flags.path, "a folder, or an annotation file")
      .type_name("")
      .not_empty()
      .required();
  add_dataset_part_flags(command, flags);
}

void add_dataset_part_flags(Command command, DatasetFlags& flags) {
  const char* const group = "Data set";
  eval::DatasetRequest& request = flags.request;
  command.add_option("--format", flags.format, "what the data set is")
      .type_name("auto|persense_d|coco|lvis|fsc147|labels")
      .capture_default_str()
      .group(group);
  command.add_option("--classes", flags.classes, "only these classes")
      .type_name("A,B")
      .delimiter(',')
      .allow_extra_args(false)
      .group(group);
  command
      .add_option("--images", request.images, "where the images are, if not where they usually are")
      .type_name("DIR")
      .not_empty()
      .group(group);
  command.add_option("--fold", request.fold, "of COCO-20i or LVIS-92i").type_name("K").group(group);
  command
      .add_option(
          "--episodes", request.episodes,
          "pairs of support and query; default: the fold's 1000 or 2300, else all there are")
      .type_name("N")
      .positive()
      .group(group);
  command.add_option("--seed", request.seed, "of episodes, supports and intervals; default 0")
      .type_name("N")
      .group(group);
  command
      .add_option("--episode-list", request.episode_list,
                  "the episodes as JSON: taken from there if it exists, else written")
      .type_name("FILE")
      .not_empty()
      .group(group);
  command
      .add_option("--support-annotation", request.support,
                  "the annotation that is the support, of its class alone")
      .type_name("ID")
      .group(group);
  command
      .add_option("--support-extent", flags.extent,
                  "of coco and lvis: one object, or all of the class in the support image (default "
                  "of a fold)")
      .type_name("object|all")
      .group(group);
  command
      .add_option("--absent", request.absent, "of coco and lvis: also N images without each class")
      .type_name("N")
      .group(group);
  command.add_option("--split", request.split, "of fsc147")
      .type_name("train|val|test")
      .capture_default_str()
      .group(group);
  add_broken_flag(command, flags.broken).group(group);
}

Flag add_broken_flag(Command command, std::string& broken) {
  return command
      .add_option("--broken", broken, "annotations that cannot be used: leave out, or end")
      .type_name("skip|fail")
      .capture_default_str();
}

eval::Broken broken_of(const std::string& text) {
  if (text != "skip" && text != "fail")
    throw InvalidArgument(fmt::format("--broken: got \"{}\", expected skip or fail", text));
  return text == "skip" ? eval::Broken::skip : eval::Broken::fail;
}

namespace {

eval::DatasetRequest request_of(const DatasetFlags& flags) {
  eval::DatasetRequest request = flags.request;
  request.format = eval::format_of(flags.format);
  request.broken = broken_of(flags.broken);
  if (!flags.extent.empty() && flags.extent != "object" && flags.extent != "all")
    throw InvalidArgument(
        fmt::format("--support-extent: got \"{}\", expected object or all", flags.extent));
  if (flags.extent == "object") request.extent = eval::SupportExtent::object;
  if (flags.extent == "all") request.extent = eval::SupportExtent::all;
  return request;
}

}  // namespace

eval::Dataset open_dataset(const DatasetFlags& flags) {
  eval::Dataset dataset = eval::open_dataset(flags.path, request_of(flags));
  if (flags.classes.empty()) return dataset;
  std::vector<std::string> known;
  for (const auto& c : dataset.classes) known.push_back(c.name);
  for (const auto& name : flags.classes)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw InvalidArgument(
          fmt::format("--classes: the data set has no \"{}\", expected some of {}", name,
                      fmt::join(known, ", ")));
  std::erase_if(dataset.classes, [&](const auto& c) {
    return std::find(flags.classes.begin(), flags.classes.end(), c.name) == flags.classes.end();
  });
  return dataset;
}

void print_broken(const eval::Dataset& dataset) { print_left_out(dataset.broken, "--json"); }

}  // namespace persense::cli
