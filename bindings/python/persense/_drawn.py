"""Results as images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import flag, number, refused
from ._images import rgb_array
from ._instances import Instances
from .errors import Error, InvalidArgument

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._images import ImageLike

__all__ = ["Drawn"]

_NOTEBOOK_SIDE = 1600  # pixels: a notebook keeps every image in its file


class Drawn(Instances):
    """Instances over their image."""

    _image: Optional[NDArray[np.uint8]]
    _path: Optional[str]
    _window: Optional[Tuple[float, float]]

    def plot(
        self,
        ax: Optional[Axes] = None,
        image: Optional[ImageLike] = None,
        *,
        numbers: bool = True,
        points: bool = True,
        fill: float = 0.28,
        line_width: float = 0,
    ) -> Axes:
        """Shows the overlay with matplotlib.

        Args:
            ax: where to show it; by default a new figure that the image fills.
            image, numbers, points, fill, line_width: as in `overlay`.

        Returns:
            The axes, in the image's pixel coordinates.

        Raises:
            InvalidArgument: no image, one of another size, or an option out of its range.
            ImportError: matplotlib is missing.
        """
        from ._plotting import show

        if ax is not None and not hasattr(ax, "imshow"):
            raise refused("ax", ax, "matplotlib's axes")
        picture = self.overlay(
            image, numbers=numbers, points=points, fill=fill, line_width=line_width
        )
        return show(picture, ax)

    def overlay(
        self,
        image: Optional[ImageLike] = None,
        *,
        numbers: bool = True,
        points: bool = True,
        fill: float = 0.28,
        line_width: float = 0,
    ) -> NDArray[np.uint8]:
        """The image that the program writes with `--overlay`: (H, W, 3) uint8. No matplotlib.

        Neighbours have different colours; where there are several classes, each has a hue.

        Args:
            image: the query image, needed where the result was unpickled and its file is gone.
            numbers: each instance's id inside it, where it fits.
            points: the point prompts as dots.
            fill: opacity of the colour inside an object, 0 to 1.
            line_width: of the outlines, in pixels; 0 chooses it from the image's size.

        Raises:
            InvalidArgument: no image, one of another size, or an option out of its range.
        """
        picture = self._picture(image)
        return _core.overlay(
            self._core,
            picture,
            number("fill", fill, "0 to 1"),
            number("line_width", line_width, "pixels"),
            flag("numbers", numbers),
            flag("points", points),
        )

    def _repr_png_(self) -> Optional[bytes]:
        """What a notebook shows: the overlay, where the image is at hand."""
        try:
            picture = self.overlay()
        except Error:
            return None  # the notebook shows the text instead
        return _core.encode_png(picture, _NOTEBOOK_SIDE)

    def _picture(self, image: Optional[ImageLike]) -> NDArray[np.uint8]:
        """The query image as (H, W, 3), from the caller, from memory or from its file."""
        if image is not None:
            picture = rgb_array(image, "image")
        elif self._image is not None:
            picture = rgb_array(self._image, "image")
        elif self._path is not None and os.path.exists(self._path):
            picture = rgb_array(self._path, "image", self._window)
        else:
            raise InvalidArgument(
                "image: this result was unpickled and does not hold its image; give image=..."
            )
        height, width = picture.shape[:2]
        if (width, height) != self._core.size:
            raise InvalidArgument(
                f"image: got {width} x {height}, expected the result's "
                f"{self._core.size[0]} x {self._core.size[1]}"
            )
        return picture
