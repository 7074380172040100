"""From rendered worlds to what a network trains on: a support patch, a query crop, its targets.

    for batch in episodes.batches(seed=1, size=32, threads=4, count=1000):
        query = torch.from_numpy(batch.queries)  # (32, 3, 128, 128)

A sheet of samples, to look at::

    python -m persense.train.episodes --sheet sheet.png --seed 1
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import itertools
import math
import sys
import threading
import time
from typing import Deque, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from persense.train import _sheets, scenes
from persense.train._ranges import check as _check

__all__ = ["Batch", "Plan", "Sample", "World", "batches", "draw", "sheet", "stretch"]

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]

#: What stretch() and the samples keep values within.
DARKEST, BRIGHTEST = -0.25, 1.5


def stretch(image: npt.NDArray[np.uint8]) -> Floats:
    """The values of a whole picture (H, W, 3), 0 about its darkest, 1 about its brightest.

    Whoever runs the network must repeat this exactly, on the whole picture at its own resolution,
    before anything is resampled. It is in integers up to the division. Of the n = 3 H W values,
    low is the least v for which 1000 * (number of values <= v) >= 5 n, high the least v for which
    it is >= 998 n. A value v becomes (float(v) - low) / max(high - low, 8), one float32 division,
    clipped to [-0.25, 1.5]. Returns (H, W, 3) float32.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image: got {image.dtype} {image.shape}, expected uint8 (H, W, 3)")
    below = 1000 * np.cumsum(np.bincount(image.ravel(), minlength=256))
    low = int(np.searchsorted(below, 5 * image.size))
    high = int(np.searchsorted(below, 998 * image.size))
    values = (np.arange(256, dtype=np.float32) - np.float32(low)) / np.float32(max(high - low, 8))
    table = np.clip(values, DARKEST, BRIGHTEST).astype(np.float32)
    stretched: Floats = table[image]
    return stretched


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is drawn. Pixels are the query crop's unless they are said to be the picture's."""

    canonical: float = 24.0  #: diameter the support object is resampled to, in its patch; 8 to 64
    query: int = 128  #: height and width of a query crop, 32 to 512, a multiple of stride
    support: int = 64  #: height and width of a support patch, 32 to 256
    stride: int = 2  #: a cell of the targets is stride x stride pixels; 1 or 2
    picture: int = 224  #: height and width of a rendered picture
    pictures: int = 3  #: of a world
    support_jitter: float = 0.05  #: deviation of the logarithm of the support's scale, 0 to 1
    query_jitter: float = 0.35  #: of the query's, on top of the exemplar's; no further than twice
    same_picture: float = 0.12  #: share of queries cut from the support's own picture
    none_shown: float = 0.15  #: share of query pictures without the class that are let through
    away: float = 0.12  #: share of crops laid where the fewest targets are
    rough: float = 0.3  #: share of support masks drawn roughly
    visible: float = 0.75  #: least part of a support object that shows
    area: int = 60  #: least area of a support object, pixels of the picture
    #: deviation of a target's Gaussian in the density. One width for all, so that small and large
    #: objects peak alike, and narrow, so that objects in contact stay apart
    sigma: float = 2.0

    def __post_init__(self) -> None:
        ranges = {
            "canonical": (8, 64),
            "query": (32, 512),
            "support": (32, 256),
            "stride": (1, 2),
            "picture": (64, 1024),
            "pictures": (1, 64),
            "support_jitter": (0, 1),
            "query_jitter": (0, 1),
            "same_picture": (0, 1),
            "none_shown": (0, 1),
            "away": (0, 1),
            "rough": (0, 1),
            "visible": (0, 1),
            "area": (1, 10000),
            "sigma": (1, 8),
        }
        for name, (least, most) in ranges.items():
            _check(name, getattr(self, name), least, most)
        if self.query % self.stride:
            raise ValueError(
                f"query: got {self.query}, expected a multiple of stride, {self.stride}"
            )


@dataclasses.dataclass(frozen=True)
class Sample:
    """One support patch and one query crop, with what is to be found in it.

    Q: side of the query crop, C: side of its targets, Q / stride, S: side of the support patch,
    M: objects that show in the crop, 0 or more. Pictures are stretched, RGB, in [-0.25, 1.5].
    Points and boxes are pixels of the crop; 0, 0 is the middle of its first pixel, but boxes are
    half-open as everywhere, so that a box of the first pixel is 0, 0, 1, 1.
    """

    support: Floats  #: (3, S, S)
    support_mask: Floats  #: (1, S, S), 0 or 1, perhaps drawn roughly
    query: Floats  #: (3, Q, Q)
    target: Floats  #: (C, C), part of the cell that objects of the support's class cover
    target_weight: Floats  #: (C, C), 0 where nothing is known of the target or density, else 1
    objects: Floats  #: (C, C), part of the cell that objects of any class cover
    objects_weight: Floats  #: (C, C), 0 where nothing is known of objects (as at debris), else 1
    density: Floats  #: (C, C), sums to the number of targets whose centre lies inside the crop
    offsets: Floats  #: (2, C, C), x, y to the own object's centre, in canonical / 2; else 0
    instances: Labels  #: (C, C), 0: no object; 1..M: the object in the middle of the cell
    centres: Floats  #: (M, 2) x, y of what is visible in the picture, perhaps outside of the crop
    radii: Floats  #: (M,), of a disc of what is visible in the picture
    relations: npt.NDArray[np.uint8]  #: (M,) scenes.SAME, UNKNOWN or DISTINCT, to the support
    boxes: Floats  #: (M, 4) x0, y0, x1, y1 of its cells
    shown: Floats  #: (M,), part of the whole object that shows inside the crop, 0 to 1
    scale: float  #: pixels of the crop in one of the picture
    #: scale by what would make the support canonical: 1 in a first pass, 1/2 in one at half size
    zoom: float


@dataclasses.dataclass(frozen=True)
class Batch:
    """B samples. Objects of all of them are in one list; owners says whose they are."""

    supports: Floats  #: (B, 3, S, S)
    support_masks: Floats  #: (B, 1, S, S)
    queries: Floats  #: (B, 3, Q, Q)
    target: Floats  #: (B, C, C), as are the next four
    target_weight: Floats
    objects: Floats
    objects_weight: Floats
    density: Floats
    offsets: Floats  #: (B, 2, C, C)
    instances: Labels  #: (B, C, C), numbered from 1 in each sample
    owners: Labels  #: (N,) 0 to B - 1, ascending; a sample's objects follow in their order
    centres: Floats  #: (N, 2)
    radii: Floats  #: (N,)
    relations: npt.NDArray[np.uint8]  #: (N,)
    boxes: Floats  #: (N, 4)
    shown: Floats  #: (N,)
    scales: Floats  #: (B,)
    zooms: Floats  #: (B,)


class World:
    """A rendered episode, ready to draw samples from. Any number of threads may.

    Renders the first of seed, seed + 1, ... that has an object to serve as support.
    """

    def __init__(self, seed: int, plan: Plan) -> None:
        _check("seed", seed, 0, (1 << 64) - 1)
        for attempt in range(100):
            self.episode = scenes.render((seed + attempt) % (1 << 64), plan.picture, plan.pictures)
            #: by class and picture, the objects that may serve as support
            self.supports = _supports(self.episode, plan)
            if self.supports:
                break
        else:
            raise RuntimeError(f"no support object in the worlds {seed} to {seed + 99}")
        self.images = [stretch(image) for image in self.episode.images]
        #: 0: ground, 1..M: an object, M + 1: debris, M + 2: ignored
        self.labels = [
            _compact(labels, len(classes))
            for labels, classes in zip(self.episode.labels, self.episode.classes)
        ]
        self.grey_differences = _grey_differences(self.episode, self.images, self.labels)


def _supports(episode: scenes.Episode, plan: Plan) -> Dict[int, Dict[int, npt.NDArray[np.intp]]]:
    found: Dict[int, Dict[int, npt.NDArray[np.intp]]] = {}
    largest = math.pi / 4 * (0.3 * plan.picture) ** 2
    for p, labels in enumerate(episode.labels):
        visible, full = episode.visible_areas[p], episode.full_areas[p]
        fit = (visible >= plan.visible * full) & (visible >= plan.area) & (visible <= largest)
        edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        cut = edge[(edge > 0) & (edge < scenes.DEBRIS)].astype(np.intp) - 1
        fit[cut] = False
        for k in np.unique(episode.classes[p][fit]):
            found.setdefault(int(k), {})[p] = np.flatnonzero(fit & (episode.classes[p] == k))
    return found


def _compact(labels: npt.NDArray[np.uint16], count: int) -> Labels:
    compact = labels.astype(np.int32)
    compact[labels == scenes.DEBRIS] = count + 1
    compact[labels == scenes.IGNORED] = count + 2
    return compact


def _grey_differences(
    episode: scenes.Episode, images: Sequence[Floats], labels: Sequence[Labels]
) -> npt.NDArray[np.uint8]:
    """Episode.differences, but DISTINCT only where brightness alone tells two classes apart."""
    levels: List[npt.NDArray[np.float64]] = []
    for image, label, classes in zip(images, labels, episode.classes):
        sums = np.bincount(label.ravel(), image.mean(axis=2).ravel(), len(classes) + 3)
        counts = np.bincount(label.ravel(), minlength=len(classes) + 3)
        levels.append((sums / np.maximum(counts, 1))[1 : len(classes) + 1])
    level, owner = np.concatenate(levels), np.concatenate(episode.classes)
    differences = episode.differences.copy()
    for a, b in zip(*np.nonzero(differences == scenes.DISTINCT)):
        of_a, of_b = level[owner == a], level[owner == b]
        apart = abs(of_a.mean() - of_b.mean())
        if apart < 0.05 + 1.5 * math.hypot(of_a.std(), of_b.std()):
            differences[a, b] = scenes.UNKNOWN
    return differences


# --- resampling -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _View:
    """A square frame laid on a picture: scale times larger, turned, perhaps mirrored."""

    side: int
    scale: float
    forward: npt.NDArray[np.float64]  # (2, 2), from the picture to the frame
    centre: npt.NDArray[np.float64]  # x, y in the picture of the frame's middle

    def to_frame(self, points: npt.NDArray[np.float32]) -> Floats:
        """(M, 2) x, y of the picture to x, y of the frame."""
        moved = (points - self.centre) @ self.forward.T + (self.side - 1) / 2
        placed: Floats = moved.astype(np.float32)
        return placed

    def grid(self, cell: float) -> Tuple[Floats, Floats]:
        """x, y in the picture of the middles of cells of so many pixels, (side / cell,) squared."""
        steps = (np.arange(round(self.side / cell)) + 0.5) * cell - self.side / 2
        (xx, xy), (yx, yy) = np.linalg.inv(self.forward)
        x = (xx * steps + self.centre[0])[None, :] + (xy * steps)[:, None]
        y = (yx * steps + self.centre[1])[None, :] + (yy * steps)[:, None]
        return x.astype(np.float32), y.astype(np.float32)


def _view(
    rng: np.random.Generator, side: int, scale: float, centre: npt.NDArray[np.float64]
) -> _View:
    angle, mirror = rng.uniform(0, 2 * math.pi), rng.choice([-1.0, 1.0])
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    return _View(side, scale, np.array([[c * mirror, -s], [s * mirror, c]]), centre)


def _blur(image: Floats, sigma: float) -> Floats:
    """A Gaussian along both axes of (H, W, 3), mirrored at the edges."""
    radius = min(max(1, math.ceil(3 * sigma)), min(image.shape[:2]) - 1)
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    bell = (bell / bell.sum()).astype(np.float32)
    for axis in (0, 1):
        size = image.shape[axis]
        margin = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
        padded = np.moveaxis(np.pad(image, margin, mode="reflect"), axis, 0)
        total = bell[0] * padded[:size]
        for i in range(1, len(bell)):
            total += bell[i] * padded[i : i + size]
        image = np.moveaxis(total, 0, axis)
    return np.ascontiguousarray(image)


def _mirrored(index: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.int32]:
    index = np.abs(index)
    if int(index.max()) >= size:
        index %= 2 * (size - 1)
        index = np.minimum(index, 2 * (size - 1) - index)
    return index


def _see(image: Floats, view: _View) -> Floats:
    """The view of a picture (H, W, 3), bilinear, mirrored at the edges, smoothed when it shrinks.

    Returns (side, side, 3).
    """
    if view.scale < 0.95:  # between the footprint of an area and of a triangle filter
        image = _blur(image, 0.35 * math.sqrt(view.scale**-2 - 1))
    height, width = image.shape[:2]
    x, y = view.grid(1)
    left, top = np.floor(x), np.floor(y)
    x -= left
    y -= top
    x, y = x[..., None], y[..., None]
    x0, y0 = left.astype(np.int32), top.astype(np.int32)
    x1, y1 = _mirrored(x0 + 1, width), _mirrored(y0 + 1, height) * width
    x0, y0 = _mirrored(x0, width), _mirrored(y0, height) * width
    pixels = image.reshape(-1, 3)
    above, below = pixels.take(y0 + x0, axis=0), pixels.take(y1 + x0, axis=0)
    above += x * (pixels.take(y0 + x1, axis=0) - above)
    below += x * (pixels.take(y1 + x1, axis=0) - below)
    above += y * (below - above)
    seen: Floats = above
    return seen


def _see_labels(labels: Labels, view: _View, cell: float, outside: int) -> Labels:
    """The labels in the middles of cells of so many pixels, (side / cell, side / cell)."""
    height, width = labels.shape
    x, y = view.grid(cell)
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    beyond = (column < 0) | (column >= width) | (row < 0) | (row >= height)
    np.clip(column, 0, width - 1, out=column)
    np.clip(row, 0, height - 1, out=row)
    seen: Labels = labels.ravel().take(row * width + column)
    seen[beyond] = outside
    return seen


def _pooled(fine: npt.NDArray[np.bool_], times: int) -> Floats:
    """Part of each times x times block that is true."""
    rows = fine.view(np.uint8).reshape(fine.shape[0], -1, times).sum(axis=2, dtype=np.uint8)
    blocks = rows.reshape(-1, times, rows.shape[1]).sum(axis=1, dtype=np.uint8)
    part: Floats = blocks.astype(np.float32) / np.float32(times * times)
    return part


# --- colours --------------------------------------------------------------------------------------


class _Look:
    """Changes of colour that support and query share, but for small differences."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.channels = rng.permutation(3) if rng.random() < 0.7 else np.arange(3)
        self.inverted = rng.random() < 0.15
        self.gamma = math.exp(rng.normal(0, 0.2))
        self.saturation = float(rng.uniform(0.5, 1.4)) if rng.random() < 0.4 else 1.0
        #: takes away what tells classes of one brightness apart
        self.grey = rng.random() < 0.12
        self.gain = math.exp(rng.normal(0, 0.08))
        self.noise = float(rng.uniform(0.005, 0.05)) if rng.random() < 0.3 else 0.0
        self.blur = float(rng.uniform(0.4, 1.2)) if rng.random() < 0.2 else 0.0

    def at(self, image: Floats, rng: np.random.Generator) -> Floats:
        """(H, W, 3) to (3, H, W)."""
        if self.blur > 0:
            image = _blur(image, self.blur)
        planes = np.ascontiguousarray(image.transpose(2, 0, 1)[self.channels])
        if self.inverted:
            planes = 1 - planes
        if self.grey or self.saturation != 1.0:
            mean = planes.mean(axis=0, keepdims=True)
            planes = mean + (planes - mean) * (0.0 if self.grey else self.saturation)
        # small, or objects that differ in colour alone could not be told apart
        gamma = self.gamma * math.exp(rng.normal(0, 0.035))
        gain = self.gain * np.exp(rng.normal(0, 0.03) + rng.normal(0, 0.015, (3, 1, 1)))
        offset = rng.normal(0, 0.01)
        planes = np.copysign(np.abs(planes) ** np.float32(gamma), planes)
        planes = planes * gain.astype(np.float32) + np.float32(offset)
        if self.noise > 0:
            planes += np.float32(self.noise) * rng.standard_normal(planes.shape, np.float32)
        seen: Floats = np.clip(planes, DARKEST, BRIGHTEST).astype(np.float32)
        return seen


