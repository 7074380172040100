# shellcheck shell=sh
# pkg_config.sh PKG_CONFIG LIBDIR SOURCE PROGRAM "COMPILER FLAGS..." ARGUMENT...: one plain compiler line,
# and the program run with the arguments.
pkg_config=$1 libdir=$2 source=$3 program=$4 compiler=$5
shift 5
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir"
# unquoted on purpose: flags are words
# shellcheck disable=SC2046,SC2086
$compiler -std=c99 -Wall -Wextra -pedantic -Werror "$source" -o "$program" $("$pkg_config" --cflags --libs persense-c)
"$program" "$@"
