"""The instances that a query gives back."""

from __future__ import annotations

import dataclasses
import functools
import operator
from typing import Iterator, List, Sequence, SupportsIndex, TypeVar, Union, overload

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._core import Mask

__all__ = ["Instance", "Instances"]


@dataclasses.dataclass(frozen=True, repr=False)
class Instance:
    """One object found in the query image."""

    id: int
    """Its number: 1 to the count; its value in label images and its id in tables and overlays."""
    box: NDArray[np.float32]
    """(4,): x0, y0, x1, y1 of the mask's tight box, half-open."""
    point: NDArray[np.int32]
    """(2,): x, y of the point prompt that it grew from."""
    score: float
    """The decoder's estimate of the mask's quality, about 0 to 1."""
    mask: Mask
    """The pixels: `mask.bits` is (h, w) bool, cropped to `mask.box`."""
    class_index: int = 0
    """Into the result's `classes`."""
    label: str = ""
    """Its support's label, which may be empty."""
    touches_border: bool = False
    """Whether it touches the image's border: the object may go on beyond."""

    @property
    def area(self) -> int:
        """Pixels inside the mask."""
        return self.mask.area

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        values = f"box={self.mask.box}, score={self.score:.2f}, area={self.area}"
        return f"Instance({self.id}, {values}{label})"


class Instances:
    """Instances in reading order: a sequence, and every value of all of them as an array."""

    def __init__(self, core: _core.Result) -> None:
        self._core = core

    def __len__(self) -> int:
        return len(self._core)

    @property
    def count(self) -> int:
        """How many instances were found: `len(result)`."""
        return len(self._core)

    @functools.cached_property
    def classes(self) -> List[str]:
        """What each class is called: its support's label, or else "object", or "class 2" of
        several.
        """
        return self._core.classes

    @functools.cached_property
    def _labels(self) -> List[str]:
        return self._core.class_labels

    @functools.cached_property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4): x0, y0, x1, y1 of the masks' tight boxes in pixels, half-open."""
        return _read_only(self._core.boxes)

    @functools.cached_property
    def scores(self) -> NDArray[np.float32]:
        """(N,): the decoder's estimate of each mask's quality, about 0 to 1."""
        return _read_only(self._core.scores)

    @functools.cached_property
    def points(self) -> NDArray[np.int32]:
        """(N, 2): x, y of the point prompt that each instance grew from."""
        return _read_only(self._core.points)

    @functools.cached_property
    def masks(self) -> Sequence[Mask]:
        """N masks: `bits` is (h, w) bool, cropped to `box`, which is x0, y0, x1, y1."""
        return tuple(self._core.masks)

    @functools.cached_property
    def areas(self) -> NDArray[np.int64]:
        """(N,): pixels inside each mask."""
        return _read_only(np.array([mask.area for mask in self.masks], dtype=np.int64))

    @functools.cached_property
    def class_indices(self) -> NDArray[np.int64]:
        """(N,): each instance's index into `classes`."""
        return _read_only(self._core.class_indices)

    @functools.cached_property
    def touches_border(self) -> NDArray[np.bool_]:
        """(N,): whether each instance touches the image's border."""
        return _read_only(self._core.touches_border)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Instance: ...
    @overload
    def __getitem__(self, index: slice) -> List[Instance]: ...
    def __getitem__(self, index: Union[SupportsIndex, slice]) -> Union[Instance, List[Instance]]:
        """The instance at an index (the last is -1), or a list of those in a slice."""
        if isinstance(index, slice):
            return [self._instance(at) for at in range(*index.indices(len(self)))]
        at = operator.index(index)
        if not -len(self) <= at < len(self):
            raise IndexError(f"instance {at}: the result has {len(self)}")
        return self._instance(at % len(self))

    def __iter__(self) -> Iterator[Instance]:
        return (self._instance(at) for at in range(len(self)))

    def _instance(self, at: int) -> Instance:
        index = int(self.class_indices[at])
        return Instance(
            id=at + 1,
            box=self.boxes[at],
            point=self.points[at],
            score=float(self.scores[at]),
            mask=self.masks[at],
            class_index=index,
            label=self._labels[index],
            touches_border=bool(self.touches_border[at]),
        )


_Scalar = TypeVar("_Scalar", bound=np.generic)


def _read_only(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    array.flags.writeable = False
    return array