# --- a sample -------------------------------------------------------------------------------------


def draw(world: World, rng: np.random.Generator, plan: Plan) -> Sample:
    """Draw a sample from a world: the same generator state gives the same bytes.

    (By the same NumPy on the same kind of processor; others may round or draw differently.)
    The class is drawn evenly of those that have an object to serve as support.
    """
    episode = world.episode
    kind = int(rng.choice(sorted(world.supports)))
    here = int(rng.choice(sorted(world.supports[kind])))
    own = int(rng.choice(world.supports[kind][here]))
    there = _query_picture(episode, kind, here, rng, plan)

    look = _Look(rng)
    area = float(episode.visible_areas[here][own])
    scale = plan.canonical / math.sqrt(4 * area / math.pi)
    patch = scale * math.exp(rng.normal(0, plan.support_jitter))
    support, mask = _support(world, here, own + 1, patch, look, rng, plan)

    # no further than half or double, nor so far up that there is nothing but blur
    stray = float(np.clip(rng.normal(0, plan.query_jitter), -math.log(2), math.log(2)))
    frame = min(scale * math.exp(stray), max(4.0, scale))
    targets = episode.centres[there][episode.classes[there] == kind]
    view = _view(rng, plan.query, frame, _crop_centre(targets, frame, rng, plan))
    differences = world.grey_differences if look.grey else episode.differences
    relations = differences[kind][episode.classes[there]].astype(np.uint8)
    query = look.at(_see(world.images[there], view), rng)
    return _with_targets(world, there, view, relations, (support, mask, query), scale, plan)


