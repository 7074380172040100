"""Results as what other tools read."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Dict, Optional

import numpy as np

from . import _core
from ._core import Mask
from ._optional import optional
from ._outlines import outer_polygons

if TYPE_CHECKING:
    import pandas
    import supervision

    from .result import Instance, Result

__all__ = ["coco_document", "data_frame", "measured_frame", "supervision_detections"]


def coco_document(
    result: Result,
    categories: Dict[int, str],
    file_name: str,
    image_id: int,
    first_annotation_id: int,
    made_by: Dict[str, Any],
    tolerance: Optional[float],
) -> Dict[str, Any]:
    """See Result.to_coco. Categories are {id: name}; tolerance is None for run lengths."""
    ids = list(categories)
    width, height = result.size
    notes = {"notes": result.notes} if result.notes else {}
    annotations = [
        {
            "id": first_annotation_id + index,
            "image_id": image_id,
            "category_id": ids[instance.class_index],
            **_annotation(result, index, instance, tolerance),
        }
        for index, instance in enumerate(result)
    ]
    info = {"description": "Instances found by persense", "version": _core.__version__}
    return {
        "info": {**info, **made_by},
        "licenses": [],
        "categories": [
            {"id": number, "name": called, "supercategory": ""}
            for number, called in categories.items()
        ],
        "images": [
            {"id": image_id, "file_name": file_name, "width": width, "height": height, **notes}
        ],
        "annotations": annotations,
    }


def _annotation(
    result: Result, index: int, instance: Instance, tolerance: Optional[float]
) -> Dict[str, Any]:
    width, height = result.size
    x0, y0, x1, y1 = instance.mask.box
    segmentation: Any
    if tolerance is None:
        segmentation = {"size": [height, width], "counts": result._core.rle(index)}
    else:
        segmentation = [p.ravel().tolist() for p in outer_polygons(instance.mask, tolerance)]
    return {
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": instance.area,
        "score": _four_decimals(instance.score),
        "point": instance.point.tolist(),
        "iscrowd": 0,
        "segmentation": segmentation,
        "touches_border": instance.touches_border,
    }


def _four_decimals(score: float) -> float:
    """Rounded as the files of the program have it: halves away from zero."""
    return math.copysign(math.floor(abs(score) * 1e4 + 0.5) / 1e4, score)


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
