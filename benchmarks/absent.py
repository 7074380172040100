#!/usr/bin/env python3
"""How much is found where there is nothing: supports asked of images that do not show their object.

    absent.py DATASET [--images FOLDER ...] [--models mini|classic|FOLDER] [--set KEY=VALUE ...]

DATASET is a folder of class folders, as `persense eval` takes it: NAME/00.jpg with the mask NAME/00.png,
and queries NAME/01.jpg and so on. Every class's support is asked of the first query of every other class
whose name shares no word with its own (words end at "_"), and of the images of the other folders. Prints,
by class, how many objects were found per image, and how many images stayed empty, as they should.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
from typing import Dict, List, Optional, Sequence

import numpy as np
from tqdm import tqdm

import persense
from scripts import SUFFIXES, image_in, parser, pipeline_of

LONGEST = 1200  # side of what is asked, pixels: textures are large


@dataclasses.dataclass
class Row:
    """How many objects one support found in each image."""

    found: List[int] = dataclasses.field(default_factory=list)

    def add(self, other: "Row") -> None:
        self.found += other.found

    def line(self, name: str) -> str:
        empty = sum(n == 0 for n in self.found) / len(self.found)
        return (
            f"{name:28s} {len(self.found):6d} {np.mean(self.found):13.2f} "
            f"{np.median(self.found):8.1f} {100 * empty:8.0f}"
        )


def related(a: str, b: str) -> bool:
    """Whether two classes may hold objects of one kind."""
    return bool(set(a.split("_")) & set(b.split("_")))


def textures(folders: Sequence[pathlib.Path], most: int) -> List[pathlib.Path]:
    """Images below the folders, evenly chosen where there are more than `most`."""
    files = sorted(f for folder in folders for f in folder.rglob("*") if f.suffix in SUFFIXES)
    step = max(1, len(files) // most) if most else 1
    return files[::step][:most] if most else files


def supports(pipeline: persense.Pipeline, folders: Sequence[pathlib.Path]) -> Dict[str, object]:
    """A support of each class."""
    made = {}
    for folder in folders:
        made[folder.name] = pipeline.support(image_in(folder, "00"), mask=folder / "00.png")
    return made


def measured(pipeline: persense.Pipeline, given: argparse.Namespace) -> Dict[str, Row]:
    """What every class's support found in the images that do not show its object."""
    folders = sorted(f for f in given.dataset.iterdir() if f.is_dir())
    made = supports(pipeline, folders)
    rows = {name: Row() for name in made}
    asked = [(folder.name, image_in(folder, "01")) for folder in folders]
    asked += [("", file) for file in textures(given.images, given.most)]
    for of, file in tqdm(asked, disable=None):
        image = persense.read_image(file)
        step = max(1, max(image.shape[:2]) // LONGEST)
        query = pipeline.encode(np.ascontiguousarray(image[::step, ::step]))
        for name, support in made.items():
            if of == "" or not related(name, of):
                rows[name].found.append(len(pipeline.segment(query, support)))
    return rows


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print the table."""
    flags = parser(__doc__)
    flags.add_argument("dataset", type=pathlib.Path)
    flags.add_argument("--images", type=pathlib.Path, nargs="*", default=[], metavar="FOLDER")
    flags.add_argument("--most", type=int, default=40, help="images of these folders; 0: all")
    given = flags.parse_args(arguments)
    try:
        pipeline = pipeline_of(given)
        rows = measured(pipeline, given)
    except (OSError, persense.Error) as error:
        print(f"absent.py: {error}", file=sys.stderr)
        return 1
    print(f"{'support':28s} {'images':>6s} {'per image':>13s} {'median':>8s} {'empty %':>8s}")
    total = Row()
    for name, row in rows.items():
        if row.found:
            print(row.line(name))
            total.add(row)
    print(total.line("all"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
