#include "marks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "clock.hpp"
#include "fingerprint.hpp"
#include "persense/io/files.hpp"
#include "persense/io/labelme.hpp"
#include "quiet_io.hpp"

namespace persense::cli {

namespace fs = std::filesystem;

namespace {

const char* const ways =
    "--mask FILE, --box X0,Y0,X1,Y1, --point X,Y, --polygon X,Y,... or --prompts FILE";

std::string shown(const MarkFlag& flag) {
  const std::string id =
      flag.label_id ? fmt::format(" --mask-label {}", *flag.label_id) : std::string();
  return fmt::format("{} {}{}", flag.name, flag.text, id);
}

std::vector<float> numbers_of(const MarkFlag& flag, std::size_t least, std::size_t most,
                              const char* expected) {
  const auto numbers = numbers_in(flag.text);
  if (!numbers || numbers->size() < least || numbers->size() > most || numbers->size() % 2 != 0)
    throw InvalidArgument(
        fmt::format("{}: got \"{}\", expected {}", flag.name, flag.text, expected));
  return *numbers;
}

std::string file_identity(const fs::path& file) { return fingerprint(io::read_file(file)); }

/// Reads the marks into classes, one after the other.
class Reader {
 public:
  Reader(const MarkFlags& flags, const std::vector<QueryFile>& queries)
      : flags_(flags), queries_(queries) {}

  Marks read(const std::string& label) {
    check();
    for (const fs::path& file : flags_.prompts) add_prompts(file);
    for (const MarkFlag& flag : flags_.marks) add(flag);
    for (const MarkedClass& c : marks_.classes)
      if (std::all_of(c.marks.begin(), c.marks.end(), [](const auto& m) { return m.negative; }))
        throw InvalidArgument(
            fmt::format("{}all marks are negative, expected one of what is looked for",
                        c.label.empty() ? "" : "class " + c.label + ": "));
    name_the_only_class(label);
    return std::move(marks_);
  }

 private:
  void check() const {
    if (!flags_.misuse.empty()) throw InvalidArgument(flags_.misuse);
    if (flags_.marks.empty() && flags_.prompts.empty() && flags_.supports.empty())
      throw InvalidArgument(fmt::format("nothing is marked; expected {}", ways));
    if (!flags_.marks.empty() && flags_.supports.empty() && queries_.size() != 1)
      throw InvalidArgument(
          fmt::format("{}: got {} queries and no --support, so it is not known which image is "
                      "meant; expected --support FILE or one query",
                      shown(flags_.marks.front()), queries_.size()));
    for (std::size_t i = 0; i < flags_.supports.size(); ++i)
      if (std::none_of(flags_.marks.begin(), flags_.marks.end(),
                       [&](const MarkFlag& m) { return support_of(m) == i; }))
        throw InvalidArgument(fmt::format("--support {}: nothing is marked in it; expected {} {}",
                                          flags_.supports[i].string(),
                                          "--mask, --box, --point or --polygon",
                                          flags_.supports.size() > 1 ? "after it" : "with it"));
    for (std::size_t k = 0; k < flags_.classes.size(); ++k)
      if (std::none_of(flags_.marks.begin(), flags_.marks.end(),
                       [&](const MarkFlag& m) { return m.of_class == k; }))
        throw InvalidArgument(
            fmt::format("--class {}: nothing of it is marked; expected --mask, --box, --point or "
                        "--polygon after it",
                        flags_.classes[k]));
  }

  /// Of one --support wherever the mark stands, of several the last before it.
  std::optional<std::size_t> support_of(const MarkFlag& flag) const {
    if (flags_.supports.size() == 1) return 0;
    return flag.support;
  }

  void add(const MarkFlag& flag) {
    PlacedMark placed;
    placed.name = shown(flag);
    placed.negative = flag.negative;
    placed.image = image_of(flag);
    placed.shape = shape_of(flag);
    placed.identity = identity_of(flag, placed.image);
    MarkedClass& of_class = class_of(flag);
    of_class.marks.push_back(std::move(placed));
  }

  std::size_t image_of(const MarkFlag& flag) {
    if (flags_.supports.empty()) return image_at(queries_.front().path, true);
    const auto support = support_of(flag);
    if (!support)
      throw InvalidArgument(fmt::format(
          "{}: comes before the first of {} --support; expected it after the one that it is in",
          shown(flag), flags_.supports.size()));
    return image_at(flags_.supports[*support], false);
  }

