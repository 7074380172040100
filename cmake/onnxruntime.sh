#!/usr/bin/env bash
# Puts ONNX Runtime's headers into build/onnxruntime, where CMake looks for them. Debian 12 has no
# package of them, so they are unpacked from Debian 13's (85 kB; any architecture's are the same). Where
# they are there already it does nothing; where they cannot be had it says so and ends well, and the
# build is one without ONNX models.
#
#   cmake/onnxruntime.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=build/onnxruntime
header=onnxruntime/onnxruntime_cxx_api.h
name=libonnxruntime-dev_1.21.0+dfsg-1_amd64.deb
sha256=14f7d959d5deacbcf1504830d4189f91fc67382b399ed9ae9d3aa9c4050ced08
pool=pool/main/o/onnxruntime/$name
# the second one keeps what Debian's mirrors have replaced
addresses="http://deb.debian.org/debian/$pool http://snapshot.debian.org/archive/debian/20250801T000000Z/$pool"

give_up() {
    printf 'onnxruntime: %s: the build will not run ONNX models, and tests that do are skipped\n' "$*" >&2
    exit 0
}

if [ -f "$folder/usr/include/$header" ] || [ -f "/usr/include/$header" ]; then exit 0; fi
command -v dpkg-deb >/dev/null || give_up "there is no dpkg-deb to unpack the headers with"

mkdir -p build
scratch=$(mktemp -d build/onnxruntime-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
for address in $addresses; do
    # not curl: Python is what the tests need anyway
    python3 -c 'import sys, urllib.request as web; open(sys.argv[2], "wb").write(web.urlopen(sys.argv[1], timeout=30).read())' \
        "$address" "$scratch/$name" 2>/dev/null || continue
    printf '%s  %s\n' "$sha256" "$scratch/$name" | sha256sum --check --status || continue
    dpkg-deb --extract "$scratch/$name" "$scratch/unpacked"
    rm -rf "$folder"
    mv "$scratch/unpacked" "$folder"
    exit 0
done
give_up "could not get $name (SHA-256 ${sha256:0:12}...) from ${addresses// / or }"
