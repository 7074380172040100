"""The benchmarks that are Python scripts count rightly, and answer bad input in one line."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from samples import persense  # noqa: F401  (the package must be there)

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "benchmarks"
DATA = FOLDER.parent / "examples" / "data"


def run(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(FOLDER / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def scripts():
    spec = importlib.util.spec_from_file_location("scripts", FOLDER / "scripts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_objects_overlap_is_the_highest_that_any_instance_has_with_it(scripts) -> None:
    truth = np.zeros((20, 30), np.int32)
    truth[0:10, 0:10] = 7  # by two instances: 60 and 40 pixels
    truth[0:10, 20:30] = 2  # by one that is twice as large
    truth[15:20, 0:5] = 9  # by none
    found = np.zeros_like(truth)
    found[0:6, 0:10] = 5
    found[6:10, 0:10] = 1
    found[0:20, 20:30] = 3
    assert scripts.overlaps(found, truth) == {2: 0.5, 7: 0.6, 9: 0.0}
    assert scripts.overlaps(truth, truth) == {2: 1.0, 7: 1.0, 9: 1.0}
    assert scripts.overlaps(found, np.zeros_like(truth)) == {}


def test_sizes_prints_a_row_for_each_class_and_their_mean() -> None:
    done = run("sizes.py", str(DATA), "--models", "classic")
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.startswith("class ") and "0.25 to 0.4" in header
    names = ["beans", "berries", "cells", "pebbles", "mean", "classes"]
    assert [row.split()[0] for row in rows] == names
    assert rows[-1].split()[4] == "4"  # every class has objects of about the support's size


def test_drawn_prints_what_is_there_and_what_is_found() -> None:
    pytest.importorskip("cv2")
    done = run("drawn.py", "--models", "classic")
    assert done.returncode == 0, done.stderr
    header, discs, rings, *absent = done.stdout.splitlines()
    assert header.split() == ["image", "there", "found", "F1@0.5", "mean", "IoU"]
    assert discs.split()[-4:-2] == ["300", "300"]  # small objects of a large image
    assert rings.split()[-4] == "60"
    assert [row.split()[-2] for row in absent] == ["0", "0", "0"]


def test_presets_prints_a_row_for_each_setting_and_its_difference_from_the_first() -> None:
    done = run("presets.py", str(DATA / "beans"), "--models", "classic")
    assert done.returncode == 0, done.stderr
    header, paper, *rows = done.stdout.splitlines()
    assert header.split()[:4] == ["IoU", "F1", "PQ", "mean"]
    assert paper.startswith("paper ") and paper.count("+0.000 (+0.000, +0.000)") == 2
    names = ["hybrid IDM", "diverse exemplars", "IMRM", "PPSM by boxes", "plus_plus", "default"]
    assert [row[:18].strip() for row in rows] == names
    nowhere = run("presets.py", "/nowhere")
    assert nowhere.returncode == 1 and nowhere.stderr.splitlines()[-1].startswith(
        "presets.py: paper: "
    )


def test_labels_of_another_size_are_refused(scripts) -> None:
    with pytest.raises(ValueError, match=r"got \(3, 4\), expected \(4, 3\)"):
        scripts.overlaps(np.zeros((4, 3), np.int32), np.zeros((3, 4), np.int32))


def test_a_class_without_its_support_image_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = run("sizes.py", str(tmp_path), "--models", "classic")
    assert done.returncode == 1
    assert done.stderr == f"sizes.py: {tmp_path / 'nothing'}: expected 00.jpg or 00.jpeg\n"


@pytest.mark.parametrize("script", ["sizes.py", "drawn.py", "absent.py"])
def test_a_wrong_option_is_one_line(script: str) -> None:
    if script == "drawn.py":
        pytest.importorskip("cv2")
    given = [] if script == "drawn.py" else [str(DATA)]
    for setting, answer in (
        ("idm.treshold=3", "option idm.treshold: unknown"),
        ("idm", "--set: got idm, expected KEY=VALUE"),
    ):
        done = run(script, *given, "--models", "classic", "--set", setting)
        assert done.returncode == 1
        assert done.stderr.startswith(f"{script}: {answer}")
        assert done.stderr.count("\n") == 1


def test_memory_prints_what_is_held_keeps_it_and_draws_it(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("matplotlib")
    if not pathlib.Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell what a process holds")
    table, figure = tmp_path / "classic.csv", tmp_path / "memory.png"
    done = run("memory.py", "--models", "classic", "--queries", "60", "--csv", str(table))
    assert done.returncode == 0, done.stderr
    first, last, growth = done.stdout.splitlines()
    assert first.split()[:2] == ["50", "queries"] and last.split()[:2] == ["60", "queries"]
    assert growth.endswith(" MB after the first 60")
    rows = table.read_text().splitlines()
    assert rows[0] == "queries,MB" and [row.split(",")[0] for row in rows[1:]] == ["0", "50", "60"]
    assert run("memory.py", "--plot", str(figure), str(table)).returncode == 0
    assert figure.read_bytes().startswith(b"\x89PNG")
