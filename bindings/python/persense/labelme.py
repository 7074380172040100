"""labelme's JSON: masks out for correction by hand, and back in; and marks as examples."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import os
import tempfile
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import path as path_text
from ._core import Mask
from ._examples import Example
from ._images import read_image
from ._outlines import outer_polygons
from .errors import FileNotFound, Unreadable

if TYPE_CHECKING:
    from ._images import ImageLike
    from ._query import Query

__all__ = ["Annotations", "read_examples", "read_labelme"]

_VERSION = "5.5.0"  # of labelme, the first whose files may hold masks beside polygons


@dataclasses.dataclass(frozen=True, repr=False)
class Annotations:
    """What a labelme file holds."""

    size: Tuple[int, int]
    """(width, height) of the image."""
    masks: List[Mask]
    """One an instance, cropped to its box: shapes with the same label and group_id are one."""
    labels: List[str]
    """One an instance."""
    image_path: str
    """The image's file as the annotation names it: relative to the annotation's folder."""

    def __repr__(self) -> str:
        width, height = self.size
        return f"Annotations({len(self.masks)} instances, {width} x {height}, {self.image_path!r})"

    def to_labels(self) -> NDArray[np.int32]:
        """A label image (H, W): 0 is background, i + 1 is instance i; later ones lie above."""
        width, height = self.size
        labels = np.zeros((height, width), dtype=np.int32)
        for number, mask in enumerate(self.masks, start=1):
            x0, y0, x1, y1 = mask.box
            labels[y0:y1, x0:x1][mask.bits] = number
        return labels

    def to_dense(self, index: int) -> NDArray[np.bool_]:
        """One instance over the whole image, (H, W): fit for `Pipeline.support`."""
        return _dense(self.masks[index], *self.size)


def read_labelme(path: Union[str, os.PathLike[str]]) -> Annotations:
    """The masks in a labelme file: polygons, rectangles, circles and masks.

    A pixel is inside when its centre is. Shapes that share label and group_id are parts of one
    instance. Parts outside of the image are cut off; an instance without any pixel keeps its
    place with an empty mask.

    Raises:
        FileNotFound: no such file.
        Unreadable: not a labelme file, or with a shape that has no area (a line, a point).
    """
    name = path_text("path", path)
    document = _read_json(name)
    width, height, image_path, shapes = _parts(name, document)
    instances: Dict[Any, Mask] = {}
    for number, key, shape in _by_instance(name, shapes):
        try:
            part = _mask_of(shape, width, height)
        except _WRONG as error:
            raise Unreadable(f"{name}: shape {number}: {_why(error)}") from None
        instances[key] = _union(instances[key], part) if key in instances else part
    return Annotations(
        size=(width, height),
        masks=list(instances.values()),
        labels=[key[0] for key in instances],
        image_path=image_path,
    )


def read_examples(
    path: Union[str, os.PathLike[str]], image: Union[ImageLike, Query, None] = None
) -> Dict[str, List[Example]]:
    """The objects that a labelme file marks, as examples: {class: examples} for `Pipeline.support`.

        for name, examples in persense.read_examples("shelf.json").items():
            supports.append(pipeline.support(examples, label=name))

    A shape's name is its class; with "not " or "-" before it, it is a negative example of that
    class. Points are points, rectangles boxes, polygons and circles outlines, masks masks;
    polygons, circles and masks that share name and group_id are parts of one object.

    Args:
        path: the annotation.
        image: the image it is of, in any form, or what `Pipeline.encode` made of it. None: the
            file that the annotation names, or else the image inside of the annotation.

    Raises:
        FileNotFound: no such file, or no image.
        Unreadable: not a labelme file, or with a shape that marks nothing (a line).
    """
    name = path_text("path", path)
    document = _read_json(name)
    width, height, image_path, shapes = _parts(name, document)
    if image is None:
        image = _picture_of(name, image_path, document)
    marks: Dict[Any, Dict[str, Any]] = {}
    for number, key, shape in _by_instance(name, shapes):
        try:
            _class_of(key[0])
            mark = _mark_of(shape, width, height)
            if key in marks:
                parts = [_any_mask(each, width, height) for each in (marks[key], mark)]
                mark = {"mask": _union(*parts)}
            marks[key] = mark
        except _WRONG as error:
            raise Unreadable(f"{name}: shape {number}: {_why(error)}") from None
    examples: Dict[str, List[Example]] = {}
    for (label, _), mark in marks.items():
        called, negative = _class_of(label)
        if isinstance(mark.get("mask"), Mask):
            mark = {"mask": _dense(mark["mask"], width, height)}
        examples.setdefault(called, []).append(Example(image, negative=negative, **mark))
    return examples


_WRONG = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


def _class_of(label: str) -> Tuple[str, bool]:
    """The class that a shape's name means, and whether it is a negative example of it."""
    label, negative = label.strip(), False
    for prefix in ("not ", "-"):
        if label.startswith(prefix) and not negative:
            label, negative = label[len(prefix) :].strip(), True
    if not label:
        raise ValueError("it has no name, expected that of its class")
    return label, negative


