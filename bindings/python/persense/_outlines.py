"""Outlines of masks as polygons."""

from __future__ import annotations

from typing import List

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._core import Mask

__all__ = ["outer_polygons"]

_MOST_LOST = 0.1  # of a part's area


def outer_polygons(mask: Mask, tolerance: float) -> List[NDArray[np.float64]]:
    """One polygon (K, 2) for each part of a mask, in pixels of its image; holes are filled.

    tolerance: how far its border may run from the mask's. Parts as small as that keep every corner.
    """
    rings = [ring for ring in _core.outlines(mask.bits) if _area(ring) > 0]
    return [(_simplified(ring, tolerance) + np.array(mask.box[:2])).astype(float) for ring in rings]


def _simplified(ring: NDArray[np.int32], tolerance: float) -> NDArray[np.int32]:
    fewer = _core.simplified(ring, tolerance)
    return fewer if abs(_area(fewer) - _area(ring)) <= _MOST_LOST * _area(ring) else ring


def _area(ring: NDArray[np.int32]) -> float:
    """Above 0 for outer rings, below for holes."""
    x, y = ring.astype(np.float64).T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
