"""Stages of your own: any object with the method of its slot, a PyTorch model for example.

    class Heads:
        def density(self, image, exemplars):
            with torch.no_grad():
                return model(image, exemplars).numpy()

    pipeline = persense.Pipeline(dmg=Heads())

Methods are called on the thread that segments, so on several at once where several do. What they
raise reaches the caller of ``segment`` unchanged. Results may be NumPy arrays or anything that
``numpy.asarray`` reads, a CPU tensor for example; floats are rounded to float32. A result that
breaks its contract is an InvalidArgument that names the slot.
"""

from __future__ import annotations

import inspect
import os
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    Union,
)

import numpy as np
import numpy.typing as npt

from persense import _core
from persense._core import Query
from persense.errors import InvalidArgument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Decoder", "Detector", "Dmg", "DmgOfQuery", "Encoder", "Query"]

Found = Tuple["ArrayLike", "ArrayLike"]
"""Boxes (N, 4), x0, y0, x1, y1 in pixels, and confidences (N,) in [0, 1]."""

StageMask = Union["ArrayLike", Tuple["ArrayLike", Tuple[int, int]], None]
"""(H, W) bool or uint8 of the image's size; a part of it, (mask, (x0, y0) of its first pixel); or
None where there is no object."""


class Encoder(Protocol):
    """Turns an image into a grid of features; similarity is their cosine with the prototype's."""

    def encode(self, image: npt.NDArray[np.uint8], /) -> ArrayLike:
        """Give (C, h, w) floats, stretched over the image without a margin.

        image: (H, W, 3) uint8, RGB, read-only. It may be a part of a larger one.
        """
        ...


class Detector(Protocol):
    """Finds boxes of the object."""

    def detect(self, query: Query, /) -> Union[Found, Tuple[Found, Found]]:
        """Give (boxes, confidences), or a tuple of two of these: for the label and the phrase."""
        ...


class Dmg(Protocol):
    """Density map generator: estimates how many objects cover each pixel."""

    def density(
        self, image: npt.NDArray[np.uint8], exemplars: npt.NDArray[np.float32], /
    ) -> ArrayLike:
        """Give (h, w) floats of any size, stretched over the image, whose sum estimates the count.

        image: (H, W, 3) uint8, RGB, read-only. exemplars: (K, 4) float32, at least one, x0, y0,
        x1, y1 in pixels.
        """
        ...


class DmgOfQuery(Protocol):
    """A density map generator that looks at more than image and exemplars."""

    def density(
        self,
        image: npt.NDArray[np.uint8],
        exemplars: npt.NDArray[np.float32],
        /,
        *,
        query: Query,
    ) -> ArrayLike:
        """As Dmg.density; a parameter named query is given the whole query."""
        ...


class Decoder(Protocol):
    """Segments the object at each point."""

    def decode(
        self, query: Query, points: npt.NDArray[np.int32], /
    ) -> Tuple[Union[Iterable[StageMask], "ArrayLike"], "ArrayLike"]:
        """Give (masks, scores): one mask and one score a point, in the same order.

        points: (N, 2) int32, x, y in pixels. With the method grounded_sam, query.boxes has the
        boxes to segment in, and points are their centres.
        """
        ...


Stage = TypeVar("Stage", covariant=True)
Slot = Union[str, "os.PathLike[str]", Stage]
"""What may fill a slot: "mini", "classic", an archive's path, or a stage."""


def _density(stage: Any) -> Callable[[Query], object]:
    if "query" in inspect.signature(stage.density).parameters:
        return lambda query: stage.density(query.image, query.exemplars, query=query)
    return lambda query: stage.density(query.image, query.exemplars)


def _encode(method: Any) -> Any:
    """The method, unless it still asks for what is no longer handed over."""
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # some built-in functions have none
        return method
    try:
        signature.bind(None)
    except TypeError:
        raise InvalidArgument(
            f"encoder: got encode({', '.join(signature.parameters)}), expected encode(image): an "
            "image is encoded once for supports of any size, so the expected object diameter is no "
            "longer handed over"
        ) from None
    return method


def _method(slot: str, stage: object, name: str, arguments: str) -> Any:
    method = getattr(stage, name, None)
    if not callable(method):
        raise InvalidArgument(
            f'{slot}: got {type(stage).__name__}, expected "mini", "classic", an archive\'s path '
            f"or an object with a method {name}({arguments})"
        )
    return method


def fill(
    stages: _core.Stages,
    *,
    encoder: Optional[Slot[Encoder]],
    detector: Optional[Slot[Detector]],
    dmg: Optional[Slot[Union[Dmg, DmgOfQuery]]],
    decoder: Optional[Slot[Decoder]],
) -> None:
    """Fill the slots that are not None."""

    def own(slot: str, stage: object, name: str, arguments: str) -> Optional[Any]:
        if stage is None:
            return None
        if isinstance(stage, (str, os.PathLike)):
            setattr(stages, slot, os.fspath(stage))
            return None
        method = _method(slot, stage, name, arguments)
        setattr(stages, slot, "classic")  # instead of the folder's archive
        return method

    if method := own("encoder", encoder, "encode", "image"):
        stages.set_encode(_encode(method))
    if method := own("detector", detector, "detect", "query"):
        stages.set_detect(method)
    if own("dmg", dmg, "density", "image, exemplars"):
        stages.set_density(_density(dmg))
    if method := own("decoder", decoder, "decode", "query, points"):
        stages.set_decode(method)
