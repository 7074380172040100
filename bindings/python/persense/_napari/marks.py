"""Marks that were drawn in napari: layers as examples of classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, NamedTuple, Tuple

import numpy as np
import numpy.typing as npt

from persense.errors import InvalidArgument

from .planes import Plane, shown_of

if TYPE_CHECKING:
    from napari.layers import Labels, Layer, Points, Shapes
    from napari.viewer import Viewer

__all__ = ["Mark", "class_of", "marks_of"]

_TO_CORNER = 0.5  # napari's (0, 0) is the centre of the first pixel, the pipeline's its corner


class Mark(NamedTuple):
    """One example, as a layer has it."""

    negative: bool
    """Whether it says what is not looked for."""
    keywords: Dict[str, Any]
    """Of persense.Example: how it is marked."""


def class_of(name: str) -> Tuple[str, bool]:
    """Class and sign of a layer's name, as labelme's shapes have them: with "not " or "-" before it,
    marks are negative. The " [1]" that napari appends to a name that is taken is left out, so that
    "bean" and "bean [1]" mark one class.
    """
    name = re.sub(r" \[\d+\]$", "", name.strip()).strip()
    if name == "not":
        return "", True
    for prefix in ("not ", "-"):
        if name.startswith(prefix):
            return name[len(prefix) :].strip(), True
    return name, False


def marks_of(viewer: Viewer, plane: Plane, layers: Iterable[Layer]) -> Dict[str, List[Mark]]:
    """The examples that Labels, Shapes and Points layers mark in an image: {class: marks}.

    Each painted label is an example, and so is each shape and point. Of a stack, those in the slice
    that is shown.

    Raises InvalidArgument where nothing is marked, where a mark lies outside of the image, and for
    a class that has only negatives.
    """
    classes: Dict[str, List[Mark]] = {}
    for layer in layers:
        label, negative = class_of(layer.name)
        marks = _marks_in(viewer, plane, layer)
        if not marks:
            raise InvalidArgument(
                f"{layer.name!r}: nothing is marked in it, expected an object that is painted or "
                "outlined"
            )
        found = classes.setdefault(label, [])
        found += [Mark(negative, keywords) for keywords in marks]
    if not classes:
        raise InvalidArgument(
            "marks: got none, expected a Labels, Shapes or Points layer with an object marked in it"
        )
    for label, found in classes.items():
        if all(mark.negative for mark in found):
            raise InvalidArgument(
                f"'not {label}': got no layer {label!r} beside it, expected one that marks what is "
                "looked for"
            )
    return classes


_Marks = List[Dict[str, Any]]


def _marks_in(viewer: Viewer, plane: Plane, layer: Layer) -> _Marks:
    """Each mark of a layer, as persense.Example takes it."""
    from napari.layers import Labels, Shapes

    if isinstance(layer, Labels):
        return _painted(viewer, plane, layer)
    if isinstance(layer, Shapes):
        return _shapes(viewer, plane, layer)
    return _points(viewer, plane, layer)


def _painted(viewer: Viewer, plane: Plane, layer: Labels) -> _Marks:
    """Each label of a Labels layer, put where it lies in the image."""
    shown = shown_of(viewer, layer)
    data = layer.data[0] if layer.multiscale else layer.data
    if any(not 0 <= shown.at[axis] < data.shape[axis] for axis in shown.hidden):
        return []
    painted = shown.of(data)
    corners = np.array([shown.at] * 3)
    corners[1, shown.axes[0]] += 1
    corners[2, shown.axes[1]] += 1
    origin, down, right = plane.from_layer(layer, corners)
    steps = np.array([down - origin, right - origin])
    if not np.allclose(steps, np.eye(2), atol=1e-6):
        raise InvalidArgument(
            f"{layer.name!r}: its pixels lie across those of {plane.layer.name!r}, expected a "
            "Labels layer of the same scale"
        )
    labels = _moved(painted, np.rint(origin).astype(int), plane.size)
    inside = {int(i) for i in np.unique(labels)}
    marks: _Marks = []
    for number in np.unique(painted[painted != 0]).tolist():
        if number not in inside:
            raise _outside(f"{layer.name!r}, label {number}", plane)
        marks.append({"labels": labels, "id": int(number)})
    return marks


def _moved(
    painted: npt.NDArray[Any], offset: npt.NDArray[np.int_], size: Tuple[int, int]
) -> npt.NDArray[Any]:
    """A label image of the size (width, height) with what of another lies within, moved."""
    width, height = size
    labels = np.zeros((height, width), dtype=painted.dtype)
    rows, columns = np.nonzero(painted)
    values = painted[rows, columns]
    rows, columns = rows + offset[0], columns + offset[1]
    kept = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    labels[rows[kept], columns[kept]] = values[kept]
    return labels


def _shapes(viewer: Viewer, plane: Plane, layer: Shapes) -> _Marks:
    """Rectangles as boxes; ellipses, polygons and turned rectangles as outlines."""
    shown = shown_of(viewer, layer)
    marks: _Marks = []
    for index, (vertices, kind) in enumerate(zip(layer.data, layer.shape_type), start=1):
        if not _in_slice(vertices, shown.at, shown.hidden):
            continue
        source = f"{layer.name!r}, shape {index}"
        if kind not in ("rectangle", "ellipse", "polygon"):
            raise InvalidArgument(
                f"{source}: got a {kind}, expected a rectangle, an ellipse or a polygon"
            )
        outline = _ellipse(vertices) if kind == "ellipse" else vertices
        corners = plane.from_layer(layer, outline)[:, ::-1] + _TO_CORNER  # x, y
        low, high = corners.min(axis=0), corners.max(axis=0)
        if (high <= 0).any() or (low >= plane.size).any():
            raise _outside(source, plane)
        upright = np.isclose(corners, low) | np.isclose(corners, high)
        if kind == "rectangle" and upright.all():
            marks.append({"box": (*low.tolist(), *high.tolist())})
        else:
            marks.append({"polygon": corners})
    return marks


def _ellipse(corners: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The outline (64, D) of the ellipse in a rectangle of corners (4, D)."""
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)[:, None]
    across, down = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    outline: npt.NDArray[Any] = corners.mean(axis=0) + np.cos(turn) * across + np.sin(turn) * down
    return outline


def _points(viewer: Viewer, plane: Plane, layer: Points) -> _Marks:
    """The pixel below each point."""
    shown = shown_of(viewer, layer)
    marks: _Marks = []
    for index, point in enumerate(layer.data, start=1):
        if not _in_slice(point[None], shown.at, shown.hidden):
            continue
        [(y, x)] = np.rint(plane.from_layer(layer, point[None])).astype(int).tolist()
        if not (0 <= x < plane.size[0] and 0 <= y < plane.size[1]):
            raise _outside(f"{layer.name!r}, point {index}", plane)
        marks.append({"point": (x, y)})
    return marks


def _in_slice(vertices: npt.NDArray[Any], at: Tuple[int, ...], hidden: List[int]) -> bool:
    return all((np.rint(vertices[:, axis]) == at[axis]).all() for axis in hidden)


def _outside(source: str, plane: Plane) -> InvalidArgument:
    width, height = plane.size
    return InvalidArgument(f"{source}: lies outside of the image of {width} x {height}")
