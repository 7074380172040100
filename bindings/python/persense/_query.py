"""Images that a pipeline encoded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np
import numpy.typing as npt

from persense import _core

if TYPE_CHECKING:
    from persense._pipeline import Pipeline

__all__ = ["Query"]


class Query:
    """An image that a pipeline encoded; serves any number of supports and threads."""

    def __init__(
        self,
        pipeline: Pipeline,
        encoded: _core.EncodedImage,
        image: npt.NDArray[np.uint8],
        path: Optional[str],
        window: Optional[Tuple[float, float]] = None,
    ) -> None:
        """Use Pipeline.encode."""
        self._pipeline = pipeline
        self._encoded = encoded
        self._image = image
        self._path = path
        self._window = window

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """The image as it was given: (H, W, 3) or (H, W) uint8."""
        return self._image

    @property
    def path(self) -> Optional[str]:
        """The image's file, where it was given as one."""
        return self._path

    @property
    def window(self) -> Optional[Tuple[float, float]]:
        """What is black and white of a file with deep pixels; None for pixels of 8 bits."""
        return self._window

    @property
    def size(self) -> Tuple[int, int]:
        """(width, height)."""
        return self._encoded.size

    def __repr__(self) -> str:
        width, height = self.size
        name = f", {os.path.basename(self._path)!r}" if self._path else ""
        return f"Query({width} x {height}{name})"

    def __reduce__(self) -> Tuple[Any, ...]:
        return _query_again, (self._pipeline, self._image, self._path, self._window)


def _query_again(
    pipeline: Pipeline, image: Any, path: Optional[str], window: Optional[Tuple[float, float]]
) -> Query:
    pipeline._prepare()
    return Query(pipeline, pipeline._engine.encode(image), image, path, window)
