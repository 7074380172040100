#!/usr/bin/env python3
"""What PerSense++ and each of its parts are worth against the paper's preset.

    presets.py DATASET [--program FILE] [--json FILE] [FLAG ...]

DATASET is what `persense eval` takes; all further flags, as --models, are its own. Classes count
alike. Behind a difference from the paper's preset is the interval that holds 95 % of 10,000
bootstrap samples of the classes.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

PUBLISHED = ["--set", "idm.mode=contour", "--set", "feedback.shots=4"]
SETTINGS: Dict[str, List[str]] = {
    "paper": PUBLISHED,
    "hybrid IDM": ["--set", "idm.mode=hybrid", "--set", "feedback.shots=4"],
    "diverse exemplars": [*PUBLISHED, "--set", "feedback.selection=diverse"],
    "IMRM": [*PUBLISHED, "--set", "rejection.mode=imrm"],
    "PPSM by boxes": [*PUBLISHED, "--set", "ppsm.selection=boxes"],
    "plus_plus": ["--preset", "plus_plus"],
    "default": [],  # of the stages, which may ask for other values than the paper's
}
SCORES = ("iou", "f1", "pq", "mf1", "count_mae", "seconds_per_image")
Rows = Dict[str, Dict[str, float]]


def evaluated(program: Sequence[str], dataset: str, flags: Sequence[str]) -> Rows:
    """Scores by class. Raises CalledProcessError; what the program says stands on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "scores.json"
        command = [*program, "eval", dataset, "--json", str(file), *flags]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rows: Rows = json.loads(file.read_text())["classes"]
        return rows


def difference(rows: Rows, base: Rows, score: str) -> Tuple[float, float, float]:
    """Mean difference over the classes, and the ends of its interval."""
    each = np.array([rows[name][score] - base[name][score] for name in base])
    picks = np.random.default_rng(1).integers(0, len(each), (10_000, len(each)))
    low, high = np.quantile(each[picks].mean(axis=1), (0.025, 0.975))
    return float(each.mean()), float(low), float(high)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print the table."""
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("dataset")
    flags.add_argument("--program", help="the program to run; by default, of this Python")
    flags.add_argument("--json", type=pathlib.Path, help="all scores of all classes, too")
    given, further = flags.parse_known_args(arguments)
    program = [given.program] if given.program else [sys.executable, "-m", "persense"]
    found: Dict[str, Rows] = {}
    print(f"{'':18s}{'IoU':>7s}{'F1':>7s}{'PQ':>7s}{'mean F1':>9s}{'MAE':>8s}{'s':>7s}", end="")
    print(f"{'F1 - paper':>24s}{'PQ - paper':>24s}")
    for name, setting in SETTINGS.items():
        try:
            rows = found[name] = evaluated(program, given.dataset, [*setting, *further])
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"presets.py: {name}: {error}", file=sys.stderr)
            return 1
        iou, f1, pq, mf1, mae, s = (np.mean([r[k] for r in rows.values()]) for k in SCORES)
        print(f"{name:18s}{iou:7.3f}{f1:7.3f}{pq:7.3f}{mf1:9.3f}{mae:8.2f}{s:7.2f}", end="")
        for score in ("f1", "pq"):
            cell = "{:+.3f} ({:+.3f}, {:+.3f})".format(*difference(rows, found["paper"], score))
            print(f"{cell:>24s}", end="")
        print(flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
