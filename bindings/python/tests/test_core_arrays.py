"""Arrays in and out: which are taken, which are copied, which are refused, and how that is said."""

from __future__ import annotations

import pathlib
from typing import Any, Callable

import numpy as np
import pytest
from samples import DATA, persense

BEANS = DATA / "beans"


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return persense.read_image(BEANS / "01.jpg")


@pytest.fixture(scope="module")
def support() -> Any:
    return persense.Pipeline("classic").support(BEANS / "00.jpg", BEANS / "00.png")


class Seen:
    """A density stage that keeps the image it is shown."""

    def density(self, image: np.ndarray, exemplars: np.ndarray) -> np.ndarray:
        self.image = image
        return np.ones((4, 4), np.float32)


def seen_by_a_stage(image: Any) -> np.ndarray:
    seen = Seen()
    pipeline = persense.Pipeline("classic", dmg=seen)
    pipeline.support(BEANS / "00.jpg", BEANS / "00.png").segment(image)
    return seen.image


def test_array_and_path_of_a_picture_give_the_same(support: Any, image: np.ndarray) -> None:
    assert support.segment(image)._core.csv() == support.segment(BEANS / "01.jpg")._core.csv()
    assert support.segment(image)._core.csv() == support.segment(str(BEANS / "01.jpg"))._core.csv()


LAYOUTS: "dict[str, Callable[[np.ndarray], np.ndarray]]" = {
    "slice of rows and columns": lambda a: np.pad(a, ((5, 7), (11, 13), (0, 0)))[5:-7, 11:-13],
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "reversed channels": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every second pixel": lambda a: a.repeat(2, 0).repeat(2, 1)[::2, ::2],
    "planes": lambda a: a.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "one channel of four less": lambda a: np.pad(a, ((0, 0), (0, 0), (0, 1)))[..., :3],
    "every second row": lambda a: a.repeat(2, 0)[::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_result(layout: str, support: Any, image: np.ndarray) -> None:
    other = LAYOUTS[layout](image)
    assert (other == image).all()
    assert support.segment(other)._core.csv() == support.segment(image)._core.csv()


@pytest.mark.parametrize("layout", ["slice of rows and columns", "every second row"])
def test_contiguous_rows_are_used_where_they_lie(layout: str, image: np.ndarray) -> None:
    other = LAYOUTS[layout](image)
    assert np.shares_memory(seen_by_a_stage(other), other)


def test_reversed_channels_are_copied(image: np.ndarray) -> None:
    other = image[..., ::-1]
    shown = seen_by_a_stage(other)
    assert not np.shares_memory(shown, other) and (shown == other).all()


def test_read_only_arrays_are_taken(support: Any, image: np.ndarray) -> None:
    frozen = image.copy()
    frozen.flags.writeable = False
    assert support.segment(frozen)._core.csv() == support.segment(image)._core.csv()


def test_grey_is_three_equal_channels(support: Any, image: np.ndarray) -> None:
    grey = image[..., 1]
    same = np.stack([grey] * 3, axis=-1)
    assert support.segment(grey)._core.csv() == support.segment(same)._core.csv()
    assert (seen_by_a_stage(grey) == same).all()


def test_masks_of_any_layout_and_type_give_the_same_support() -> None:
    pipeline = persense.Pipeline("classic")
    mask = persense.read_mask(BEANS / "00.png")
    box = pipeline.support(BEANS / "00.jpg", mask).box
    for other in (
        mask > 0,
        np.asfortranarray(mask),
        mask[::-1].copy()[::-1],
        (mask > 0) * np.uint8(1),
    ):
        assert pipeline.support(BEANS / "00.jpg", other).box == box


EXPECTED_IMAGE = (
    "expected a uint8 array of shape (H, W, 3), RGB, or (H, W), grey; persense.as_image converts "
    "others"
)


@pytest.mark.parametrize(
    "wrong, got",
    [
        (np.zeros((8, 9, 3), np.float32), "float32 of shape (8, 9, 3)"),
        (np.zeros((8, 9, 3), np.int64), "int64 of shape (8, 9, 3)"),
        (np.zeros((8, 9, 3), bool), "bool of shape (8, 9, 3)"),
        (np.zeros((8, 9, 2), np.uint8), "uint8 of shape (8, 9, 2)"),
        (np.zeros((8, 9), np.uint16), "uint16 of shape (8, 9)"),
        (np.zeros((3, 8, 9), np.uint8), "uint8 of shape (3, 8, 9)"),
        (np.zeros((2, 8, 9, 3), np.uint8), "uint8 of shape (2, 8, 9, 3)"),
        (np.zeros((27,), np.uint8), "uint8 of shape (27,)"),
        (np.zeros((0, 9, 3), np.uint8), "uint8 of shape (0, 9, 3)"),
        (np.zeros((8, 0), np.uint8), "uint8 of shape (8, 0)"),
        ([[1, 2], [3, 4]], "list"),
        (None, "NoneType"),
        (7, "int"),
    ],
)
def test_wrong_image_is_one_line_that_names_it(support: Any, wrong: Any, got: str) -> None:
    with pytest.raises(persense.InvalidArgument) as raised:
        support.segment(wrong)
    assert str(raised.value) == f"query: got {got}, {EXPECTED_IMAGE}"
    assert isinstance(raised.value, ValueError) and raised.value.code == 1


@pytest.mark.parametrize(
    "wrong, got",
    [
        (np.zeros((240, 320), complex), "complex128 of shape (240, 320)"),
        (np.zeros((240, 320, 2), bool), "bool of shape (240, 320, 2)"),
        (np.zeros((1, 240, 320), bool), "bool of shape (1, 240, 320)"),
        (np.zeros((0, 320), bool), "bool of shape (0, 320)"),
        ([[0, 1]], "list"),
        (7, "int"),
        ("", None),
    ],
)
def test_wrong_mask_is_one_line_that_names_it(wrong: Any, got: "str | None") -> None:
    with pytest.raises(persense.Error) as raised:
        persense.Pipeline("classic").support(BEANS / "00.jpg", wrong)
    if got is not None:
        expected = "expected an array of integers, floats or bool of shape (H, W), 0 = outside"
        assert str(raised.value) == f"mask: got {got}, {expected}"


def test_mask_of_another_size_or_without_a_pixel_is_refused() -> None:
    pipeline = persense.Pipeline("classic")
    with pytest.raises(persense.InvalidArgument, match="320"):
        pipeline.support(BEANS / "00.jpg", np.ones((10, 10), bool))
    with pytest.raises(persense.InvalidArgument, match="mask"):
        pipeline.support(BEANS / "00.jpg", np.zeros((240, 320), bool))


def test_paths_with_any_bytes_are_opened(tmp_path: pathlib.Path, image: np.ndarray) -> None:
    strange = tmp_path / "b\udcffn \u00fc.jpg"
    strange.write_bytes((BEANS / "01.jpg").read_bytes())
    assert (persense.read_image(strange) == image).all()
    with pytest.raises(FileNotFoundError):
        persense.read_image(tmp_path / "n\udcffne.jpg")


def test_big_outputs_are_read_only_views_that_outlive_the_result(
    support: Any, image: np.ndarray
) -> None:
    core = support.segment(image, trace=True)._core
    copies, views = [], []
    for array in (
        core.density,
        core.masks[3].bits,
        core.trace.similarity,
        core.trace.passes[0].density,
        core.trace.exemplar_mask.bits,
        core.trace.passes[1].masks[0].bits,
    ):
        assert not array.flags.writeable and not array.flags.owndata
        views.append(array)
        copies.append(array.copy())
    assert np.shares_memory(core.density, core.density)
    del core
    for _ in range(5):
        support.segment(image, trace=True)  # would overwrite memory that was given back
    for view, copy in zip(views, copies):
        assert (view == copy).all()


def test_idm_keeps_small_peaks_of_a_density_finer_than_the_image() -> None:
    y, x = np.mgrid[:96, :96]
    centres = [(13, 13), (49, 13), (76, 76)]
    # Gaussians of 1.1 pixels: shrunk to the image, the erosion would take all of each
    density = sum(np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 1.1**2)) for u, v in centres)
    found = persense.idm(density, (60, 60)).points
    expected = np.array(centres) * 60 / 96
    assert len(found) == 3
    assert np.abs(found[:, None] - expected[None]).max(axis=2).min(axis=0).max() <= 1.5
    assert len(persense.idm(density, (60, 60), preset="reference").points) < 3


