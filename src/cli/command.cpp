#include "command.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace persense::cli {

Flag Flag::type_name(const std::string& name) const { return Flag(option_->type_name(name)); }
Flag Flag::group(const std::string& name) const { return Flag(option_->group(name)); }
Flag Flag::capture_default_str() const { return Flag(option_->capture_default_str()); }
Flag Flag::required() const { return Flag(option_->required()); }

// Validators add what they check to the type's name in help; here the type's name and the text say
// it.
Flag Flag::not_empty() const {
  return Flag(option_->check(CLI::Validator(
      [](const std::string& name) { return std::string(name.empty() ? "got an empty name" : ""); },
      "")));
}
Flag Flag::range(int least, int most) const {
  return Flag(option_->check(CLI::Range(least, most).description("")));
}
Flag Flag::range(double least, double most) const {
  return Flag(option_->check(CLI::Range(least, most).description("")));
}
Flag Flag::positive() const { return Flag(option_->check(CLI::PositiveNumber.description(""))); }

Flag Flag::needs(Flag other) const { return Flag(option_->needs(other.option_)); }
Flag Flag::excludes(Flag other) const { return Flag(option_->excludes(other.option_)); }
Flag Flag::delimiter(char between) const { return Flag(option_->delimiter(between)); }
Flag Flag::allow_extra_args(bool value) const { return Flag(option_->allow_extra_args(value)); }
Flag Flag::each(const std::function<void(std::string)>& seen) const {
  return Flag(option_->each(seen));
}

bool Flag::given() const { return option_->count() > 0; }
std::string Flag::name() const { return option_->get_name(); }
std::vector<std::string> Flag::long_names() const { return option_->get_lnames(); }
bool Flag::is_called(const std::string& name) const { return option_->check_name(name); }

Command Command::add_subcommand(const std::string& name, const std::string& description) const {
  return Command(app_->add_subcommand(name, description));
}

template <class Value>
Flag Command::add_option(const std::string& names, Value& value, const std::string& help) const {
  return Flag(app_->add_option(names, value, help));
}

template Flag Command::add_option(const std::string&, std::string&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::filesystem::path&,
                                  const std::string&) const;
template Flag Command::add_option(const std::string&, std::vector<std::string>&,
                                  const std::string&) const;
template Flag Command::add_option(const std::string&, int&, const std::string&) const;
template Flag Command::add_option(const std::string&, double&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::uint64_t&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<std::string>&,
                                  const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<int>&,
                                  const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<double>&,
                                  const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<std::int64_t>&,
                                  const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<std::uint64_t>&,
                                  const std::string&) const;

Flag Command::add_option_function(const std::string& names,
                                  const std::function<void(const std::string&)>& seen,
                                  const std::string& help) const {
  return Flag(app_->add_option_function<std::string>(names, seen, help)->trigger_on_parse());
}

Flag Command::add_flag(const std::string& names, bool& value, const std::string& help) const {
  return Flag(app_->add_flag(names, value, help));
}

void Command::footer(const std::string& text) const { app_->footer(text); }
void Command::callback(const std::function<void()>& chosen) const { app_->callback(chosen); }
void Command::allow_extras() const { app_->allow_extras(); }

std::vector<Flag> Command::flags() const {
  std::vector<Flag> flags;
  for (CLI::Option* option : app_->get_options()) flags.emplace_back(option);
  return flags;
}

std::vector<std::string> Command::remaining() const { return app_->remaining(); }

}  // namespace persense::cli
