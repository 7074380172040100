"""persense as a Conan package, of the checkout that this file lies in:

conan create cmake/conan --build=missing
conan create cmake/conan --build=missing -o '&:program=True'
"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

#: What is built, and what it is linked with: Conan's names of other packages' parts.
COMPONENTS = {
    "core": ["eigen::eigen", "opencv::opencv_core", "opencv::opencv_imgproc", "fmt::fmt"],
    "steps": ["core"],
    "classic": ["steps"],
    "mini": ["steps", "libzip::libzip", "nlohmann_json::nlohmann_json"],
    "io": [
        "steps",
        "opencv::opencv_imgcodecs",
        "libtiff::libtiff",
        "libzip::libzip",
        "nlohmann_json::nlohmann_json",
    ],
    "eval": ["io"],
    "label": ["io"],
    "engine": ["classic", "mini"],
    "capi": [],
}


class PersenseConan(ConanFile):
    name = "persense"
    description = "Segments every object like the one you point at, in dense images"
    license = "Apache-2.0"
    topics = ("segmentation", "computer-vision", "counting")
    package_type = "static-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"program": [True, False], "label": [True, False]}
    default_options = {
        "program": False,
        "label": True,
        "opencv/*:with_ffmpeg": False,
        "opencv/*:with_tiff": False,
        "opencv/*:with_jpeg2000": False,
        "opencv/*:with_openexr": False,
    }

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        header = load(self, os.path.join(self._checkout, "include", "persense", "version.hpp"))
        numbers = re.findall(r"^#define PERSENSE_VERSION_[A-Z]+ (\d+)$", header, re.MULTILINE)
        self.version = ".".join(numbers)

    def export_sources(self):
        names = (
            "CMakeLists.txt LICENSE NOTICE README.md CHANGELOG.md cmake/* include/* src/* capi/*"
        )
        for name in names.split():
            copy(self, name, self._checkout, self.export_sources_folder, excludes="*/__pycache__/*")

    def validate(self):
        check_min_cppstd(self, 20)

    def requirements(self):
        self.requires("eigen/[>=3.4 <4]", transitive_headers=True)
        self.requires("opencv/[>=4.5 <5]", transitive_headers=True)
        self.requires("fmt/[>=9]", transitive_headers=True)
        self.requires("libtiff/[>=4.5 <5]")
        self.requires("libzip/[>=1.7.3 <2]")
        self.requires("nlohmann_json/[>=3.7 <4]")
        if self.options.label:
            self.requires("libcurl/[>=7.88 <9]")
        if self.options.program:
            self.requires("cli11/[>=2.3 <3]")
            self.requires("cpp-httplib/[>=0.10 <1]")
            self.requires("pugixml/[>=1.10 <2]")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        variables = toolchain.cache_variables
        variables["PERSENSE_BUILD_PROGRAM"] = bool(self.options.program)
        variables["PERSENSE_WITH_SERVE"] = "ON" if self.options.program else "OFF"
        variables["PERSENSE_WITH_HTTP"] = "ON" if self.options.label else "OFF"
        variables["PERSENSE_WITH_TORCH"] = "OFF"  # Conan's index has no LibTorch
        if any(
            needed.ref.name == "libzip" for needed in self.dependencies.host.values()
        ):  # not the platform's
            variables["PERSENSE_LIBZIP"] = "libzip::zip"
        for part in ("TESTS", "EXAMPLES", "BENCHMARKS"):
            variables[f"PERSENSE_BUILD_{part}"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        for name in ("LICENSE", "NOTICE"):
            copy(self, name, self.source_folder, os.path.join(self.package_folder, "licenses"))
        for folder in ("cmake", "pkgconfig"):  # Conan writes its own
            rmdir(self, os.path.join(self.package_folder, "lib", folder))
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "persense")
        for name, needs in COMPONENTS.items():
            component = self.cpp_info.components[name]
            component.set_property("cmake_target_name", f"persense::{name}")
            component.libs = (
                [] if name == "core" else ["persense" if name == "capi" else f"persense_{name}"]
            )
            component.requires = needs + (
                ["libcurl::libcurl"] if name == "label" and self.options.label else []
            )
            component.defines = ["PERSENSE_SEPARATE_COMPILATION"] if name == "steps" else []
            component.system_libs = ["pthread", "dl", "m"] if name == "core" else []
