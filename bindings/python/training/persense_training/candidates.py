"""Candidate regions of a view, described as the network is told of them."""

from __future__ import annotations

import dataclasses
import math
from typing import Tuple

import cv2
import numpy as np
import numpy.typing as npt

from persense_export.networks import mini
from persense_training.views import Floats, View, pixels_seen
from persense_training.worlds import World

__all__ = ["Candidate", "described", "halved", "jittered", "shape_numbers"]


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
    _, (w, h), _ = cv2.minAreaRect(points)
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
class Candidate:
    """A region that may be an object, and what is known of it."""

    mask: npt.NDArray[np.uint8]  # (side, side) of the frame
    relation: int
    quality: float  # IoU with the object that it overlaps most
    known: bool  # whether quality is
    label: int  # of that object
    box: Floats
    shape: Floats
    size: float  # log2 of the diameter in the image
    crop: npt.NDArray[np.uint8]  # (CROP, CROP, 4)


def described(
    world: World,
    picture: int,
    view: View,
    mask: npt.NDArray[np.uint8],
    angle: float,
) -> Tuple[Floats, Floats, float, npt.NDArray[np.uint8]]:
    """Box, shape, size and crop of a mask of a frame."""
    box = _box(mask, angle)
    shape, area = shape_numbers(mask)
    inside = _box_affine(box)
    rgb = pixels_seen(world, picture, mini.CROP, _compose(view.to_picture, inside))
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


def jittered(mask: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
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


def halved(mask: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A part of a mask, to one side of a straight line."""
    rows, columns = np.nonzero(mask)
    angle = rng.uniform(0, 2 * math.pi)
    along = columns * math.cos(angle) + rows * math.sin(angle)
    part = along > np.quantile(along, rng.uniform(0.35, 0.7))
    out = np.zeros_like(mask)
    out[rows[part], columns[part]] = 1
    return out
