"""IDM and PPSM on maps of the caller's."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from persense import _core
from persense._arguments import number, text, two_whole
from persense._options import OptionValue, apply
from persense.errors import InvalidArgument

__all__ = ["IdmResult", "PpsmResult", "idm", "ppsm"]

Numbers = Union[npt.NDArray[Any], Sequence[Sequence[float]]]


class IdmResult(NamedTuple):
    """What IDM found."""

    points: npt.NDArray[np.int32]
    """(N, 2) int32: x, y of the candidates, in pixels of the image."""
    estimated_count: float
    """The density map's sum."""


class PpsmResult(NamedTuple):
    """What PPSM let through."""

    selected: npt.NDArray[np.int64]
    """(M,) indices into the candidates, ascending."""
    threshold: float
    """The similarity that was asked for."""


def _options(preset: str, step: str, changes: "dict[str, OptionValue]") -> _core.Options:
    options = _core.Options.preset(text("preset", preset))
    apply(options, changes, prefix=f"{step}.")
    return options


def idm(
    density: npt.NDArray[np.floating[Any]],
    image_size: Tuple[int, int],
    *,
    preset: str = "paper",
    **options: OptionValue,
) -> IdmResult:
    """Find candidate points: one for each blob of a density map, one for each core of a composite.

    density: (h, w) float32 or float64, objects per pixel, of any size.
    image_size: (width, height) that the map is stretched to.
    options: those of IDM without their prefix, as ``threshold=25``; see ``persense.options()``.

    Raises InvalidArgument for an empty map, NaN or infinity.
    """
    size = two_whole("image_size", image_size, "(width, height), two whole numbers")
    return IdmResult(*_core.idm(density, size, _options(preset, "idm", options)))


def ppsm(
    points: Numbers,
    similarity: npt.NDArray[np.floating[Any]],
    count: float,
    boxes: Numbers,
    *,
    preset: str = "paper",
    **options: OptionValue,
) -> PpsmResult:
    """Keep the candidates that are similar enough to the support and lie in a detected box.

    points: (N, 2) whole numbers, x and y in pixels of the similarity map.
    similarity: (H, W) float32 or float64.
    count: how many objects the density map estimates. It is taken as it is: rounding it
        (ppsm.count_rounding) is the pipeline's.
    boxes: (K, 4) numbers, x0, y0, x1, y1.
    options: those of PPSM without their prefix, as ``norm_const=1.4``; see ``persense.options()``.

    Raises InvalidArgument for an empty map or a point outside it.
    """
    if "count_rounding" in options:
        raise InvalidArgument("option count_rounding: not of ppsm alone; round the count itself")
    chosen = _options(preset, "ppsm", options)
    return PpsmResult(*_core.ppsm(points, similarity, number("count", count), boxes, chosen))
