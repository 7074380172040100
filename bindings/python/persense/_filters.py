"""Which instances are reported."""

from __future__ import annotations

import numbers
import re
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from persense import _core
from persense._images import MaskLike, is_mask, is_picture, mask_array
from persense._arguments import array_of, number
from persense._options import OptionValue, apply
from persense.errors import InvalidArgument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Area", "RegionLike", "filter_options", "region_mask"]

Area = Union[int, str]
RegionLike = Union[MaskLike, "ArrayLike"]


def filter_options(
    engine: _core.Engine,
    min_score: Optional[float] = None,
    min_area: Optional[Area] = None,
    max_area: Optional[Area] = None,
    max_instances: Optional[int] = None,
    border: Optional[str] = None,
) -> Optional[_core.Options]:
    """The engine's options with what is not None instead; None where all are."""
    changes: Dict[str, OptionValue] = {}
    if min_score is not None:
        changes["min_score"] = number("min_score", min_score)
    for name, area in (("min_area", min_area), ("max_area", max_area)):
        if area is not None:
            pixels, ratio = _area(name, area)
            changes.update({name: pixels, f"{name}_ratio": ratio})
    if max_instances is not None:
        changes["max_instances"] = max_instances
    if border is not None:
        changes["border"] = border
    if not changes:
        return None
    chosen = engine.options.copy()
    apply(chosen, changes, prefix="filter.")
    return chosen


def _area(name: str, area: Area) -> Tuple[int, float]:
    """(pixels, times the support object's), one of them 0, which is no limit."""
    if isinstance(area, numbers.Integral):
        return int(area), 0.0
    if isinstance(area, str) and re.fullmatch(r"\d+(\.\d*)?x|\.\d+x", area):
        return 0, float(area[:-1])
    raise InvalidArgument(
        f"{name}: got {area!r}, expected pixels, or times the support object's area as '0.5x'"
    )


def region_mask(region: RegionLike, size: Tuple[int, int]) -> npt.NDArray[Any]:
    """A region of interest as a mask: from a mask, or from an outline (N, 2)."""
    width, height = size
    if is_picture(region) or is_mask(region):
        marked: Any = region
        return mask_array(marked, "region", size)
    array = array_of("region", region, "a mask of the query's size, or an outline (N, 2)")
    outline = array.ndim == 2 and array.shape[1] == 2 and array.dtype.kind in "fiu"
    if not outline or array.shape == (height, width):
        return mask_array(array, "region")
    if len(array) < 3:
        raise InvalidArgument(f"region: got {len(array)} vertices, expected at least 3")
    if not np.isfinite(array).all():
        raise InvalidArgument("region: got a vertex that is not finite, expected pixels")
    return _core.filled(array, width, height)
