"""The benchmark of what is found where there is nothing asks what it says it asks."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys

import pytest
from samples import persense  # noqa: F401  (the package must be there)

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = REPOSITORY / "benchmarks" / "absent.py"
DATA = REPOSITORY / "examples" / "data"


@pytest.fixture()
def absent(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))  # as when it is run
    spec = importlib.util.spec_from_file_location("absent", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["absent"] = module
    spec.loader.exec_module(module)
    return module


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_classes_that_share_a_word_are_not_asked_of_each_other(absent) -> None:
    assert absent.related("nuts_date", "nuts_fig")
    assert absent.related("fluo_small_nuclei", "smear_cells_nuclei")
    assert not absent.related("nuts_date", "mushrooms")


def test_every_support_is_asked_of_the_images_of_the_others() -> None:
    done = run(str(DATA), "--models", "classic", "--images", str(DATA / "beans"), "--most", "2")
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.split()[:2] == ["support", "images"]
    # three other classes, and two images of the further folder
    classes = ("beans", "berries", "cells", "pebbles")
    assert [row.split()[:2] for row in rows] == [[c, "5"] for c in classes] + [["all", "20"]]


def test_a_class_without_its_support_image_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = run(str(tmp_path), "--models", "classic")
    assert done.returncode == 1
    assert done.stderr == f"absent.py: {tmp_path / 'nothing'}: expected 00.jpg or 00.jpeg\n"
