#include "annotation_import.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "clock.hpp"
#include "json.hpp"
#include "persense/error.hpp"
#include "persense/eval/dataset_writer.hpp"
#include "persense/failure.hpp"
#include "persense/io/class_names.hpp"
#include "persense/io/files.hpp"
#include "queries.hpp"
#include "quiet_io.hpp"
#include "workers.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

/// The folder is made at the end; what cannot be then is said now.
const ImportRequest& checked(const ImportRequest& request) {
  std::error_code error;
  const fs::path& folder = request.dataset;
  if (fs::exists(folder, error) && !fs::is_directory(folder, error))
    throw Unwritable(fmt::format("{}: is no folder, expected a new one", folder.string()));
  if (fs::exists(folder, error) && !fs::is_empty(folder, error))
    throw InvalidArgument(
        fmt::format("{}: is not empty, expected a new folder for the data set", folder.string()));
  return request;
}

/// The masks of a class's objects, and how the objects are called.
struct ObjectsOf {
  std::vector<Mask> masks;
  std::vector<std::string> names;
};

ObjectsOf objects_of(const eval::CorrectedImage& image, const std::string& label) {
  ObjectsOf objects;
  for (const eval::CorrectedObject& o : image.objects)
    if (o.label == label) {
      objects.masks.push_back(o.mask);
      objects.names.push_back(o.name);
    }
  return objects;
}

}  // namespace

AnnotationImport::AnnotationImport(const ImportRequest& request)
    : request_(checked(request)),
      corrections_(
          eval::Corrections::open(request.annotations, {request.images, request.max_overlap})),
      checked_(corrections_.size()) {}

void AnnotationImport::check(std::size_t index) {
  Checked& seen = checked_[index];
  try {
    const eval::CorrectedImage image = cli::read_corrected(corrections_, index);
    seen.path = image.path;
    seen.source = image.source;
    seen.inside = !image.inside.empty();
    seen.size = image.size;
    seen.broken = image.broken;
    (void)cli::checked_image(image);
    for (const eval::CorrectedObject& o : image.objects) ++seen.counts[o.label];
    for (const auto& [label, count] : seen.counts)
      seen.areas[label] = eval::typical_area(objects_of(image, label).masks, image.size);
    seen.usable = true;
  } catch (const FileNotFound& e) {
    seen.broken.push_back(one_line(e.what()));
  } catch (const Unreadable& e) {
    seen.broken.push_back(one_line(e.what()));
  } catch (const InvalidArgument& e) {
    seen.broken.push_back(one_line(e.what()));
  }
}

void AnnotationImport::check_all() {
  left_out_ = corrections_.broken();
  require_unbroken();
  const bool stops = request_.broken == eval::Broken::fail;
  try {
    for_each_job(checked_.size(), request_.jobs, interrupt_.token(),
                 [&](std::size_t i, const std::stop_token&) {
                   const auto begin = Clock::now();
                   const std::string name = text_of(corrections_.name(i));
                   progress_->started(name);
                   check(i);
                   std::size_t objects = 0;
                   for (const auto& [label, count] : checked_[i].counts)
                     objects += static_cast<std::size_t>(count);
                   progress_->finished(name, objects, "", seconds_since(begin));
                   if (stops && !checked_[i].broken.empty()) throw Unreadable("");
                 });
  } catch (
      const Unreadable&) {  // images before it are all done, so the first line is always the same
  }
  leave_out_twins();
  for (const Checked& seen : checked_)
    left_out_.insert(left_out_.end(), seen.broken.begin(), seen.broken.end());
  require_unbroken();
}

/// Two files of one image would be two images with the same pixels.
void AnnotationImport::leave_out_twins() {
  std::map<fs::path, std::size_t> first;
  for (std::size_t i = 0; i < checked_.size(); ++i) {
    Checked& seen = checked_[i];
    if (!seen.usable || seen.inside) continue;
    const auto [at, is_first] = first.try_emplace(identity(seen.path), i);
    if (is_first) continue;
    seen.usable = false;
    seen.broken.push_back(fmt::format("{}: is of the image {}, as {} is; expected one of them",
                                      text_of(corrections_.name(i)), seen.path.string(),
                                      text_of(corrections_.name(at->second))));
  }
}

void AnnotationImport::require_unbroken() const {
  if (request_.broken == eval::Broken::fail && !left_out_.empty())
    throw Unreadable(left_out_.front());
}

void AnnotationImport::find_classes() {
  std::map<std::string, std::vector<std::size_t>> images;
  for (std::size_t i = 0; i < checked_.size(); ++i) {
    const Checked& seen = checked_[i];
    if (!seen.usable) continue;
    for (const auto& [label, count] : seen.counts) images[label].push_back(i);
    if (seen.counts.empty())
      progress_->note(fmt::format("{}: shows no object, so it becomes no query",
                                  text_of(corrections_.name(i))));
  }
  std::vector<std::string> names;
  std::set<std::size_t> used;
  for (const auto& [label, of_class] : images) {
    if (of_class.size() < 2) {
      left_out_.push_back(fmt::format(
          "class {}: one image shows it ({}), expected two or more: a support and a query", label,
          text_of(corrections_.name(of_class[0]))));
      continue;
    }
    names.push_back(label);
    used.insert(of_class.begin(), of_class.end());
    classes_.push_back({label, "", of_class, 0, "", std::vector<std::string>(of_class.size())});
  }
  if (classes_.empty()) {
    progress_->close();
    print_left_out(left_out_, "");
    throw InvalidArgument(
        fmt::format("{}: no class is shown by two images, expected a support and a query of one",
                    request_.annotations.string()));
  }
  used_.assign(used.begin(), used.end());
  const auto folders = io::file_name_parts(names);
  for (std::size_t c = 0; c < classes_.size(); ++c) classes_[c].folder = folders[c];
}

