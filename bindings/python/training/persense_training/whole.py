"""How well the small network does on whole images that nothing was trained on.

python -m persense_training.whole --weights weights.pt --data DATA_DIR --pictures 20
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import Callable, Dict, List, Optional, Protocol, Sequence, Tuple

import numpy as np

from persense_training import compose, worlds
from persense_training.finder import Finder, Found, Mask, Pixels
from persense_training.model import network_of
from persense_training.scenes import SAME
from persense_training.worlds import Real, World

__all__ = ["Finds", "Makes", "evaluate", "score", "sources", "support_in"]


Makes = Callable[[np.random.Generator], World]


class Finds(Protocol):
    """What is evaluated: a Finder, or anything that finds as one does."""

    def find(self, support_image: Pixels, support_mask: Mask, image: Pixels) -> List[Found]:
        """All objects like the support's."""


def score(
    found: Sequence[Found], world: World, picture: int, kind: Optional[int]
) -> Dict[str, float]:
    """Of an image: true, false and missed objects at an IoU of one half, and the sum of the IoUs of
    the true ones. What lies for the most part on objects of unknown relation, or on what is ignored,
    counts for nothing. kind: the class that was looked for; None: none of the image's.
    """
    labels, classes = world.labels[picture], world.classes[picture]
    count = len(classes)
    relation = np.full(count + 3, 9)
    if kind is not None:
        relation[1 : count + 1] = world.differences[kind][classes]
    relation[count + 2] = 1
    areas = np.bincount(labels.ravel(), minlength=count + 3)
    left = {
        i
        for i in range(1, count + 1)
        if relation[i] == SAME and world.visible_areas[picture][i - 1]
    }
    totals = {"true": 0.0, "false": 0.0, "iou": 0.0}
    for one in found:
        over = np.bincount(labels[one.mask], minlength=count + 3)
        best = int(over[1:].argmax()) + 1
        area = int(one.mask.sum())
        overlap = float(over[best]) / max(area + float(areas[best]) - float(over[best]), 1.0)
        if best in left and overlap >= 0.5:
            totals["true"] += 1
            totals["iou"] += overlap
            left.remove(best)
        elif int(over[relation == 1].sum()) < 0.5 * area:
            totals["false"] += 1
    totals["missed"] = float(len(left))
    return totals


def _totals(rows: Sequence[Dict[str, float]]) -> Dict[str, float]:
    true, false, missed = (sum(r[n] for r in rows) for n in ("true", "false", "missed"))
    each = [
        2 * r["true"] / (2 * r["true"] + r["false"] + r["missed"])
        for r in rows
        if r["true"] + r["missed"]
    ]
    return {
        "pictures": float(len(rows)),
        "objects": true + missed,
        "precision": true / max(true + false, 1),
        "recall": true / max(true + missed, 1),
        "f1": 2 * true / max(2 * true + false + missed, 1),
        "mean_f1": float(np.mean(each)) if each else 0.0,  # images count alike
        "mask_iou": sum(r["iou"] for r in rows) / max(true, 1),
    }


def support_in(world: World, rng: np.random.Generator) -> Tuple[int, int, Mask]:
    """Class, image and mask of an object that may serve as support."""
    kind = int(rng.choice(sorted(world.supports)))
    here = int(rng.choice(sorted(world.supports[kind])))
    label = int(rng.choice(world.supports[kind][here])) + 1
    return kind, here, world.labels[here] == label


def evaluate(
    finder: Finds, makers: Dict[str, Makes], pictures: int, seed: int = 1
) -> Dict[str, Dict[str, float]]:
    """By source, on so many images each, with a support from another one where there is one; and
    how much is found where there is nothing, with a support of another source.
    """
    results: Dict[str, Dict[str, float]] = {}
    foreign: List[Tuple[Pixels, Mask]] = []
    for source, make in makers.items():
        rows, absent = [], []
        for n in range(pictures):
            world = make(np.random.default_rng([seed, n]))
            rng = np.random.default_rng([seed, 1, n])
            kind, here, mask = support_in(world, rng)
            having = [p for p in range(len(world.images)) if (world.classes[p] == kind).any()]
            there = next((p for p in having if p != here), here)
            found = finder.find(world.images[here], mask, world.images[there])
            rows.append(score(found, world, there, kind))
            if foreign:
                other = foreign[int(rng.integers(len(foreign)))]
                none = finder.find(other[0], other[1], world.images[there])
                absent.append(len(none))
            if n == 0:
                mine = (world.images[here], mask)
        results[source] = _totals(rows)
        if absent:
            results[source]["found_in_vain"] = float(np.mean(absent))
            results[source]["empty"] = float(np.mean(np.array(absent) == 0))
        foreign.append(mine)
    return results


def sources(data: pathlib.Path) -> Dict[str, Makes]:
    """What makes held out worlds, by source."""
    library = compose.Library(data, held_out=True)
    real = Real(data / "scenes" / "train", "held_out")
    makers: Dict[str, Makes] = {
        "composed": lambda rng: compose.compose(library, int(rng.integers(1 << 40))),
        "rendered": lambda rng: worlds.rendered((1 << 41) + int(rng.integers(1 << 40))),
        "real": real.draw,
    }
    return {name: _usable(make) for name, make in makers.items()}


def _usable(make: Makes) -> Makes:
    """The same, until an object may serve as support."""

    def made(rng: np.random.Generator) -> World:
        while True:
            world = make(rng)
            if world.supports:
                return world

    return made


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print how well weights do on whole held out images."""
    parser = argparse.ArgumentParser(prog="python -m persense_training.whole", description=__doc__)
    parser.add_argument("--weights", required=True, help="weights.pt of a run, or a mini.pt")
    parser.add_argument("--data", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--pictures", type=int, default=20, help="of a source")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    try:
        finder = Finder(network_of(given.weights))
        found = evaluate(finder, sources(given.data), given.pictures, given.seed)
    except (OSError, ValueError) as error:
        print(f"persense_training.whole: {error}", file=sys.stderr)
        return 1
    for source, values in found.items():
        print(source, " ".join(f"{name} {value:.3f}" for name, value in values.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