def _query_picture(
    episode: scenes.Episode, kind: int, here: int, rng: np.random.Generator, plan: Plan
) -> int:
    others = [p for p in range(len(episode.images)) if p != here]
    if not others or rng.random() < plan.same_picture:
        return here
    there = int(rng.choice(others))
    if not (episode.classes[there] == kind).any() and rng.random() >= plan.none_shown:
        having = [p for p in others if (episode.classes[p] == kind).any()]
        there = int(rng.choice(having)) if having else here
    return there


def _support(
    world: World,
    picture: int,
    label: int,
    scale: float,
    look: _Look,
    rng: np.random.Generator,
    plan: Plan,
) -> Tuple[Floats, Floats]:
    """The patch (3, S, S) in whose middle the object's box lies, and its mask (1, S, S)."""
    rows, columns = np.nonzero(world.labels[picture] == label)
    box = [columns.min() + columns.max(), rows.min() + rows.max()]
    view = _view(rng, plan.support, scale, np.array(box, np.float64) / 2)
    patch = look.at(_see(world.images[picture], view), rng)
    cover = _pooled(_see_labels(world.labels[picture], view, 0.5, 0) == label, 2)
    mask = cover >= 0.5
    if rng.random() < plan.rough:  # grown, shrunken, shifted
        level, shift = float(rng.uniform(0.25, 0.75)), rng.integers(-1, 2, 2)
        soft = _blur(np.repeat(cover[..., None], 3, axis=2), 1.5)[..., 0]
        rough = np.roll(soft >= level, tuple(int(s) for s in shift), (0, 1))
        mask = rough if rough.any() else mask
    return patch, mask[None].astype(np.float32)