def _parts(name: str, document: Any) -> Tuple[int, int, str, List[Any]]:
    """Width, height, image path and shapes of a labelme file."""
    try:
        width, height = int(document["imageWidth"]), int(document["imageHeight"])
        shapes = list(document["shapes"])
        image_path = str(document["imagePath"])
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise Unreadable(f"{name}: not a labelme file ({_why(error)})") from None
    if width < 1 or height < 1:
        raise Unreadable(f"{name}: image of {width} x {height}, expected at least 1 x 1")
    if max(width, height) > 1 << 20 or width * height > 1 << 30:
        raise Unreadable(f"{name}: image of {width} x {height}, expected at most 2^30 pixels")
    return width, height, image_path, shapes


def _by_instance(name: str, shapes: List[Any]) -> Iterator[Tuple[int, Any, Any]]:
    """Each shape's number and what it belongs to: (label, its group or itself)."""
    for number, shape in enumerate(shapes, start=1):
        try:
            group = shape.get("group_id")
            key = (str(shape["label"]), ("shape", number) if group is None else group)
            hash(key)  # a group may be a list
        except _WRONG as error:
            raise Unreadable(f"{name}: shape {number}: {_why(error)}") from None
        yield number, key, shape


def _picture_of(name: str, image_path: str, document: Any) -> NDArray[np.uint8]:
    """The image that an annotation names, or holds."""
    file = os.path.join(os.path.dirname(name), image_path.replace("\\", "/"))
    inside = document.get("imageData")
    if os.path.exists(file) or not inside:
        return read_image(file)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "imageData")
        with open(copy, "wb") as picture:
            picture.write(base64.b64decode(inside))
        try:
            return read_image(copy)
        except Unreadable:
            raise Unreadable(f"{name}: imageData: damaged, expected an image") from None


def _mark_of(shape: Dict[str, Any], width: int, height: int) -> Dict[str, Any]:
    """A shape as what marks it in an Example; masks are cropped."""
    kind = shape.get("shape_type", "polygon")
    if kind == "point":
        return {"point": [float(v) for v in _points_of(shape)[0]]}
    if kind == "rectangle":
        return {"box": _rectangle(_points_of(shape))}
    if kind == "polygon":
        return {"polygon": _points_of(shape)}
    if kind == "circle":
        return {"polygon": _circle(_points_of(shape))}
    return {"mask": _mask_of(shape, width, height)}


def _any_mask(mark: Dict[str, Any], width: int, height: int) -> Mask:
    """A part of an object of several."""
    [(kind, given)] = mark.items()
    if kind == "polygon":
        return _filled(given, width, height)
    if kind == "mask":
        assert isinstance(given, Mask)
        return given
    raise ValueError(f"is a {kind} that shares its name and group_id with another shape")


def _dense(mask: Mask, width: int, height: int) -> NDArray[np.bool_]:
    dense = np.zeros((height, width), dtype=bool)
    x0, y0, x1, y1 = mask.box
    dense[y0:y1, x0:x1] = mask.bits
    return dense


