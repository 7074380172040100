"""Images of one or more classes with every pixel's object known, whatever they come from.

Rendered (:mod:`persense_training.scenes`), composed of cut-outs (:mod:`persense_training.compose`) or
real, they are all Worlds, from which :mod:`persense_training.samples` draws.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
from typing import Dict, Iterable, List, Sequence, Tuple

import cv2
import numpy as np
import numpy.typing as npt

from persense_training import scenes
from persense_training.scenes import DISTINCT, SAME

__all__ = [
    "BRIGHTEST",
    "DARKEST",
    "Group",
    "Real",
    "World",
    "measured",
    "rendered",
    "stretch_table",
]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

DARKEST, BRIGHTEST = -0.25, 1.5  #: what a stretched image is clipped to

LEAST_VISIBLE = 0.2  #: part of an object that shows, below which it is ignored
LEAST_AREA = 12  #: pixels, likewise


@dataclasses.dataclass
class World:
    """P images, perhaps of different sizes, with the same K classes of objects.

    Lists have one entry per image; its M objects are numbered from 1 in labels.
    """

    family: str  #: rendered, composed or real
    images: List[Pixels]  #: (H, W, 3), RGB
    #: (H, W) uint16; 0: background, 1..M: an object, M + 1: debris, M + 2: ignored, it teaches nothing
    labels: List[npt.NDArray[np.uint16]]
    classes: List[npt.NDArray[np.int32]]  #: (M,), 0 to K - 1
    visible_areas: List[npt.NDArray[np.int32]]  #: (M,) pixels; 0: an object that is ignored
    full_areas: List[npt.NDArray[np.int32]]  #: (M,) pixels, those covered or cut off included
    centres: List[Floats]  #: (M, 2) x, y of the centroid of what is visible
    boxes: List[npt.NDArray[np.int32]]  #: (M, 4) x0, y0, x1, y1 of what is visible, half-open
    differences: npt.NDArray[np.uint8]  #: (K, K) SAME, UNKNOWN or DISTINCT
    kinds: Tuple[str, ...]  #: of the K classes; empty where it says nothing of their looks
    loose: bool = False  #: outlines are a few pixels off
    source: str = ""  #: for reports
    supports: Dict[int, Dict[int, npt.NDArray[np.intp]]] = dataclasses.field(default_factory=dict)
    _pyramids: Dict[int, List[Pixels]] = dataclasses.field(default_factory=dict)
    _tables: Dict[int, Floats] = dataclasses.field(default_factory=dict)

    def level(self, picture: int, octave: int) -> Pixels:
        """The image reduced by 2^octave, pixels averaged."""
        pyramid = self._pyramids.setdefault(picture, [self.images[picture]])
        while len(pyramid) <= octave:
            last = pyramid[-1]
            size = max(1, last.shape[1] // 2), max(1, last.shape[0] // 2)
            pyramid.append(cv2.resize(last, size, interpolation=cv2.INTER_AREA))
        return pyramid[octave]

    def stretch(self, picture: int) -> Floats:
        """(256,) what each value of the image becomes: see stretch_table()."""
        if picture not in self._tables:
            self._tables[picture] = stretch_table(self.images[picture])
        return self._tables[picture]


def stretch_table(image: Pixels) -> Floats:
    """(256,) float32: what each value of an image (H, W, 3) becomes: 0 about its darkest, 1 about
    its brightest. What the network sees is clipped to [DARKEST, BRIGHTEST] after that.

    Whoever runs the network must repeat this exactly, on the whole image at its own resolution,
    before anything is resampled. It is in integers up to the division. Of the n = 3 H W values,
    low is the least v for which 1000 * (number of values <= v) >= 5 n, high the least v for which
    it is >= 998 n. A value v becomes (float(v) - low) / max(high - low, 8), one float32 division.
    """
    below = 1000 * np.cumsum(np.bincount(image.ravel(), minlength=256))
    low = int(np.searchsorted(below, 5 * image.size))
    high = int(np.searchsorted(below, 998 * image.size))
    table: Floats = (np.arange(256, dtype=np.float32) - low) / np.float32(max(high - low, 8))
    return table


def measured(
    *,
    family: str,
    images: Sequence[Pixels],
    labels: Sequence[npt.NDArray[np.int32]],
    classes: Sequence[npt.NDArray[np.int32]],
    full_areas: Sequence[npt.NDArray[np.int32]],
    differences: npt.NDArray[np.uint8],
    kinds: Tuple[str, ...],
    loose: bool = False,
    source: str = "",
) -> World:
    """A world of images and labels (0: background, 1..M: objects, M + 1: debris, M + 2: ignored)."""
    world = World(
        family=family,
        images=list(images),
        labels=[],
        classes=[c.astype(np.int32) for c in classes],
        visible_areas=[],
        full_areas=[],
        centres=[],
        boxes=[],
        differences=differences,
        kinds=kinds,
        loose=loose,
        source=source or family,
    )
    for label, kind, full in zip(labels, classes, full_areas):
        count = len(kind)
        rows, columns = np.nonzero(label)
        which = label[rows, columns]
        visible = np.bincount(which, minlength=count + 3)[1 : count + 1]
        x = np.bincount(which, columns, count + 3)[1 : count + 1]
        y = np.bincount(which, rows, count + 3)[1 : count + 1]
        centres = np.stack([x, y], axis=1) / np.maximum(visible, 1)[:, None]
        boxes = np.zeros((count + 3, 4), np.int32)
        order = np.argsort(which.astype(np.uint16), kind="stable")
        present, first = np.unique(which[order], return_index=True)
        if len(present):
            for side, values in enumerate((columns[order], rows[order])):
                boxes[present, side] = np.minimum.reduceat(values, first)
                boxes[present, side + 2] = np.maximum.reduceat(values, first) + 1
        full = np.maximum(full, visible).astype(np.int32)
        poor = (visible < LEAST_VISIBLE * full) | (visible < LEAST_AREA)
        table = np.arange(count + 3, dtype=np.uint16)
        table[1 : count + 1][poor] = count + 2
        world.labels.append(table[label])
        world.visible_areas.append(np.where(poor, 0, visible).astype(np.int32))
        world.full_areas.append(full)
        world.centres.append(centres.astype(np.float32))
        world.boxes.append(boxes[1 : count + 1])
    world.supports = _supports(world)
    return world


def _supports(world: World) -> Dict[int, Dict[int, npt.NDArray[np.intp]]]:
    """By class and image, the objects that may serve as support: whole, and not too large."""
    found: Dict[int, Dict[int, npt.NDArray[np.intp]]] = {}
    for p, image in enumerate(world.images):
        visible, full, boxes = world.visible_areas[p], world.full_areas[p], world.boxes[p]
        height, width = image.shape[:2]
        largest = math.pi / 4 * (0.45 * min(height, width)) ** 2
        fit = (visible >= 0.75 * full) & (visible >= 24) & (visible <= largest)
        fit &= (boxes[:, 0] > 0) & (boxes[:, 1] > 0)
        fit &= (boxes[:, 2] < width) & (boxes[:, 3] < height)
        for k in np.unique(world.classes[p][fit]):
            found.setdefault(int(k), {})[p] = np.flatnonzero(fit & (world.classes[p] == k))
    return found


def rendered(seed: int, size: int = 224, pictures: int = 3) -> World:
    """The world of scenes.render()."""
    episode = scenes.render(seed % (1 << 64), size, pictures)
    labels = []
    for label, kinds in zip(episode.labels, episode.classes):
        compact = label.astype(np.int32)
        compact[label == scenes.DEBRIS] = len(kinds) + 1
        compact[label == scenes.IGNORED] = len(kinds) + 2
        labels.append(compact)
    return measured(
        family="rendered",
        images=list(episode.images),
        labels=labels,
        classes=episode.classes,
        full_areas=episode.full_areas,
        differences=episode.differences,
        kinds=("",) * len(episode.families),
    )


# --- real images --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Group:
    """Images that are one world."""

    source: str  #: the folder's name
    pictures: Tuple[Tuple[pathlib.Path, Tuple[pathlib.Path, ...]], ...]  #: image, labels by class
    loose: bool  #: outlines are a few pixels off


class Real:
    """Real images with instance truth: folders of NN.jpg or NN.png with NN_instances.png, or of
    several classes NN_CLASS_instances.png each.

    Images of one class are worlds of their own, as supports from elsewhere would say little;
    those of several classes are in worlds of three. Of every folder the last tenth (of those with
    several classes the last quarter) is held out. only: names of folders; without, all of them.
    """

    def __init__(
        self,
        data: pathlib.Path,
        part: str = "train",
        only: Iterable[str] = (),
        loose: Iterable[str] = ("facade_windows", "zebrafish_larvae"),
    ) -> None:
        if part not in ("train", "held_out", "all"):
            raise ValueError(f"part: got {part}, expected train, held_out or all")
        self.groups: List[List[Group]] = []
        names = set(only)
        for folder in sorted(p for p in data.iterdir() if p.is_dir()):
            if names and folder.name not in names:
                continue
            pictures = []
            for image in sorted(folder.iterdir()):
                truth = tuple(sorted(folder.glob(image.stem + "_*instances.png")))
                if truth:
                    pictures.append((image, truth))
            several = any(len(truth) > 1 for _, truth in pictures)
            kept = len(pictures) - (len(pictures) // 4 if several else max(1, len(pictures) // 10))
            if part == "train":
                pictures = pictures[:kept]
            elif part == "held_out":
                pictures = pictures[kept:]
            step = 3 if several else 1
            groups = [
                Group(folder.name, tuple(pictures[i : i + step]), folder.name in set(loose))
                for i in range(0, len(pictures), step)
            ]
            if groups:
                self.groups.append(groups)
        if not self.groups:
            raise FileNotFoundError(f"{data}: no pictures with instances")
        self._load = functools.lru_cache(48)(_load)

    def load(self, group: Group) -> World:
        """The world of one of the groups."""
        world: World = self._load(group)
        return world

    def draw(self, rng: np.random.Generator) -> World:
        """A world of a folder drawn evenly."""
        folder = self.groups[int(rng.integers(len(self.groups)))]
        return self.load(folder[int(rng.integers(len(folder)))])

    def all(self) -> List[World]:
        """Every world."""
        return [_load(group) for folder in self.groups for group in folder]


def _load(group: Group) -> World:
    images: List[Pixels] = []
    labels: List[npt.NDArray[np.int32]] = []
    classes: List[npt.NDArray[np.int32]] = []
    areas: List[npt.NDArray[np.int32]] = []
    names: List[str] = []
    for path, truth in group.pictures:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"{path}: expected an image")
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        joined = np.zeros(image.shape[:2], np.int32)
        kinds: List[int] = []
        for file in truth:
            name = file.stem[len(path.stem) : -len("instances")]
            if name not in names:
                names.append(name)
            own = cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(np.int32)
            present, compact = np.unique(own, return_inverse=True)
            compact = compact.reshape(own.shape)
            if present[0] != 0:
                compact = compact + 1
                present = np.concatenate([[0], present])
            joined = np.where(compact > 0, compact + len(kinds), joined)
            kinds += (len(present) - 1) * [names.index(name)]
        images.append(image)
        labels.append(joined)
        classes.append(np.array(kinds, np.int32))
        areas.append(np.bincount(joined.ravel(), minlength=len(kinds) + 1)[1:].astype(np.int32))
    count = len(names)
    differences = np.where(np.eye(count, dtype=bool), SAME, DISTINCT).astype(np.uint8)
    return measured(
        family="real",
        images=images,
        labels=labels,
        classes=classes,
        full_areas=areas,
        differences=differences,
        kinds=("real:" + group.source,) * count,
        loose=group.loose,
        source=group.source,
    )
