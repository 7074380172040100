#!/usr/bin/env python3
"""Every write of the program fails once, as on a full disk, and every one is a last one, as a kill has it.

    failing_writes.py PROGRAM [--step 1] [--models classic|mini|FOLDER] [--queries 3]

One after the other, each call that makes a folder or opens, writes, closes or renames an output fails: with
ENOSPC, as do all that follow, or with EIO, alone; or the process is killed in it. (--step 5 takes every
fifth of them.) `persense segment` writes all its kinds of outputs over those of an earlier run, `persense
eval` its scores, page and label images, `persense annotate --import` a data set. Expected of a call that fails: exit
code 4, one line that names the file and the reason, and no file in part. In either case every output that is
there is a whole one, and --resume makes all others as an undisturbed run would have made them. Prints a table,
and exits with 1 where it is otherwise; with 4, where calls cannot be made to fail.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import errno
import os
import pathlib
import re
import shutil
import sys
import tempfile
from typing import Dict, List, Tuple

import trial
from trial import Fault, Files, Trial

SKIPPED = 4  #: exit code, ctest's SKIP_RETURN_CODE
UNWRITABLE = 4  #: the program's exit code
KILL = 0
CALLS = ("mkdir", "open", "write", "close", "rename", "truncate", "sync")
ERRORS = {errno.ENOSPC: "full disk", errno.EIO: "input/output error", KILL: "kill"}


def prepare_eval(run: Trial) -> List[str]:
    """A data set of two classes, of the trial's pictures."""
    for name in ("disc", "square"):
        folder = run.folder / "data" / name
        folder.mkdir(parents=True)
        shutil.copy(run.folder / "support.png", folder / "00.jpg")
        shutil.copy(run.folder / f"{name}.png", folder / "00.png")
        shutil.copy(run.folder / "support.png", folder / "01.jpg")
        shutil.copy(run.folder / f"{name}.png", folder / "01.png")
    models = run.arguments[run.arguments.index("--models") + 1]
    outputs = ["--json", "out/scores.json", "--report", "out/report.html", "--save-labels", "out"]
    return ["eval", "data", "--models", models, *outputs]


def prepare_import(run: Trial) -> List[str]:
    """Outlines of the trial's pictures, to be read back."""
    marks = ["--support", "support.png", "--class", "disc", "--mask", "disc.png"]
    models = run.arguments[run.arguments.index("--models") + 1]
    command = ["annotate", "queries", *marks, "--models", models, "-o", "todo"]
    code, errors = run.run([run.program, *command])
    if code != 0:
        raise RuntimeError(f"exit code {code}: {errors}")
    return ["annotate", "--import", "todo", "-o", "out/set"]


class Prober:
    def __init__(self, run: Trial, preload: pathlib.Path, step: int) -> None:
        self.trial = run
        self.preload = preload
        self.step = step
        self.came: Dict[Tuple[str, str, str], int] = collections.Counter()
        self.faults: List[str] = []

    def wrong_answer(self, code: int, errors: str, error: int) -> List[str]:
        # beside notes and, of `persense eval`, a line for each image that is done
        lines = [line for line in errors.splitlines() if not re.match(r"persense: note: |\[", line)]
        reason = re.escape(os.strerror(error))
        line = rf"persense: error: (output folder )?out\b[^:]*: (cannot write: )?{reason}"
        found = [] if code == UNWRITABLE else [f"exit code {code}"]
        if len(lines) != 1 or not re.fullmatch(line, lines[0]):
            found.append(f"not one line that names the file and the reason: {errors!r}")
        return found

    def probe(self, command: str, arguments: List[str], old: Files, whole: Files) -> None:
        """Every call of one command; `old` is what is there before it."""
        for call in CALLS:
            for error, reason in ERRORS.items():
                n = 1
                while self.one(command, arguments, old, whole, (call, n, error)):
                    self.came[command, call, reason] += 1
                    n += self.step

    def one(
        self,
        command: str,
        arguments: List[str],
        old: Files,
        whole: Files,
        at: Tuple[str, int, int],
    ) -> bool:
        """Whether that call came."""
        call, n, error = at
        out = self.trial.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        if old and n % 2 == 0:  # every second time
            shutil.copytree(self.trial.folder / "old", out)
        elif command != "segment":
            out.mkdir()
        before = dict(old) if old and n % 2 == 0 else {}
        fault = Fault(self.trial, self.preload, "out", call, n, error)
        code, errors = self.trial.run([self.trial.program, *arguments], fault.environment)
        if not fault.came:
            return False
        found = self.wrong_answer(code, errors, error) if error != KILL else []
        files = self.trial.files("out")
        if error != KILL:
            found += [f"{name}: left" for name in trial.temporary(files)]
        found += trial.parts(files, whole, before)
        again = [*arguments, "--resume"] if command == "segment" else arguments
        code, errors = self.trial.run([self.trial.program, *again])
        if code != 0:
            found.append(f"again: exit code {code}: {errors!r}")
        found += [f"again: {line}" for line in trial.differences(self.trial.files("out"), whole)]
        where = f"{command}, {ERRORS[error]} in {call} {n}"
        self.faults += [f"{where}: {line}" for line in found]
        return True

    def table(self) -> str:
        rows = [f"{'':8s} {'call':9s}" + "".join(f" {r:>18s}" for r in ERRORS.values())]
        for command in ("segment", "eval", "annotate"):
            for call in CALLS:
                counts = [self.came[command, call, reason] for reason in ERRORS.values()]
                if any(counts):
                    rows.append(f"{command:8s} {call:9s}" + "".join(f" {c:18d}" for c in counts))
        return "\n".join([*rows, f"{len(self.faults)} of them ended otherwise than expected"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--models", default="classic")
    parser.add_argument("--queries", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        try:
            preload = trial.failing_calls(folder)
        except RuntimeError as why:
            print(f"SKIPPED: {why}")
            return SKIPPED
        run = Trial(folder, given.program, given.models, given.queries)
        prober = Prober(run, preload, given.step)
        commands: Dict[str, List[str]] = {
            "segment": [*run.arguments, "-o", "out"],
            "eval": prepare_eval(run),
            "annotate": prepare_import(run),
        }
        with contextlib.suppress(KeyboardInterrupt):  # what was done counts
            for command, arguments in commands.items():
                # made with another threshold, so that most of its files have other bytes
                old: Files = {}
                if command != "annotate":  # which writes over nothing
                    old = run.undisturbed([*arguments, "--set", "idm.threshold=200"], "old")
                whole = run.undisturbed(arguments, "whole")
                prober.probe(command, arguments, old, whole)
    print(prober.table())
    for line in prober.faults[:20]:
        print(line, file=sys.stderr)
    return 1 if prober.faults else 0


if __name__ == "__main__":
    sys.exit(main())
