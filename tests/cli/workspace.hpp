// A temporary folder with images of bright discs, and the program run in it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace persense::test {

namespace fs = std::filesystem;

/// How a run of the program ended.
struct Outcome {
  int exit = -1;
  std::string out, err;

  std::size_t error_lines() const {
    std::size_t count = 0;
    std::istringstream lines(err);
    for (std::string line; std::getline(lines, line);)
      count += line.rfind("persense: error: ", 0) == 0;
    return count;
  }
  /// Lines on standard error, without the one that says what fills the slots.
  std::size_t lines() const {
    const auto all = std::count(err.begin(), err.end(), '\n');
    return static_cast<std::size_t>(all) - (says_stages() ? 1 : 0);
  }
  bool says_stages() const { return err.find("persense: note: stages: ") != std::string::npos; }
};

inline std::string program() {
  if (const char* path = std::getenv("PERSENSE_PROGRAM")) return path;
#ifdef PERSENSE_PROGRAM_PATH
  return PERSENSE_PROGRAM_PATH;
#else
  throw std::runtime_error("PERSENSE_PROGRAM: not set, expected the path of the program");
#endif
}

inline std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// `across` x `down` bright discs of 24 pixels on a dark ground, 50 pixels apart.
inline cv::Mat discs(int across, int down) {
  cv::Mat picture(down * 50 + 20, across * 50 + 20, CV_8UC3, cv::Scalar(20, 24, 28));
  for (int y = 0; y < down; ++y)
    for (int x = 0; x < across; ++x)
      cv::circle(picture, {35 + 50 * x, 35 + 50 * y}, 12, cv::Scalar(200, 210, 220), cv::FILLED);
  return picture;
}

/// The first disc of `discs`.
inline cv::Mat disc_mask(const cv::Mat& picture) {
  cv::Mat mask = cv::Mat::zeros(picture.size(), CV_8UC1);
  cv::circle(mask, {35, 35}, 12, 255, cv::FILLED);
  return mask;
}

class Workspace {
 public:
  Workspace() {
    std::string name = (fs::temp_directory_path() / "persense-cli-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    save("support.png", discs(3, 2));
    save("mask.png", disc_mask(discs(3, 2)));
  }
  ~Workspace() { fs::remove_all(folder_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  fs::path operator/(const fs::path& name) const { return folder_ / name; }

  void save(const std::string& name, const cv::Mat& picture) const {
    fs::create_directories((folder_ / name).parent_path());
    if (!cv::imwrite((folder_ / name).string(), picture))
      throw std::runtime_error("cannot write " + name);
  }
  void save_text(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  /// Cuts a file to its first half.
  void truncate(const std::string& name) const {
    fs::resize_file(folder_ / name, fs::file_size(folder_ / name) / 2);
  }

  /// Runs a shell line in the folder; $P is the program.
  Outcome shell(const std::string& line) const {
    const fs::path out = fs::path(folder_.string() + ".out"), err = folder_.string() + ".err";
    const std::string command = "cd '" + folder_.string() + "' && P='" + program() + "' && { " +
                                line + "\n} >'" + out.string() + "' 2>'" + err.string() + "'";
    const int status = std::system(command.c_str());
    Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(out), read_text(err)};
    fs::remove(out);
    fs::remove(err);
    return outcome;
  }
  /// Runs the program with these arguments.
  Outcome run(const std::string& arguments) const { return shell("\"$P\" " + arguments); }
  /// Runs `persense segment` with the workspace's support and these further arguments.
  Outcome segment_by_default(const std::string& arguments) const {
    return run("segment --support support.png --mask mask.png " + arguments);
  }
  /// The same with the weight-free stages, which find every disc.
  Outcome segment(const std::string& arguments) const {
    return segment_by_default("--models classic " + arguments);
  }

  /// Every file below a folder, hidden ones included, by its relative name. Empty when there is no
  /// such folder.
  std::map<std::string, std::string> files(const std::string& below) const {
    std::map<std::string, std::string> contents;
    if (!fs::exists(folder_ / below)) return contents;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / below))
      if (entry.is_regular_file())
        contents[fs::relative(entry.path(), folder_ / below).string()] = read_text(entry.path());
    return contents;
  }
  /// The same without what --resume keeps (its record has lines in the order of completion).
  std::map<std::string, std::string> outputs(const std::string& below) const {
    auto contents = files(below);
    std::erase_if(contents,
                  [](const auto& file) { return file.first.rfind(".persense-run", 0) == 0; });
    return contents;
  }

 private:
  fs::path folder_;
};

}  // namespace persense::test
