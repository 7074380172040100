"""labelme's JSON: masks out for correction by hand, and back in; and marks as examples."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any, Dict, List, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import path as path_text
from ._core import Mask
from ._examples import Example

if TYPE_CHECKING:
    from ._images import ImageLike
    from ._query import Query

__all__ = ["Annotations", "read_examples", "read_labelme"]


@dataclasses.dataclass(frozen=True, repr=False)
class Annotations:
    """What a labelme file holds."""

    size: Tuple[int, int]
    """(width, height) of the image."""
    masks: List[Mask]
    """One for each instance, cropped to its box: shapes with the same label and group_id are one."""
    labels: List[str]
    """One for each instance."""
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
        width, height = self.size
        dense = np.zeros((height, width), dtype=bool)
        x0, y0, x1, y1 = self.masks[index].box
        dense[y0:y1, x0:x1] = self.masks[index].bits
        return dense


def read_labelme(path: Union[str, os.PathLike[str]]) -> Annotations:
    """The masks in a labelme file: polygons, rectangles, circles and masks.

    A pixel is inside when its centre is. Shapes that share label and group_id are parts of one
    instance. Parts outside of the image are cut off; an instance without any pixel keeps its
    place with an empty mask.

    Raises:
        FileNotFound: no such file.
        Unreadable: not a labelme file, or with a shape that has no area (a line, a point).
    """
    image_path, size, labels, masks = _core.read_labelme_masks(path_text("path", path))
    return Annotations(size=size, masks=masks, labels=labels, image_path=image_path)


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
    if image is None:
        image = _core.load_labelme_image(name)
    examples: Dict[str, List[Example]] = {}
    for label, negative, kind, value in _core.read_labelme_marks(name):
        mark: Dict[str, Any] = {kind: value != 0 if kind == "mask" else value}
        examples.setdefault(label, []).append(Example(image, negative=negative, **mark))
    return examples
