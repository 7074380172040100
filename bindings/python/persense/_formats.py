"""Results as files that annotation and imaging tools open."""

from __future__ import annotations

import io
import json
import math
import os
from typing import Any, Dict, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import flag, number, path as path_text, refused, whole
from ._drawn import Drawn
from .errors import InvalidArgument

__all__ = ["Formats", "tolerance_of"]

_CELLPOSE_ENDING = "_seg.npy"


class Formats(Drawn):
    """Instances for YOLO, QuPath, ImageJ and Cellpose."""

    def to_yolo(self, boxes: bool = False, *, tolerance: float = 0.75) -> str:
        """The label file that YOLO is trained on, one line per instance: `class x1 y1 x2 y2 ...`.

        Classes count from 0, in the order of `classes`. Coordinates are those of pixels' corners,
        as parts of the image's width and height. Holes are filled; the parts of one instance are
        one polygon. Ultralytics takes the labels of `DIR/images/NAME.jpg` from
        `DIR/labels/NAME.txt`, those of other images from `NAME.txt` beside them.

        Args:
            boxes: `class x y width height` instead, the box's centre and size.
            tolerance: how far, in pixels, a polygon may run from the mask's border; 0 follows
                every pixel.

        Raises:
            InvalidArgument: a tolerance out of range.
        """
        return _core.to_yolo(self._core, flag("boxes", boxes), tolerance_of(tolerance))

    def to_geojson(self, objects: str = "detection") -> Dict[str, Any]:
        """A GeoJSON FeatureCollection for `json.dump` and QuPath, a feature for each instance.

        Geometries are the masks, as polygons along the edges of pixels, with holes: pixel (3, 4) is
        the square from (3, 4) to (4, 5). Properties are QuPath's: `objectType`, `name` (the id),
        `classification` and `measurements` (area in pixels, score).

        Args:
            objects: what they are in QuPath: "detection", of which it holds any number, or
                "annotation", which it can edit.

        Raises:
            InvalidArgument: other objects.
        """
        if objects not in ("detection", "annotation"):
            raise refused("objects", objects, "'detection' or 'annotation'")
        document: Dict[str, Any] = json.loads(_core.to_geojson(self._core, objects == "annotation"))
        return document

    def save_rois(self, path: Union[str, os.PathLike[str]], *, slice: int = 0) -> None:
        """Write a zip file of ROIs, as the ROI Manager of ImageJ and Fiji opens it.

        Each instance is a traced selection or, with holes or several parts, a composite one, of
        exactly its pixels. It is called by its id and class, "0012 bean"; several classes are ROI
        groups 1, 2, ...

        Args:
            path: where; the file appears complete or not at all.
            slice: of the stack that the image is in ImageJ, from 1; 0 shows the ROIs on every one.

        Raises:
            Unwritable: `path` could not be written.
        """
        _core.write_imagej_rois(
            path_text("path", path), self._core, whole("slice", slice, lowest=0)
        )

    def save_cellpose(self, path: Union[str, os.PathLike[str]]) -> None:
        """Write a `_seg.npy` file, as Cellpose's window opens, corrects and trains on it.

        It has `masks`, which is `to_labels()`, `outlines`, the pixels at the border of each, and
        `filename`, the query's file. Where there is none, the image is inside. Cellpose opens
        `NAME_seg.npy` with the image `NAME` beside it.

        Args:
            path: where, a name that ends with `_seg.npy`; the file appears complete or not at all.

        Raises:
            InvalidArgument: another name, or a result without a file and without its image.
            Unwritable: `path` could not be written.
        """
        path = path_text("path", path)
        if not path.endswith(_CELLPOSE_ENDING):
            raise InvalidArgument(f"path: got {path!r}, expected a name with {_CELLPOSE_ENDING}")
        masks = self._core.labels()
        masks = masks.astype(np.uint16 if len(self) < 2**16 - 1 else np.uint32)
        content: Dict[str, Any] = {
            "masks": masks,
            "outlines": _inner_borders(masks),
            "chan_choose": [0, 0],  # grey
            "ismanual": np.zeros(int(masks.max(initial=0)), dtype=bool),
            "flows": [[], [], [], [], [[]]],  # as Cellpose has them of masks drawn by hand
            "filename": os.path.abspath(self._path or path[: -len(_CELLPOSE_ENDING)]),
        }
        if self._path is None:
            content["img"] = self._picture(None)
        written = io.BytesIO()
        np.save(written, np.array(content, dtype=object), allow_pickle=True)
        _core.write_file(path, written.getvalue())


def _inner_borders(labels: NDArray[Any]) -> NDArray[Any]:
    """The labels of pixels that have a pixel of another label beside, above or below them."""
    around = np.pad(labels, 1)
    inside = np.ones(labels.shape, dtype=bool)
    for beside in (around[1:-1, :-2], around[1:-1, 2:], around[:-2, 1:-1], around[2:, 1:-1]):
        inside &= beside == labels
    return np.where(inside, 0, labels).astype(labels.dtype)


def tolerance_of(given: float) -> float:
    """A polygon's tolerance in pixels, 0 or more."""
    if not 0 <= number("tolerance", given, "pixels") < math.inf:
        raise InvalidArgument(f"tolerance: got {given}, expected 0 or more pixels")
    return float(given)
