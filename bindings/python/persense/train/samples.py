"""From worlds to what the small network trains on.

A sample is one support object with its patch, crops of one query picture, each at the scale of a
level, the targets of their maps, candidate regions (objects with jittered masks, and regions that
are none), exemplars of the query itself, and windows in which outlines are refined.

    mixture = Mixture(seed=1, data=DATA_DIR)
    batch = stacked([mixture.sample(n) for n in range(8)])  # arrays by name

A sheet of samples, to look at::

    python -m persense.train.samples --data DATA_DIR --sheet sheet.png --seed 1
"""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
import sys
import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from persense._optional import optional
from persense.networks import mini
from persense.train import _sheets, compose, worlds
from persense.train.scenes import DISTINCT, SAME, UNKNOWN
from persense.train.worlds import BRIGHTEST, DARKEST, Real, World

__all__ = ["JUNK", "Mixture", "Plan", "draw", "sheet", "stacked"]

cv2 = optional("cv2", "train")

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint16]
Arrays = Dict[str, npt.NDArray[np.generic]]

JUNK = 3  #: a relation beside SAME, UNKNOWN and DISTINCT: of a region that is no object

_LOW, _HIGH = mini.BAND
_OVERLAP = mini.OVERLAP
#: Equivalent diameters of objects that a level is taught to find; and beyond which, to either side,
#: it is taught not to.
FOUND = _LOW * 2**-_OVERLAP, _HIGH * 2**_OVERLAP
UNTAUGHT = FOUND[0] * 2**-0.5, FOUND[1] * 2**0.5


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much there is in a sample."""

    crop: int = 112  #: height and width of a query's crop
    crops: int = 2  #: of a query
    candidates: int = 12  #: objects of a crop, at most
    junk: int = 4  #: regions of a crop that are no objects, at most
    windows: int = 3  #: of a crop, at most
    exemplars: int = 7  #: of the query, at most
    feedback: float = 0.55  #: share of samples with exemplars of the query
    absent: float = 0.12  #: share of samples whose query shows no target, where there is one
    #: share of samples whose query is taken from another world than the support, where the two surely
    #: have no class in common: about an eighth of such pairs
    foreign: float = 0.35
    beyond: float = 0.1  #: share of crops on a level that is not their objects'
    #: share of views whose pixels are those of an octave of the picture itself, as when it is run
    exact: float = 0.35


# --- views ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _View:
    """A square frame on a picture."""

    side: int
    scale: float
    to_picture: npt.NDArray[np.float64]  # (2, 3) affine, x, y of the frame to those of the picture
    to_frame: npt.NDArray[np.float64]  # the inverse


def _view(
    rng: np.random.Generator,
    side: int,
    scale: float,
    centre: npt.NDArray[np.float64],
    exact: bool = False,
) -> _View:
    """Turned, perhaps mirrored. exact: by right angles, at the next power of two, so that the
    frame's pixels are those of a level.
    """
    angle, mirror = rng.uniform(0, 2 * math.pi), rng.choice([-1.0, 1.0])
    if exact:
        angle = round(angle / (math.pi / 2)) * (math.pi / 2)
        scale = 2.0 ** round(math.log2(scale))
    c, s = math.cos(angle) / scale, math.sin(angle) / scale
    linear = np.array([[c * mirror, s * mirror], [-s, c]])
    first = centre - linear @ np.full(2, (side - 1) / 2)
    if exact:  # a pixel of the level, in the picture's
        first = (np.round((first + 0.5) * scale - 0.5) + 0.5) / scale - 0.5
    to_picture = np.column_stack([linear, first])
    return _View(side, scale, to_picture, cv2.invertAffineTransform(to_picture))


def _see(world: World, picture: int, side: int, to_picture: npt.NDArray[np.float64]) -> Floats:
    """(side, side, 3) uint8 of a picture, from the octave of it that is nearest."""
    step = math.sqrt(abs(np.linalg.det(to_picture[:, :2])))
    height, width = world.images[picture].shape[:2]
    most = int(math.log2(max(min(height, width) / 16, 1)))
    octaves = min(max(0, round(math.log2(step))), most)
    level = world.level(picture, octaves)
    times = np.array([width / level.shape[1], height / level.shape[0]])
    matrix = to_picture.copy()
    matrix[:, 2] += 0.5
    matrix = matrix / times[:, None]
    matrix[:, 2] -= 0.5
    seen: Floats = cv2.warpAffine(
        level,
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    return seen


def _see_labels(labels: Labels, view: _View, outside: int) -> npt.NDArray[np.int32]:
    seen = cv2.warpAffine(
        labels,
        view.to_picture,
        (view.side, view.side),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside, 0, 0, 0),
    )
    whole: npt.NDArray[np.int32] = seen.astype(np.int32)
    return whole


class _Light:
    """Changes of colour that support and query share, but for small differences."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.channels = rng.permutation(3) if rng.random() < 0.5 else np.arange(3)
        self.inverted = rng.random() < 0.12
        self.gamma = math.exp(rng.normal(0, 0.18))
        self.saturation = float(rng.uniform(0.6, 1.4)) if rng.random() < 0.3 else 1.0
        self.gain = math.exp(rng.normal(0, 0.08))
        self.noise = float(rng.uniform(0.005, 0.05)) if rng.random() < 0.2 else 0.0

    def of(self, table: Floats, rng: np.random.Generator) -> "_Tone":
        """For one picture, whose values a table stretches."""
        values: Floats = np.clip(table[:, None] + np.zeros(3, np.float32), DARKEST, BRIGHTEST)
        if self.inverted:
            values = 1 - values
        gamma = self.gamma * math.exp(rng.normal(0, 0.035))
        gain = self.gain * np.exp(rng.normal(0, 0.03) + rng.normal(0, 0.015, 3))
        bent = np.copysign(np.abs(values) ** gamma, values) * gain + rng.normal(0, 0.01)
        return _Tone(bent.astype(np.float32), self)


