#!/usr/bin/env bash
# What persense takes on a GPU, beside the published code: prints one table within eight minutes.
#
#   benchmarks/gpu.sh [--wheel FILE] [--seconds 480] [--device cuda|cpu] [argument of benchmarks/gpu.py]...
#
# Needs a Python with PyTorch: python3, or the one that PERSENSE_TORCH_PYTHON names. The package persense is
# what --wheel names, built beside this very PyTorch; else the one that this Python has; else it is built
# here. SamPredictor's package is fetched where pip can. PERSENSE_SETUP=off installs and fetches nothing.
# What is missing is said in one line, with exit code 3. The other arguments: benchmarks/gpu.py --help.
#
# Examples:
#   benchmarks/gpu.sh --json gpu.json
#   benchmarks/gpu.sh --only vit_h,threads              some of it
#   benchmarks/gpu.sh --device cpu --tiny               does it run at all?
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$repository/cmake/setup.sh"

python=${PERSENSE_TORCH_PYTHON:-python3}
device=cuda wheel='' seconds=480 passed=()
while [ $# -gt 0 ]; do
    case $1 in
        --wheel | --seconds | --device)
            [ $# -gt 1 ] || { echo "gpu.sh: $1: got nothing, expected a value" >&2; exit 2; }
            printf -v "${1#--}" %s "$2"
            shift 2 ;;
        *)
            passed+=("$1")
            shift ;;
    esac
done

missing() {
    echo "gpu.sh: $*" >&2
    exit 3
}

# Which packages a build lacks, after an attempt to install them; nothing where all are there.
lacking() {
    # shellcheck disable=SC2086 # lists of words
    persense_missing_tools $persense_program_tools
    # shellcheck disable=SC2086
    ! command -v dpkg-query >/dev/null || persense_missing_packages $persense_program_packages
}

# Builds the package beside the PyTorch of $python, into a folder of its own. The build folder is kept.
build_package() {
    local isolation=() log=$repository/build/gpu-build.log
    if [ -n "$(lacking)" ] && [ "${PERSENSE_SETUP:-on}" != off ] && command -v apt-get >/dev/null &&
        persense_may_install && timeout 40 "${persense_as_root[@]}" apt-get -q update >/dev/null 2>&1; then
        persense_setup program
    fi
    local lacks
    lacks=$(lacking)
    [ -z "$lacks" ] || missing "a build of persense lacks ${lacks% }; install them, or name a wheel that was built" \
        "beside PyTorch $torch for this Python: --wheel FILE"
    ! "$python" -c 'import scikit_build_core, pybind11' 2>/dev/null || isolation=(--no-build-isolation)
    mkdir -p "$repository/build"
    "$python" -m pip install -q --no-deps --upgrade --target "$site" \
        "${isolation[@]}" "$repository/bindings/python" -C build-dir="$repository/build/gpu-build" \
        >"$log" 2>&1 || missing "persense could not be built beside PyTorch $torch, see $log:" \
        "$(grep -v '^ *$' "$log" | tail -n 1)"
}

torch=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) ||
    missing "$python has no PyTorch; PERSENSE_TORCH_PYTHON names a Python that has"
[ "$device" = cpu ] || "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
    missing "the PyTorch $torch of $python sees no GPU; --device cpu --tiny shows whether the rest works"

export PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
site=$repository/build/gpu-env
works='import torch, persense; persense.Pipeline("mini")'
if [ -n "$wheel" ]; then
    rm -rf "$site"
    why=$("$python" -m pip install -q --no-index --no-deps --target "$site" "$wheel" 2>&1) ||
        missing "$wheel cannot be installed for $("$python" --version): $(tail -n 1 <<<"$why")"
elif ! "$python" -c "$works" 2>/dev/null; then
    build_package
fi
[ ! -d "$site" ] || export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}
why=$("$python" -c "$works" 2>&1) ||
    missing "persense does not run beside PyTorch $torch: $(tail -n 1 <<<"$why")"

upstream=$repository/build/upstream  # shared with run.sh
export PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}$upstream
if [ "${PERSENSE_SETUP:-on}" != off ] && ! "$python" -c 'import segment_anything' 2>/dev/null; then
    timeout 40 "$python" -m pip install -q --retries 0 --no-deps \
        --target "$upstream" segment-anything==1.0 >&2 ||
        echo "gpu.sh: no package segment-anything, so nothing stands beside SAM" >&2
fi

left=$((seconds > SECONDS ? seconds - SECONDS : 0))
"$python" "$repository/benchmarks/gpu.py" --device "$device" --seconds "$left" "${passed[@]}"