def _crop_centre(
    targets: npt.NDArray[np.float32], scale: float, rng: np.random.Generator, plan: Plan
) -> npt.NDArray[np.float64]:
    """Near a target, anywhere, or (the share away) where the fewest targets are."""
    side, half = float(plan.picture - 1), plan.query / scale / 2
    edge = 0.8 * half  # crops may reach a little over the picture's edge
    low, high = min(edge, side - edge), max(edge, side - edge)
    anywhere: npt.NDArray[np.float64] = rng.uniform(low, high, (16, 2))
    centre: npt.NDArray[np.float64] = anywhere[0]
    near = rng.uniform(-0.7 * half, 0.7 * half, 2)
    way = rng.random()
    if len(targets) == 0:
        return centre
    if way < plan.away:
        inside = (np.abs(targets[None] - anywhere[:, None]) <= 1.2 * half).all(axis=2).sum(axis=1)
        centre = anywhere[int(inside.argmin())]
    elif way < plan.away + 0.7 * (1 - plan.away):
        chosen = targets[int(rng.integers(len(targets)))]
        centre = np.clip(chosen + near, low, high)
    return centre


def _with_targets(
    world: World,
    picture: int,
    view: _View,
    relations: npt.NDArray[np.uint8],
    pictures: Tuple[Floats, Floats, Floats],
    canonical_scale: float,
    plan: Plan,
) -> Sample:
    count = len(relations)
    finer = 2 * plan.stride  # points a cell's side: coverage in quarters, or sixteenths
    fine = _see_labels(world.labels[picture], view, 0.5, count + 2)
    of = np.zeros((4, count + 3), bool)  # label -> target, object, target unknown, object unknown
    of[0, 1 : count + 1] = relations == scenes.SAME
    of[1, 1 : count + 1] = True
    of[2, 1 : count + 1] = relations == scenes.UNKNOWN
    of[2, count + 2] = True
    of[3, count + 1 :] = True
    target, objects, unsure, obscure = (_pooled(table.take(fine), finer) for table in of)

    centres = view.to_frame(world.episode.centres[picture])
    radii = np.sqrt(world.episode.visible_areas[picture] / math.pi) * view.scale
    middle = _see_labels(world.labels[picture], view, plan.stride, count + 2)
    labels = np.where(middle <= count, middle, 0)
    present = np.unique(labels)
    present = present[present > 0]
    renumber = np.zeros(count + 1, np.int32)
    renumber[present] = np.arange(1, len(present) + 1)
    instances: Labels = renumber[labels]
    boxes, cells = _boxes(instances, len(present), plan.stride)
    seen = present - 1
    full = world.episode.full_areas[picture][seen] * view.scale**2
    return Sample(
        support=pictures[0],
        support_mask=pictures[1],
        query=pictures[2],
        target=target,
        target_weight=(unsure == 0).astype(np.float32),
        objects=objects,
        objects_weight=(obscure == 0).astype(np.float32),
        density=_density(centres, relations, plan),
        offsets=_offsets(instances, centres[seen], plan),
        instances=instances,
        centres=centres[seen],
        radii=radii[seen].astype(np.float32),
        relations=relations[seen],
        boxes=boxes,
        shown=np.minimum(cells * plan.stride**2 / full, 1).astype(np.float32),
        scale=view.scale,
        zoom=view.scale / canonical_scale,
    )


