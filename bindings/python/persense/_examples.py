"""Marked objects: what a support is made of."""

from __future__ import annotations

import os
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
import numpy.typing as npt

from persense import _core
from persense._images import (
    ImageLike,
    LabelsLike,
    MaskLike,
    as_image,
    as_labels,
    as_mask,
    is_picture,
)
from persense.errors import InvalidArgument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from persense._query import Query

__all__ = ["Example", "MarkLike", "SupportExample", "examples_of", "for_core"]

MarkLike = Union[MaskLike, "ArrayLike"]
_MARKS = "one of mask, box, point, polygon, or labels with id"


class Example:
    """One marked object of an image; `negative` ones say what is not looked for.

        Example("shelf.jpg", box=(10, 20, 60, 80))
        Example(query, point=(35, 50), negative=True)

    A box or a point becomes a mask by the pipeline's own decoder.
    """

    __slots__ = ("_kind", "_mark", "image", "negative")

    def __init__(
        self,
        image: Union[ImageLike, Query],
        *,
        mask: Optional[MaskLike] = None,
        box: Optional[ArrayLike] = None,
        point: Optional[ArrayLike] = None,
        polygon: Optional[ArrayLike] = None,
        labels: Optional[LabelsLike] = None,
        id: Optional[int] = None,
        negative: bool = False,
    ) -> None:
        """Mark an object in exactly one way.

        image: uint8 (H, W, 3), RGB, or (H, W), grey; or a path, a PIL image, or what
            Pipeline.encode gave, which is not encoded again.
        mask: its pixels, roughly: bool or uint8 (H, W), non-zero = inside; or a path, or a PIL
            image. Separate parts of like size are one example each.
        box: x0, y0, x1, y1 in pixels, half-open, around it.
        point: x, y of any pixel of it, best in its middle.
        polygon: its outline, (N, 2) numbers x, y; (0, 0) is the corner of the first pixel.
        labels, id: a label image, integers (H, W), or a path; and the object's number in it.
        negative: "not these".

        Raises InvalidArgument for no mark, or more than one.
        """
        if (labels is None) != (id is None):
            missing = "id" if id is None else "labels"
            raise InvalidArgument(f"{missing}: got None, expected both labels and id")
        marks: Dict[str, Any] = {
            "mask": mask,
            "box": box,
            "point": point,
            "polygon": polygon,
            "labels": None if labels is None else (labels, id),
        }
        given = {kind: mark for kind, mark in marks.items() if mark is not None}
        if len(given) != 1:
            got = " and ".join(given) or "no mark"
            raise InvalidArgument(f"example: got {got}, expected {_MARKS}")
        self.image = image
        """As it was given."""
        self.negative = bool(negative)
        [(self._kind, self._mark)] = given.items()

    @property
    def kind(self) -> str:
        """How it is marked: mask, box, point, polygon or labels."""
        return self._kind

    @property
    def mark(self) -> Any:
        """The mark as it was given; of labels, (labels, id)."""
        return self._mark

    def __repr__(self) -> str:
        image = self.image
        if isinstance(image, (str, os.PathLike)):
            shown = repr(os.path.basename(os.fspath(image)))
        elif isinstance(image, np.ndarray):
            shown = " x ".join(map(str, image.shape[1::-1])) + " image"
        else:
            shown = repr(image)
        mark = self._mark
        if self._kind == "labels":
            text = f"id={mark[1]}"
        elif self._kind in ("box", "point"):
            text = f"{self._kind}={tuple(np.asarray(mark).tolist())}"
        elif self._kind == "polygon":
            text = f"polygon of {len(mark)}"
        else:
            text = "mask"
        return f"Example({shown}, {text}{', negative' if self.negative else ''})"

    def _as_negative(self) -> Example:
        keywords = (
            {"labels": self._mark[0], "id": self._mark[1]}
            if self._kind == "labels"
            else {self._kind: self._mark}
        )
        return Example(self.image, negative=True, **keywords)


