"""Scaling out with Ray Data: every image once, whatever is killed."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Set

import pytest
from samples import DATA, EXAMPLES, found_in

pytest.importorskip("ray.data", reason="Ray is not installed: pip install 'ray[data]'")

KINDS = ("beans", "berries", "cells", "pebbles")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """80 images in two folders, and one that cannot be read."""
    pictures = tmp_path_factory.mktemp("pictures")
    (pictures / "more").mkdir()
    for copy in range(20):
        for kind in KINDS:
            where = pictures if copy % 2 else pictures / "more"
            shutil.copy(DATA / kind / "01.jpg", where / f"{kind}_{copy:02}.jpg")
    (pictures / "broken.jpg").write_bytes(b"not an image")
    return pictures


@pytest.fixture(scope="module", autouse=True)
def ray_folder():
    """Where Ray keeps logs and sockets; the names of sockets must be short."""
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    os.environ["RAY_TMPDIR"] = folder
    yield
    del os.environ["RAY_TMPDIR"]
    shutil.rmtree(folder, ignore_errors=True)


def start(folder: pathlib.Path, out: pathlib.Path) -> "subprocess.Popen[str]":
    example = DATA / "pebbles"
    options = ["--support", example / "00.jpg", "--mask", example / "00.png", "--batch", 2]
    options += ["--models", "classic"]
    command = [sys.executable, EXAMPLES / "08_many_workers.py", *options, folder, out]
    return subprocess.Popen(
        [str(c) for c in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(running: "subprocess.Popen[str]") -> str:
    """The example's last line; Ray may say a word of its own before or after it."""
    out, errors = running.communicate(timeout=80)
    assert running.returncode == 0, errors
    (line,) = [line for line in out.splitlines() if line.endswith(" done before")]
    return line


def lines_of(out: pathlib.Path) -> List[Dict[str, Any]]:
    parts = sorted(out.glob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def found(out: pathlib.Path) -> Dict[str, Any]:
    """What was found in every image, without who found it."""
    lines = lines_of(out)
    by_file = {line["file"]: {**line, "worker": None} for line in lines}
    assert len(by_file) == len(lines), "an image was written twice"
    return by_file


def workers_after(parts: int, out: pathlib.Path) -> Set[int]:
    """Waits until so many parts are complete; the process ids of those who wrote them."""
    deadline = time.monotonic() + 40
    while len(list(out.glob("part-*.jsonl"))) < parts:
        assert time.monotonic() < deadline, "the workers do not start"
        time.sleep(0.01)
    return {int(line["worker"].rpartition(":")[2]) for line in lines_of(out)}


@pytest.fixture(scope="module")
def undisturbed(folder: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    out = tmp_path_factory.mktemp("undisturbed")
    assert finish(start(folder, out)).endswith("; 1 failed, 0 done before")
    pids = {line["worker"] for line in lines_of(out)}
    assert len(pids) == 2, "expected one pipeline in each of two workers"
    return found(out)


def test_every_picture_is_segmented_once(undisturbed: Dict[str, Any]) -> None:
    assert len(undisturbed) == 81
    for file, line in undisturbed.items():
        if file.endswith("broken.jpg"):
            assert line["error"].startswith(file) and line["count"] == 0
            continue
        assert line["error"] is None and line["count"] == len(line["instances"])
        if "pebbles" in file:
            assert line["instances"] == found_in("pebbles").to_coco()["annotations"]


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(
    folder: pathlib.Path, tmp_path: pathlib.Path, undisturbed: Dict[str, Any]
) -> None:
    running = start(folder, tmp_path)
    victim = workers_after(4, tmp_path).pop()
    os.kill(victim, signal.SIGKILL)
    before = len(lines_of(tmp_path))
    assert before < 81, "the run was over before a worker could be killed"
    assert finish(running).endswith("; 1 failed, 0 done before")
    assert found(tmp_path) == undisturbed
    assert len({line["worker"] for line in lines_of(tmp_path)}) > 1


def test_after_the_whole_run_was_killed_the_same_command_does_what_is_missing(
    folder: pathlib.Path, tmp_path: pathlib.Path, undisturbed: Dict[str, Any]
) -> None:
    running = start(folder, tmp_path)
    workers_after(4, tmp_path)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    done = len(lines_of(tmp_path))
    assert 8 <= done < 81
    said = finish(start(folder, tmp_path))
    # what was written while the run was dying counts as well
    assert int(said.rsplit(", ", 1)[1].split()[0]) >= done
    assert found(tmp_path) == undisturbed
