#!/usr/bin/env python3
"""Whether memory stays flat: thousands of small queries, each another one, in one process.

    memory.py [--queries 10000] [--side 160] [--most 50] [--csv FILE] [--models mini|classic|FOLDER]
        [--set KEY=VALUE ...]
    memory.py --plot FIGURE CSV...

Every query is a part of one of the bundled images, 96 to 160 pixels wide and high (--side sets the most, three fifths
of it are the least), asked for by one, two or three supports, in an image that is encoded first or not. Prints what the process holds (resident, MB) along the
way; exits with 1 where it is more than --most MB more at the end than after the first 500. --csv keeps all
figures, --plot draws them, one line for each file. Linux only.
"""

from __future__ import annotations

import csv
import os
import pathlib
import sys
import time
from typing import Callable, Dict, Sequence

import numpy as np

import persense
from scripts import parser, pipeline_of

DATA = pathlib.Path(__file__).resolve().parents[1] / "examples" / "data"
CLASSES = ("beans", "berries", "cells", "pebbles")
SETTLED = 500  # queries until everything has been used once
EVERY = 50


def resident() -> float:
    """MB of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def curve(
    pipeline: persense.Pipeline, queries: int, side: int, log: Callable[[int, float], None]
) -> Dict[int, float]:
    """What is held after how many queries; every figure is logged as soon as it is known."""
    rng = np.random.default_rng(1)
    images = [persense.read_image(DATA / name / "01.jpg") for name in CLASSES]
    supports = [pipeline.support(DATA / c / "00.jpg", DATA / c / "00.png") for c in CLASSES]
    held = {0: resident()}
    log(0, held[0])
    begin = time.monotonic()
    for number in range(1, queries + 1):
        image = images[rng.integers(len(images))]
        height, width = rng.integers(3 * side // 5, side + 1, 2)
        y = rng.integers(image.shape[0] - height)
        x = rng.integers(image.shape[1] - width)
        part = image[y : y + height, x : x + width]
        count = 1 if number % 4 else int(rng.integers(2, 4))  # several classes now and then
        asked = [supports[k] for k in rng.permutation(len(supports))[:count]]
        result = pipeline.segment(part if number % 2 else pipeline.encode(part), asked)
        result.to_labels()
        if number % EVERY == 0 or number == queries:
            held[number] = resident()
            log(number, held[number])
        if number in (EVERY, SETTLED) or number % 2000 == 0 or number == queries:
            seconds = time.monotonic() - begin
            print(f"{number:6d} queries {held[number]:7.1f} MB {seconds:7.0f} s", flush=True)
    return held


def plot(figure: pathlib.Path, files: Sequence[pathlib.Path]) -> None:
    """One line for each file, named as it is."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(6, 2.6), layout="constrained")
    for file in files:
        with open(file, encoding="ascii", newline="") as lines:
            rows = [(int(row["queries"]), float(row["MB"])) for row in csv.DictReader(lines)]
        axes.plot(*zip(*rows), linewidth=1, label=file.stem)
    axes.set(xlabel="queries", ylabel="resident, MB", ylim=(0, None))
    axes.legend(loc="lower right")
    drawing.savefig(figure, dpi=80)


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--queries", type=int, default=10000)
    made.add_argument("--side", type=int, default=160)
    made.add_argument("--most", type=float, default=50)
    made.add_argument("--csv", type=pathlib.Path)
    made.add_argument("--plot", type=pathlib.Path, metavar="FIGURE")
    made.add_argument("files", nargs="*", type=pathlib.Path, metavar="CSV")
    given = made.parse_args()
    if given.plot:
        plot(given.plot, given.files)
        return 0
    try:
        with open(given.csv or os.devnull, "w", encoding="ascii", buffering=1) as file:
            print("queries,MB", file=file)
            held = curve(
                pipeline_of(given),
                given.queries,
                given.side,
                lambda n, mb: print(f"{n},{mb:.1f}", file=file),
            )
    except (persense.Error, OSError) as error:
        print(f"memory.py: {error}", file=sys.stderr)
        return 1
    settled = min(SETTLED, given.queries)
    later = [mb for number, mb in held.items() if number >= settled]
    grown = max(later[-20:]) - later[0]
    print(f"{grown:+.1f} MB after the first {settled}")
    return 1 if grown > given.most else 0


if __name__ == "__main__":
    sys.exit(main())