class SupportExample(NamedTuple):
    """One object of a support, as it was taken."""

    image: npt.NDArray[np.uint8]
    """(H, W, 3), RGB, read-only; examples of one image share its array."""
    mask: npt.NDArray[np.bool_]
    """(H, W), of the image's size."""
    box: Tuple[int, int, int, int]
    """(x0, y0, x1, y1): the mask's tight box, half-open."""
    diameter: float
    """Of the disc with the mask's area, pixels."""
    negative: bool
    """Whether it says what is not looked for."""


def examples_of(
    image: Union[ImageLike, Query, Example, Sequence[Example]],
    marks: Dict[str, Any],
    negatives: Iterable[Union[Example, MarkLike]],
) -> List[Example]:
    """The examples that Pipeline.support was given, in its forms."""
    if isinstance(image, Example):
        image = [image]
    place: Any = image
    if isinstance(image, (list, tuple)):
        given = [name for name, mark in marks.items() if mark is not None]
        if given:
            raise InvalidArgument(
                f"{given[0]}: got one beside a list of examples, expected it in an Example"
            )
        for index, example in enumerate(image):
            if not isinstance(example, Example):
                raise InvalidArgument(
                    f"examples: got {type(example).__name__} at index {index}, "
                    "expected persense.Example"
                )
        examples, place = list(image), image[0].image if image else None
    else:
        examples = [Example(place, **marks)]
    for index, negative in enumerate(negatives):
        examples.append(_negative(negative, index, place))
    return examples


def _negative(given: Union[Example, MarkLike], index: int, image: Any) -> Example:
    """An Example as it is, or a mark on the first example's image."""
    if isinstance(given, Example):
        return given._as_negative()
    mark: Any = given
    if is_picture(given):
        return Example(image, mask=mark, negative=True)
    numbers = np.asarray(given)
    if numbers.dtype != np.bool_ and numbers.dtype.kind in "fiu":
        if numbers.shape == (4,):
            return Example(image, box=numbers, negative=True)
        if numbers.shape == (2,):
            return Example(image, point=numbers, negative=True)
        if numbers.ndim == 2 and numbers.shape[1] == 2:
            return Example(image, polygon=numbers, negative=True)
    if numbers.ndim == 2 and numbers.dtype in (np.bool_, np.uint8):
        return Example(image, mask=numbers, negative=True)
    raise InvalidArgument(
        f"negatives: got {type(given).__name__} at index {index}, expected an Example, a mask, a "
        "box (4 numbers), a point (2 numbers) or a polygon (N, 2)"
    )


def read(examples: Iterable[Example]) -> List[Example]:
    """The same examples with arrays in the place of files and PIL images, each read once."""
    images: Dict[Any, Any] = {}
    arrays: Dict[Any, Any] = {}

    def key(value: Any) -> Any:
        return os.fspath(value) if isinstance(value, (str, os.PathLike)) else id(value)

    def once(known: Dict[Any, Any], value: Any, read_it: Any, name: str) -> Any:
        if key(value) not in known:
            known[key(value)] = read_it(value, name)
        return known[key(value)]

    done = []
    for example in examples:
        image, mark = example.image, example.mark
        if not hasattr(image, "_encoded"):
            image = once(images, image, as_image, "image")
        marks: Dict[str, Any] = {example.kind: mark}
        if example.kind == "mask":
            marks = {"mask": as_mask(mark, "mask")}
        elif example.kind == "labels":
            marks = {"labels": once(arrays, mark[0], as_labels, "labels"), "id": mark[1]}
        done.append(Example(image, negative=example.negative, **marks))
    return done


def for_core(examples: Iterable[Example]) -> List[Tuple[Any, str, Any, bool]]:
    """Examples that were read, as the compiled half takes them."""
    return [(getattr(e.image, "_encoded", e.image), e.kind, e.mark, e.negative) for e in examples]


def taken(support: _core.Support) -> List[SupportExample]:
    """What a support holds."""
    return [SupportExample(*example) for example in support.examples]
