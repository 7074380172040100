// The program persense: arguments in, exit code out. Everything else is in the subcommands.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <opencv2/core/utility.hpp>
#include <opencv2/core/utils/logger.hpp>

#include "commands.hpp"
#include "console.hpp"
#include "option_flags.hpp"
#include "persense/error.hpp"
#include "persense/version.hpp"
#include "unknown_flag.hpp"

namespace persense::cli {

namespace {

const char* const program_description =
    "Segment every object like the one you point at, in crowded images\n"
    "\n"
    "Examples:\n"
    "  # show one object, find them all: out/photo_overlay.png\n"
    "  persense segment photo.jpg --box 120,80,160,130 -o out\n"
    "\n"
    "  # a folder of images, as label images, tables and one COCO file\n"
    "  persense segment --support support.jpg --mask mask.png shelf/ -o out --labels --csv --coco\n"
    "\n"
    "  # the same by clicking, on a page in the browser\n"
    "  persense serve shelf/\n"
    "\n"
    "  # outlines to correct by hand, and the data set that results\n"
    "  persense annotate shelf/ --support support.jpg --mask mask.png -o todo\n"
    "  persense annotate --import todo -o dataset\n"
    "\n"
    "  # candidate points from your own density map\n"
    "  persense points density.npy --size 967x839 > points.csv\n"
    "\n"
    "  # how good is it? a data set in PerSense-D layout\n"
    "  persense eval PerSense-D --json scores.json\n"
    "\n"
    "  # an experiment of the paper, its table beside what is measured\n"
    "  persense experiment benchmarks/experiments/norm_const.json PerSense-D -o out\n"
    "\n"
    "  # the thresholds that find most on one's own labelled images\n"
    "  persense calibrate dataset -o settings.json\n";

// Help of the program lists its subcommands; their descriptions begin with one line that says
// what, and go on with examples that only belong into their own help.
class Formatter : public CLI::Formatter {
 public:
  std::string make_subcommand(const CLI::App* command) const override {
    const std::string text = command->get_description();
    std::ostringstream out;
    CLI::detail::format_help(out, command->get_name(), text.substr(0, text.find('\n')),
                             get_column_width());
    return out.str();
  }
};

std::string missing_command(const CLI::App& program) {
  std::vector<std::string> known;
  for (const auto* command : program.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(command->get_name());
  const auto rest = program.remaining();
  return fmt::format("command: got {}, expected one of {}",
                     rest.empty() ? "none" : "\"" + rest.front() + "\"", fmt::join(known, ", "));
}

std::string argument_error(CLI::App& program, const CLI::ParseError& error) {
  const std::vector<CLI::App*> used = program.get_subcommands();
  const std::string name = used.empty() ? "" : " " + used.front()->get_name();
  // an unknown flag is often the reason for another error, such as a missing one
  if (const auto unknown = unknown_flag(Command(used.empty() ? &program : used.front())))
    return one_line(fmt::format("{}{} `persense{} --help` lists all", *unknown,
                                unknown->ends_with('?') ? "" : ";", name));
  return one_line(fmt::format("{}; `persense{} --help` shows examples",
                              used.empty() ? missing_command(program) : error.what(), name));
}

Exit run(int argc, char** argv) {
  CLI::App program(program_description, "persense");
  const auto formatter = std::make_shared<Formatter>();
  formatter->column_width(26);
  program.formatter(formatter);
  program.set_version_flag("--version", "persense " PERSENSE_VERSION);
  program.require_subcommand(1);
  program.footer("`persense COMMAND --help` shows the command's own examples and options.\n\n" +
                 std::string(exit_code_help));
  const Command top(&program);
  Task task;
  add_segment(top, task);
  add_annotate(top, task);
  add_points(top, task);
  add_eval(top, task);
  add_experiment(top, task);
  add_calibrate(top, task);
  add_options(top, task);
  add_info(top, task);
  add_serve(top, task);
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    program.exit(help_or_version);
    return Exit::ok;
  } catch (const CLI::ParseError& error) {
    throw InvalidArgument(argument_error(program, error));
  }
  return task();
}

}  // namespace

}  // namespace persense::cli

int main(int argc, char** argv) {
  using namespace persense::cli;
  // a file size limit is to be an error of write(), like a full disk, not the end of the process
  std::signal(SIGXFSZ, SIG_IGN);
  // Threads of a network that wait for each other without pause are slow wherever anything else
  // runs: beside a training on the same two cores, 29 s for an image instead of 2 to 5
  setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0);
  // what OpenCV has to say reaches the user as one line of ours
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer does not see how OpenCV's workers wait for each other inside a TBB that was not
  // compiled with it; the program's own threads (--jobs) are watched
  cv::setNumThreads(1);
#endif
  messages();  // before an image is read
  try {
    const Exit exit = run(argc, argv);
    flush_stdout();
    return static_cast<int>(exit);
  } catch (...) {
    const Failure failure = describe(std::current_exception());
    print_error(failure.line);
    return static_cast<int>(failure.exit);
  }
}
