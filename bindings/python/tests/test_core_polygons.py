"""Polygons as masks."""

from __future__ import annotations

import numpy as np
import pytest
from samples import persense  # noqa: F401  (the package must be there)

from persense._core import filled


def test_fill_cuts_off_what_lies_outside() -> None:
    square = np.array([(-3.0, -3.0), (2.0, -3.0), (2.0, 2.0), (-3.0, 2.0)])
    bits = filled(square, 4, 3)
    assert (bits / 255).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_a_vertex_that_is_no_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"polygon: vertex 2 is \(nan, 0\)"):
        filled(np.array([(0, 0), (np.nan, 0), (3, 3)]), 4, 4)
