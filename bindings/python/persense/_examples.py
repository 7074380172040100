"""Marked objects: what a support is made of."""

from __future__ import annotations

import numbers
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

from persense import _core, _pil
from persense._arguments import array_of, is_path, shown, whole
from persense._images import (
    ImageLike,
    LabelsLike,
    MaskLike,
    image_array,
    is_mask,
    is_picture,
    labels_array,
    load_image,
    marking_mask,
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
            Pipeline.encode gave, which is not encoded again. persense.as_image converts others.
        mask: its pixels, roughly: numbers (H, W) of any type, 0 = outside; or a path, a PIL image,
            an instance of a result or its mask. Separate parts of like size are one example each,
            and so are the labels of a label image; `id` beside it picks one.
        box: x0, y0, x1, y1 in pixels, half-open, around it.
        point: x, y of any pixel of it, best in its middle.
        polygon: its outline, (N, 2) numbers x, y; (0, 0) is the corner of the first pixel.
        labels, id: a label image, integers (H, W), or a path; and the object's number in it.
        negative: "not these".

        Raises InvalidArgument for no mark, or more than one.
        """
        if id is not None:
            id = whole("id", id, "a label's number")
            if labels is None and mask is not None:
                numbered: Any = mask  # what a label image may be, a mask may be, too
                labels, mask = numbered, None
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
            place = repr(os.path.basename(os.fspath(image)))
        elif isinstance(image, np.ndarray):
            place = " x ".join(map(str, image.shape[1::-1])) + " image"
        elif _pil.is_pil(image):
            place = " x ".join(map(str, image.size)) + " image"
        else:
            place = repr(image)
        mark = self._mark
        if self._kind == "labels":
            marked = f"id={mark[1]}"
        elif self._kind in ("box", "point"):
            given = mark.tolist() if isinstance(mark, np.ndarray) else mark
            marked = f"{self._kind}={tuple(given) if isinstance(given, list) else given}"
        elif self._kind == "polygon":
            marked = f"polygon of {len(mark)}"
        else:
            marked = "mask"
        return f"Example({place}, {marked}{', negative' if self.negative else ''})"

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

    def __repr__(self) -> str:
        height, width = self.mask.shape
        negative = ", negative" if self.negative else ""
        return f"SupportExample({width} x {height} image, box={self.box}{negative})"


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
    for index, negative in enumerate(_several(negatives)):
        examples.append(_negative(negative, index, place))
    return examples


def _several(negatives: Any) -> Iterable[Any]:
    """One mark that was given where several may be, as one."""
    if isinstance(negatives, Example) or is_picture(negatives) or is_mask(negatives):
        return [negatives]
    few = isinstance(negatives, (list, tuple)) and len(negatives) in (2, 4)
    if few and all(isinstance(each, numbers.Real) for each in negatives):
        return [negatives]  # a point or a box
    if isinstance(negatives, np.ndarray):
        # rows of four or two numbers are boxes or points
        is_one = negatives.ndim == 1 or negatives.ndim == 2 and negatives.shape[1] not in (2, 4)
        return [negatives] if is_one else list(negatives)
    try:
        return list(negatives)
    except TypeError:
        raise InvalidArgument(
            f"negatives: got {shown(negatives)}, expected Examples or marks on the same image"
        ) from None


def _negative(given: Union[Example, MarkLike], index: int, image: Any) -> Example:
    """An Example as it is, or a mark on the first example's image."""
    if isinstance(given, Example):
        return given._as_negative()
    mark: Any = given
    if is_picture(given) or is_mask(given):
        return Example(image, mask=mark, negative=True)
    expected = "an Example, a mask, a box (4 numbers), a point (2 numbers) or a polygon (N, 2)"
    values = array_of(f"negatives, index {index}", given, expected)
    if values.dtype.kind in "fiu":
        if values.shape == (4,):
            return Example(image, box=values, negative=True)
        if values.shape == (2,):
            return Example(image, point=values, negative=True)
        if values.ndim == 2 and values.shape[1] == 2:
            return Example(image, polygon=values, negative=True)
    if values.ndim in (2, 3):
        return Example(image, mask=values, negative=True)
    raise InvalidArgument(
        f"negatives: got {type(given).__name__} at index {index}, expected {expected}"
    )


class Prepared(NamedTuple):
    """Examples that were read."""

    examples: List[Example]
    """With arrays in the place of files and PIL images, each read once."""
    notes: List[str]
    """What was made of their masks."""
    window: Optional[Tuple[float, float]]
    """That files with deep pixels were read through: of the first of them."""


def read(examples: Iterable[Example]) -> Prepared:
    """Read files and PIL images, and make masks of what was given as one."""
    images: Dict[Any, Any] = {}
    arrays: Dict[Any, Any] = {}

    def key(value: Any) -> Any:
        return os.fspath(value) if isinstance(value, (str, os.PathLike)) else id(value)

    def once(known: Dict[Any, Any], value: Any, read_it: Any, name: str) -> Any:
        if key(value) not in known:
            known[key(value)] = read_it(value, name)
        return known[key(value)]

    window: Optional[Tuple[float, float]] = None

    def pixels(value: Any, name: str) -> npt.NDArray[np.uint8]:
        nonlocal window
        if not is_path(value):
            return image_array(value, name)
        array, _, used = load_image(value, window=window)
        window = window or used
        return array

    done, notes = [], []
    for example in examples:
        image, mark = example.image, example.mark
        if hasattr(image, "_encoded"):
            window = window or getattr(image, "window", None)
        else:
            image = once(images, image, pixels, "image")
        given: Dict[str, Any] = {example.kind: mark}
        if example.kind == "mask":
            array, said = marking_mask(mark, "mask", _size_of(image))
            given = {"mask": array}
            notes += said
        elif example.kind == "labels":
            given = {"labels": once(arrays, mark[0], labels_array, "labels"), "id": mark[1]}
        done.append(Example(image, negative=example.negative, **given))
    return Prepared(done, notes, window)


def _size_of(image: Any) -> Tuple[int, int]:
    """(width, height) of an array, or of what Pipeline.encode gave."""
    if hasattr(image, "_encoded"):
        width, height = image.size
    else:
        height, width = image.shape[:2]
    return width, height


def for_core(examples: Iterable[Example]) -> List[Tuple[Any, str, Any, bool]]:
    """Examples that were read, as the compiled half takes them."""
    return [(getattr(e.image, "_encoded", e.image), e.kind, e.mark, e.negative) for e in examples]


def taken(support: _core.Support) -> List[SupportExample]:
    """What a support holds."""
    return [SupportExample(*example) for example in support.examples]
