"""The stubs are up to date, and a type checker accepts the package and what users write."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from samples import REPOSITORY

BINDINGS = REPOSITORY / "bindings" / "python"

USER = """
import numpy as np
import numpy.typing as npt
import persense
from persense.stages import Query


class Heads:
    def density(
        self, image: npt.NDArray[np.uint8], exemplars: npt.NDArray[np.float32], *, query: Query
    ) -> npt.NDArray[np.float32]:
        return np.maximum(query.similarity, 0)


pipeline = persense.Pipeline("classic", dmg=Heads(), options={"idm.threshold": 25})
support = pipeline.support("support.jpg", np.zeros((3, 3), bool), label="bean")
result = support.segment("query.jpg", trace=True, progress=print)
count: int = len(result)
boxes: npt.NDArray[np.float32] = result.boxes
for query, found, error in support.segment_many(["a.jpg"], jobs=2, progress=True):
    print(query, len(found) if found is not None else error)
points, total = persense.idm(result.density, (640, 480), threshold=25)
persense.Pipeline("classic", dmg=3)  # error: not a stage
support.segment("query.jpg", trace="yes")  # error: not a bool
"""


def mypy(*arguments: object, **options: str) -> "subprocess.CompletedProcess[str]":
    pytest.importorskip("mypy")
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", os.devnull, *map(str, arguments)],
        capture_output=True, text=True, **options,
    )  # fmt: skip


def test_stubs_are_as_the_module_gives_them() -> None:
    pytest.importorskip("pybind11_stubgen")
    done = subprocess.run(
        [sys.executable, BINDINGS / "stubs.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_package_passes_mypy_strict(tmp_path: pathlib.Path) -> None:
    done = mypy("--config-file", BINDINGS / "pyproject.toml", cwd=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues found" in done.stdout


def test_users_code_is_checked_with_the_packages_types(tmp_path: pathlib.Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    done = mypy("--strict", "user.py", cwd=str(tmp_path))
    wrong = [i for i, line in enumerate(USER.splitlines(), 1) if "# error" in line]
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [int(line.split(":")[1]) for line in errors] == wrong, done.stdout
