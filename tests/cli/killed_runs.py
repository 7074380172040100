#!/usr/bin/env python3
"""Kills runs of the program at random moments, and resumes them: nothing may differ from a run in peace.

    killed_runs.py PROGRAM [--kills 200] [--seed 1] [--models classic|mini|FOLDER] [--queries 8]

Every second kill comes at a moment of the whole run's time, the others as soon as a file is seen under
construction, so that some are in the middle of a write (failing_writes.py kills at every one). Of every third trial the resumed run is
killed as well, and every second has two jobs. After a kill no file may be there in part; after the run
that is resumed last, every output is as the undisturbed run wrote it, byte for byte, nothing is left
over, and the exit code is 0. Prints a summary, and exits with 1 where it is otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from typing import List, Set

import trial
from trial import RECORD, Files, Trial


@dataclasses.dataclass
class Counts:
    kills: int = 0
    in_time: int = 0  # that came before the end of the run
    in_write: int = 0  # that left a file under construction
    in_record: int = 0  # that cut a line of the record off
    resumed_kills: int = 0
    parts: int = 0
    codes: int = 0
    differences: int = 0
    temporary: int = 0


class Killer:
    def __init__(self, run: Trial, whole: Files, seconds: float, seed: int) -> None:
        self.trial = run
        self.whole = whole
        self.seconds = seconds
        self.random = random.Random(seed)
        self.counts = Counts()
        self.faults: List[str] = []

    def say(self, name: str, found: List[str]) -> int:
        self.faults += [f"{name}: {line}" for line in found]
        return len(found)

    def wait_for_write(self, running: "subprocess.Popen[str]", out: pathlib.Path, n: int) -> None:
        """Until n files have been seen under construction; not every one is seen."""
        seen: Set[str] = set()
        while running.poll() is None and len(seen) < n:
            for folder in (out, out / ".persense-run"):
                with contextlib.suppress(FileNotFoundError):
                    seen.update(name for name in os.listdir(folder) if name.endswith(".tmp"))

    def kill_a_run(self, name: str, more: List[str], by_time: bool) -> None:
        out = self.trial.folder / "out"
        before = len(self.trial.files("out")) if out.exists() else 0
        running = self.trial.start(self.trial.command("out", more))
        if by_time:
            time.sleep(self.random.uniform(0, self.seconds))
        else:
            most = (len(self.whole) - before) // 4
            self.wait_for_write(running, out, self.random.randint(1, max(1, most)))
        running.kill()
        running.communicate()
        self.counts.kills += 1
        self.counts.in_time += running.returncode < 0
        files = self.trial.files("out")
        self.counts.in_write += bool(trial.temporary(files))
        record = files.get(RECORD, b"")
        self.counts.in_record += bool(record) and not record.endswith(b"\n")
        self.counts.parts += self.say(f"{name}, after the kill", trial.parts(files, self.whole))

    def one(self, number: int) -> None:
        shutil.rmtree(self.trial.folder / "out", ignore_errors=True)
        jobs = ["--jobs", str(1 + number // 2 % 2)]
        by_time = number % 2 == 0
        self.kill_a_run(f"trial {number}", jobs, by_time)
        if number % 3 == 2:
            self.counts.resumed_kills += 1
            self.kill_a_run(f"trial {number}, resumed", [*jobs, "--resume"], by_time)
        code, errors = self.trial.run(self.trial.command("out", [*jobs, "--resume"]))
        if code != 0:
            self.counts.codes += self.say(f"trial {number}", [f"exit code {code}: {errors}"])
        files = self.trial.files("out")
        self.counts.temporary += len(trial.temporary(files))
        self.counts.differences += self.say(f"trial {number}", trial.differences(files, self.whole))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", default="classic")
    parser.add_argument("--queries", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Trial(pathlib.Path(folder), given.program, given.models, given.queries)
        seconds = math.inf
        for _ in range(3):
            begin = time.monotonic()
            whole = run.undisturbed([*run.arguments, "-o", "out"], "whole")
            seconds = min(seconds, time.monotonic() - begin)
        killer = Killer(run, whole, seconds, given.seed)
        with contextlib.suppress(KeyboardInterrupt):  # what was done counts
            for number in itertools.count():
                if killer.counts.kills >= given.kills:
                    break
                killer.one(number)
    counts = killer.counts
    print(
        f"{counts.kills} kills in runs of {seconds:.2f} s ({counts.in_time} before the end, "
        f"{counts.resumed_kills} of resumed runs, {counts.in_write} with a file under "
        f"construction, {counts.in_record} with a line of the record cut off): "
        f"{counts.parts} parts of files; after resuming {counts.codes} exit codes but 0, "
        f"{counts.temporary} temporary files, {counts.differences} differences"
    )
    for line in killer.faults[:20]:
        print(line, file=sys.stderr)
    return 1 if killer.faults else 0


if __name__ == "__main__":
    sys.exit(main())
