"""Results as what other tools read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Dict, Sequence

import numpy as np

from . import _core
from ._optional import optional

if TYPE_CHECKING:
    import pandas
    import supervision

    from .result import Instance, Result

__all__ = ["coco_document", "data_frame", "supervision_detections"]


def coco_document(
    result: Result,
    names: Sequence[str],
    file_name: str,
    image_id: int,
    first_annotation_id: int,
    made_by: Dict[str, Any],
) -> Dict[str, Any]:
    """See Result.to_coco."""
    width, height = result.size
    notes = {"notes": result.notes} if result.notes else {}
    annotations = [
        _annotation(result, index, instance, image_id, first_annotation_id + index)
        for index, instance in enumerate(result)
    ]
    info = {"description": "Instances found by persense", "version": _core.__version__}
    return {
        "info": {**info, **made_by},
        "licenses": [],
        "categories": [
            {"id": index, "name": called, "supercategory": ""}
            for index, called in enumerate(names, start=1)
        ],
        "images": [
            {"id": image_id, "file_name": file_name, "width": width, "height": height, **notes}
        ],
        "annotations": annotations,
    }


def _annotation(
    result: Result, index: int, instance: Instance, image_id: int, annotation_id: int
) -> Dict[str, Any]:
    width, height = result.size
    x0, y0, x1, y1 = instance.mask.box
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": instance.class_index + 1,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": instance.area,
        "score": _four_decimals(instance.score),
        "point": instance.point.tolist(),
        "iscrowd": 0,
        "segmentation": {"size": [height, width], "counts": result._core.rle(index)},
        "touches_border": instance.touches_border,
    }


def _four_decimals(score: float) -> float:
    """Rounded as the files of the program have it: halves away from zero."""
    return math.copysign(math.floor(abs(score) * 1e4 + 0.5) / 1e4, score)


def supervision_detections(result: Result) -> supervision.Detections:
    """See Result.to_supervision."""
    sv = optional("supervision", "supervision")
    detections: supervision.Detections = sv.Detections(
        xyxy=result.boxes.copy(),
        mask=result.to_dense(),
        confidence=result.scores.copy(),
        class_id=result.class_indices.astype(int),
        data={"class_name": np.array(result.classes)[result.class_indices]},
    )
    return detections


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
