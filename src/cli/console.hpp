// console.hpp: what the user sees while the program runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace persense::cli {

/// Standard error, as it was when the program started (see quiet_io.hpp).
std::FILE* messages();

/// Prints "persense: error: ..." on standard error.
void print_error(const std::string& line);

/// Prints "persense: note: ..." on standard error.
void print_note(const std::string& line);

/// Prints notes of what was left out: the first lines, and how many follow.
/// @param list  what has them all; empty: nothing, so all are printed.
void print_left_out(const std::vector<std::string>& lines, const std::string& list);

/// Prints on standard output. What goes wrong is remembered for `flush_stdout`.
void print_out(const std::string& text);

/// @throws Unwritable  standard output could not take what was printed (a full disk, say).
void flush_stdout();

/// Progress over a list of items: a bar on standard error where that is a terminal, otherwise (or
/// where standard output is not the terminal) one plain line an item.
/// @par Threads  All members may be called from several threads at once.
class Progress {
 public:
  /// @param total     items in the list; @param already  how many of them need no work any more.
  /// @param lines_to  where plain lines go (stdout, or stderr when stdout carries a result).
  Progress(std::size_t total, std::size_t already, std::FILE* lines_to);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void started(const std::string& name);
  /// Of one item: the step that it is in and how much of it is done, 0 to 1.
  void step(const std::string& name, const char* step, double part);
  /// @param detail  what the objects are, where there is more to say; may be empty.
  void finished(const std::string& name, std::size_t objects, const std::string& detail,
                double seconds);
  void failed(const std::string& line);
  /// Each distinct line is printed once.
  void note(const std::string& line);
  /// Of one item, without those that it shares with the support, which are no item's own.
  void notes(const std::string& name, const std::vector<std::string>& of_result,
             const std::vector<std::string>& of_support);
  /// Takes the bar off the terminal.
  void close();

 private:
  void draw();
  void clear();
  std::string bar_text(int columns) const;

  std::mutex guard_;
  const std::size_t total_, already_;
  std::FILE* const lines_to_;
  const bool bar_, lines_;
  std::size_t done_ = 0, objects_ = 0;
  std::string current_, step_;
  std::chrono::steady_clock::time_point drawn_at_;
  std::set<std::string> noted_;
  bool drawn_ = false;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// "12 images", "1 image".
std::string plural(std::size_t count, const std::string& noun);

}  // namespace persense::cli
