"""The image that napari shows, one plane of a layer, in the pipeline's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, NamedTuple, Tuple

import numpy as np
import numpy.typing as npt

from persense._convert import as_image
from persense._images import image_array
from persense.errors import InvalidArgument

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

__all__ = ["Plane", "shown_plane", "Shown", "shown_of"]


class Shown(NamedTuple):
    """Which two axes of a layer are shown, and where it is cut along the others."""

    axes: Tuple[int, int]
    """The two, the lower first."""
    at: Tuple[int, ...]
    """An index for each axis of the layer; 0 for the two that are shown."""

    @property
    def hidden(self) -> List[int]:
        """The axes that are cut."""
        return [axis for axis in range(len(self.at)) if axis not in self.axes]

    def of(self, data: Any) -> npt.NDArray[Any]:
        """The plane of a layer's array: (H, W), or (H, W, C) of an RGB layer."""
        key = tuple(slice(None) if a in self.axes else i for a, i in enumerate(self.at))
        return np.asarray(data[key])


class Plane(NamedTuple):
    """The slice of an image layer that is shown."""

    layer: Image
    shown: Shown
    pixels: npt.NDArray[np.uint8]
    """(H, W, 3), RGB, or (H, W), grey: a copy."""
    point: npt.NDArray[np.float64]
    """Where the viewer cuts, in world coordinates: a number for each axis of the viewer."""

    @property
    def size(self) -> Tuple[int, int]:
        """(width, height)."""
        height, width = self.pixels.shape[:2]
        return width, height

    @property
    def title(self) -> str:
        """The layer's name, with the slice where there are several."""
        cut = ", ".join(str(self.shown.at[axis]) for axis in self.shown.hidden)
        return f"{self.layer.name}, slice {cut}" if cut else str(self.layer.name)

    def from_layer(self, layer: Layer, coordinates: Any) -> npt.NDArray[np.float64]:
        """Coordinates (N, axes) in another layer's data as (N, 2) rows and columns of the image;
        (0, 0) is the centre of the first pixel, as everywhere in napari.
        """
        leading = self.point[: len(self.point) - layer.ndim]
        found = []
        for each in coordinates:
            world = np.concatenate([leading, layer.data_to_world(each)])
            found.append(np.asarray(self.layer.world_to_data(world))[list(self.shown.axes)])
        return np.array(found, dtype=np.float64).reshape(-1, 2)


def shown_of(viewer: Viewer, layer: Layer) -> Shown:
    """What the viewer shows of a layer.

    Raises InvalidArgument where that is no plane of the layer, or not within it.
    """
    name = layer.name
    if len(viewer.dims.displayed) != 2:
        raise InvalidArgument(f"{name!r}: the viewer shows 3-D, expected 2-D, a slice")
    first = viewer.dims.ndim - layer.ndim  # napari lines axes up at their ends
    low, high = sorted(axis - first for axis in viewer.dims.displayed)
    if low < 0:
        raise InvalidArgument(f"{name!r}: the viewer shows it from its side, expected its plane")
    at = np.rint(layer.world_to_data(viewer.dims.point)).astype(int)
    at[[low, high]] = 0
    return Shown((low, high), tuple(at.tolist()))


def shown_plane(viewer: Viewer, layer: Image) -> Plane:
    """The slice of an image layer that is shown: 2-D, grey or RGB; of a pyramid, the finest level.

    Pixels of 8 bits are taken as they are; of all other types, the layer's contrast limits are what
    becomes 0 and 255, as on the screen (gamma and colour map are not applied). What is transparent
    is seen over white.

    Raises InvalidArgument for what `shown_of` refuses, and for pixels that are not finite.
    """
    shown = shown_of(viewer, layer)
    data = layer.data[0] if layer.multiscale else layer.data
    if any(not 0 <= shown.at[axis] < data.shape[axis] for axis in shown.hidden):
        raise InvalidArgument(f"{layer.name!r}: it has nothing in the slice that is shown")
    array = shown.of(data)
    try:
        if array.dtype == np.uint8:
            pixels = image_array(array, "image")
        else:
            low, high = layer.contrast_limits
            pixels = as_image(array, range=(float(low), float(high)))
    except InvalidArgument as error:
        raise InvalidArgument(f"{layer.name!r}: {error}") from None
    return Plane(layer, shown, np.array(pixels), np.asarray(viewer.dims.point, dtype=np.float64))
