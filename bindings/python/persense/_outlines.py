"""Borders of a bitmap as polygons, and polygons as bitmaps. NumPy only."""

from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

# right, down, left, up: the object lies to the right of each step
_STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])


def outlines(bits: NDArray[np.bool_]) -> List[NDArray[np.int64]]:
    """Borders of a bitmap (h, w) along the edges of its pixels.

    Returns closed polygons, each (K, 2) corners (x, y) with 0 <= x <= w, 0 <= y <= h: outer borders
    of the 8-connected parts clockwise (as seen, y down), holes counter-clockwise. `fill` of all of
    them gives the bitmap back exactly.
    """
    ways, stride = _edges_from(bits)
    steps = tuple(int(dx + dy * stride) for dx, dy in _STEPS)
    polygons = []
    to_start = bytearray((ways & 1).tobytes())  # every border has a step to the right
    flags = ways.tobytes()
    start = to_start.find(1)
    while start >= 0:
        corners = []
        at, direction, before = start, 0, -1
        while True:
            if direction != before:
                corners.append(at)
            if direction == 0:
                to_start[at] = 0
            before = direction
            at += steps[direction]
            # where two parts touch at a corner, cross over: they are one 8-connected part
            for turn in (-1, 0, 1):
                direction = (before + turn) & 3
                if flags[at] >> direction & 1:
                    break
            if at == start and direction == 0:
                break
        y, x = np.divmod(np.array(corners), stride)
        polygons.append(np.stack([x, y], axis=1))
        start = to_start.find(1, start)
    return polygons


def _edges_from(bits: NDArray[np.bool_]) -> Tuple[NDArray[np.uint8], int]:
    """Border steps that leave each pixel corner, as bits 1 << direction, flat; and the stride."""
    inside = np.pad(np.asarray(bits, dtype=bool), 1)
    # the four pixels around each corner
    up_left, up_right = inside[:-1, :-1], inside[:-1, 1:]
    down_left, down_right = inside[1:, :-1], inside[1:, 1:]
    ways = (
        (down_right & ~up_right) * np.uint8(1)
        + (down_left & ~down_right) * np.uint8(2)
        + (up_left & ~down_left) * np.uint8(4)
        + (up_right & ~up_left) * np.uint8(8)
    ).astype(np.uint8)
    return ways.ravel(), ways.shape[1]


def fill(polygons: Sequence[NDArray[Any]], width: int, height: int) -> NDArray[np.bool_]:
    """Bitmap (height, width) of the pixels whose centres lie inside the polygons (even-odd rule).

    Polygons are closed, (K, 2) points (x, y); pixel (0, 0) covers 0 <= x < 1 and 0 <= y < 1. What
    lies outside of the bitmap is cut off.
    """
    inside = np.zeros((height, width), dtype=bool)
    columns = np.arange(width) + 0.5
    for polygon in polygons:
        ends = np.asarray(polygon, dtype=np.float64)
        for (xa, ya), (xb, yb) in zip(ends, np.roll(ends, -1, axis=0)):
            if ya > yb:
                xa, ya, xb, yb = xb, yb, xa, ya
            # rows whose centre lies in ya <= y < yb
            first, last = max(0, int(np.ceil(ya - 0.5))), min(height, int(np.ceil(yb - 0.5)))
            if first >= last:
                continue
            crossing = xa + (np.arange(first, last) + 0.5 - ya) * ((xb - xa) / (yb - ya))
            inside[first:last] ^= columns >= crossing[:, None]
    return inside


def simplify(polygon: NDArray[Any], tolerance: float) -> NDArray[Any]:
    """A closed polygon (K, 2) with fewer of its points, none of the left out ones further than
    `tolerance` away (Douglas and Peucker 1973). At least three points stay."""
    count = len(polygon)
    if tolerance <= 0 or count <= 4:
        return polygon
    points = polygon.astype(np.float64)
    # two far points cut the ring into two lines
    first = int(np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1)))
    points = np.roll(points, -first, axis=0)
    half = int(np.argmax(((points - points[0]) ** 2).sum(axis=1)))
    ring = np.concatenate([points, points[:1]])
    keep = np.zeros(count + 1, dtype=bool)
    keep[[0, half]] = True
    lines = [(0, half), (half, count)]
    while lines:
        a, b = lines.pop()
        if b - a < 2:
            continue
        distances = _distances(ring[a + 1 : b], ring[a], ring[b])
        furthest = int(np.argmax(distances))
        if distances[furthest] > tolerance:
            middle = a + 1 + furthest
            keep[middle] = True
            lines += [(a, middle), (middle, b)]
    kept = np.flatnonzero(keep[:count])
    if len(kept) < 3:
        away = _distances(points, points[0], points[half])
        kept = np.sort(np.append(kept, int(np.argmax(away))))
    return np.roll(polygon, -first, axis=0)[kept]


def _distances(
    points: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distances of points (K, 2) from the line segment a, b."""
    along = b - a
    squared = float(along @ along)
    t = np.clip((points - a) @ along / squared, 0, 1) if squared > 0 else np.zeros(len(points))
    apart: NDArray[np.float64] = np.linalg.norm(points - a - t[:, None] * along, axis=1)
    return apart


def smooth_outline(corners: NDArray[np.int64], inset: float) -> NDArray[np.float64]:
    """A pixel outline without its stairs, for drawing: (K, 2), moved inwards by `inset` pixels."""
    ends = np.roll(corners, -1, axis=0)
    lengths = np.abs(ends - corners).sum(axis=1)
    segment = np.repeat(np.arange(len(corners)), lengths)
    step = np.arange(len(segment)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    points = corners[segment] + np.sign(ends - corners)[segment] * (step + 0.5)[:, None]
    if len(points) >= 16:  # smaller objects would shrink
        for _ in range(3):
            points = (np.roll(points, 1, axis=0) + 2 * points + np.roll(points, -1, axis=0)) / 4
    forward = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    length = np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    inwards = np.stack([-forward[:, 1], forward[:, 0]], axis=1) / length
    smooth: NDArray[np.float64] = points + inset * inwards
    return smooth


def innermost(bits: NDArray[np.bool_]) -> Tuple[float, float, float]:
    """About the centre (x, y) and the radius of the largest disc inside a bitmap (h, w)."""
    stride = max(1, max(bits.shape) // 48)  # as exact as a label's place needs to be
    inside = np.pad(bits[::stride, ::stride], 1)
    if not inside.any():
        inside = np.pad(bits, 1)
        stride = 1
    radius = 0
    while True:
        smaller = inside.copy()
        smaller[1:-1, 1:-1] &= (
            inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
        )
        if radius % 2 == 1:  # crosses and squares in turn: nearly a disc
            smaller[1:-1, 1:-1] &= (
                inside[:-2, :-2] & inside[2:, :-2] & inside[:-2, 2:] & inside[2:, 2:]
            )
        radius += 1
        if not smaller.any():
            break
        inside = smaller
    ys, xs = np.nonzero(inside)
    nearest = np.argmin((xs - xs.mean()) ** 2 + (ys - ys.mean()) ** 2)
    x, y = (float(v[nearest] - 1) * stride + stride / 2 for v in (xs, ys))
    return x, y, (radius - 0.5) * stride
