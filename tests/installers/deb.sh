#!/usr/bin/env bash
# Makes the Debian packages of a build folder, unpacks them into an empty folder, and uses what is there:
#
#   tests/installers/deb.sh BUILD
#
#   BUILD    built before: build/deb, or another preset's
set -euo pipefail
build=$(realpath "${1:?expected a build folder}")
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
for tool in cpack dpkg-deb dpkg-shlibdeps pkg-config; do
    command -v "$tool" >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 0; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "deb.sh: $*" >&2; exit 1; }

(cd "$build" && cpack -G DEB -B "$work/packages" >"$work/log" 2>&1) || { cat "$work/log"; exit 1; }
for package in "$work"/packages/*.deb; do
    dpkg-deb --show --showformat='${Package} ${Version} ${Section}, ${Installed-Size} KiB: ${Depends}\n' "$package"
    dpkg-deb --extract "$package" "$work/root"
    name=$(dpkg-deb --field "$package" Package)
    [ -s "$work/root/usr/share/doc/$name/copyright" ] || fail "$name: has no copyright"
    case $(dpkg-deb --field "$package" Depends) in
    *libopencv*) ;;
    *) fail "$name: does not depend on OpenCV" ;;
    esac
done
[ "$(echo "$work"/packages/*.deb | wc -w)" = 3 ] || fail "expected three packages"

usr=$work/root/usr
beans=$source_dir/examples/data/beans
"$usr/bin/persense" segment --support "$beans/00.jpg" --mask "$beans/00.png" "$beans/01.jpg" -o "$work/out"

pc=$(dirname "$(find "$usr" -name persense-c.pc)")
export PKG_CONFIG_PATH=$pc
# shellcheck disable=SC2046 # flags are words
${CC:-cc} -std=c99 -Wall -Werror "$source_dir/examples/04_segment.c" -o "$work/c" $(pkg-config --cflags --libs persense-c)
LD_LIBRARY_PATH=${pc%/*} "$work/c" "$beans/00.jpg" "$beans/00.png" "$beans/01.jpg" "$work/c.png" | tail -1

cmake -S "$source_dir/tests/consumer" -B "$work/consumer" -G Ninja -D CMAKE_PREFIX_PATH="$usr" -D CMAKE_CXX_FLAGS=-O1 >"$work/log" &&
    cmake --build "$work/consumer" >>"$work/log" || { cat "$work/log"; exit 1; }
LD_LIBRARY_PATH=${pc%/*}/persense "$work/consumer/consumer"
