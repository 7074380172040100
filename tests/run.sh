#!/usr/bin/env bash
# Installs what is missing (see cmake/setup.sh), builds everything, runs every test.
#
#   tests/run.sh [--preset develop|asan-ubsan|tsan] [argument of ctest]...
#
# Examples:
#   tests/run.sh -L golden                  the tests with that label
#   tests/run.sh --preset asan-ubsan        everything, with sanitizers
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. cmake/setup.sh

preset=develop
if [ "${1:-}" = --preset ]; then
    preset=${2:?--preset: expected develop, asan-ubsan or tsan}
    shift 2
fi

persense_setup tests
persense_python build/python tests/requirements.txt
# beside Debian's PyTorch, which makes ONNX models but has nothing to run them
if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    persense_python build/python-torch bindings/python/training/tests/requirements.txt \
        /usr/bin/python3 --system-site-packages
fi
[ "${PERSENSE_SETUP:-on}" = off ] || cmake/onnxruntime.sh
# The wheel that the tests install is compiled of the same sources: what is compiled is kept.
launcher=()
if command -v ccache >/dev/null; then
    launcher=(-D CMAKE_CXX_COMPILER_LAUNCHER=ccache)
    export CCACHE_DIR=${CCACHE_DIR:-$PWD/build/ccache}
fi
persense_configure "$preset" "${launcher[@]}"
cmake --build --preset "$preset" >&2

# The summary once more at the end, where skipped tests' names do not push it off the screen.
log=build/$preset/tests.log
status=0
ctest --preset "$preset" "$@" 2>&1 | tee "$log" || status=$?
skipped=$(grep -c 'Test.*\*\*\*Skipped' "$log" || true)
[ "$skipped" = 0 ] || echo "$skipped skipped, see above"
grep 'tests passed' "$log" || true
exit "$status"