def test_idm_and_ppsm_take_lists_and_arrays_and_refuse_the_rest() -> None:
    density = np.zeros((40, 60))
    density[10:14, 20:25] = 1
    points, count = persense.idm(density, (120, 80))
    assert points.dtype == np.int32 and points.shape == (1, 2) and count == 20
    assert (
        persense.idm(np.asfortranarray(density.astype(np.float32)), (120, 80)).points == points
    ).all()
    similarity = np.full((80, 120), 0.5, np.float32)
    kept = persense.ppsm(points, similarity, 20, [[0, 0, 120, 80]])
    assert kept.selected.tolist() == [0]
    assert persense.ppsm(points, similarity, 20, []).selected.tolist() == []
    for wrong in ([[1.5, 2]], [[1, 2, 3]], "points", [[2**40, 1]], None):
        with pytest.raises(persense.InvalidArgument, match="points: got"):
            persense.ppsm(wrong, similarity, 20, [])
    with pytest.raises(persense.InvalidArgument, match="density: got uint8 of shape"):
        persense.idm(np.zeros((3, 3), np.uint8), (3, 3))
    with pytest.raises(persense.InvalidArgument, match="option idm.treshold: unknown"):
        persense.idm(density, (120, 80), treshold=25)
    with pytest.raises(persense.InvalidArgument, match="option idm.threshold: got 256"):
        persense.idm(density, (120, 80), threshold=256)
    with pytest.raises(persense.InvalidArgument, match="option count_rounding: not of ppsm alone"):
        persense.ppsm(points, similarity, 20, [], count_rounding="ceil")
