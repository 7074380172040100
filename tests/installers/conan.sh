#!/usr/bin/env bash
# Builds the Conan package with this machine's libraries in place of those of Conan's index, and a
# program with the package:
#
#   tests/installers/conan.sh
#
# Conan itself comes from PyPI. What its index has for the same names is not tried here.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CONAN_HOME=$work/home
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check conan
conan=$work/env/bin/conan
"$conan" profile detect >/dev/null 2>&1
cat >"$work/profile" <<'END'
include(default)
[settings]
build_type=Release
compiler.cppstd=20
[platform_requires]
cli11/2.3.2
cpp-httplib/0.11.4
eigen/3.4.0
fmt/9.1.0
libcurl/7.88.1
libtiff/4.5.0
libzip/1.7.3
nlohmann_json/3.11.2
opencv/4.6.0
END
"$conan" create "$source_dir/cmake/conan" --no-remote -pr:a "$work/profile" -o '&:program=True' "$@"
"$conan" list 'persense/*:*' --format=compact