def _steps(plan: Plan) -> Floats:
    """x, or y, of the middles of cells: (C,)."""
    return np.arange(plan.query // plan.stride, dtype=np.float32) * plan.stride + (
        (plan.stride - 1) / 2
    )


def _density(centres: Floats, relations: npt.NDArray[np.uint8], plan: Plan) -> Floats:
    """A Gaussian of unit mass, all of it inside, for each target whose centre lies inside."""
    inside = ((centres >= -0.5) & (centres < plan.query - 0.5)).all(axis=1)
    inside &= relations == scenes.SAME
    away = (_steps(plan) - centres[inside][:, :, None]) / plan.sigma
    bells = np.exp(-0.5 * away * away)  # (n, 2, C)
    bells /= bells.sum(axis=2, keepdims=True)
    density: Floats = (bells[:, 1].T @ bells[:, 0]).astype(np.float32)
    return density


def _offsets(instances: Labels, centres: Floats, plan: Plan) -> Floats:
    steps, own = _steps(plan), np.zeros((2, len(centres) + 1), np.float32)
    own[:, 1:] = centres.T
    offsets = own.take(instances, axis=1)
    offsets[0] -= steps[None, :]
    offsets[1] -= steps[:, None]
    offsets *= np.float32(2 / plan.canonical)
    offsets[:, instances == 0] = 0
    result: Floats = offsets
    return result


