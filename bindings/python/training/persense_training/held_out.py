"""Write scenes that nothing was trained on as data sets, to measure any stages on.

    python -m persense_training.held_out --data DATA_DIR --out FOLDER --composed 100 --rendered 50
    persense eval FOLDER/composed

FOLDER gets `composed`, `rendered` and `real`, each a folder of classes with `00.jpg`, `00.png`, `01.jpg`,
`01.png` and `01_instances.png`, as persense eval takes it. A composed or rendered scene is a class of
its own: one object is the support, and another image of the scene, with nothing in it of which it is
unknown whether it is of the class, the query. Of real images (what training left out of
`scenes/train`, and the last images of the folders of `scenes/validation` that `--validation` names) each
class is asked for by several supports, of areas between the smallest and the largest
(`SOURCE_IMAGE-CLASS-SUPPORT`). Folders whose outlines are loose are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
from typing import Iterator, List, Optional, Sequence, Tuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from persense import _core
from persense_training import whole
from persense_training._ranges import check
from persense_training.library import Pixels
from persense_training.scenes import SAME, UNKNOWN
from persense_training.worlds import Real, World

__all__ = ["Episode", "of_scenes", "of_world", "write"]

Labels = npt.NDArray[np.uint16]
QUALITY = 95  #: of JPEG


@dataclasses.dataclass
class Episode:
    """A support object, and the images in which its like is looked for."""

    name: str
    support: Pixels
    mask: npt.NDArray[np.bool_]
    queries: List[Tuple[Pixels, Labels]]  #: with the objects of the class, 0: none


def _objects(world: World, image: int, kind: int) -> Labels:
    """Labels of the objects of the class, those that hardly show left out."""
    count = len(world.classes[image])
    table = np.zeros(count + 3, np.uint16)
    fit = (world.differences[kind][world.classes[image]] == SAME) & (world.visible_areas[image] > 0)
    table[1 : count + 1][fit] = np.arange(1, fit.sum() + 1)
    return table[world.labels[image]]


def _sure(world: World, image: int, kind: int) -> bool:
    """Whether the image shows the class, and nothing that may be of it."""
    relations = world.differences[kind][world.classes[image]]
    shown = world.visible_areas[image] > 0
    return bool((relations[shown] == SAME).any() and not (relations[shown] == UNKNOWN).any())


def of_scenes(make: whole.Makes, count: int, seed: int) -> Iterator[Episode]:
    """So many scenes of a maker of worlds (see whole.sources), with one support each."""
    number = made = 0
    while made < count:
        rng = np.random.default_rng([seed, number])
        number += 1
        world = make(rng)
        kind, here, mask = whole.support_in(world, rng)
        there = [p for p in range(len(world.images)) if p != here and _sure(world, p, kind)]
        if there:
            query = world.images[there[0]], _objects(world, there[0], kind)
            yield Episode(f"{made:03}", world.images[here], mask, [query])
            made += 1


def of_world(world: World, name: str, supports: int) -> Iterator[Episode]:
    """Each class of real images by so many supports, of evenly distributed rank of area: NAME-C-S.

    The supports are in the first image that has any; that image is the query where there is no other.
    """
    for kind in sorted(world.supports):
        here = min(world.supports[kind])
        objects = world.supports[kind][here]
        objects = objects[np.argsort(world.visible_areas[here][objects], kind="stable")]
        images = [p for p in range(len(world.images)) if (world.classes[p] == kind).any()]
        queries = [
            (world.images[p], _objects(world, p, kind))
            for p in images
            if p != here or len(images) == 1
        ]
        ranks = [int(len(objects) * (i + 1) / (supports + 1)) for i in range(supports)]
        for i, rank in enumerate(sorted(set(ranks))):
            mask = world.labels[here] == int(objects[rank]) + 1
            yield Episode(f"{name}-{kind}-{i + 1}", world.images[here], mask, queries)


def _png(folder: pathlib.Path, name: str, pixels: npt.NDArray[np.generic]) -> None:
    _core.write_file(folder / f"{name}.png", cv2.imencode(".png", pixels)[1].tobytes())


def _jpeg(folder: pathlib.Path, name: str, image: Pixels) -> None:
    packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    _core.write_file(folder / f"{name}.jpg", packed.tobytes())


def write(episode: Episode, folder: pathlib.Path) -> None:
    """Write a class of a data set. Raises OSError."""
    own = folder / episode.name
    own.mkdir(parents=True, exist_ok=True)
    _jpeg(own, "00", episode.support)
    _png(own, "00", episode.mask.astype(np.uint8) * 255)
    for i, (image, labels) in enumerate(episode.queries, 1):
        _jpeg(own, f"{i:02}", image)
        _png(own, f"{i:02}", (labels > 0).astype(np.uint8) * 255)
        _png(own, f"{i:02}_instances", labels)


def _real(given: argparse.Namespace) -> Iterator[Episode]:
    scenes = given.data / "scenes"
    parts = [(Real(scenes / "train", "held_out"), 0)]
    if given.validation:
        parts.append((Real(scenes / "validation", "all", given.validation), given.last))
    groups = [(r, g) for r, last in parts for folder in r.groups for g in folder[-last:]]
    for i, (real, group) in enumerate(groups):
        if not group.loose:
            yield from of_world(real.load(group), f"{group.source}_{i:02}", given.supports)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m persense_training.held_out",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="FOLDER")
    parser.add_argument("--composed", type=int, default=0, metavar="N", help="scenes (0)")
    parser.add_argument("--rendered", type=int, default=0, metavar="N", help="scenes (0)")
    parser.add_argument("--supports", type=int, default=4, help="of real images, each (4)")
    parser.add_argument("--validation", nargs="*", default=[], metavar="NAME", help="folders")
    parser.add_argument("--last", type=int, default=10, help="images of each of these (10)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    try:
        for name in ("composed", "rendered"):
            check(name, getattr(given, name), 0, 100000)
        for name in ("supports", "last"):
            check(name, getattr(given, name), 1, 1000)
        if given.out.exists() and any(given.out.iterdir()):
            raise FileExistsError(f"{given.out}: is not empty, expected a new folder")
        for name in given.validation:
            if not (given.data / "scenes" / "validation" / name).is_dir():
                raise FileNotFoundError(
                    f"--validation: got {name}, expected a folder of {given.data}/scenes/validation"
                )
        makers = whole.sources(given.data)
        for name in ("composed", "rendered"):
            count = getattr(given, name)
            episodes = of_scenes(makers[name], count, given.seed)
            for episode in tqdm(episodes, name, total=count, disable=None):
                write(episode, given.out / name)
        for episode in tqdm(_real(given), "real", disable=None):
            write(episode, given.out / "real")
    except (OSError, ValueError) as error:
        print(f"persense_training.held_out: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