  std::size_t image_at(const fs::path& path, bool is_query) {
    const auto found = std::find_if(marks_.images.begin(), marks_.images.end(), [&](const auto& i) {
      return identity(i.path) == identity(path);
    });
    const auto index = static_cast<std::size_t>(found - marks_.images.begin());
    if (found == marks_.images.end()) {
      const auto query = std::find_if(queries_.begin(), queries_.end(), [&](const QueryFile& q) {
        return identity(q.path) == identity(path);
      });
      marks_.images.push_back({path, is_query, query == queries_.end() ? 1 : query->page});
      marks_.files.push_back(path);
      image_identities_.push_back(is_query ? "the query" : file_identity(path));
    }
    return index;
  }

  decltype(PlacedMark::shape) shape_of(const MarkFlag& flag) {
    switch (flag.kind) {
      case MarkFlag::Kind::mask:
        marks_.files.emplace_back(flag.text);
        if (flag.label_id) return LabelId{read_labels(flag.text), *flag.label_id};
        return mask_in(flag);
      case MarkFlag::Kind::box: {
        const auto n =
            numbers_of(flag, 4, 4, "X0,Y0,X1,Y1 in pixels of the image as in 120,80,160,130");
        return Box{n[0], n[1], n[2], n[3]};
      }
      case MarkFlag::Kind::point: {
        const auto n = numbers_of(flag, 2, 2, "X,Y in pixels of the image as in 140,105");
        if (!(std::abs(n[0]) < 1e6f && std::abs(n[1]) < 1e6f))
          throw InvalidArgument(fmt::format("{}: lies outside of any image", shown(flag)));
        return Point{static_cast<int>(std::floor(n[0])), static_cast<int>(std::floor(n[1]))};
      }
      case MarkFlag::Kind::polygon:
        break;
    }
    const auto n =
        numbers_of(flag, 6, 1u << 20, "X,Y of three vertices or more as in 120,80,160,80,140,130");
    Polygon polygon;
    for (std::size_t i = 0; i < n.size(); i += 2) polygon.vertices.push_back({n[i], n[i + 1]});
    return polygon;
  }

  cv::Mat mask_in(const MarkFlag& flag) {
    const io::MaskFile file = cli::load_mask(flag.text);
    for (const std::string& note : file.notes)
      marks_.notes.push_back(fmt::format("{}: {}", flag.text, note));
    return file.mask;
  }

  std::string identity_of(const MarkFlag& flag, std::size_t image) const {
    std::string what = flag.name.substr(2) + " ";
    what += flag.kind == MarkFlag::Kind::mask ? file_identity(flag.text) : flag.text;
    if (flag.label_id) what += fmt::format(" object {}", *flag.label_id);
    return what + " in " + image_identities_[image];
  }

  MarkedClass& class_of(const MarkFlag& flag) {
    if (flag.of_class) return class_named(flags_.classes[*flag.of_class]);
    if (!flags_.classes.empty())
      throw InvalidArgument(
          fmt::format("{}: comes before the first --class; expected it after the one that it is of",
                      shown(flag)));
    if (!flags_.prompts.empty())
      throw InvalidArgument(fmt::format(
          "{}: its class is not known beside those of --prompts; expected --class NAME before it",
          shown(flag)));
    return class_named("");
  }

  MarkedClass& class_named(const std::string& label) {
    auto& classes = marks_.classes;
    const auto found = std::find_if(classes.begin(), classes.end(),
                                    [&](const MarkedClass& c) { return c.label == label; });
    if (found != classes.end()) return *found;
    classes.push_back({label, {}});
    return classes.back();
  }

  void add_prompts(const fs::path& file) {
    const io::LabelmeFile prompts = read_labelme(file);
    marks_.files.push_back(file);
    if (prompts.marks.empty())
      throw InvalidArgument(
          fmt::format("{}: has no shape, expected marked objects", file.string()));
    const std::size_t image = image_at(prompts.image, false);
    marks_.images[image].expected_size = prompts.size;
    marks_.images[image].expected_by = file.string();
    const std::string hash = file_identity(file);
    for (std::size_t i = 0; i < prompts.marks.size(); ++i) {
      const io::LabelmeMark& mark = prompts.marks[i];
      PlacedMark placed;
      placed.name = fmt::format("{}: mark {} ({}{})", file.string(), i + 1,
                                mark.negative ? "not " : "", mark.label);
      placed.identity = fmt::format("mark {} of {} in {}", i + 1, hash, image_identities_[image]);
      placed.image = image;
      placed.negative = mark.negative;
      std::visit([&](const auto& shape) { placed.shape = shape; }, mark.shape);
      class_named(mark.label).marks.push_back(std::move(placed));
    }
  }

