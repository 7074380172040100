# shellcheck shell=sh
# pkg_config.sh PKG_CONFIG LIBDIR SOURCE PROGRAM "COMPILER FLAGS...": one plain compiler line, and run it.
export PKG_CONFIG_PATH="$2/pkgconfig"
export LD_LIBRARY_PATH="$2"
# unquoted on purpose: flags are words
# shellcheck disable=SC2046,SC2086
$5 -std=c++20 -Wall -Wextra -Wpedantic -Werror "$3" -o "$4" $("$1" --cflags --libs persense)
"$4"
