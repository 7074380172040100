"""Label images that are given as masks."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

__all__ = ["Labels", "labels_of_colors", "several_labels"]

_LIKE_SIZE = 0.5  # of the largest one's area, as of a mask's parts
_MOST = 32


class Labels(NamedTuple):
    """What is marked by a mask with several labels."""

    image: npt.NDArray[np.int32]
    """(H, W), 0 = background."""
    ids: List[int]
    """Of the labels that are examples, the largest first."""
    note: str


def several_labels(values: npt.NDArray[Any], only_largest: bool) -> Optional[Labels]:
    """The labels of a mask (H, W), where it is a label image; None for a mask of one object.

    A value is a label where it surrounds a pixel of its own: the levels of a soft border, one or
    two pixels wide, do not. An object that was cut out of a photo has few such pixels.
    """
    if values.dtype.kind not in "iuf" or min(values.shape) < 3:
        return None
    first = values.flat[int(np.argmax(values != 0))]
    if ((values == 0) | (values == first)).all():
        return None
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        return None  # probabilities
    inner = _surrounded(values)
    if len(np.unique(values[inner])) < 2 or not _are_flat(values, inner):
        return None
    ids, firsts, numbers, areas = np.unique(values, True, True, True)
    # numbers of labels, 1 and up; what is not above 0 is no object
    image = np.where(values > 0, numbers.reshape(values.shape) + 1, 0).astype(np.int32)
    # the largest first, and among equals the one further up
    objects = sorted((-areas[i], firsts[i], i + 1) for i in range(len(ids)) if ids[i] > 0)
    largest = -int(objects[0][0])
    kept = [number for area, _, number in objects if -area >= _LIKE_SIZE * largest]
    kept = kept[: 1 if only_largest else _MOST]
    return Labels(image, kept, _note(len(objects), len(kept), largest, only_largest))


def _surrounded(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Pixels above 0 whose eight neighbours have the same value."""
    height, width = values.shape
    middle = values[1:-1, 1:-1]
    same = middle > np.zeros((), values.dtype)
    for dy in range(3):
        for dx in range(3):
            same &= values[dy : height - 2 + dy, dx : width - 2 + dx] == middle
    return np.pad(same, 1)


def _are_flat(values: npt.NDArray[Any], inner: npt.NDArray[np.bool_]) -> bool:
    """Whether most of what is above 0 is such a pixel or beside one."""
    height, width = values.shape
    covered = np.zeros((height - 2, width - 2), dtype=bool)
    for dy in range(3):
        for dx in range(3):
            covered |= inner[dy : height - 2 + dy, dx : width - 2 + dx]
    return bool(2 * covered.sum() >= np.count_nonzero(values[1:-1, 1:-1] > 0))


def _note(count: int, kept: int, largest: int, only_largest: bool) -> str:
    if kept > 1:
        used = f"{kept} of like size are one example each"
    else:
        why = "" if only_largest else ", as the others are far smaller"
        used = f"the largest ({largest} pixels) is used{why}"
    return f"support mask: has {count} labels, {used}; id=... picks one"


def labels_of_colors(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """A number for each colour of (H, W, 3); black is 0."""
    wide = rgb.astype(np.int32)
    return wide[:, :, 0] << 16 | wide[:, :, 1] << 8 | wide[:, :, 2]
