"""Rendered images to train on, in which every pixel's object is known.

    episode = scenes.render(seed=1)
    image, labels = episode.images[0], episode.labels[0]
    which = episode.classes[0][labels[labels == 3] - 1]  # the class of object 3

A sheet of episodes, to look at::

    python -m persense_training.scenes --sheet sheet.png --seed 1
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from persense_training import _scenes
from persense_training import _sheets

__all__ = [
    "DEBRIS",
    "DISTINCT",
    "IGNORED",
    "SAME",
    "UNKNOWN",
    "Episode",
    "names",
    "render",
    "sheet",
]

#: The label of pixels that teach nothing: objects that hardly show.
IGNORED: int = _scenes.IGNORED
#: The label of debris and of blurred things in the background: of none of the classes, but whoever
#: looks for any object may take it for one.
DEBRIS: int = _scenes.DEBRIS
#: Entries of Episode.differences.
SAME, UNKNOWN, DISTINCT = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Episode:
    """P images with the same K classes of objects. Images and labels are read-only.

    The images are of one world, but from the second on perhaps on another background, in other light,
    from another distance, with another layout. imaging, background and layout are the first one's.

    Lists have one entry per image, whose M (which differs from image to image, and may be 0)
    objects are numbered from 1 in labels; index them with label - 1.
    """

    images: npt.NDArray[np.uint8]  #: (P, S, S, 3), RGB
    labels: npt.NDArray[np.uint16]  #: (P, S, S); 0: background, 1..M: an object, IGNORED or DEBRIS
    classes: List[npt.NDArray[np.int32]]  #: (M,), 0 to K - 1
    visible_areas: List[npt.NDArray[np.int32]]  #: (M,) pixels with the object's label, at least 1
    full_areas: List[npt.NDArray[np.int32]]  #: (M,) pixels, those covered or cut off included
    centres: List[npt.NDArray[np.float32]]  #: (M, 2) x, y of the centroid of what is visible
    #: (K, K): SAME on the diagonal; DISTINCT where two classes differ at a look; else UNKNOWN, and
    #: objects of one must not be taught as wrong for the other.
    differences: npt.NDArray[np.uint8]
    families: Tuple[str, ...]  #: of the K classes, as are the next three
    materials: Tuple[str, ...]
    patterns: Tuple[str, ...]
    diameters: Tuple[float, ...]  #: typical, pixels
    imaging: str
    background: str
    layout: str


def names() -> Dict[str, List[str]]:
    """Everything that may be drawn: families, materials, patterns, backgrounds, imagings, layouts."""
    return _scenes.names()


def render(seed: int, size: int = 224, pictures: int = 3, classes: int = 0) -> Episode:
    """Render an episode: the same arguments give the same bytes on every platform.

    seed: 0 to 2^64 - 1. size: height and width, 64 to 1024. images: 1 to 64. classes: 1 to 3, or
    0 to draw it. Raises ValueError, naming the argument, for anything else. Holds no lock while it
    works, in the calling thread alone: give each core its thread.
    """
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed: got {seed}, expected 0 to 2^64 - 1")
    e = _scenes.render(seed, size, pictures, classes)
    return Episode(
        images=e.images,
        labels=e.labels,
        classes=e.object_classes,
        visible_areas=e.visible_areas,
        full_areas=e.full_areas,
        centres=e.centres,
        differences=e.differences,
        families=tuple(e.families),
        materials=tuple(e.materials),
        patterns=tuple(e.patterns),
        diameters=tuple(e.diameters),
        imaging=e.imaging,
        background=e.background,
        layout=e.layout,
    )


_OUTLINES = np.array([[0, 255, 0], [255, 0, 255], [0, 200, 255], [128, 128, 128]], np.uint8)


def _outlined(episode: Episode, picture: int) -> npt.NDArray[np.uint8]:
    labels = episode.labels[picture]
    inner = np.zeros(labels.shape, bool)  # off an edge between two labels
    inner[:-1] = labels[:-1] != labels[1:]
    inner[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    # background, the objects' classes, and those without one, whose label is the last
    colours = np.concatenate([[3], episode.classes[picture] % 3, [3]])
    front = np.minimum(labels, len(colours) - 1)
    behind = np.zeros_like(front)
    behind[:-1, :-1] = np.maximum(front[1:, :-1], front[:-1, 1:])
    owner = np.where(front > 0, front, behind)
    image: npt.NDArray[np.uint8] = episode.images[picture].copy()
    image[inner] = _OUTLINES[colours[owner[inner]]]
    return image


def sheet(
    seed: int, rows: int = 6, columns: int = 4, size: int = 224, outlines: bool = True
) -> npt.NDArray[np.uint8]:
    """An image of rows * columns episodes: of each, one image and the same with its outlines.

    Green, magenta and blue outline the classes, grey the rest. Returns (H, W, 3) uint8.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"rows, columns: got {rows}, {columns}, expected 1 or more of each")
    cells = []
    for i in range(rows * columns):
        episode = render(seed + i, size, pictures=1)
        plain = episode.images[0]
        pair = [plain, _outlined(episode, 0)] if outlines else [plain]
        cells.append(np.concatenate(pair, axis=1))
    return _sheets.tiled(cells, columns)


def _measure(seed: int, size: int, seconds: float) -> str:
    """Images a second of processor time, in this thread."""
    for warm in range(60):  # textures are made on first use
        render(warm, size, pictures=1)
    start, pictures, objects = time.thread_time(), 0, 0
    while time.thread_time() - start < seconds:
        episode = render(seed + pictures, size)
        pictures += len(episode.images)
        objects += sum(len(c) for c in episode.classes)
    rate = pictures / (time.thread_time() - start)
    return (
        f"{rate:.1f} pictures of {size} x {size} a second a core, "
        f"{objects / pictures:.1f} objects each"
    )


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Write a sheet of episodes, or measure."""
    parser = _sheets.parser("scenes", "training scenes", rows=6, columns=4)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--no-outlines", dest="outlines", action="store_false")
    return _sheets.run(
        parser,
        arguments,
        lambda given: sheet(given.seed, given.rows, given.columns, given.size, given.outlines),
        lambda given: _measure(given.seed, given.size, given.measure),
    )


if __name__ == "__main__":
    sys.exit(main())
