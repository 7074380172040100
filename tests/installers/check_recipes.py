"""What the recipes in cmake/ say must be so in this repository: versions, options, targets, packages.

python3 tests/installers/check_recipes.py
"""

from __future__ import annotations

import ast
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE = ROOT / "cmake"
#: Of a manifest, as https://learn.microsoft.com/vcpkg/reference/vcpkg-json lists them.
VCPKG_FIELDS = {
    "name",
    "version-semver",
    "port-version",
    "description",
    "license",
    "supports",
    "dependencies",
    "default-features",
    "features",
}
VCPKG_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def version() -> str:
    return ".".join(
        re.findall(
            r"^#define PERSENSE_VERSION_[A-Z]+ (\d+)$", text("include/persense/version.hpp"), re.M
        )
    )


def options() -> "set[str]":
    found = re.findall(
        r"PERSENSE_[A-Z0-9_]+", text("cmake/options.cmake") + text("cmake/dependencies.cmake")
    )
    return set(found)


def check_dependencies(of: str, dependencies: "list[object]") -> None:
    names = []
    for dependency in dependencies:
        name = dependency if isinstance(dependency, str) else dependency["name"]
        assert VCPKG_NAME.fullmatch(name), f"{of}: {name} is no name of a port"
        if isinstance(dependency, dict):
            unknown = set(dependency) - {
                "name",
                "default-features",
                "features",
                "host",
                "platform",
                "version>=",
            }
            assert not unknown, f"{of}: {name}: no fields of a dependency: {unknown}"
        names.append(name)
    assert names == sorted(set(names)), f"{of}: sorted, each once: {names}"


def check_vcpkg() -> None:
    manifest = json.loads(text("cmake/vcpkg/vcpkg.json"))
    assert set(manifest) <= VCPKG_FIELDS, set(manifest) - VCPKG_FIELDS
    assert manifest["name"] == "persense" and manifest["version-semver"] == version(), manifest[
        "version-semver"
    ]
    check_dependencies("vcpkg.json", manifest["dependencies"])
    features = manifest["features"]
    for name, feature in features.items():
        assert VCPKG_NAME.fullmatch(name) and set(feature) == {"description", "dependencies"}, name
        check_dependencies(f"vcpkg.json: {name}", feature["dependencies"])
    assert set(manifest["default-features"]) <= set(features), manifest["default-features"]

    port = text("cmake/vcpkg/portfile.cmake")
    switches = re.search(r"FEATURES\n(.*?)\)", port, re.S).group(1).split()
    assert set(switches[::2]) == set(features), (switches, sorted(features))
    check_options("portfile.cmake", re.findall(r"\b-?D?(PERSENSE_[A-Z_]+)", port))


def check_options(of: str, named: "list[str]") -> None:
    unknown = set(named) - options()
    assert named and not unknown, f"{of}: no options of the project: {unknown}"


def check_conan() -> None:
    recipe = text("cmake/conan/conanfile.py")
    ast.parse(recipe)
    named = [
        name
        for name in re.findall(r"PERSENSE_[A-Z_]+", recipe)
        if not name.startswith("PERSENSE_VERSION")
    ]
    no_options = {"PERSENSE_BUILD_", "PERSENSE_SEPARATE_COMPILATION"}  # a prefix, a definition
    check_options("conanfile.py", [name for name in named if name not in no_options])
    components = next(
        ast.literal_eval(node.value)
        for node in ast.parse(recipe).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "COMPONENTS"
    )
    known = (
        re.search(r"set\(persense_known (.*)\)", text("cmake/persense-config.cmake.in"))
        .group(1)
        .split()
    )
    assert set(components) == set(known) - {"torch"}, (set(components), known)


def check_dockerfile() -> None:
    dockerfile = text("cmake/docker/Dockerfile").replace("\\\n", " ")
    lines = [line for line in dockerfile.splitlines() if line and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}
    instructions = [line.split()[0] for line in lines]
    assert set(instructions) <= known, set(instructions) - known
    for line in lines:
        instruction, *rest = line.split()
        if instruction == "COPY":
            assert (ROOT / rest[0]).exists(), line
        if instruction in ("ENTRYPOINT", "CMD"):
            assert isinstance(json.loads(line.split(maxsplit=1)[1]), list), line
    # packages come from the one list of them, and are built by a preset that there is
    assert "persense_setup program" in dockerfile and "persense_setup()" in text("cmake/setup.sh")
    presets = json.loads(text("CMakePresets.json"))
    (preset,) = re.findall(r"cmake --workflow --preset (\w+)", dockerfile)
    (workflow,) = [each for each in presets["workflowPresets"] if each["name"] == preset]
    assert workflow["steps"][-1]["type"] == "package"
    names = re.findall(r"/packages/([a-z]+)", dockerfile)
    made = re.findall(r"_PACKAGE_NAME ([a-z]+)", text("cmake/package.cmake"))
    assert names and set(names) <= set(made), (names, made)


if __name__ == "__main__":
    for check in (check_vcpkg, check_conan, check_dockerfile):
        check()
        print(check.__name__, "passed")
    sys.exit(0)