@dataclasses.dataclass(frozen=True)
class _Tone:
    values: Floats  # (256, 3)
    light: _Light

    def __call__(self, pixels: npt.NDArray[np.generic], rng: np.random.Generator) -> Floats:
        """(..., 3) uint8 as the network sees them."""
        light = self.light
        out = np.empty(pixels.shape, np.float32)
        for i in range(3):
            out[..., i] = self.values[:, i][pixels[..., light.channels[i]]]
        if light.saturation != 1.0:
            mean = out.mean(axis=-1, keepdims=True)
            out = mean + (out - mean) * np.float32(light.saturation)
        if light.noise > 0:
            out += np.float32(light.noise) * rng.standard_normal(out.shape, np.float32)
        seen: Floats = np.clip(out, DARKEST, BRIGHTEST).astype(np.float32)
        return seen


# --- candidates -----------------------------------------------------------------------------------


def shape_numbers(mask: npt.NDArray[np.uint8]) -> Tuple[Floats, float]:
    """What describes an outline, (SHAPE,), and its area; all of a mask (H, W) of 0 and 1.

    1 - square root of the ratio of the second moments; area over that of the convex hull; area over
    that of the least rectangle, of pixels' outer edges; roundness 4 pi area / perimeter^2 (of the
    outer outline, its holes filled); part of the filled outline that is holes; log2 of the
    equivalent diameter over 20.
    """
    x, y, w, h = cv2.boundingRect(mask)
    mask = np.ascontiguousarray(mask[y : y + h, x : x + w])
    moments = cv2.moments(mask, binaryImage=True)
    area = max(moments["m00"], 1.0)
    xx, yy, xy = (moments[n] / area + 1 / 12 for n in ("mu20", "mu02", "mu11"))
    xy -= 1 / 12
    root = math.sqrt((xx - yy) ** 2 / 4 + xy * xy)
    ratio = math.sqrt(max((xx + yy) / 2 - root, 0.0) / ((xx + yy) / 2 + root))
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate(outlines)
    hull = cv2.contourArea(cv2.convexHull(points))
    around = cv2.arcLength(cv2.convexHull(points), True)
    (_, (w, h), _) = cv2.minAreaRect(points)
    perimeter = sum(cv2.arcLength(o, True) for o in outlines)
    # outlines run through the middles of pixels: half a pixel is missing all round
    filled = sum(cv2.contourArea(o) + cv2.arcLength(o, True) / 2 + 1 for o in outlines)
    numbers = [
        1 - ratio,
        area / (hull + around / 2 + 1),
        area / ((w + 1) * (h + 1)),
        min(4 * math.pi * filled / (perimeter + math.pi) ** 2, 1.0),
        max(0.0, 1 - area / filled),
        math.log2(math.sqrt(4 * area / math.pi) / 20),
    ]
    return np.array(numbers, np.float32), float(area)


def _box(mask: npt.NDArray[np.uint8], angle: float) -> Floats:
    """x, y of the middle, side, cosine and sine of a candidate's square."""
    x, y, w, h = cv2.boundingRect(mask)
    side = 1.2 * max(w, h) + 2
    return np.array(
        [x + (w - 1) / 2, y + (h - 1) / 2, side, math.cos(angle), math.sin(angle)], np.float32
    )


def _box_affine(box: Floats) -> npt.NDArray[np.float64]:
    """(2, 3): x, y of a crop's pixels to those of the frame."""
    x, y, side, cosine, sine = (float(v) for v in box)
    step = side / mini.CROP
    linear = np.array([[cosine, -sine], [sine, cosine]]) * step
    middle = (mini.CROP - 1) / 2
    return np.column_stack([linear, np.array([x, y]) - linear @ np.full(2, middle)])


