"""Outlines of bitmaps as polygons."""

from __future__ import annotations

import numpy as np
import pytest
from samples import found_in

from persense._core import filled, innermost, outlines


def signed_area(ring: np.ndarray) -> float:
    x, y = ring.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def fill(rings: list, width: int, height: int) -> np.ndarray:
    """What is inside of all rings together (even-odd rule)."""
    inside = np.zeros((height, width), dtype=bool)
    for ring in rings:
        inside ^= filled(ring, width, height) != 0
    return inside


def test_filled_outlines_are_the_bitmap_again() -> None:
    rng = np.random.default_rng(5)
    for _ in range(500):
        height, width = rng.integers(1, 12, 2)
        bits = rng.random((height, width)) < rng.random()
        rings = outlines(bits)
        assert (fill(rings, int(width), int(height)) == bits).all()
        assert sum(signed_area(ring) for ring in rings) == bits.sum()


def test_outer_borders_are_clockwise_and_holes_are_not() -> None:
    bits = np.ones((5, 6), dtype=bool)
    bits[2, 2:4] = False
    outer, hole = outlines(bits)
    assert outer.tolist() == [[0, 0], [6, 0], [6, 5], [0, 5]]
    assert signed_area(outer) == 30 and signed_area(hole) == -2


def test_parts_that_touch_at_a_corner_are_one_part() -> None:
    assert len(outlines(np.eye(4, dtype=bool))) == 1
    assert len(outlines(np.array([[1, 0, 1]], dtype=bool))) == 2


def test_fill_cuts_off_what_lies_outside() -> None:
    square = np.array([(-3.0, -3.0), (2.0, -3.0), (2.0, 2.0), (-3.0, 2.0)])
    bits = fill([square], 4, 3)
    assert bits.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_innermost_lies_inside_the_object() -> None:
    for kind in ("beans", "cells"):
        for mask in found_in(kind).masks:
            x, y, radius = innermost(mask)
            assert mask.bits[y - mask.box[1], x - mask.box[0]]
            assert 0 < radius <= max(mask.bits.shape) / 2 + 1


def test_a_vertex_that_is_no_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"polygon: vertex 2 is \(nan, 0\)"):
        filled(np.array([(0, 0), (np.nan, 0), (3, 3)]), 4, 4)
