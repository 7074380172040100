"""The stubs are up to date, and a type checker accepts the package."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

BINDINGS = pathlib.Path(__file__).resolve().parents[2]


def test_stubs_are_as_the_module_gives_them() -> None:
    pytest.importorskip("pybind11_stubgen")
    command = [sys.executable, BINDINGS / "stubs.py", "--check", "persense_training._scenes"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_package_passes_mypy_strict(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("mypy")
    config = BINDINGS / "training" / "pyproject.toml"
    command = [sys.executable, "-m", "mypy", "--cache-dir", os.devnull, "--config-file", config]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues found" in done.stdout