def _compose(
    outer: npt.NDArray[np.float64], inner: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


@dataclasses.dataclass
class _Candidate:
    mask: npt.NDArray[np.uint8]  # (side, side) of the frame
    relation: int
    quality: float  # IoU with the object that it overlaps most
    known: bool  # whether quality is
    label: int  # of that object
    box: Floats
    shape: Floats
    size: float  # log2 of the diameter in the picture
    crop: npt.NDArray[np.uint8]  # (CROP, CROP, 4)


def _described(
    world: World,
    picture: int,
    view: _View,
    mask: npt.NDArray[np.uint8],
    angle: float,
) -> Tuple[Floats, Floats, float, npt.NDArray[np.uint8]]:
    """Box, shape, size and crop of a mask of a frame."""
    box = _box(mask, angle)
    shape, area = shape_numbers(mask)
    inside = _box_affine(box)
    rgb = _see(world, picture, mini.CROP, _compose(view.to_picture, inside))
    cover = cv2.warpAffine(
        mask * 255,
        inside,
        (mini.CROP, mini.CROP),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    size = math.log2(max(math.sqrt(4 * area / math.pi) / view.scale, 0.5))
    return box, shape, size, np.dstack([rgb, cover])


_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


def _jittered(mask: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A mask such as one finds: grown, shrunken, shifted or smoothed, or with a bite taken."""
    way = rng.random()
    if way < 0.3:
        return mask
    if way < 0.45:
        out = cv2.dilate(mask, _CROSS if rng.random() < 0.6 else _DISC)
    elif way < 0.6:
        out = cv2.erode(mask, _CROSS if rng.random() < 0.7 else _DISC)
    elif way < 0.72:
        shift = rng.integers(-2, 3, 2)
        out = np.roll(mask, (int(shift[0]), int(shift[1])), (0, 1))
    elif way < 0.9:  # as a working grid of two pixels and a threshold give it
        soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), float(rng.uniform(1, 2.2)))
        soft = soft[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)[: mask.shape[0], : mask.shape[1]]
        out = (soft > rng.uniform(0.35, 0.6)).astype(np.uint8)
    else:
        x, y, w, h = cv2.boundingRect(mask)
        out = mask.copy()
        at = int(x + rng.uniform(0, w)), int(y + rng.uniform(0, h))
        cv2.circle(out, at, int(max(w, h) * rng.uniform(0.15, 0.4)), int(rng.random() < 0.3), -1)
    return out if cv2.countNonZero(out) >= 20 else mask


def _halved(mask: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    rows, columns = np.nonzero(mask)
    angle = rng.uniform(0, 2 * math.pi)
    along = columns * math.cos(angle) + rows * math.sin(angle)
    part = along > np.quantile(along, rng.uniform(0.35, 0.7))
    out = np.zeros_like(mask)
    out[rows[part], columns[part]] = 1
    return out


class _Crop:
    """A query's crop: what shows in it, and which objects its level answers for."""

    def __init__(self, world: World, picture: int, view: _View, relations: npt.NDArray[np.uint8]):
        self.world, self.picture, self.view = world, picture, view
        count = len(relations)
        self.count = count
        self.labels = _see_labels(world.labels[picture], view, count + 2)
        self.visible = world.visible_areas[picture]
        self.diameters = np.sqrt(self.visible * (4 / math.pi)) * view.scale
        d = self.diameters
        self.found = (d >= FOUND[0]) & (d <= FOUND[1])
        self.unsure = ~self.found & (d > UNTAUGHT[0]) & (d < UNTAUGHT[1])
        self.relations = relations
        self.cells = np.bincount(self.labels.ravel(), minlength=count + 3)[1 : count + 1]

    def _centres(self) -> Floats:
        points = self.world.centres[self.picture]
        moved = points @ self.view.to_frame[:, :2].T + self.view.to_frame[:, 2]
        centres: Floats = moved.astype(np.float32)
        return centres

    def maps(self) -> Arrays:
        """The targets of the maps, at stride 2."""
        count, side = self.count, self.view.side
        found, unsure, relation = self.found, self.unsure, self.relations
        of = np.zeros((4, count + 3), np.float32)  # target, object, target unsure, object unsure
        of[0, 1 : count + 1] = found & (relation == SAME)
        of[1, 1 : count + 1] = found
        of[2, 1 : count + 1] = (relation == UNKNOWN) & (found | unsure) | (
            unsure & (relation == SAME)
        )
        of[3, 1 : count + 1] = unsure
        of[2, count + 2] = of[3, count + 1 :] = 1
        half = side // 2
        quarters = [self.labels[y::2, x::2] for y in (0, 1) for x in (0, 1)]
        fine: Floats = np.stack([of.take(q, axis=1) for q in quarters]).mean(axis=0)
        middle = self.labels[::2, ::2]
        lies = np.where((middle > 0) & (middle <= count), middle, 0)
        centres = self._centres()
        steps = np.arange(half, dtype=np.float32) * 2 + 0.5
        own = np.zeros((count + 1, 2), np.float32)
        own[1:] = centres
        offsets = np.stack([own[lies, 0] - steps[None, :], own[lies, 1] - steps[:, None]])
        offsets = np.clip(offsets / mini.UNIT, -4, 4)
        taught = np.zeros(count + 1, np.float32)
        taught[1:] = np.where(found, np.where(relation == SAME, 1.0, 0.3), 0.15 * unsure)
        weight = taught[lies]
        offsets *= (weight > 0)[None]
        # where two objects meet
        meets = np.zeros((half, half), bool)
        for a, b, x, y in (
            (lies[1:], lies[:-1], meets[1:], meets[:-1]),
            (lies[:, 1:], lies[:, :-1], meets[:, 1:], meets[:, :-1]),
        ):
            touch = (a != b) & (a > 0) & (b > 0)
            x |= touch
            y |= touch
        return {
            "target": fine[0],
            "target_known": (fine[2] == 0).astype(np.float32),
            "objects": fine[1],
            "objects_known": (fine[3] == 0).astype(np.float32),
            "density": self._density(centres),
            "density_known": self._counted(),
            "offsets": offsets.astype(np.float32),
            "offsets_weight": weight,
            "contact": meets.astype(np.float32),
        }

    def _counted(self) -> Floats:
        """Where the number of targets is known: not where objects are that may be some."""
        table = np.zeros(self.count + 3, np.uint8)
        table[1 : self.count + 1] = (self.relations == UNKNOWN) & (self.found | self.unsure)
        table[self.count + 2] = 1
        unknown = table[self.labels[::2, ::2]]
        near = cv2.dilate(unknown, np.ones((3, 3), np.uint8))
        known: Floats = (near == 0).astype(np.float32)
        return known

    def _density(self, centres: Floats) -> Floats:
        """A Gaussian for each target whose centre lies inside, in units of PEAK.

        Its mass is the level's share of the object, and the shares of all levels are one together.
        """
        share = level_share(self.diameters)
        side = self.view.side
        inside = ((centres >= -0.5) & (centres < side - 0.5)).all(axis=1)
        inside &= (self.relations == SAME) & (share > 0)
        steps = np.arange(side // 2, dtype=np.float32) * 2 + 0.5
        away = (steps - centres[inside][:, :, None]) / 2.0
        bells = np.exp(-0.5 * away * away)
        bells /= bells.sum(axis=2, keepdims=True)
        density: Floats = (bells[:, 1] * share[inside, None]).T @ bells[:, 0] / mini.PEAK
        return density.astype(np.float32)

    def _candidate(self, mask: npt.NDArray[np.uint8], angle: float) -> Optional[_Candidate]:
        area = cv2.countNonZero(mask)
        if area < 20 or area > 6000:
            return None
        x, y, w, h = cv2.boundingRect(mask)
        part = np.s_[y : y + h, x : x + w]
        over = np.bincount(self.labels[part][mask[part] > 0], minlength=self.count + 3)
        obscure = int(over[self.count + 1 :].sum())
        own = over[1 : self.count + 1]
        best = int(own.argmax()) if self.count else 0
        most = int(own[best]) if self.count else 0
        quality = most / max(area + int(self.cells[best]) - most, 1) if most else 0.0
        known = obscure <= 0.15 * area
        relation = UNKNOWN
        if quality >= 0.5:
            relation = int(self.relations[best])
        elif quality < 0.35 and known:
            relation = JUNK
        box, shape, size, crop = _described(self.world, self.picture, self.view, mask, angle)
        return _Candidate(mask, relation, quality, known, best + 1, box, shape, size, crop)

    def candidates(self, rng: np.random.Generator, plan: Plan) -> List[_Candidate]:
        """Objects with masks such as one finds, and regions that are no objects."""
        shown = self.cells / np.maximum(self.visible * self.view.scale**2, 1)
        fit = np.flatnonzero(self.found & (shown >= 0.3) & (self.cells >= 24))
        fit = rng.permutation(fit)
        same = fit[self.relations[fit] == SAME]
        others = fit[self.relations[fit] != SAME]
        half = max(plan.candidates * 2 // 3, plan.candidates - len(others))
        chosen = np.concatenate([same[:half], others[: plan.candidates - min(half, len(same))]])
        made: List[_Candidate] = []

        def add(mask: npt.NDArray[np.uint8]) -> None:
            one = self._candidate(mask, float(rng.uniform(0, 2 * math.pi)))
            if one is not None:
                made.append(one)

        masks = [(self.labels == i + 1).astype(np.uint8) for i in chosen]
        for mask in masks:
            add(_jittered(mask, rng))
        for _ in range(int(rng.integers(plan.junk + 1))):
            way = rng.random()
            if way < 0.35 and len(masks) >= 2:  # two in one
                first = masks[int(rng.integers(len(masks)))]
                grown = cv2.dilate(first, np.ones((7, 7), np.uint8))
                near = np.unique(self.labels[(grown > 0) & (first == 0)])
                near = near[(near > 0) & (near <= self.count)]
                if len(near):
                    other = (self.labels == int(rng.choice(near))).astype(np.uint8)
                    add(first | other)
            elif way < 0.6 and masks:  # a part
                add(_halved(masks[int(rng.integers(len(masks)))], rng))
            else:  # something in the shape of an object, where none is, or inside a large one
                add(self._stray(masks, rng))
        return made

    def _stray(
        self, masks: Sequence[npt.NDArray[np.uint8]], rng: np.random.Generator
    ) -> npt.NDArray[np.uint8]:
        side = self.view.side
        if masks and rng.random() < 0.6:
            shift = rng.integers(0, side, 2)
            return np.roll(masks[int(rng.integers(len(masks)))], (shift[0], shift[1]), (0, 1))
        out = np.zeros((side, side), np.uint8)
        d = math.exp(rng.uniform(math.log(FOUND[0]), math.log(FOUND[1])))
        at = int(rng.integers(side)), int(rng.integers(side))
        axes = max(2, int(d / 2 * rng.uniform(0.7, 1.3))), max(2, int(d / 2))
        cv2.ellipse(out, at, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        if rng.random() < 0.5:  # its ragged part that is ground
            ground = (self.labels == 0).astype(np.uint8)
            out = out & ground
        return out


def level_share(diameters: npt.NDArray[np.floating]) -> Floats:
    """The part of an object of such a diameter on a level that the level's density counts.

    One inside the band, none outside, and in between so that the shares of two neighbouring levels
    are one together.
    """
    d = np.log2(np.maximum(diameters, 1e-3))
    rise = np.clip((d - math.log2(_LOW) + _OVERLAP) / (2 * _OVERLAP), 0, 1)
    fall = np.clip((d - math.log2(_HIGH) + _OVERLAP) / (2 * _OVERLAP), 0, 1)
    share: Floats = (rise - fall).astype(np.float32)
    return share


# --- a sample -------------------------------------------------------------------------------------


def draw(
    world: World, rng: np.random.Generator, plan: Plan, foreign: Optional[World] = None
) -> Arrays:
    """Draw a sample: the same generator state gives the same bytes (by the same NumPy and OpenCV).

    foreign: a world whose classes have nothing to do with this one's: the support is of that one,
    and nothing in the query is a target.
    """
    light = _Light(rng)
    own = foreign or world
    kind = int(rng.choice(sorted(own.supports)))
    here = int(rng.choice(sorted(own.supports[kind])))
    label = int(rng.choice(own.supports[kind][here])) + 1
    there = int(rng.integers(len(world.images)))
    if foreign is None:
        there = _query_picture(world, kind, here, rng, plan)
        relations = world.differences[kind][world.classes[there]].astype(np.uint8)
    else:
        relations = np.full(len(world.classes[there]), DISTINCT, np.uint8)

    # the support
    x0, y0, x1, y1 = own.boxes[here][label - 1]
    diameter = math.sqrt(4 * float(own.visible_areas[here][label - 1]) / math.pi)
    exact = rng.random() < plan.exact
    scale = _LOW * 2 ** (0.5 if exact else rng.uniform(0, 1)) / diameter
    middle = np.array([(x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2])
    view = _view(rng, mini.PATCH, scale, middle, exact)
    mask = (_see_labels(own.labels[here], view, 0) == label).astype(np.uint8)
    if rng.random() < 0.6 and cv2.countNonZero(mask):
        mask = _jittered(mask, rng)
    if cv2.countNonZero(mask) < 8:
        cv2.circle(mask, (mini.PATCH // 2, mini.PATCH // 2), 8, 1, -1)
    box, shape, size, crop = _described(own, here, view, mask, float(rng.uniform(0, 2 * math.pi)))
    tone = light.of(own.stretch(here), rng)
    patch = tone(_see(own, here, mini.PATCH, view.to_picture), rng)

    # the query
    tone_there = light.of(world.stretch(there), rng)
    crops = [_crop(world, there, relations, rng, plan) for _ in range(plan.crops)]
    pixels = [tone_there(_see(world, there, plan.crop, c.view.to_picture), rng) for c in crops]
    found = [c.candidates(rng, plan) for c in crops]
    every = [(i, one) for i, of in enumerate(found) for one in of]
    chosen = _exemplars(every, rng, plan)
    windows = [w for i, c in enumerate(crops) for w in _windows(i, c, found[i], rng, plan)]
    maps = [c.maps() for c in crops]

    stacked_maps = {name: np.stack([m[name] for m in maps]) for name in maps[0]}
    crop_pixels = (
        np.stack([one.crop for _, one in every])
        if every
        else np.zeros((0, mini.CROP, mini.CROP, 4), np.uint8)
    )
    return {
        "patch": patch.transpose(2, 0, 1)[None],
        "mask": mask[None, None].astype(np.float32),
        "support_crop": _crops(crop[None], tone, rng),
        "support_box": box[None],
        "support_shape": shape[None],
        "support_size": np.array([size], np.float32),
        "query": np.stack(pixels).transpose(0, 3, 1, 2),
        **stacked_maps,
        "crop": _crops(crop_pixels, tone_there, rng),
        "frame": np.array([i for i, _ in every], np.int64),
        "box": _rows([one.box for _, one in every], 5),
        "shape": _rows([one.shape for _, one in every], mini.SHAPE),
        "size": np.array([one.size for _, one in every], np.float32),
        "relation": np.array([one.relation for _, one in every], np.int64),
        "quality": np.array([one.quality for _, one in every], np.float32),
        "quality_known": np.array([one.known for _, one in every], np.float32),
        **_feedback(every, chosen, plan),
        **{
            name: np.stack([w[name] for w in windows])
            if windows
            else np.zeros((0,) + shape_, np.float32)
            for name, shape_ in _WINDOW_SHAPES.items()
        },
    }


_WINDOW_SHAPES: Dict[str, Tuple[int, ...]] = {
    "window_at": (3,),
    "window_coarse": (1, mini.WINDOW, mini.WINDOW),
    "window_truth": (1, mini.WINDOW, mini.WINDOW),
    "window_known": (1, mini.WINDOW, mini.WINDOW),
    "window_centre": (2,),
}


def _rows(values: Sequence[Floats], width: int) -> Floats:
    return np.stack(values) if values else np.zeros((0, width), np.float32)


def _crops(pixels: npt.NDArray[np.uint8], tone: _Tone, rng: np.random.Generator) -> Floats:
    """(N, 4, CROP, CROP): what the network sees, and the mask."""
    colours = tone(pixels[..., :3], rng)
    mask = pixels[..., 3:].astype(np.float32) / 255
    crops: Floats = np.concatenate([colours, mask], axis=-1).transpose(0, 3, 1, 2)
    return crops


def _query_picture(world: World, kind: int, here: int, rng: np.random.Generator, plan: Plan) -> int:
    count = len(world.images)
    others = [p for p in range(count) if p != here]
    having = [p for p in others if (world.classes[p] == kind).any()]
    without = [p for p in others if p not in having and len(world.classes[p])]
    if without and rng.random() < plan.absent * 2:  # about half of the worlds have one
        return int(rng.choice(without))
    if not having or rng.random() < 0.15:
        return here
    return int(rng.choice(having))


def _crop(
    world: World,
    picture: int,
    relations: npt.NDArray[np.uint8],
    rng: np.random.Generator,
    plan: Plan,
) -> _Crop:
    """Near an object, at a scale at which the level answers for it."""
    visible = world.visible_areas[picture]
    height, width = world.images[picture].shape[:2]
    there = np.flatnonzero(visible > 0)
    targets = there[relations[there] == SAME]
    if len(targets) and rng.random() < 0.75:
        there = targets
    if len(there):
        anchor = int(rng.choice(there))
        diameter = math.sqrt(4 * float(visible[anchor]) / math.pi)
        centre = world.centres[picture][anchor].astype(np.float64)
    else:
        diameter, centre = math.exp(rng.uniform(2, 4)), rng.uniform(0, 1, 2) * (width, height)
    exact = rng.random() < plan.exact
    scale = math.exp(rng.uniform(math.log(13), math.log(30))) / diameter
    if exact:  # on its own level, once it is rounded
        scale = _LOW * math.sqrt(2) / diameter
    if rng.random() < plan.beyond:
        scale *= 2 ** (rng.choice([-1, 1]) * rng.uniform(0.8, 2))
    scale = min(scale, 5.6)  # exact ones: 4
    centre = centre + rng.uniform(-0.4, 0.4, 2) * plan.crop / scale
    half = 0.35 * plan.crop / scale
    limits = np.array([width, height])
    centre = np.where(limits > 2 * half, np.clip(centre, half, limits - half), limits / 2)
    return _Crop(world, picture, _view(rng, plan.crop, scale, centre, exact), relations)


def _exemplars(
    every: Sequence[Tuple[int, _Candidate]], rng: np.random.Generator, plan: Plan
) -> List[int]:
    """Candidates that serve as exemplars of the query; seldom one of them is wrong."""
    if rng.random() >= plan.feedback:
        return []
    good = [i for i, (_, one) in enumerate(every) if one.relation == SAME and one.quality >= 0.6]
    count = min(len(good), int(rng.integers(1, plan.exemplars + 1)))
    if count == 0:
        return []
    chosen = [int(i) for i in rng.choice(good, count, replace=False)]
    wrong = [i for i, (_, one) in enumerate(every) if one.relation in (DISTINCT, JUNK)]
    if count >= 3 and wrong and rng.random() < 0.15:
        chosen[-1] = int(rng.choice(wrong))
    return chosen


def _feedback(every: Sequence[Tuple[int, _Candidate]], chosen: Sequence[int], plan: Plan) -> Arrays:
    """Where the exemplars' patches lie in the crops, and their masks there."""
    most = plan.crop - mini.PATCH
    at, masks = [], []
    for i in chosen:
        frame, one = every[i]
        corner = [int(round(float(v) - mini.PATCH / 2) / 8) * 8 for v in one.box[:2]]
        x, y = (min(max(c, 0), most // 8 * 8) for c in corner)
        at.append([frame, y, x])
        masks.append(one.mask[None, y : y + mini.PATCH, x : x + mini.PATCH])
    size = mini.PATCH
    return {
        "exemplar": np.array(list(chosen), np.int64),
        "exemplar_at": np.array(at, np.int64).reshape(-1, 3),
        "exemplar_mask": (np.stack(masks) if masks else np.zeros((0, 1, size, size))).astype(
            np.float32
        ),
    }


def _windows(
    frame: int, crop: _Crop, found: Sequence[_Candidate], rng: np.random.Generator, plan: Plan
) -> List[Dict[str, Floats]]:
    """Parts of a crop in which a candidate's outline is refined."""
    if crop.world.loose:
        return []
    fit = [one for one in found if one.quality >= 0.4]
    size, most = mini.WINDOW, plan.crop - mini.WINDOW
    out = []
    for i in rng.permutation(len(fit))[: plan.windows]:
        one = fit[int(i)]
        corner = [int(round((float(v) - size / 2) / 2)) * 2 for v in one.box[:2]]
        x, y = (min(max(c, 0), most) for c in corner)
        part = np.s_[y : y + size, x : x + size]
        coarse = one.mask[part]
        if not coarse.any():
            continue
        labels = crop.labels[part]
        rows, columns = np.nonzero(coarse)
        centre = np.array([columns.mean(), rows.mean()], np.float32)
        if rng.random() < 0.5:  # as the maps' cells give it
            coarse = coarse[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)
        out.append(
            {
                "window_at": np.array([frame, y, x], np.float32),
                "window_coarse": coarse[None].astype(np.float32),
                "window_truth": (labels == one.label)[None].astype(np.float32),
                "window_known": (labels <= crop.count)[None].astype(np.float32),
                "window_centre": centre,
            }
        )
    return out


def stacked(samples: Sequence[Arrays]) -> Arrays:
    """Samples in one: frames and candidates are renumbered, and it is told whose they are."""
    batch: Arrays = {}
    crops = len(samples[0]["query"])
    for name in samples[0]:
        batch[name] = np.concatenate([s[name] for s in samples])
    counts = [len(s["frame"]) for s in samples]
    first = np.cumsum([0] + counts[:-1])
    batch["frame"] = np.concatenate([s["frame"] + i * crops for i, s in enumerate(samples)])
    batch["sample"] = np.repeat(np.arange(len(samples)), counts).astype(np.int64)
    batch["slot"] = np.concatenate([np.arange(n) for n in counts]).astype(np.int64)
    held = [len(s["exemplar"]) for s in samples]
    batch["exemplar"] = np.concatenate(
        [s["exemplar"].astype(np.int64) + f for s, f in zip(samples, first)]
    )
    batch["exemplar_sample"] = np.repeat(np.arange(len(samples)), held).astype(np.int64)
    batch["exemplar_slot"] = np.concatenate([np.arange(1, n + 1) for n in held]).astype(np.int64)
    for name in ("exemplar_at", "window_at"):
        at = [s[name].astype(np.int64).reshape(-1, 3).copy() for s in samples]
        for i, one in enumerate(at):
            one[:, 0] += i * crops
        batch[name] = np.concatenate(at)
    return batch


# --- the mixture ----------------------------------------------------------------------------------


class Mixture:
    """Samples of composed, rendered and real worlds: which ones follow from the seed and n alone.

    A ring of worlds is kept, one of which is replaced every `uses` samples.
    """

    def __init__(
        self,
        seed: int,
        data: pathlib.Path,
        plan: Optional[Plan] = None,
        *,
        held_out: bool = False,
        real: Optional[Real] = None,
        shares: Tuple[float, float, float] = (0.5, 0.3, 0.2),
        slots: int = 64,
        uses: int = 16,
    ) -> None:
        self.plan = plan or Plan()
        self._seed, self._slots, self._uses = seed, slots, uses
        self._shares = np.array(shares) / sum(shares)
        self._library = compose.Library(data, held_out)
        part = "held_out" if held_out else "train"
        self._real = real or Real(data / "scenes" / "train", part)
        self._kept: "collections.OrderedDict[int, World]" = collections.OrderedDict()

    def _make(self, number: int) -> World:
        rng = np.random.default_rng([self._seed, 1, number])
        while True:
            way = int(rng.choice(3, p=self._shares))
            own = int(rng.integers(1 << 62))
            makers: List[Callable[[], World]] = [
                lambda: compose.compose(self._library, own),
                lambda: worlds.rendered(own, int(rng.choice([192, 224, 288]))),
                lambda: self._real.draw(rng),
            ]
            world = makers[way]()
            if world.supports:
                return world

    def _world(self, n: int, slot: int) -> World:
        turn = (n // self._uses + slot) // self._slots
        number = (turn + 1) * self._slots - slot
        if number not in self._kept:
            self._kept[number] = self._make(number)
            while len(self._kept) > self._slots + 2:
                self._kept.popitem(last=False)
        return self._kept[number]

    def sample(self, n: int) -> Arrays:
        """Sample n."""
        rng = np.random.default_rng([self._seed, 0, n])
        slots = rng.integers(self._slots, size=2)
        world = self._world(n, int(slots[0]))
        foreign: Optional[World] = None
        if rng.random() < self.plan.foreign:
            other = self._world(n, int(slots[1]))
            if _unrelated(world, other):
                foreign = other
        return draw(world, rng, self.plan, foreign)


def _unrelated(a: World, b: World) -> bool:
    """Whether surely no class of one is any of the other's."""
    return all(a.kinds) and all(b.kinds) and not set(a.kinds) & set(b.kinds)


# --- to look at -----------------------------------------------------------------------------------

_COLOURS = np.array([[0, 1, 0], [0.6, 0.6, 0.6], [1, 0, 1], [1, 0.2, 0.2]], np.float32)


def panels(sample: Arrays) -> npt.NDArray[np.uint8]:
    """Support, crops with their candidates' boxes, targets, objects, density, and crops of
    candidates: green same, grey unknown, magenta distinct, red no object.
    """
    side = sample["query"].shape[2]

    def grey(plane: npt.NDArray[np.generic]) -> Floats:
        large = np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1).astype(np.float32)
        return np.repeat(large[..., None], 3, axis=2)

    patch = sample["patch"][0].transpose(1, 2, 0).astype(np.float32).copy()
    patch[sample["mask"][0, 0] == 0] *= 0.5
    first = np.zeros((side, side, 3), np.float32)
    first[: len(patch), : len(patch)] = patch
    crop = sample["support_crop"][0]
    first[len(patch) : len(patch) + 32, :32] = crop[:3].transpose(1, 2, 0)
    first[len(patch) : len(patch) + 32, 32:64] = crop[3][..., None]
    rows = []
    for q in range(len(sample["query"])):
        query = np.ascontiguousarray(sample["query"][q].transpose(1, 2, 0), np.float32)
        boxes = query.copy()
        for i in np.flatnonzero(sample["frame"] == q):
            x, y, length, c, s = (float(v) for v in sample["box"][i])
            corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * length / 2
            turned = corners @ np.array([[c, s], [-s, c]]) + [x, y]
            colour = [float(v) for v in _COLOURS[int(sample["relation"][i])]]
            wide = 2 if i in sample["exemplar"] else 1
            cv2.polylines(boxes, [np.rint(turned).astype(np.int32)], True, colour, wide)
        target = grey(sample["target"][q]) * 0.8
        target[..., 0] += grey(1 - sample["target_known"][q])[..., 0] * 0.5
        objects = grey(sample["objects"][q]) * 0.8
        objects[..., 0] += grey(1 - sample["objects_known"][q])[..., 0] * 0.5
        objects[..., 1] += grey(sample["contact"][q])[..., 0]
        density = grey(sample["density"][q])
        density[..., 0] += grey(1 - sample["density_known"][q])[..., 0] * 0.5
        strip = np.zeros((side, 6 * 32, 3), np.float32)
        mine = np.flatnonzero(sample["frame"] == q)[:9]
        for j, i in enumerate(mine):
            y, x = j // 3 * 32, j % 3 * 64
            strip[y : y + 32, x : x + 32] = sample["crop"][i, :3].transpose(1, 2, 0)
            strip[y : y + 32, x + 32 : x + 64] = (
                sample["crop"][i, 3][..., None] * _COLOURS[int(sample["relation"][i])]
            )
        lead = first if q == 0 else np.zeros_like(first)
        rows.append(np.concatenate([lead, query, boxes, target, objects, density, strip], axis=1))
    row = np.concatenate(rows, axis=0)
    pixels: npt.NDArray[np.uint8] = (np.clip(row, 0, 1) * 255).astype(np.uint8)
    return pixels


def sheet(mixture: Mixture, rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """Samples as panels() shows them."""
    step = 97  # each of another world
    cells = [panels(mixture.sample(n * step)) for n in range(rows * columns)]
    return _sheets.tiled(cells, columns)


def _measure(mixture: Mixture, seconds: float) -> str:
    for n in range(200):
        mixture.sample(n)
    start, n = time.thread_time(), 200
    while time.thread_time() - start < seconds:
        mixture.sample(n)
        n += 1
    return f"{(n - 200) / (time.thread_time() - start):.1f} samples per second and core"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Write a sheet of samples, or measure."""
    parser = _sheets.parser("samples", "samples of the small network", rows=5, columns=2)
    parser.add_argument("--data", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--held-out", action="store_true", help="of what is kept from training")
    return _sheets.run(
        parser,
        arguments,
        lambda given: sheet(
            Mixture(given.seed, given.data, held_out=given.held_out), given.rows, given.columns
        ),
        lambda given: _measure(Mixture(given.seed, given.data), given.measure),
    )


if __name__ == "__main__":
    sys.exit(main())
