"""The Python examples, run as a user runs them."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Dict, List

import pytest
from samples import DATA, EXAMPLES, count_by_default, persense, run_example

EXAMPLE = [DATA / "pebbles" / "00.jpg", DATA / "pebbles" / "00.png"]
OPTIONS = ["--support", EXAMPLE[0], "--mask", EXAMPLE[1]]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Six images, of which one cannot be read, and a file that is no image."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for kind in ("beans", "berries", "cells", "pebbles"):
        shutil.copy(DATA / kind / "01.jpg", pictures / f"{kind}.jpg")
    shutil.copy(EXAMPLE[0], pictures / "support.JPG")
    (pictures / "broken.jpg").write_bytes((DATA / "beans" / "01.jpg").read_bytes()[:2000])
    (pictures / "notes.txt").write_text("not an image")
    return pictures


def rows_of(table: pathlib.Path) -> Dict[str, List[str]]:
    with open(table, newline="") as file:
        return {row[0]: row[1:3] for row in csv.reader(file)}


def test_05_segment_prints_the_objects_and_writes_figure_and_coco(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figure, coco = tmp_path / "figure.png", tmp_path / "coco.json"
    printed = run_example("05_segment.py", *EXAMPLE, DATA / "pebbles" / "01.jpg", figure, coco)
    count = count_by_default("pebbles")
    lines = printed.stdout.splitlines()
    assert lines[0].startswith(f"Result({count} instances, ") and len(lines) == 4
    assert persense.read_image(figure).shape == (675, 900, 3)
    assert len(json.loads(coco.read_text())["annotations"]) == count


def test_12_finds_beans_and_leaves_in_the_picture_that_they_are_marked_in(
    tmp_path: pathlib.Path,
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figure = tmp_path / "figure.png"
    printed = run_example("12_several_classes.py", DATA / "beans" / "01.jpg", figure)
    assert re.fullmatch(
        r"[5-9]\d x bean, \d+ of them at the border\n[34] x leaf, .*\n", printed.stdout
    )
    assert persense.read_image(figure).shape == (675, 900, 3)


def test_07_counts_a_folder_and_skips_what_cannot_be_read(
    folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    table = tmp_path / "counts.csv"
    done = run_example("07_count_folder.py", *OPTIONS, folder, table, "--jobs", 2)
    assert done.stdout.startswith("5 counted, ")
    assert done.stdout.endswith("; 1 skipped, 0 done before\n")
    assert f"skipped: {folder / 'broken.jpg'}: " in done.stderr
    assert "5/6" in done.stderr or "6/6" in done.stderr  # the bar
    rows = rows_of(table)
    assert list(rows) == [
        "file",
        *(f"{n}.jpg" for n in ("beans", "berries", "cells", "pebbles")),
        "support.JPG",
    ]
    assert rows["pebbles.jpg"][0] == str(count_by_default("pebbles"))


def test_07_goes_on_where_it_was_stopped(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    whole, stopped = tmp_path / "whole.csv", tmp_path / "stopped.csv"
    run_example("07_count_folder.py", *OPTIONS, folder, whole)
    lines = whole.read_text().splitlines(keepends=True)
    stopped.write_text("".join(lines[:3]) + lines[3][:7])  # killed in the middle of a line
    done = run_example("07_count_folder.py", *OPTIONS, folder, stopped)
    assert done.stdout.startswith("3 counted, ")
    assert done.stdout.endswith("; 1 skipped, 2 done before\n")
    assert rows_of(stopped) == rows_of(whole)


def test_07_can_be_interrupted(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for copy in range(300):
        shutil.copy(folder / "cells.jpg", folder / f"more_{copy:03}.jpg")
    table = tmp_path / "counts.csv"
    command = [sys.executable, EXAMPLES / "07_count_folder.py", *OPTIONS, folder, table]
    running = subprocess.Popen([str(c) for c in command], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while (not table.exists() or len(rows_of(table)) < 4) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "stopped; the same command goes on from here" in errors and "Traceback" not in errors
    assert 4 <= len(rows_of(table)) < 300
    assert table.read_text().endswith("\n")


def test_07_names_a_support_that_is_missing(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    options = ["--support", "none.jpg", "--mask", EXAMPLE[1]]
    done = run_example("07_count_folder.py", *options, folder, tmp_path / "t.csv", status=1)
    assert done.stderr.splitlines()[-1].startswith("none.jpg: ")
    assert not (tmp_path / "t.csv").exists()


ROWS = ["beans.jpg,86,86.20,300.1,0.200", "cells.jpg,40,40.10,200.0,0.100"]
NAMES = "file,count,estimated_count,mean_area,seconds"


def test_07_goes_on_with_a_table_that_a_spreadsheet_saved(
    folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    table = tmp_path / "counts.csv"
    table.write_bytes(b"\xef\xbb\xbf" + "".join(f"{x}\r\n" for x in [NAMES, *ROWS]).encode())
    done = run_example("07_count_folder.py", *OPTIONS, folder, table)
    assert done.stdout.startswith("3 counted, ") and done.stdout.endswith(", 2 done before\n")
    assert len(table.read_bytes().splitlines()) == 1 + 2 + 3


@pytest.mark.parametrize("text", [NAMES.replace(",", ";"), "a,b", "\x00\xff", NAMES + ",mine"])
def test_07_refuses_another_table_in_one_line_and_leaves_it_as_it_is(
    text: str, folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    table = tmp_path / "counts.csv"
    table.write_bytes(text.encode("latin-1") + b"\r\n1;2;3;4;5\r\nnot finished")
    before = table.read_bytes()
    done = run_example("07_count_folder.py", *OPTIONS, folder, table, status=1)
    [line] = done.stderr.splitlines()
    assert line.startswith(f"{table}: its first line is ") and f"expected {NAMES!r}" in line
    assert table.read_bytes() == before


def test_07_counts_files_whose_names_are_no_utf_8_and_leaves_out_those_of_macos(
    tmp_path: pathlib.Path,
) -> None:
    folder, table = tmp_path / "pictures", tmp_path / "counts.csv"
    folder.mkdir()
    strange = folder / "b\udce4ume \u00fc.jpg"
    shutil.copy(EXAMPLE[0], strange)
    (folder / "._a.jpg").write_bytes(b"of macOS")
    done = run_example("07_count_folder.py", *OPTIONS, folder, table)
    assert done.stdout.startswith("1 counted, ") and "; 0 skipped, 0 done" in done.stdout
    assert b"b\xe4ume \xc3\xbc.jpg," in table.read_bytes()
    again = run_example("07_count_folder.py", *OPTIONS, folder, table)
    assert again.stdout == "0 counted, 0 seeds; 0 skipped, 1 done before\n"


def test_08_writes_parts_of_names_that_are_no_utf_8(tmp_path: pathlib.Path) -> None:
    specification = importlib.util.spec_from_file_location("many", EXAMPLES / "08_many_workers.py")
    many = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(many)
    strange = tmp_path / "b\udce4ume.jpg"
    shutil.copy(EXAMPLE[0], strange)
    worker = many.Segmenter(*map(str, EXAMPLE), "classic", "cpu", str(tmp_path))
    answer = worker({"path": [os.fsencode(strange)]})
    assert answer["error"] == [""] and answer["count"][0] > 0
    assert many.files_done(tmp_path) == {str(strange)}