/// Whether an image is called so: with its extension, or without.
std::optional<std::size_t> AnnotationImport::named_support(const Class& c,
                                                           const fs::path& name) const {
  for (std::size_t i = 0; i < c.images.size(); ++i) {
    const fs::path& path = checked_[c.images[i]].path;
    if (path.filename() == name || path.stem() == name) return i;
  }
  return std::nullopt;
}

void AnnotationImport::choose_supports() {
  std::set<fs::path> unknown(request_.supports.begin(), request_.supports.end());
  for (Class& c : classes_) {
    std::vector<std::int64_t> areas;
    for (const std::size_t i : c.images) areas.push_back(checked_[i].areas.at(c.name));
    std::optional<std::size_t> named;
    for (const fs::path& name : request_.supports)
      if (const auto at = named_support(c, name)) {
        unknown.erase(name);
        if (!named) named = at;
      }
    c.support = named ? *named : eval::choose_support(areas);
  }
  if (unknown.empty()) return;
  std::vector<std::string> some;
  constexpr std::size_t most = 5;
  for (std::size_t i = 0; i < std::min(used_.size(), most); ++i)
    some.push_back(text_of(checked_[used_[i]].path.filename()));
  throw InvalidArgument(fmt::format("--support: no image is called {}, expected one of {}{}",
                                    text_of(*unknown.begin()), fmt::join(some, ", "),
                                    used_.size() > most ? ", ..." : ""));
}

void AnnotationImport::write_all(const fs::path& folder) {
  for_each_job(used_.size(), request_.jobs, interrupt_.token(),
               [&](std::size_t i, const std::stop_token&) { write(used_[i], folder); });
}

void AnnotationImport::write(std::size_t index, const fs::path& folder) {
  const auto begin = Clock::now();
  const std::string name = text_of(checked_[index].path.filename());
  progress_->started(name);
  eval::CorrectedImage image = cli::read_corrected(corrections_, index);
  auto bytes = image.inside.empty() ? io::read_file(image.path) : std::move(image.inside);
  const io::ImageFile file = cli::image_beside_masks(std::move(bytes), image.path.string());
  for (Class& c : classes_)
    if (const auto at = std::lower_bound(c.images.begin(), c.images.end(), index);
        at != c.images.end() && *at == index)
      write_class(c, static_cast<std::size_t>(at - c.images.begin()), image, file, folder);
  progress_->finished(name, image.objects.size(), "", seconds_since(begin));
}

/// @param place  of the image among those of the class.
void AnnotationImport::write_class(Class& c, std::size_t place, const eval::CorrectedImage& image,
                                   const io::ImageFile& file, const fs::path& folder) const {
  const ObjectsOf objects = objects_of(image, c.name);
  const cv::Mat labels = eval::labels_of(objects.masks, image.size);
  const eval::ClassWriter writer(folder / c.folder, c.images.size() - 1);
  if (place == c.support)
    c.shown = objects.names.at(static_cast<std::size_t>(writer.write_support(file, labels)) - 1);
  else
    c.query_numbers[place] =
        writer.write_query(place < c.support ? place + 1 : place, file, labels);
}

eval::DatasetStatistics AnnotationImport::statistics() const {
  std::vector<std::string> names;
  for (const Class& c : classes_) names.push_back(c.name);
  std::vector<eval::ImageObjects> images;
  for (const std::size_t i : used_) {
    eval::ImageObjects image{checked_[i].size, {}};
    for (const std::string& name : names) {
      const auto at = checked_[i].counts.find(name);
      image.objects.push_back(at == checked_[i].counts.end() ? 0 : at->second);
    }
    images.push_back(std::move(image));
  }
  return eval::statistics_of(names, images);
}

void AnnotationImport::write_statistics(const fs::path& folder) const {
  const eval::DatasetStatistics all = statistics();
  auto json = detail::parse_own_json(eval::to_json(all));
  for (const Class& c : classes_) {
    auto& of_class = json["classes"][c.name];
    of_class["folder"] = c.folder;
    of_class["support"] = {{"image", text_of(checked_[c.images[c.support]].path.filename())},
                           {"object", c.shown}};
    for (std::size_t i = 0; i < c.images.size(); ++i)
      if (i != c.support)
        of_class["queries"][c.query_numbers[i]] = text_of(checked_[c.images[i]].path.filename());
  }
  json["max_overlap"] = request_.max_overlap;
  json["left_out"] = left_out_;
  io::write_file(folder / "statistics.csv", eval::to_csv(all));
  io::write_file(folder / "statistics.json", detail::json_text(json, 2) + "\n");
}

Exit AnnotationImport::run() {
  const auto begin = Clock::now();
  progress_.emplace(checked_.size(), 0, messages());
  for (const std::string& note : corrections_.notes()) progress_->note(note);
  check_all();
  find_classes();
  choose_supports();
  progress_->close();
  progress_.emplace(used_.size(), 0, messages());
  const fs::path parent = request_.dataset.parent_path();
  io::remove_leftovers(parent.empty() ? "." : parent);
  io::AtomicFolder folder(request_.dataset);
  write_all(folder.path());
  write_statistics(folder.path());
  folder.commit();
  progress_->close();
  print_left_out(left_out_, (request_.dataset / "statistics.json").string());
  print_out(eval::to_table(statistics()));
  print_out(fmt::format("{} in {:.1f} s{}; the data set is {}\n", plural(used_.size(), "image"),
                        seconds_since(begin),
                        left_out_.empty() ? "" : fmt::format(", {} left out", left_out_.size()),
                        request_.dataset.string()));
  return Exit::ok;
}

}  // namespace persense::cli
