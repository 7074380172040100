#!/usr/bin/env bash
# From a fresh clone to a segmented image: installs what is missing (see cmake/setup.sh), builds
# the program and the libraries, segments the bundled sample, prints the count and where the overlay
# lies. `cmake --install build/release --prefix DIR` installs what was built.
#
#   examples/quickstart.sh [pebbles|beans|berries|cells]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. cmake/setup.sh

kind=${1:-pebbles}
sample=examples/data/$kind
if [ ! -f "$sample/01.jpg" ]; then
    echo "quickstart: no sample \"$kind\", expected one of $(cd examples/data && echo */ | tr -d /)" >&2
    exit 2
fi

persense_setup program
persense_configure release
cmake --build --preset release >&2

out=build/quickstart/$kind
build/release/bin/persense segment --support "$sample/00.jpg" --mask "$sample/00.png" "$sample/01.jpg" \
    -o "$out" --overlay
