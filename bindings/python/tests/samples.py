"""The sample images of the repository and what is found in them."""

from __future__ import annotations

import functools
import os
import pathlib
import subprocess
import sys
from typing import List

import pytest

pytest.importorskip("persense._core", reason="the package is not installed")
import persense  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DATA = REPOSITORY / "examples" / "data"
EXAMPLES = REPOSITORY / "examples"


@functools.lru_cache(maxsize=None)
def support_of(kind: str) -> "persense.Support":
    folder = DATA / kind
    return persense.Pipeline("classic").support(folder / "00.jpg", folder / "00.png", label=kind)


@functools.lru_cache(maxsize=None)
def found_in(kind: str) -> "persense.Result":
    """The weight-free stages' result of a sample's query, with a trace."""
    return support_of(kind).segment(DATA / kind / "01.jpg", trace=True)


@functools.lru_cache(maxsize=None)
def count_by_default(kind: str) -> int:
    """How many the default stages find in a sample's query."""
    folder = DATA / kind
    support = persense.Pipeline().support(folder / "00.jpg", folder / "00.png")
    return len(support.segment(folder / "01.jpg"))


def run_program(*arguments: object) -> None:
    """Runs the program that comes with the package, which writes files."""
    subprocess.run(
        [sys.executable, "-m", "persense", *map(str, arguments)], check=True, capture_output=True
    )


def run_example(
    name: str, *arguments: object, status: int = 0
) -> "subprocess.CompletedProcess[str]":
    """Runs an example as a user would, and checks its exit status."""
    command: List[str] = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "MPLBACKEND": "Agg"}
    )
    assert done.returncode == status, done.stderr
    return done