def _read_json(name: str) -> Any:
    try:
        with open(name, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise FileNotFound(f"{name}: no such file") from None
    except (OSError, RecursionError, ValueError) as error:  # ValueError: no JSON, no UTF-8
        raise Unreadable(f"{name}: {error}") from None


def _why(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _mask_of(shape: Dict[str, Any], width: int, height: int) -> Mask:
    """The shape's pixels in an image of this size."""
    kind = shape.get("shape_type", "polygon")
    points = _points_of(shape)
    if kind == "polygon":
        return _filled(points, width, height)
    if kind == "rectangle":
        x0, y0, x1, y1 = _rectangle(points)
        return _filled(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), width, height)
    if kind == "circle":
        return _filled(_circle(points), width, height)
    if kind == "mask":
        bits = _core.decode_png(base64.b64decode(shape["mask"]))
        x0, y0 = (int(v) for v in points[0])
        inside = bits[max(0, -y0) : max(0, height - y0), max(0, -x0) : max(0, width - x0)]
        return _placed(inside != 0, max(0, x0), max(0, y0))
    raise ValueError(f"is a {kind}, expected a polygon, rectangle, circle or mask")


def _points_of(shape: Dict[str, Any]) -> NDArray[np.float64]:
    points = np.array(shape["points"], dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("points that are not pairs of numbers")
    if not (np.abs(points) < 1e6).all():
        raise ValueError("points far outside of the image")
    return points


def _rectangle(points: NDArray[np.float64]) -> List[float]:
    """x0, y0, x1, y1 of two opposite corners, or of all four, as newer versions write them."""
    if not 2 <= len(points) <= 4:
        raise ValueError(f"a rectangle of {len(points)} points, expected two corners, or all four")
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def _circle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    center, edge = points[0], points[1]
    angles = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    polygon: NDArray[np.float64] = center + np.hypot(*(edge - center)) * around
    return polygon


def _filled(polygon: NDArray[np.float64], width: int, height: int) -> Mask:
    """A polygon's pixels; only its box is looked at."""
    x0, y0 = (max(0, math.floor(v)) for v in polygon.min(axis=0))
    x1, y1 = (math.ceil(v) for v in polygon.max(axis=0))
    box_width, box_height = max(0, min(x1, width) - x0), max(0, min(y1, height) - y0)
    return _placed(_core.filled(polygon - (x0, y0), box_width, box_height), x0, y0)


def _placed(bits: NDArray[Any], x0: int, y0: int) -> Mask:
    """The mask whose bitmap's first pixel lies at (x0, y0)."""
    return Mask(bits if bits.size > 0 else np.zeros((1, 1), dtype=bool), (x0, y0))


def _union(a: Mask, b: Mask) -> Mask:
    if a.area == 0 or b.area == 0:
        return b if a.area == 0 else a
    x0, y0 = (min(a.box[i], b.box[i]) for i in (0, 1))
    x1, y1 = (max(a.box[i], b.box[i]) for i in (2, 3))
    bits = np.zeros((y1 - y0, x1 - x0), dtype=bool)
    for part in (a, b):
        left, top, right, bottom = part.box
        bits[top - y0 : bottom - y0, left - x0 : right - x0] |= part.bits
    return _placed(bits, x0, y0)


def labelme_document(
    masks: Sequence[Mask],
    size: Tuple[int, int],
    *,
    labels: Sequence[str],
    shape: str,
    tolerance: float,
    image_path: str,
    image_png: Optional[bytes],
) -> Dict[str, Any]:
    """See Result.to_labelme."""
    shapes: List[Dict[str, Any]] = []
    for number, (mask, label) in enumerate(zip(masks, labels), start=1):
        if shape == "mask":
            shapes.append(_mask_shape(mask, label))
        else:
            shapes += _polygon_shapes(mask, label, number, tolerance)
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None if image_png is None else base64.b64encode(image_png).decode("ascii"),
        "imageHeight": size[1],
        "imageWidth": size[0],
    }


def _shape(kind: str, label: str, points: Any, group: Optional[int] = None) -> Dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }


def _mask_shape(mask: Mask, label: str) -> Dict[str, Any]:
    x0, y0, x1, y1 = mask.box
    shape = _shape("mask", label, [[x0, y0], [x1 - 1, y1 - 1]])  # labelme's corners are inclusive
    png = _core.encode_png(mask.bits.astype(np.uint8))
    return {**shape, "mask": base64.b64encode(png).decode("ascii")}


def _polygon_shapes(mask: Mask, label: str, group: int, tolerance: float) -> List[Dict[str, Any]]:
    """One polygon per part; several parts are told to belong together by their group."""
    polygons = outer_polygons(mask, tolerance)
    shared = group if len(polygons) > 1 else None
    return [_shape("polygon", label, polygon.tolist(), shared) for polygon in polygons]


def write_json(path: str, document: Dict[str, Any]) -> None:
    """Writes a JSON file that is complete, or as it was before. Raises Unwritable."""
    _core.write_file(path, json.dumps(document).encode())
