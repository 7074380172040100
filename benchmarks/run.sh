#!/usr/bin/env bash
# Installs what is missing (see cmake/setup.sh), builds the benchmarks, runs them all and prints one
# table; Google Benchmark's own lines go to standard error. Run it on an idle machine.
#
# The column "ratio" is the figure beside ours over ours for other versions of IDM, a share of the
# whole for steps, and otherwise how many times as long ours takes as the one beside it.
#
#   benchmarks/run.sh [idm|pipeline|prompts|annotations|mini|decode|runtime]... [argument of Google Benchmark]...
#
# Examples:
#   benchmarks/run.sh 2>/dev/null                            the table alone
#   benchmarks/run.sh idm --benchmark_filter=967x839         one program, some of its cases
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. cmake/setup.sh

names=()
while [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; do
    if [ ! -f "benchmarks/$1_benchmark.cpp" ]; then
        echo "run.sh: no benchmark \"$1\", expected one of" \
            "$(basename -as _benchmark.cpp benchmarks/*_benchmark.cpp | tr '\n' ' ')" >&2
        exit 2
    fi
    names+=("$1")
    shift
done
[ ${#names[@]} -gt 0 ] || names=(idm pipeline prompts annotations mini)  # the others need models: only when named

persense_setup tests
persense_python build/python tests/requirements.txt
persense_configure benchmarks
cmake --build --preset benchmarks >&2

printf '| %-44s | %9s | %-29s | %5s | %9s | %-3s |\n' what persense 'beside it' ratio wanted met
printf '| %s | %s: | %s | %s: | %s: | %s |\n' \
    "$(printf '%44s' | tr ' ' -)" "$(printf '%8s' | tr ' ' -)" "$(printf '%29s' | tr ' ' -)" \
    ---- -------- ---
for name in "${names[@]}"; do
    if [ ! -x "build/benchmarks/benchmarks/${name}_benchmark" ]; then
        echo "run.sh: $name is left out, as this build is without LibTorch" >&2
        continue
    fi
    if [ "$name" = decode ]; then  # beside the published predictor, for Debian's PyTorch
        export PERSENSE_UPSTREAM=$PWD/build/upstream
        [ -d "$PERSENSE_UPSTREAM/segment_anything" ] ||
            python3 -m pip install -q --no-deps --target "$PERSENSE_UPSTREAM" segment-anything==1.0 >&2
    fi
    "build/benchmarks/benchmarks/${name}_benchmark" "$@"
done
