# shellcheck shell=bash
# Sourced by examples/quickstart.sh and tests/run.sh: what must be on the machine before a build.
#
#   persense_setup program    the tools and libraries that the program is built with
#   persense_setup tests      those of the tests as well
#
# Installs what is missing with apt-get where it may (as root, or with sudo that asks for no
# password). Where it may not, says what is missing and exits with 3. PERSENSE_SETUP=off skips it all,
# for machines that have the libraries from elsewhere than packages.

# command:package, for what a program in the path proves
persense_program_tools="cmake:cmake ninja:ninja-build c++:g++"
persense_tests_tools="pkg-config:pkg-config python3:python3"
# Only libopencv-dev has OpenCVConfig.cmake, so its modules cannot be installed one by one.
persense_program_packages="libeigen3-dev libopencv-dev libtiff-dev libzip-dev libfmt-dev
    nlohmann-json3-dev libcli11-dev"
persense_tests_packages="catch2 libbenchmark-dev libcpp-httplib-dev libpugixml-dev libssl-dev python3-venv python3-dev"
# For the TorchScript stages. Systems without a LibTorch package build everything else. (Without an
# optimised BLAS, LibTorch runs about 30 times slower. Detectors that read text need utf8proc.)
# Class label extraction needs libcurl, the page in the browser cpp-httplib and pugixml.
persense_program_optional="libtorch-dev libopenblas0-pthread libutf8proc-dev
    libcurl4-openssl-dev libcpp-httplib-dev libpugixml-dev libssl-dev pkg-config"
persense_tests_optional="python3-torch python3-pytest python3-opencv python3-pil python3-matplotlib
    python3-tqdm python3-selenium chromium chromium-driver gfortran doxygen ccache clang-format clang-tidy"

persense_say() { printf 'setup: %s\n' "$*" >&2; }

persense_has_package() {
    case "$(dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null)" in
    installed*) return 0 ;;
    esac
    # their parts are in Python itself where Python is not Debian's
    case "$1" in
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    python3-dev) [ -f "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))' 2>/dev/null)/Python.h" ] ;;
    *) return 1 ;;
    esac
}

# persense_missing_tools <command:package>...
persense_missing_tools() {
    local pair
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || printf '%s ' "${pair#*:}"
    done
}

# persense_missing_packages <package>...
persense_missing_packages() {
    local package
    for package in "$@"; do
        persense_has_package "$package" || printf '%s ' "$package"
    done
}

# Mirrors fail now and then; three tries tell that from a package that does not exist.
persense_apt() {
    local try
    for try in 1 2 3; do
        "${persense_as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" </dev/null >&2 && return
        [ "$try" = 3 ] || { persense_say "apt-get $1 failed, trying again"; sleep $((5 * try)); }
    done
    return 1
}

persense_may_install() {
    persense_as_root=()
    [ "$(id -u)" = 0 ] && return
    persense_as_root=(sudo -n)
    command -v sudo >/dev/null && sudo -n true 2>/dev/null
}

persense_setup() {
    [ "${PERSENSE_SETUP:-on}" = off ] && return
    local tools=$persense_program_tools packages=$persense_program_packages
    local extras=$persense_program_optional
    if [ "$1" = tests ]; then
        tools="$tools $persense_tests_tools"
        packages="$packages $persense_tests_packages"
        extras="$extras $persense_tests_optional"
    fi
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        persense_say "this system has no apt-get; these must be there, from wherever it has them:" \
            "a C++20 compiler, CMake 3.25 or newer, Ninja, Eigen 3.4, OpenCV 4.5 (core, imgproc," \
            "imgcodecs), libtiff 4.5, libzip 1.7.3, fmt, nlohmann-json, CLI11; for the tests pkg-config, Catch2, cpp-httplib, pugixml," \
            "Python 3; for models LibTorch 1.13 or newer; for class label extraction libcurl 7.88"
        return
    fi

    local missing optional
    # shellcheck disable=SC2086 # lists of words
    missing=$(persense_missing_tools $tools; persense_missing_packages $packages)
    # shellcheck disable=SC2086
    optional=$(persense_missing_packages $extras)
    if [ -n "$missing$optional" ]; then
        if persense_may_install; then
            persense_install "$missing" "$optional"
        elif [ -n "$missing" ]; then
            persense_say "these packages are missing, and without root they cannot be installed here:"
            persense_say "  sudo apt-get install --no-install-recommends ${missing}${optional% }"
            persense_say "(PERSENSE_SETUP=off skips this check, if their libraries come from elsewhere)"
            exit 3
        else
            persense_say "not installed, so models (TorchScript), label extraction or some tests are" \
                "left out: $optional"
        fi
    fi
}

# persense_install <required> <optional>
persense_install() {
    persense_say "installing with apt-get: $1$2"
    persense_apt update || persense_say "apt-get update failed; going on with the lists that are here"
    # shellcheck disable=SC2086 # a list of words
    if [ -n "$1" ] && ! persense_apt install --no-install-recommends $1; then
        persense_say "apt-get could not install these, its message is above: $1"
        exit 3
    fi
    local package
    for package in $2; do  # one by one: a name that this system does not know fails the whole list
        { apt-cache show "$package" >/dev/null 2>&1 &&
            persense_apt install --no-install-recommends "$package"; } ||
            persense_say "could not install $package: models (TorchScript), label extraction or some" \
                "tests are left out"
    done
}

# Makes a Python environment for the tests that ask another implementation (pycocotools, OpenCV).
# Without it those tests are skipped, and say so.
# persense_python <folder> <requirements file> [Python] [argument of venv]...
persense_python() {
    [ "${PERSENSE_SETUP:-on}" = off ] && return
    cmp -s "$2" "$1/installed.txt" && return
    persense_say "installing Python packages into $1"
    if "${3:-python3}" -m venv --clear "${@:4}" "$1" >&2 &&
        "$1/bin/python" -m pip install -q --disable-pip-version-check --prefer-binary -r "$2" >&2; then
        cp "$2" "$1/installed.txt"
    else
        persense_say "Python packages could not be installed ($2): tests that need them are skipped"
        rm -rf "$1"
    fi
}

# persense_configure <preset> <cmake argument>...: configures, quietly unless it fails
persense_configure() {
    local log preset=$1
    shift
    log=$(mktemp)
    if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        persense_say "CMake could not configure the build; its message is above"
        exit 3
    fi
    rm -f "$log"
}
