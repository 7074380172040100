"""What the scripts beside it share: a run of the program over small pictures, calls that fail, files."""

from __future__ import annotations

import collections
import errno
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import zlib
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

RECORD = ".persense-run/record.jsonl"
GROUND, DISC, SQUARE = (20, 24, 28), (200, 210, 220), (60, 190, 70)
Colour = Tuple[int, int, int]
Files = Dict[str, bytes]


def write_png(
    path: pathlib.Path, width: int, height: int, at: Callable[[int, int], Sequence[int]]
) -> None:
    """Grey or RGB, by the length of what `at(x, y)` gives."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    rows = b"".join(b"\0" + b"".join(bytes(at(x, y)) for x in range(width)) for y in range(height))
    kind = 2 if len(at(0, 0)) == 3 else 0
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def without_seconds(file: pathlib.Path) -> bytes:
    """A file's bytes; of scores and their page without the seconds that they took."""
    data = file.read_bytes()
    if file.name not in ("scores.json", "report.html"):
        return data
    return re.sub(rb'("seconds(_per_image)?": ?)[0-9.e-]+', rb"\1", data)


def in_shape(x: int, y: int, column: int, row: int) -> bool:
    """Discs in even rows, squares in odd ones, 40 pixels apart."""
    dx, dy = abs(x - 20 - 40 * column), abs(y - 20 - 40 * row)
    return dx * dx + dy * dy <= 100 if row % 2 == 0 else max(dx, dy) <= 9


def write_picture(path: pathlib.Path, columns: int, rows: int) -> None:
    """So many shapes across and down."""

    def colour(x: int, y: int) -> Colour:
        column, row = min(x // 40, columns - 1), min(y // 40, rows - 1)
        return (SQUARE if row % 2 else DISC) if in_shape(x, y, column, row) else GROUND

    write_png(path, 40 * columns, 40 * rows, colour)


class Trial:
    """A folder with queries, and the program with the arguments of one run over them."""

    def __init__(self, folder: pathlib.Path, program: str, models: str, queries: int) -> None:
        self.folder = folder
        self.program = str(pathlib.Path(program).resolve())
        (folder / "queries").mkdir()
        write_picture(folder / "support.png", 3, 2)
        for name, row in (("disc", 0), ("square", 1)):
            write_png(folder / f"{name}.png", 120, 80, lambda x, y: [255 * in_shape(x, y, 0, row)])
        for number in range(queries):
            write_picture(folder / "queries" / f"{number}.png", 3 + number % 3, 2 + number % 2)
        marks = ["--support", "support.png", "--class", "disc", "--mask", "disc.png"]
        marks += ["--class", "square", "--mask", "square.png", "--models", models]
        kinds = "--overlay --labels --csv --coco --trace --yolo --geojson --imagej".split()
        self.arguments = ["segment", *marks, "queries", *kinds, "--threads", "1"]

    def command(self, out: str, more: Sequence[str] = ()) -> List[str]:
        return [self.program, *self.arguments, "-o", out, *more]

    def start(
        self, command: Sequence[str], environment: Optional[Mapping[str, str]] = None
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "OMP_WAIT_POLICY": "passive", **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, command: Sequence[str], environment: Optional[Mapping[str, str]] = None
    ) -> Tuple[int, str]:
        """Exit code, and what is on standard error."""
        started = self.start(command, environment)
        _, errors = started.communicate(timeout=600)
        return started.returncode, errors

    def files(self, out: str) -> Files:
        """Every file below a folder of outputs, hidden ones included, by its relative name."""
        folder = self.folder / out
        return {
            str(file.relative_to(folder)): without_seconds(file)
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }

    def undisturbed(self, arguments: Sequence[str], kept: str) -> Files:
        """What a run into the folder "out" leaves, which is moved to `kept`."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        code, errors = self.run([self.program, *arguments])
        if code != 0:
            raise RuntimeError(f"exit code {code}: {errors}")
        shutil.rmtree(self.folder / kept, ignore_errors=True)
        return self.files(str(out.rename(self.folder / kept).name))


def failing_calls(folder: pathlib.Path) -> pathlib.Path:
    """What LD_PRELOAD makes calls fail with, compiled there.

    Raises RuntimeError, in one line, where that cannot be had.
    """
    if not sys.platform.startswith("linux"):
        raise RuntimeError("calls are made to fail with LD_PRELOAD, which is Linux's")
    made = folder / "failing_calls.so"
    source = pathlib.Path(__file__).with_name("failing_calls.c")
    command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"no C compiler: {error}") from error
    return made


class Fault:
    """One call of the program that fails; see failing_calls.c.

    below: the folder of outputs, as the program's arguments have it. The error is 0 for a kill.
    """

    def __init__(
        self, trial: Trial, preload: pathlib.Path, below: str, call: str, n: int, error: int
    ) -> None:
        self.log = trial.folder / "fault.log"
        self.log.unlink(missing_ok=True)
        lasts = "all" if error == errno.ENOSPC else "once"
        self.environment = {
            "LD_PRELOAD": str(preload),
            "PERSENSE_FAULT": f"{call}:{n}:{error}:{lasts}",
            "PERSENSE_FAULT_BELOW": str(trial.folder.resolve() / below),
            "PERSENSE_FAULT_LOG": str(self.log),
        }

    @property
    def came(self) -> bool:
        return self.log.exists()


def temporary(files: Files) -> List[str]:
    """Those that are under construction, or in a folder that is."""
    unfinished = r"(^|/)\.persense-[^/]*\.tmp(/|$)"
    return [name for name in files if re.search(unfinished, name)]


def parts(files: Files, whole: Files, *others: Files) -> List[str]:
    """Outputs that are neither as an undisturbed run leaves them nor as they were before."""
    unfinished = set(temporary(files)) | {RECORD}
    return [
        f"{name}: {len(data)} bytes, a part of a file"
        for name, data in files.items()
        if name not in unfinished and not any(data == known.get(name) for known in (whole, *others))
    ]


def differences(files: Files, whole: Files) -> List[str]:
    """How a complete run's files differ from an undisturbed run's.

    The record has its lines in the order in which the images were done.
    """
    found = [f"{name}: missing" for name in whole if name not in files]
    for name, data in files.items():
        if name not in whole:
            found.append(f"{name}: left over")
        elif name == RECORD:
            if collections.Counter(data.splitlines()) != collections.Counter(
                whole[name].splitlines()
            ):
                found.append(f"{name}: other lines")
        elif data != whole[name]:
            found.append(f"{name}: other bytes")
    return found
