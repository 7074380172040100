// A locale with a decimal comma, as applications take it from their users.
#pragma once

#include <clocale>
#include <cstdlib>
#include <locale>
#include <string>

#include "io/scratch.hpp"

namespace persense::testing {

/// The process's locale, of C and of C++, while it lives; the classic one again afterwards.
class CommaLocale {
 public:
  CommaLocale() {
    const std::string name = "de_DE.UTF-8";
    const std::string made = (folder_ / name).string();
    const std::string command = "localedef -i de_DE -f UTF-8 '" + made + "' > /dev/null 2>&1";
    if (std::system(command.c_str()) == 0) ::setenv("LOCPATH", folder_.path().c_str(), 1);
    try {
      std::locale::global(std::locale(name));
    } catch (const std::runtime_error&) {
    }
    ::unsetenv("LOCPATH");
  }
  ~CommaLocale() { std::locale::global(std::locale::classic()); }
  CommaLocale(const CommaLocale&) = delete;
  CommaLocale& operator=(const CommaLocale&) = delete;

  /// Whether this system has, or could make, one.
  bool is_there() const { return std::string(std::localeconv()->decimal_point) == ","; }

 private:
  test::Scratch folder_;
};

}  // namespace persense::testing
