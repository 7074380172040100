"""Measurements, beside those of scikit-image."""

from __future__ import annotations

import math
from typing import Dict

import numpy as np
import pytest
from samples import found_in, persense

measure = pytest.importorskip("skimage.measure", reason="scikit-image is not installed")

NAMES = {  # ours: scikit-image's
    "area": "area",
    "equivalent_diameter": "equivalent_diameter_area",
    "perimeter": "perimeter",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
    "length": "feret_diameter_max",
    "solidity": "solidity",
}


def blobs(count: int) -> "list[np.ndarray]":
    """Masks of any shape: smooth, ragged, in several parts, with holes, a pixel wide."""
    rng = np.random.default_rng(1)
    masks = []
    for _ in range(count):
        noise = rng.standard_normal(rng.integers(1, 50, 2))
        for _ in range(int(rng.integers(0, 6))):
            for axis in (0, 1):
                noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
        mask = noise >= np.quantile(noise, rng.uniform(0, 0.9))
        masks.append(mask)
    return masks


def compared(ours: Dict[str, float], theirs: "object") -> None:
    for name, other in NAMES.items():
        assert ours[name] == pytest.approx(getattr(theirs, other), rel=1e-9, abs=1e-9), name
    if ours["major_axis"] - ours["minor_axis"] > 0.01:  # a round object has no direction
        turned = ours["orientation"] - math.degrees(theirs.orientation) - 90  # type: ignore[attr-defined]
        assert (turned + 90) % 180 - 90 == pytest.approx(0, abs=1e-6)


def test_masks_measure_what_regionprops_does() -> None:
    for mask in blobs(100):
        [theirs] = measure.regionprops(mask.astype(np.uint8))
        compared(persense.Mask(mask).measure(), theirs)


def test_a_result_is_a_table_of_measurements_with_units() -> None:
    result = found_in("beans")
    table = result.measure("0.5mm")
    assert list(table["id"]) == list(range(1, len(result) + 1))
    assert np.allclose(table["area_mm2"], result.areas / 4)
    image = result.image
    assert image is not None
    for row, instance in zip(table.itertuples(), result):
        x0, y0, x1, y1 = instance.mask.box
        inside = image[y0:y1, x0:x1][instance.mask.bits]
        assert [row.red_mean, row.green_mean, row.blue_mean] == pytest.approx(inside.mean(axis=0))
        assert [row.red_max, row.green_min] == [inside[:, 0].max(), inside[:, 1].min()]
    assert "length" in result.measure() and "length_mm" in table


def test_nothing_found_is_a_table_without_rows() -> None:
    pipeline = persense.Pipeline("classic", options={"filter.min_score": 1})
    beans = found_in("beans")._supports[0]  # the images of another test
    result = pipeline.support(beans.examples[0].image, beans.examples[0].mask).segment(
        np.zeros((40, 40, 3), np.uint8)
    )
    table = result.measure()
    assert len(table) == len(result) == 0 and "area" in table


def test_a_pixel_size_that_is_none_is_one_sentence() -> None:
    with pytest.raises(persense.InvalidArgument, match='^pixel size: got "wide", expected a number'):
        found_in("beans").measure("wide")
