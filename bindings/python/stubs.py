"""Write the stubs of installed compiled modules, or check them.

    python bindings/python/stubs.py                     # after pip install ./bindings/python
    python bindings/python/stubs.py --check             # exit code 1 where they are out of date
    python bindings/python/stubs.py persense_training._scenes


Needs pybind11-stubgen.
"""

from __future__ import annotations

import argparse
import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
#: Where each module's stubs lie.
MODULES = {
    "persense._core": FOLDER / "persense" / "_core.pyi",
    "persense_training._scenes": FOLDER / "training" / "persense_training" / "_scenes.pyi",
}


def generate(module: str) -> str:
    """The stubs of the module of that name that this Python imports."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "pybind11_stubgen", module, "--exit-code", "-o", folder]
        subprocess.run([sys.executable, "-P", *command], check=True, cwd=folder)
        stubs = pathlib.Path(folder, *module.split(".")).with_suffix(".pyi")
        text = stubs.read_text(encoding="utf-8")
    # numpy.bool is new in NumPy 2
    text = text.replace("numpy.bool]", "numpy.bool_]")
    # an array of any kind: NumPy 2.2 wants to be told, later ones know
    text = re.sub(r"numpy\.ndarray\b(?!\[)", "numpy.typing.NDArray[typing.Any]", text)
    # pickle's state has no types of its own
    text = re.sub(r"\btuple(?=[:)])", "tuple[typing.Any, ...]", text)
    text = re.sub(r"os\.PathLike\b", "os.PathLike[str]", text)
    # versions of the build are no part of the interface
    text = re.sub(r"^(__version__|torch_version): str = .*$", r"\1: str", text, flags=re.MULTILINE)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def main() -> int:
    """Write or check; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("module", nargs="?", choices=MODULES, default="persense._core")
    given = parser.parse_args()
    path, text = MODULES[given.module], generate(given.module)
    if not given.check:
        path.write_text(text, encoding="utf-8")
        return 0
    written = path.read_text(encoding="utf-8")
    sys.stdout.writelines(
        difflib.unified_diff(
            written.splitlines(True), text.splitlines(True), str(path), "as generated"
        )
    )
    return int(text != written)


if __name__ == "__main__":
    sys.exit(main())
