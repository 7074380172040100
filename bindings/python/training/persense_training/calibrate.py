r"""Choose the thresholds of the default stages, and fit what their scores are worth.

    python -m persense_training.calibrate mini DATA/validation/mandarins DATA/train/axons_sem \
        DATA/train/blastfurnace --own-support DATA/train/emps_particles_1

Each folder holds images NN.jpg (or .png) with NN_instances.png, 16-bit labels of every object, or
with one such file per class, NN_CLASS_instances.png. Of each class one object is the support: the
one of median area in the first of its images; with ``--own-support`` in every image, as each shows a kind
of its own. The others are searched for it, and an instance is right where it matches a
true object at IoU >= 0.5. All classes count alike, however many instances they give.

Prints the knots as the library has them (src/classic/score_knots.hpp), and how reliable the fitted scores
are on the same images. Use images whose truth names every object.

With ``--thresholds DATA_DIR`` (of mini alone) the thresholds come first: on composed, rendered and
real scenes that no network was trained on, those of the fewest faults in what is found (the mean of
the scenes' F1) and where there is nothing to be found, one threshold after the other.

``--write`` puts all into a file that ``python -m persense_export mini --calibration`` makes part of
an archive; what else the file holds is kept.
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import sys
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

import persense
from persense_training import whole
from persense_training.finder import Found, Mask, Pixels

Floats = npt.NDArray[np.float64]
Scored = Dict[str, List[Tuple[float, bool]]]

#: Raw scores between which the calibration is linear.
GRID = (0.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.7, 1.0)
#: Instances as far apart that still count for a knot.
REACH = 0.05
#: What is tried of each threshold, in the order in which they are chosen.
TRIED = {
    "same": (0.3, 0.4, 0.5, 0.6, 0.7),
    "quality": (0.2, 0.3, 0.4, 0.5, 0.6),
    "same_alone": (0.1, 0.2, 0.3),
    "present": (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
}
BEGIN = {"same": 0.5, "quality": 0.5, "same_alone": 0.2, "present": 0.5}
#: Settings whose worth differs by less are taken for equally good: the one nearest to where the
#: search begins is chosen.
EQUAL = 0.005
#: Of an image without objects of the class that stays empty, in units of F1.
EMPTY = 0.15


def label_files(folder: pathlib.Path) -> Dict[str, List[pathlib.Path]]:
    """The label images of a folder by class, which may have no name."""
    found: Dict[str, List[pathlib.Path]] = collections.defaultdict(list)
    for file in sorted(folder.glob("*instances.png")):
        found[file.name[2 : -len("instances.png")].strip("_")].append(file)
    return found


def image_of(labels: pathlib.Path) -> pathlib.Path:
    """The image that a label image is of."""
    for suffix in (".jpg", ".png"):
        image = labels.with_name(labels.name[:2] + suffix)
        if image.exists():
            return image
    raise FileNotFoundError(f"{labels}: no {labels.name[:2]}.jpg or .png beside it")


def median_object(labels: npt.NDArray[np.int32]) -> Optional[int]:
    """The object of median area of those that do not touch the border; None without any."""
    ids, areas = np.unique(labels, return_counts=True)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    inside = (ids > 0) & ~np.isin(ids, border) & (areas >= 40)
    if not inside.any():
        return None
    order = np.argsort(areas[inside], kind="stable")
    return int(ids[inside][order[len(order) // 2]])


def right(result: persense.Result, labels: npt.NDArray[np.int32]) -> Iterator[Tuple[float, bool]]:
    """Score of every instance, and whether it matches a true object."""
    areas = np.bincount(labels.ravel())
    for instance in result:
        x0, y0, x1, y1 = instance.mask.box
        inside = labels[y0:y1, x0:x1][instance.mask.bits]
        shared = np.bincount(inside, minlength=len(areas))
        union = instance.area + areas - shared
        best = (shared[1:] / union[1:]).max() if len(areas) > 1 else 0.0
        yield instance.score, bool(best >= 0.5)


def scores_of(
    pipeline: persense.Pipeline, folder: pathlib.Path, own_support: bool, last: int
) -> Scored:
    """The scores of a folder by class."""
    scored: Scored = {}
    for name, files in label_files(folder).items():
        found: List[Tuple[float, bool]] = []
        support = None
        for file in tqdm(files[-last:], f"{folder.name} {name}".strip(), disable=None):
            labels = persense.read_labels(file)
            query = pipeline.encode(image_of(file))
            if own_support or support is None:
                chosen = median_object(labels)
                if chosen is None:
                    continue
                support = pipeline.support(query, labels=labels, id=chosen)
                if not own_support:
                    continue  # its own image is not scored
            found.extend(right(pipeline.segment(query, support), labels))
        scored[f"{folder.name} {name}".strip()] = found
    return {name: found for name, found in scored.items() if found}


def fit(scored: Scored, grid: Sequence[float] = GRID) -> Floats:
    """The calibrated value of each raw score of the grid, ascending from 0 to 1.

    A knot is the part of instances about it that are right, every class of the same weight in all;
    where that falls with the score, neighbours are averaged (pool adjacent violators).
    """
    values, weights = [], []
    for raw in grid[1:-1]:
        near, hits = 0.0, 0.0
        for found in scored.values():
            own = [ok for score, ok in found if abs(score - raw) <= REACH]
            near += len(own) / len(found)
            hits += sum(own) / len(found)
        values.append(hits / near if near > 0 else raw)
        weights.append(near)
    blocks: List[Tuple[float, float, int]] = []
    for value, weight in zip(values, weights):
        blocks.append((value, max(weight, 1e-6), 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (a, wa, na), (b, wb, nb) = blocks[-2:]
            blocks[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    level = np.concatenate([np.full(count, value) for value, _, count in blocks])
    inner = np.clip(level, 0.01, 0.99) + 0.001 * np.arange(len(level))  # strictly ascending
    return np.concatenate([[0.0], np.minimum(inner, 0.995), [1.0]])


def reliability(scored: Scored, knots: Floats, grid: Sequence[float] = GRID) -> str:
    """A table: instances, mean calibrated score and part that is right, by calibrated score."""
    lines = ["score        instances   mean   right"]
    rows = np.array([row for found in scored.values() for row in found], float)
    weight = np.concatenate([np.full(len(f), 1 / len(f)) for f in scored.values()])
    score = np.interp(rows[:, 0], grid, knots)
    for low in np.arange(0, 1, 0.1):
        inside = (score >= low) & (score < low + 0.1 + 1e-9)
        if inside.any():
            mean = np.average(score[inside], weights=weight[inside])
            hit = np.average(rows[inside, 1], weights=weight[inside])
            lines.append(
                f"{low:.1f} to {low + 0.1:.1f} {inside.sum():10d}   {mean:.2f}    {hit:.2f}"
            )
    return "\n".join(lines)


class _Library:
    """Finds as persense_training.finder.Finder does, by the library itself."""

    def __init__(self, models: str, thresholds: Dict[str, float]) -> None:
        self._pipeline = persense.Pipeline(models, options=options_of(thresholds))

    def find(self, support_image: Pixels, support_mask: Mask, image: Pixels) -> List[Found]:
        support = self._pipeline.support(support_image, support_mask)
        found = []
        for instance in self._pipeline.segment(image, support):
            x0, y0, x1, y1 = instance.mask.box
            mask = np.zeros(image.shape[:2], bool)
            mask[y0:y1, x0:x1] = instance.mask.bits
            found.append(Found(mask, instance.score, 1.0))
        return found


def options_of(thresholds: Dict[str, float]) -> Dict[str, Any]:
    """The options of a pipeline with these thresholds, whose scores are as they are computed."""
    named: Dict[str, Any] = {f"mini.{name}": value for name, value in thresholds.items()}
    return {**named, "decoder.calibration": "off"}


def choose(
    models: str, data: pathlib.Path, pictures: int
) -> Tuple[Dict[str, float], List[Tuple[Dict[str, float], float]]]:
    """The thresholds, and all that were tried with what they were worth."""
    makers = whole.sources(data)
    tried: List[Tuple[Dict[str, float], float]] = []

    def worth(thresholds: Dict[str, float]) -> float:
        for known, value in tried:
            if known == thresholds:
                return value
        found = whole.evaluate(_Library(models, thresholds), makers, pictures)
        f1 = float(np.mean([values["mean_f1"] for values in found.values()]))
        empty = float(np.mean([v["empty"] for v in found.values() if "empty" in v]))
        tried.append((dict(thresholds), f1 + EMPTY * empty))
        tqdm.write(f"{thresholds}: F1 {f1:.3f}, empty where nothing is {empty:.2f}", sys.stderr)
        return tried[-1][1]

    best = dict(BEGIN)
    for name, values in TRIED.items():
        worths = {value: worth({**best, name: value}) for value in values}
        equal = [v for v in values if worths[v] >= max(worths.values()) - EQUAL]
        best[name] = min(equal, key=lambda value: abs(value - BEGIN[name]))
    return best, tried


def write(path: pathlib.Path, knots: Floats, thresholds: Dict[str, float]) -> None:
    """Put knots and thresholds into a file of calibration, beside what else it holds."""
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    held.update(thresholds)
    held["scores"] = [[raw, round(float(value), 3)] for raw, value in zip(GRID, knots)]
    persense._core.write_file(path, (json.dumps(held, indent=1) + "\n").encode())


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m persense_training.calibrate", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("models", help="mini, classic, or a folder with a mini.pt")
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument(
        "--own-support", nargs="+", type=pathlib.Path, default=[], metavar="FOLDER",
        help="folders, every image of which shows a kind of its own",
    )  # fmt: skip
    parser.add_argument(
        "--last", type=int, default=4, help="images of a class: the last, which training leaves (4)"
    )
    parser.add_argument(
        "--thresholds", type=pathlib.Path, metavar="DATA_DIR", help="what mini was trained on"
    )
    parser.add_argument("--pictures", type=int, default=16, help="of a source, for them (16)")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE", help="JSON")
    given = parser.parse_args(arguments)
    try:
        thresholds: Dict[str, float] = {}
        if given.thresholds is not None:
            thresholds, _ = choose(given.models, given.thresholds, given.pictures)
            print(json.dumps(thresholds))
        pipeline = persense.Pipeline(given.models, options=options_of(thresholds))
        scored: Scored = {}
        for folder in given.folders + given.own_support:
            own = folder in given.own_support
            scored.update(scores_of(pipeline, folder, own, given.last))
    except (OSError, persense.Error) as error:
        print(f"persense_training.calibrate: {error}", file=sys.stderr)
        return 1
    if not scored:
        print("persense_training.calibrate: no instance was found in the folders", file=sys.stderr)
        return 1
    knots = fit(scored)
    print(", ".join(f"{{{raw:g}f, {value:.3f}f}}" for raw, value in zip(GRID, knots)))
    print(reliability(scored, knots))
    if given.write is not None:
        write(given.write, knots, thresholds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
