#include "console.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "clock.hpp"
#include "persense/error.hpp"

namespace persense::cli {

namespace {

bool is_terminal(std::FILE* stream) { return isatty(fileno(stream)) != 0; }

int terminal_columns() {
  winsize window{};
  const bool known = ioctl(fileno(messages()), TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
  return known ? window.ws_col : 80;
}

std::string clock_text(double seconds) {
  const auto s = static_cast<long>(seconds + 0.5);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace

std::FILE* messages() {
  static std::FILE* const stream = [] {
    const int descriptor = ::dup(STDERR_FILENO);
    std::FILE* own = descriptor < 0 ? nullptr : ::fdopen(descriptor, "w");
    if (own == nullptr) return stderr;
    std::setvbuf(own, nullptr, _IONBF, 0);
    return own;
  }();
  return stream;
}

// One fputs a line, so that lines of several processes on one terminal do not mix.
void print_error(const std::string& line) {
  std::fputs(fmt::format("persense: error: {}\n", line).c_str(), messages());
}

void print_note(const std::string& line) {
  std::fputs(fmt::format("persense: note: {}\n", line).c_str(), messages());
}

void print_left_out(const std::vector<std::string>& lines, const std::string& list) {
  constexpr std::size_t shown = 20;
  const std::size_t count = lines.size(), printed = list.empty() ? count : std::min(shown, count);
  for (std::size_t i = 0; i < printed; ++i) print_note("left out: " + lines[i]);
  if (count > printed)
    print_note(fmt::format("left out: {} more; {} lists them all", count - printed, list));
}

void print_out(const std::string& text) { std::fputs(text.c_str(), stdout); }

void flush_stdout() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Unwritable(fmt::format("standard output: {}",
                                 errno != 0 ? std::strerror(errno) : "could not be written"));
}

std::string plural(std::size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

Progress::Progress(std::size_t total, std::size_t already, std::FILE* lines_to)
    : total_(total),
      already_(already),
      lines_to_(lines_to),
      bar_(is_terminal(messages())),
      lines_(!bar_ || !is_terminal(lines_to)) {}

Progress::~Progress() { close(); }

void Progress::started(const std::string& name) {
  const std::scoped_lock lock(guard_);
  current_ = name;
  step_.clear();
  draw();
}

void Progress::step(const std::string& name, const char* step, double part) {
  const std::scoped_lock lock(guard_);
  if (!bar_) return;
  constexpr std::chrono::milliseconds pace(100);  // steps may come by the thousand
  if (std::chrono::steady_clock::now() - drawn_at_ < pace) return;
  current_ = name;
  step_ = part > 0 ? fmt::format(": {} {:.0f} %", step, 100 * std::min(part, 1.0))
                   : fmt::format(": {}", step);
  draw();
}

void Progress::finished(const std::string& name, std::size_t objects, const std::string& detail,
                        double seconds) {
  const std::scoped_lock lock(guard_);
  ++done_;
  objects_ += objects;
  if (lines_) {
    std::fputs(
        fmt::format("[{}/{}] {}: {}{}, {:.2f} s\n", already_ + done_, total_, name,
                    plural(objects, "object"), detail.empty() ? "" : " (" + detail + ")", seconds)
            .c_str(),
        lines_to_);
    std::fflush(lines_to_);
  }
  draw();
}

void Progress::failed(const std::string& line) {
  const std::scoped_lock lock(guard_);
  ++done_;
  clear();
  print_error(line);
  draw();
}

void Progress::note(const std::string& line) {
  const std::scoped_lock lock(guard_);
  if (!noted_.insert(line).second) return;
  clear();
  print_note(line);
  draw();
}

void Progress::notes(const std::string& name, const std::vector<std::string>& of_result,
                     const std::vector<std::string>& of_support) {
  for (const std::string& line : of_result)
    if (std::find(of_support.begin(), of_support.end(), line) == of_support.end())
      note(name + ": " + line);
}

void Progress::close() {
  const std::scoped_lock lock(guard_);
  clear();
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\x1b[K", messages());
  drawn_ = false;
}

void Progress::draw() {
  if (!bar_) return;
  std::fputs(fmt::format("\r{}\x1b[K", bar_text(terminal_columns() - 1)).c_str(), messages());
  drawn_ = true;
  drawn_at_ = std::chrono::steady_clock::now();
}

std::string Progress::bar_text(int columns) const {
  constexpr int cells = 20;
  const std::size_t finished = already_ + done_;
  const auto full = static_cast<int>(cells * finished / std::max<std::size_t>(total_, 1));
  const double elapsed = seconds_since(begin_);
  const double rate = static_cast<double>(done_) / std::max(elapsed, 1e-9);
  const std::string pace =
      done_ == 0 ? std::string("-.- images/s, ETA -:--")
                 : fmt::format("{:.1f} images/s, ETA {}", rate,
                               clock_text(static_cast<double>(total_ - finished) / rate));
  const std::string text =
      fmt::format("[{:#<{}}{:.<{}}] {}/{}, {}, {}, {}{}", "", full, "", cells - full, finished,
                  total_, pace, plural(objects_, "object"), current_, step_);
  return text.substr(0, static_cast<std::size_t>(std::max(columns, 20)));
}

}  // namespace persense::cli