def _boxes(instances: Labels, count: int, stride: int) -> Tuple[Floats, npt.NDArray[np.intp]]:
    """Boxes (count, 4) of the labels 1..count, all of which occur, and their numbers of cells."""
    flat = instances.ravel()
    order = np.argsort(flat, kind="stable")
    cells = np.bincount(flat, minlength=count + 1)
    order, cells = order[cells[0] :], cells[1:]
    if count == 0:
        return np.zeros((0, 4), np.float32), cells
    starts = np.cumsum(cells) - cells
    rows, columns = np.divmod(order, instances.shape[1])
    edges = [
        np.minimum.reduceat(columns, starts),
        np.minimum.reduceat(rows, starts),
        np.maximum.reduceat(columns, starts) + 1,
        np.maximum.reduceat(rows, starts) + 1,
    ]
    return np.stack(edges, axis=1).astype(np.float32) * stride, cells


# --- batches --------------------------------------------------------------------------------------


class _Worlds:
    """A ring of worlds, one of which is replaced every `uses` samples.

    Which world sample n is drawn from depends on n and the seed alone.
    """

    def __init__(self, seed: int, plan: Plan, slots: int, uses: int) -> None:
        self._seed, self._plan, self._slots, self._uses = seed, plan, slots, uses
        self._lock = threading.Lock()
        self._kept: Dict[int, "concurrent.futures.Future[World]"] = {}

    def of(self, n: int, rng: np.random.Generator) -> World:
        """The world of sample n. Renders it, or waits for the thread that already does."""
        # slot s holds its t-th world while n / uses is in [t slots - s, (t + 1) slots - s): worlds
        # are numbered by that end, which no two share
        slot = int(rng.integers(self._slots))
        turn = (n // self._uses + slot) // self._slots
        number = (turn + 1) * self._slots - slot
        with self._lock:
            world = self._kept.get(number)
            mine = world is None
            if world is None:
                world = self._kept[number] = concurrent.futures.Future()
        if mine:
            try:
                world.set_result(World(self._seed_of(number), self._plan))
            except BaseException as error:  # or those who wait would for ever
                world.set_exception(error)
        return world.result()

    def _seed_of(self, number: int) -> int:
        return int(np.random.SeedSequence([self._seed, 1, number]).generate_state(1, np.uint64)[0])

    def forget_before(self, n: int) -> None:
        """Samples before n will not be drawn any more."""
        with self._lock:
            for number in [k for k in self._kept if k <= n // self._uses]:
                del self._kept[number]


def batches(
    seed: int,
    size: int,
    plan: Optional[Plan] = None,
    *,
    first: int = 0,
    count: Optional[int] = None,
    threads: int = 1,
    worlds: int = 64,
    uses: int = 8,
) -> Iterator[Batch]:
    """Batches first, first + 1, ..., count of them or without end.

    The same seed, size, plan, worlds and uses give the same batches on any number of threads, and
    from whichever batch one starts. seed: 0 to 2^64 - 1. size: samples in a batch. worlds: are
    drawn from at a time (about 3 MB each); one of them is replaced every `uses` samples, so that
    each is used about that often. threads: make batches ahead of those asked for; they end with the
    iterator. Raises ValueError, naming the argument, at the call.
    """
    _check("seed", seed, 0, (1 << 64) - 1)
    _check("size", size, 1, 4096)
    _check("first", first, 0, 1 << 48)
    _check("threads", threads, 1, 256)
    _check("worlds", worlds, 1, 4096)
    _check("uses", uses, 1, 4096)
    if count is not None:
        _check("count", count, 0, 1 << 48)
    return _batches(seed, size, plan or Plan(), first, count, threads, worlds, uses)


def _batches(
    seed: int,
    size: int,
    plan: Plan,
    first: int,
    count: Optional[int],
    threads: int,
    worlds: int,
    uses: int,
) -> Iterator[Batch]:
    ring = _Worlds(seed, plan, worlds, uses)

    def make(number: int) -> Batch:
        samples = []
        for n in range(number * size, (number + 1) * size):
            rng = np.random.default_rng([seed, 0, n])
            samples.append(draw(ring.of(n, rng), rng, plan))
        return _stacked(samples)

    numbers = iter(itertools.count(first) if count is None else range(first, first + count))
    pending: Deque["concurrent.futures.Future[Batch]"] = collections.deque()
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    try:
        for number in itertools.islice(numbers, 2 * threads):
            pending.append(pool.submit(make, number))
        for done in itertools.count(first):
            if not pending:
                return
            batch = pending.popleft().result()
            ring.forget_before((done + 1) * size)
            for number in itertools.islice(numbers, 1):
                pending.append(pool.submit(make, number))
            yield batch
    finally:
        for future in pending:
            future.cancel()
        pool.shutdown()


def _stacked(samples: Sequence[Sample]) -> Batch:
    def stack(name: str) -> npt.NDArray[np.float32]:
        return np.stack([getattr(s, name) for s in samples])

    def join(name: str) -> npt.NDArray[np.float32]:
        return np.concatenate([getattr(s, name) for s in samples])

    counts = [len(s.radii) for s in samples]
    return Batch(
        supports=stack("support"),
        support_masks=stack("support_mask"),
        queries=stack("query"),
        target=stack("target"),
        target_weight=stack("target_weight"),
        objects=stack("objects"),
        objects_weight=stack("objects_weight"),
        density=stack("density"),
        offsets=stack("offsets"),
        instances=np.stack([s.instances for s in samples]),
        owners=np.repeat(np.arange(len(samples), dtype=np.int32), counts),
        centres=join("centres"),
        radii=join("radii"),
        relations=np.concatenate([s.relations for s in samples]),
        boxes=join("boxes"),
        shown=join("shown"),
        scales=np.array([s.scale for s in samples], np.float32),
        zooms=np.array([s.zoom for s in samples], np.float32),
    )


# --- to look at -----------------------------------------------------------------------------------

_RELATION_COLOURS = np.array([[0, 1, 0], [0.6, 0.6, 0.6], [1, 0, 1]], np.float32)


def _panels(sample: Sample) -> npt.NDArray[np.uint8]:
    """Support, query, what is what, density, offsets side by side: (Q, 5 Q, 3)."""
    side = sample.query.shape[1]
    times = side // sample.target.shape[0]

    def enlarged(cells: Floats) -> Floats:
        return cells.repeat(times, axis=0).repeat(times, axis=1)

    patch = sample.support.transpose(1, 2, 0).copy()
    mask = sample.support_mask[0] > 0
    inner = np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1)
    rim = mask & ~inner
    patch[rim] = [0, 1, 0]
    first = np.zeros((side, side, 3), np.float32)
    grown = np.repeat(np.repeat(patch, 2, 0), 2, 1) if 2 * len(patch) <= side else patch
    first[: len(grown), : len(grown)] = grown[:side, :side]
    query = sample.query.transpose(1, 2, 0)

    colours = np.concatenate([np.zeros((1, 3), np.float32), _RELATION_COLOURS[sample.relations]])
    shown = sample.instances
    edge = np.zeros(shown.shape, bool)
    edge[:, 1:] |= shown[:, 1:] != shown[:, :-1]
    edge[1:] |= shown[1:] != shown[:-1]
    strength = np.where(edge, 1.0, 0.35) * (shown > 0)
    paint, strength = enlarged(colours[shown]), enlarged(strength[..., None].astype(np.float32))
    known = enlarged(sample.target_weight[..., None]) * 0.6 + 0.4
    what = (query * (1 - strength) + paint * strength) * known
    for x, y in np.rint(sample.centres).astype(int):
        what[max(y, 0) : max(y + 2, 0), max(x, 0) : max(x + 2, 0)] = [1, 1, 0]

    heat = sample.density / max(float(sample.density.max()), 1e-6)
    heat = enlarged(np.stack([heat**0.5, heat, heat**2], axis=2))
    x, y = np.clip(0.5 + 0.4 * sample.offsets, 0, 1)
    offsets = enlarged(np.stack([x, y, 1 - x], axis=2) * (shown > 0)[..., None])
    row = np.concatenate([first, query, what, heat, offsets], axis=1)
    pixels: npt.NDArray[np.uint8] = (np.clip(row, 0, 1) * 255).astype(np.uint8)
    return pixels


def sheet(
    seed: int, rows: int = 10, columns: int = 2, plan: Optional[Plan] = None
) -> npt.NDArray[np.uint8]:
    """A picture of rows * columns samples, each of another world.

    Of each: the support with its mask's rim; the query; its objects (green: of the support's class,
    magenta: distinct, grey: unknown, yellow: centres, darkened where target_weight is 0); the
    density; the offsets (red: the centre lies to the right, blue: left, green: below). Returns
    (H, W, 3) uint8.
    """
    _check("seed", seed, 0, (1 << 64) - 1)
    _check("rows", rows, 1, 1000)
    _check("columns", columns, 1, 100)
    plan = plan or Plan()
    cells = []
    for number in range(rows * columns):
        rng = np.random.default_rng([seed, 0, number])
        world = World((seed + number) % (1 << 64), plan)
        cells.append(_panels(draw(world, rng, plan)))
    return _sheets.tiled(cells, columns)


def _measure(seed: int, seconds: float, threads: int) -> str:
    """Samples a second from worlds at hand on one core, and of batches, worlds included."""
    plan = Plan()
    made = batches(seed, 16, plan, threads=threads, worlds=16)
    ready = [World(seed + i, plan) for i in range(8)]
    rng = np.random.default_rng(seed)
    drawn, targets, none = 0, 0.0, 0
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        found = float(draw(ready[drawn % len(ready)], rng, plan).density.sum())
        drawn, targets, none = drawn + 1, targets + found, none + (found < 0.5)
    rate = drawn / (time.thread_time() - start)

    for _ in range(4):  # most of the first worlds
        next(made)
    begun, work, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - begun < seconds:
        next(made)
        count += 16
    whole = count / (time.perf_counter() - begun)
    work = count / (time.process_time() - work)
    return (
        f"{rate:.1f} samples a second a core from worlds at hand, {targets / drawn:.1f} targets "
        f"each, {100 * none / drawn:.0f} % without\n"
        f"{work:.1f} a second a core in batches, rendering included; {whole:.1f} a second by the "
        f"clock on {threads} threads"
    )


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Write a sheet of samples, or measure."""
    parser = _sheets.parser("episodes", "training samples", rows=10, columns=2)
    parser.add_argument("--threads", type=int, default=1, help="of --measure")
    return _sheets.run(
        parser,
        arguments,
        lambda given: sheet(given.seed, given.rows, given.columns),
        lambda given: _measure(given.seed, given.measure, given.threads),
    )


if __name__ == "__main__":
    sys.exit(main())
