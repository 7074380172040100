"""Results as what other tools read."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ._core import Mask
from ._optional import optional

if TYPE_CHECKING:
    import pandas
    import supervision

    from .result import Result

__all__ = ["data_frame", "measured_frame", "supervision_detections"]

_DENSE_BYTES = 256 << 20  # what is made without being asked for


def supervision_detections(result: Result, masks: Optional[bool]) -> supervision.Detections:
    """See Result.to_supervision."""
    sv = optional("supervision", "supervision")
    detections: supervision.Detections = sv.Detections(
        xyxy=result.boxes.copy(),
        mask=_supervision_masks(sv, result, masks),
        confidence=result.scores.copy(),
        class_id=result.class_indices.astype(int),
        data={"class_name": np.array(result.classes)[result.class_indices]},
    )
    return detections


def _supervision_masks(sv: Any, result: Result, wanted: Optional[bool]) -> Any:
    if wanted is not None:
        return result.to_dense() if wanted else None
    if hasattr(sv, "CompactMask"):
        return _compact_masks(sv.CompactMask, result)
    width, height = result.size
    size = len(result) * width * height
    if size <= _DENSE_BYTES:
        return result.to_dense()
    warnings.warn(
        f"to_supervision: masks over the whole image would take {size / 1e9:.1f} GB and are left "
        "out; supervision 0.28 has smaller ones, masks=True makes these",
        stacklevel=4,
    )
    return None


def _compact_masks(kind: Any, result: Result) -> Any:
    """supervision.CompactMask of the masks, without a whole image of any."""
    width, height = result.size
    parts = []
    for mask in result.masks:
        x0, y0, x1, y1 = mask.box
        corners = np.array([[0, 0, x1 - x0 - 1, y1 - y0 - 1]], dtype=np.float32)  # inclusive
        part = kind.from_dense(mask.bits[None], corners, image_shape=mask.bits.shape)
        parts.append(part.with_offset(x0, y0, new_image_shape=(height, width)))
    if not parts:
        nothing = np.zeros((0, height, width), bool), np.zeros((0, 4), np.float32)
        return kind.from_dense(*nothing, image_shape=(height, width))
    return kind.merge(parts)


def data_frame(result: Result) -> pandas.DataFrame:
    """See Result.to_dataframe."""
    pd = optional("pandas", "dataframe")
    boxes = np.array([mask.box for mask in result.masks], dtype=np.int64).reshape(-1, 4)
    table: pandas.DataFrame = pd.DataFrame(
        {
            "id": np.arange(1, len(result) + 1),
            "x": result.points[:, 0],
            "y": result.points[:, 1],
            "x0": boxes[:, 0],
            "y0": boxes[:, 1],
            "x1": boxes[:, 2],
            "y1": boxes[:, 3],
            "area": result.areas,
            "score": result.scores,
            "class": [result.classes[index] for index in result.class_indices],
            "touches_border": result.touches_border,
        }
    )
    return table


def measured_frame(result: Result, image: Any, pixel_size: str) -> pandas.DataFrame:
    """See Result.measure."""
    pd = optional("pandas", "dataframe")
    rows = [instance.mask.measure(image, pixel_size) for instance in result]
    if not rows:  # the columns all the same
        rows = [Mask(np.ones((1, 1), bool)).measure(image, pixel_size)]
    table: pandas.DataFrame = pd.DataFrame(
        {
            "id": np.arange(1, len(result) + 1),
            "x": result.points[:, 0],
            "y": result.points[:, 1],
            "score": result.scores,
            "class": [result.classes[index] for index in result.class_indices],
            "touches_border": result.touches_border,
        }
    )
    return table.join(pd.DataFrame(rows))
