// command.hpp: the commands of the program and their flags. They are CLI11's, whose headers take
// seconds to compile and are read by main.cpp and command.cpp alone.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace persense::cli {

/// A flag or a positional argument. A handle, as cheap to copy as a pointer; every setter returns
/// itself.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}

  /// What help shows for its value: "FILE"; empty: nothing.
  Flag type_name(const std::string& name) const;
  /// The heading under which help lists it.
  Flag group(const std::string& name) const;
  /// Help shows the value that it has now.
  Flag capture_default_str() const;
  Flag required() const;

  /// For values that name a file or folder.
  Flag not_empty() const;
  Flag range(int least, int most) const;
  Flag range(double least, double most) const;
  Flag positive() const;

  Flag needs(Flag other) const;
  Flag excludes(Flag other) const;

  /// "a,b" are two values.
  Flag delimiter(char between) const;
  /// Whether the arguments after its first belong to it, too.
  Flag allow_extra_args(bool value) const;
  /// Calls a function for every value that is given.
  Flag each(const std::function<void(std::string)>& seen) const;

  /// Whether it was on the command line.
  bool given() const;
  /// As messages name it: "--output".
  std::string name() const;
  /// All of its long names, without dashes.
  std::vector<std::string> long_names() const;
  /// Whether this is one of its names: "--output", "-o".
  bool is_called(const std::string& name) const;

 private:
  CLI::Option* option_;
};

/// The program or one of its subcommands. A handle, too.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  Command add_subcommand(const std::string& name, const std::string& description) const;

  /// A flag ("--jobs", "-o,--output") or a positional argument ("QUERY") whose value is written to
  /// `value`, which must outlive the parse. Types that it takes are instantiated in command.cpp.
  template <class Value>
  Flag add_option(const std::string& names, Value& value, const std::string& help) const;
  /// One whose values go to a function, in their order among those of all such flags.
  Flag add_option_function(const std::string& names,
                           const std::function<void(const std::string&)>& seen,
                           const std::string& help) const;
  /// One without a value.
  Flag add_flag(const std::string& names, bool& value, const std::string& help) const;

  /// What help ends with.
  void footer(const std::string& text) const;
  /// Called once the arguments are parsed, if they are this subcommand's.
  void callback(const std::function<void()>& chosen) const;
  /// Takes arguments that it does not know.
  void allow_extras() const;

  std::vector<Flag> flags() const;
  /// Arguments that nothing took.
  std::vector<std::string> remaining() const;

 private:
  CLI::App* app_;
};

}  // namespace persense::cli