  void name_the_only_class(const std::string& label) {
    if (label.empty()) return;
    if (marks_.classes.size() > 1)
      throw InvalidArgument(fmt::format(
          "--label {}: got {} classes, which have names of their own; expected one class", label,
          marks_.classes.size()));
    if (!flags_.classes.empty())
      throw InvalidArgument(
          fmt::format("--label {}: the class has the name {} of --class; expected one of them",
                      label, flags_.classes.front()));
    marks_.classes.front().label = label;
  }

  const MarkFlags& flags_;
  const std::vector<QueryFile>& queries_;
  Marks marks_;
  std::vector<std::string> image_identities_;
};

/// "example 2: what is wrong" as the number of the mark and the rest.
std::pair<std::size_t, std::string> example_in(const std::string& message) {
  constexpr std::string_view prefix = "example ";
  std::size_t number = 1;
  if (!message.starts_with(prefix)) return {0, message};
  const char* const end = message.data() + message.size();
  const auto read = std::from_chars(message.data() + prefix.size(), end, number);
  if (read.ec != std::errc() || !std::string_view(read.ptr, end).starts_with(": "))
    return {0, message};
  return {number - 1, std::string(read.ptr + 2, end)};
}

}  // namespace

Mark PlacedMark::mark() const {
  if (const auto* mask = std::get_if<cv::Mat>(&shape)) return MaskView(*mask);
  if (const auto* box = std::get_if<Box>(&shape)) return *box;
  if (const auto* point = std::get_if<Point>(&shape)) return *point;
  if (const auto* polygon = std::get_if<Polygon>(&shape)) return *polygon;
  return std::get<LabelId>(shape);
}

std::vector<std::string> Marks::identities() const {
  std::vector<std::string> all;
  for (const MarkedClass& c : classes)
    for (const PlacedMark& mark : c.marks)
      all.push_back(classes.size() == 1 ? mark.identity : c.label + ": " + mark.identity);
  return all;
}

Marks read_marks(const MarkFlags& flags, const std::string& label,
                 const std::vector<QueryFile>& queries) {
  return Reader(flags, queries).read(label);
}

std::set<fs::path> masks_in(const MarkFlags& flags) {
  std::set<fs::path> masks;
  for (const MarkFlag& mark : flags.marks)
    if (mark.kind == MarkFlag::Kind::mask) masks.insert(identity(mark.text));
  return masks;
}

EncodedMarks encode_marks(const Marks& marks, const Engine& engine,
                          const std::optional<io::Window>& window) {
  EncodedMarks encoded;
  encoded.window = window;
  for (const SupportFile& marked : marks.images) {
    io::LoadedImage loaded = cli::load_image(marked.path, {marked.page, encoded.window});
    if (!encoded.window) encoded.window = loaded.window;
    encoded.page_counts.push_back(loaded.page_count);
    Image image = std::move(loaded.image);
    if (marked.expected_size && *marked.expected_size != image.size())
      throw InvalidArgument(fmt::format("{}: marks an image of {}, but {} has {}",
                                        marked.expected_by, to_string(*marked.expected_size),
                                        marked.path.string(), to_string(image.size())));
    const auto begin = Clock::now();
    encoded.encoded.push_back(engine.encode(image.view()));
    encoded.seconds.push_back(seconds_since(begin));
    encoded.images.push_back(std::move(image));
  }
  return encoded;
}

EngineSupport support_of(const MarkedClass& marked, const EncodedMarks& images,
                         const Engine& engine, const std::string& label,
                         const std::string& phrase) {
  std::vector<Example> examples;
  for (const PlacedMark& mark : marked.marks)
    examples.push_back({images.encoded[mark.image], mark.mark(), mark.negative});
  try {
    return engine.support(examples, label, phrase);
  } catch (const InvalidArgument& e) {
    const auto [number, rest] = example_in(e.what());
    const bool of_one = marked.marks.size() == 1 || rest != e.what();
    if (!of_one || !rest.starts_with("support ")) throw;  // not of a mark
    throw InvalidArgument(fmt::format("{}: {}", marked.marks.at(number).name, rest));
  }
}

}  // namespace persense::cli
