// run_record.hpp: what a run has completed, kept on disk so that --resume can go on from there.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace persense::cli {

/// A text file of JSON lines: first the settings of the run, then one line for every query whose
/// outputs are all in place. A line is appended after the last output was renamed into place, so
/// that a kill at any moment loses at most the queries in flight.
/// @par Threads  `add` may be called from several threads at once.
class RunRecord {
 public:
  /// Everything that decides what a query's outputs hold, as text by name.
  using Settings = std::map<std::string, std::string>;

  /// One completed query.
  struct Entry {
    std::string query;                 ///< QueryFile::key
    std::uintmax_t bytes = 0;          ///< the file's size and
    std::string modified;              ///< its time of change, when it was read
    std::string content;               ///< fingerprint of its bytes
    std::string name;                  ///< stem of the outputs
    std::string image_name;            ///< what the COCO file calls it
    std::set<std::string> outputs;     ///< kinds written: "overlay", "labels", ...
    std::vector<std::size_t> objects;  ///< of each class
    double estimated = 0;              ///< Result::estimated_count
    double confidence = 1;             ///< Result::count_confidence
  };

  /// Forgets what an earlier run left and begins anew. The file appears with the first `add`.
  /// @throws Unwritable.
  static RunRecord start(const std::filesystem::path& file, Settings settings);

  /// Takes over what an earlier run completed (nothing, when there is no file).
  /// @throws InvalidArgument  it had other settings: the message names the first that differs.
  /// @throws Unreadable       a file that is not a run record.
  static RunRecord resume(const std::filesystem::path& file, Settings settings);

  /// What decided the outputs of an earlier run; nothing without one that can be read.
  static std::optional<Settings> settings_in(const std::filesystem::path& file);

  /// The entry of a query, or null.
  const Entry* find(const std::string& query) const;
  /// Whether a file of this size is recorded, so that its fingerprint may be, too.
  bool has_size(std::uintmax_t bytes) const;
  /// The entry of a page of a file with these bytes, wherever it was then, that is not among
  /// `taken`; or null.
  const Entry* find_content(const std::string& content, int page,
                            const std::set<const Entry*>& taken) const;

  /// @throws Unwritable  the record is then as it was.
  void add(const Entry& entry);
  /// After the last one. @throws Unwritable  lines may be missing: a disk may say so late.
  void close();

  RunRecord(RunRecord&&) noexcept;
  ~RunRecord();

 private:
  RunRecord(std::filesystem::path file, Settings settings);
  void read();
  void check_settings(const std::string& header) const;
  void append(const std::string& line);

  std::filesystem::path file_;
  Settings settings_;
  std::map<std::string, Entry> entries_;  // by query; not changed by add
  std::uintmax_t length_ = 0;             // of the whole lines on disk
  int descriptor_ = -1;
  std::unique_ptr<std::mutex> guard_ = std::make_unique<std::mutex>();
};

}  // namespace persense::cli
