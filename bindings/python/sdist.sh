#!/usr/bin/env bash
# Makes the source distribution of the Python package, which pip builds wherever the libraries of
# cmake/README.md are:
#
#   bindings/python/sdist.sh [FOLDER]        build/sdist by default
#
# The package is built from the whole library, which lies outside of the package's folder. So its
# root is the repository's, with the parts that are compiled.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dist=$(realpath -m "${1:-$source_dir/build/sdist}")
python=${PYTHON:-python3}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$source_dir"
cp --parents -r CMakeLists.txt LICENSE NOTICE README.md cmake include src capi \
    bindings/python/{CMakeLists.txt,torch_of_python.cmake,README.md,src,persense} "$work"
find "$work" -name __pycache__ -prune -exec rm -r {} +
# The same project, seen from the root.
sed -e 's|^\[tool.scikit-build\]$|&\ncmake.source-dir = "bindings/python"|' \
    -e 's|^wheel.packages = .*|wheel.packages = ["bindings/python/persense"]|' \
    -e 's|^metadata.version.input = .*|metadata.version.input = "bindings/python/persense/__init__.py"|' \
    bindings/python/pyproject.toml >"$work/pyproject.toml"

mkdir -p "$dist"
"$python" -m venv "$work.tools" >&2
trap 'rm -rf "$work" "$work.tools"' EXIT
"$work.tools/bin/pip" install -q --disable-pip-version-check build >&2
"$work.tools/bin/python" -m build -q --sdist --outdir "$dist" "$work" >&2
echo "$dist"/persense-*.tar.gz
