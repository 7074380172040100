#include "persense/eval/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <numeric>

#include "json.hpp"
#include "page.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"
#include "persense/version.hpp"
#include "report_pictures.hpp"
#include "spool.hpp"

namespace persense::eval {

namespace {

using Json = nlohmann::ordered_json;

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

/// 0 where everything is wrong, to 1: F1, else IoU, else how near the count is.
double quality(const ClassReport& one, const ImageScore& score) {
  if (score.count && score.count->truth == 0) return score.count->found == 0 ? 1 : 0;
  if (one.instances) return one.instances->f1;
  if (one.has_masks) return one.union_iou;
  if (!score.count) return 1;
  const auto truth = static_cast<double>(score.count->truth);
  return 1 - std::min(1.0, std::abs(score.count->found - truth) / truth);
}

Json facts_of(const ReportedQuery& query) {
  const ImageScore& score = query.score;
  ClassScore sum;
  sum.add(score);
  const ClassReport one = sum.report("");
  Json facts = {{"class", query.class_name},
                {"name", query.name},
                {"size", {query.image.width, query.image.height}},
                {"quality", rounded(quality(one, score), 1e6)},
                {"found", query.result.count()},
                {"estimated", rounded(query.result.estimated_count(), 10)},
                {"seconds", rounded(query.seconds, 1e3)}};
  if (one.has_masks) facts["iou"] = rounded(one.union_iou, 1e6);
  if (score.count) facts["truth"] = score.count->truth;
  if (score.instances) {
    const std::int64_t right = score.instances->matched[0];
    facts["right"] = right;
    facts["false"] = score.instances->found - right;
    facts["missed"] = score.instances->truth - right;
    facts["f1"] = rounded(one.instances->f1, 1e6);
    facts["pq"] = rounded(one.instances->pq, 1e6);
    facts["sq"] = rounded(one.instances->sq, 1e6);
    facts["mf1"] = rounded(one.instances->mean_f1, 1e6);
  }
  if (!query.result.notes.empty()) facts["notes"] = query.result.notes;
  return facts;
}

Json json_of(std::span<const Intervals> of_classes) {
  Json all = Json::array();
  for (const Intervals& one : of_classes) {
    Json values = Json::object();
    for (const auto& [key, interval] : one.values) values[key] = {interval.low, interval.high};
    all.push_back(std::move(values));
  }
  return all;
}

/// JSON for a script element, which ends at the first "</script" and begins comments at "<!--".
std::string script_text(const Json& json) {
  const std::string text = persense::detail::ascii_json_text(json);
  std::string safe;
  for (const char c : text) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

}  // namespace

struct HtmlReport::Parts {
  struct Entry {
    Json facts;
    double quality = 0;
    detail::Spool::Piece thumbnail, photo, figure, shapes;
  };

  explicit Parts(const std::filesystem::path& path) : file(path), spool(path) {}

  void write_element(const char* type, char kind, std::size_t i,
                     const detail::Spool::Piece& piece) {
    if (piece.length == 0) return;
    file.write(fmt::format("<script type=\"{}\" id=\"{}{}\">", type, kind, i));
    file.write(spool.get(piece));
    file.write("</script>\n");
  }
  void write_pictures();

  io::AtomicFile file;  // before the spool: it says what is wrong with the path
  detail::Spool spool;
  std::mutex guard;
  std::vector<Entry> entries;  // by place
};

HtmlReport::HtmlReport(const std::filesystem::path& path) : parts_(std::make_unique<Parts>(path)) {}
HtmlReport::~HtmlReport() = default;
HtmlReport::HtmlReport(HtmlReport&&) noexcept = default;

void HtmlReport::add(std::size_t place, const ReportedQuery& query) {
  const detail::QueryPictures pictures = detail::pictures_of(query);
  Parts::Entry entry{facts_of(query), 0, {}, {}, {}, {}};
  entry.quality = entry.facts["quality"];
  const std::scoped_lock lock(parts_->guard);
  entry.thumbnail = parts_->spool.put(pictures.thumbnail);
  entry.shapes = parts_->spool.put(pictures.shapes);
  entry.photo = parts_->spool.put(pictures.photo);
  entry.figure = parts_->spool.put(pictures.figure);
  if (parts_->entries.size() <= place) parts_->entries.resize(place + 1);
  parts_->entries[place] = std::move(entry);
}

/// What the gallery shows first comes first, so that it is there while the rest is still read.
void HtmlReport::Parts::write_pictures() {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return entries[a].quality < entries[b].quality;
  });
  for (const std::size_t i : order) {
    write_element("text/plain", 't', i, entries[i].thumbnail);
    write_element("application/json", 's', i, entries[i].shapes);
  }
  for (const std::size_t i : order) {
    write_element("text/plain", 'p', i, entries[i].photo);
    write_element("text/plain", 'f', i, entries[i].figure);
  }
}

void HtmlReport::finish(const Report& report, std::span<const Intervals> of_classes,
                        const ReportedRun& run) {
  Json data = {{"version", persense::version},
               {"title", run.title},
               {"facts", Json::array()},
               {"scores", persense::detail::parse_own_json(to_json(report))},
               {"class_intervals", json_of(of_classes)},
               {"images", Json::array()}};
  for (const auto& [name, value] : run.facts) data["facts"].push_back({name, value});
  for (const Parts::Entry& entry : parts_->entries) {
    data["images"].push_back(entry.facts);
    data["images"].back()["figure"] = entry.figure.length > 0;
  }
  std::string_view page = detail::page_html();
  const auto until = [&page](std::string_view mark) {
    const std::size_t at = page.find(mark);
    const std::string_view before = page.substr(0, at);
    page.remove_prefix(at + mark.size());
    return before;
  };
  io::AtomicFile& file = parts_->file;
  file.write(until("/* style */"));
  file.write(detail::page_style());
  file.write(until("/* data */"));
  file.write(script_text(data));
  file.write(until("/* script */"));
  file.write(detail::page_script());
  file.write(detail::page_viewer());
  file.write(until("<!-- pictures -->\n"));
  parts_->write_pictures();
  file.write(page);
  file.commit();
}

}  // namespace persense::eval
