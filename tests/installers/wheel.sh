#!/usr/bin/env bash
# Installs a wheel where there is nothing but Python, the C library and the C++ library, and runs it:
#
#   tests/installers/wheel.sh WHEEL [PROGRAM]
#
#   WHEEL      of bindings/python/wheel.sh
#   PROGRAM    of this checkout, whose results must be those of the wheel to the byte
#   PYTHON     of the wheel's version; python3 by default
#   EXTRAS     with torch, PyTorch comes from PyPI as well, and archives can run
#
# The root folder that it runs in is made here; no compiler, shell or other library of the system is in it.
set -euo pipefail
wheel=$(realpath "${1:?expected a wheel}")
program=${2:+$(realpath "$2")}
python=${PYTHON:-python3}
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT

# copy_libraries <program or library>...: what they are linked with, to where they look for it
copy_libraries() {
    ldd "$@" 2>/dev/null | grep -o '/[^ )]*\.so[^ ):]*' | sort -u | xargs cp --parents -L -u -t "$root"
}

base=$("$python" -c 'import sys; print(sys.base_prefix)')
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
mkdir -p "$root$base/bin" "$root$base/lib" "$root"/{dev,proc,tmp,data}
cp -L "$base/bin/$version" "$root$base/bin/"
tar -C "$base/lib" -c --exclude={site-packages,dist-packages,test,__pycache__} "$version" | tar -C "$root$base/lib" -x
copy_libraries "$base/bin/$version" "$base/lib/$version"/lib-dynload/*.so
for library in libstdc++.so.6 libgcc_s.so.1 libpthread.so.0 librt.so.1 libdl.so.2 libutil.so.1 libm.so.6; do
    library=$(realpath -s "$(c++ -print-file-name="$library")")
    [ ! -e "$library" ] || cp --parents -L "$library" "$root"
done
if find "$root" -name 'libopencv*' -o -name 'libtiff*' -o -name 'libtorch*' -o -name 'libcurl*' | grep .; then
    echo "wheel.sh: these are in the root folder, where nothing of the wheel's needs should be" >&2
    exit 1
fi

mkdir "$root/wheels"
cp "$wheel" "$root/wheels"
"$python" -m pip download -q --disable-pip-version-check -d "$root/wheels" "$wheel${EXTRAS:+[$EXTRAS]}"
cp "$source_dir"/examples/data/beans/* "$source_dir/tests/installers/in_wheel.py" "$root/data"

# With /dev and /proc, which the C library and PyTorch read, in a mount namespace of its own.
namespace=(unshare --mount)
[ "$(id -u)" = 0 ] || namespace+=(--map-root-user)
in_root() {
    "${namespace[@]}" bash -c 'mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" &&
        exec env -i PATH=/env/bin HOME=/tmp "$(command -v chroot)" "$@"' "$root" "$root" "$@"
}
started=$(date +%s.%N)
in_root "$base/bin/$version" -m venv /env
in_root /env/bin/python -m pip install -q --disable-pip-version-check --no-index --find-links /wheels "persense${EXTRAS:+[$EXTRAS]}"
installed=$(date +%s.%N)
in_root /env/bin/python /data/in_wheel.py first
first=$(date +%s.%N)
awk "BEGIN { printf \"environment and installation %.1f s, first result %.1f s\\n\", $installed - $started, $first - $installed }"
in_root /env/bin/python /data/in_wheel.py all "${EXTRAS:-}"

compare() { # <models>: the same command by both programs
    local flags=(--support 00.jpg --mask 00.png 01.jpg --labels --csv --models "$1" --threads 1)
    in_root /env/bin/python -c 'import os, sys; os.chdir("/data"); os.execv("/env/bin/persense", sys.argv[1:])' \
        persense segment "${flags[@]}" -o "out-$1" 2>&1 | tail -2
    [ -n "$program" ] || return 0
    (cd "$source_dir/examples/data/beans" && "$program" segment "${flags[@]}" -o "$root/expected-$1" >/dev/null)
    for file in "$root/expected-$1"/*.{png,csv}; do
        cmp "$file" "$root/data/out-$1/${file##*/}"
    done
    echo "$1: label image and tables are those of $program to the byte"
}
compare classic
