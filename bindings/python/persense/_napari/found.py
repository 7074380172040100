"""Results as layers of napari."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

import numpy as np

from persense.result import Result

from .planes import Plane

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from napari.viewer import Viewer

__all__ = ["is_result", "show_result"]

_KEY = "persense"  # in the metadata of layers that hold results


def is_result(layer: Layer) -> bool:
    """Whether a layer shows what was found, and is no image or mark."""
    return _KEY in layer.metadata


def show_result(viewer: Viewer, plane: Plane, result: Result) -> Labels:
    """Show what was found: a Labels layer of instances, whose features are a table of them, and a
    Points layer of the prompts that they grew from, in a colour for each class. They lie where the
    plane lies, and take the place of those that show an earlier result of it; without such, the
    instances are selected, so that napari's table shows them.

    Row i of the Labels' features is label i: id, class, score and area (pixels); row 0 is the
    background. The Points' features are the same without it.
    """
    place = _place(plane)
    shape = [1] * plane.layer.ndim
    points = np.zeros((len(result), plane.layer.ndim))
    for axis, side, column in zip(plane.shown.axes, result.to_labels().shape, (1, 0)):
        shape[axis] = side
        points[:, axis] = result.points[:, column]
    selected = viewer.layers.selection.active
    earlier = _earlier(viewer, plane, "instances")
    keywords = dict(features=_features(result, background=True), **place)
    pixels = result.to_labels().reshape(shape)
    labels: Labels = _replace(viewer, plane, "instances", viewer.add_labels, pixels, keywords)
    if earlier is not None:
        labels.contour = earlier.contour
    several = len(result) > 0 and len(result.classes) > 1
    keywords = dict(features=_features(result), size=_point_size(plane), **place)
    keywords["face_color"] = "class" if several else "white"
    _replace(viewer, plane, "prompts", viewer.add_points, points, keywords)
    kept = earlier is not None and selected in viewer.layers  # who goes on marking is not disturbed
    viewer.layers.selection.active = selected if kept else labels
    return labels


def _earlier(viewer: Viewer, plane: Plane, what: str) -> Optional[Any]:
    return next((x for x in viewer.layers if x.metadata.get(_KEY) == (what, plane.title)), None)


def _replace(
    viewer: Viewer, plane: Plane, what: str, add: Any, data: Any, keywords: Dict[str, Any]
) -> Any:
    """Add a layer in the place of the one that showed the same before, and as that one was shown."""
    name = f"{plane.title}: {what}"
    earlier = _earlier(viewer, plane, what)
    if earlier is not None:
        keywords = dict(keywords, opacity=earlier.opacity, visible=earlier.visible)
        name = earlier.name
        viewer.layers.remove(earlier)
    return add(data, name=name, metadata={_KEY: (what, plane.title)}, **keywords)


def _place(plane: Plane) -> Dict[str, Any]:
    """The transform that puts a layer of one slice where the plane is."""
    from napari.utils.transforms import Affine

    layer = plane.layer
    own = {name: getattr(layer, name) for name in ("scale", "rotate", "shear", "translate")}
    own["translate"] = Affine(**own)(np.asarray(plane.shown.at, dtype=float))
    return {**own, "affine": layer.affine, "units": layer.units}


def _point_size(plane: Plane) -> float:
    """Of a drawn prompt, in pixels of the image."""
    return max(3.0, max(plane.size) / 100)


def _features(result: Result, background: bool = False) -> Dict[str, Any]:
    """Columns id, class, score and area; with a first row for the pixels that belong to none."""
    names = [result.classes[index] for index in result.class_indices]
    ids, scores, areas = range(1, len(result) + 1), result.scores.tolist(), result.areas.tolist()
    columns = {"id": list(ids), "class": names, "score": scores, "area": areas}
    if background:
        first = {"id": 0, "class": "background", "score": np.nan}
        first["area"] = int((result.to_labels() == 0).sum())
        columns = {name: [first[name], *values] for name, values in columns.items()}
    return columns
