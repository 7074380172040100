"""Functions for CVAT's automatic annotation: all objects like a marked one, in every image of a task.

    cvat-cli task auto-annotate 137 --function-module persense.cvat \\
        -p support=str:support.jpg -p mask=str:mask.png -p label=str:bolt

`create` makes what CVAT calls: with a support a detection function, without one an interaction
function, for which users mark an object in the image itself. Needs cvat-sdk:
pip install 'persense[cvat]'.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from ._arguments import number, refused, text
from ._core import Mask
from ._examples import Example
from ._optional import optional
from ._pipeline import Pipeline
from .errors import InvalidArgument
from .labelme import read_examples

if TYPE_CHECKING:
    import PIL.Image
    from cvat_sdk import auto_annotation, models

    from ._query import Query
    from ._support import Support
    from .result import Result

__all__ = ["Detection", "Interaction", "create"]

_SHAPES = ("mask", "polygon", "rectangle")
_MARKS = ("point", "box")

Path = Union[str, "os.PathLike[str]"]


class Detection:
    """A detection function: finds what its supports show in any image."""

    def __init__(self, pipeline: Pipeline, supports: "Sequence[Support]", shape: str) -> None:
        """Use `create`."""
        self._aa = _auto_annotation()
        self._pipeline, self._supports, self._shape = pipeline, list(supports), shape
        self._labels = [support.label or "object" for support in supports]

    @property
    def spec(self) -> auto_annotation.DetectionFunctionSpec:
        """A label for each class; CVAT maps them by name to those of the task."""
        labels = [
            self._aa.label_spec(name, index, type=self._shape)
            for index, name in enumerate(self._labels)
        ]
        return self._aa.DetectionFunctionSpec(labels=labels)

    def detect(
        self, context: auto_annotation.DetectionFunctionContext, image: PIL.Image.Image
    ) -> List[models.LabeledShapeRequest]:
        """All instances, in reading order. Of an instance as polygons, each part is one."""
        least = context.conf_threshold
        result = self._pipeline.segment(image, self._supports, min_score=least)
        shape = self._shape
        if shape == "mask" and context.conv_mask_to_poly:
            shape = "polygon"
        return [
            self._aa.shape(result[index].class_index, type=shape, points=points)
            for index, points in _shapes_of(result, shape)
        ]


class Interaction:
    """An interaction function: finds all objects like the one that is marked in the image.

    Positive points are an example each, a box is one more; negative points say what is not meant.
    """

    def __init__(self, pipeline: Pipeline, mark: str) -> None:
        """Use `create`."""
        self._aa = _auto_annotation()
        if not hasattr(self._aa, "InteractionFunctionSpec"):
            raise InvalidArgument(
                "support: got none, and this cvat-sdk has no interaction functions; expected a "
                "support or a newer cvat-sdk"
            )
        self._pipeline, self._mark = pipeline, mark

    @property
    def spec(self) -> auto_annotation.InteractionFunctionSpec:
        """At least one point, or a box."""
        return self._aa.InteractionFunctionSpec(
            min_pos_points=int(self._mark == "point"),
            min_neg_points=0,
            min_bounding_boxes=int(self._mark == "box"),
        )

    def preprocess_image(
        self, context: auto_annotation.InteractionFunctionContext, image: PIL.Image.Image
    ) -> Query:
        """The encoded image, which any number of marks are looked for in."""
        return self._pipeline.encode(image)

    def detect(
        self,
        context: auto_annotation.InteractionFunctionContext,
        pp_image: Query,
        prompts: auto_annotation.InteractionPrompts,
    ) -> List[auto_annotation.InteractionResultShape]:
        """All instances as masks, with their scores."""
        points = [(prompts.pos_points, False), (prompts.neg_points, True)]
        examples = [
            Example(pp_image, point=_pixel(point, pp_image), negative=negative)
            for given, negative in points
            for point in given
        ]
        if prompts.bounding_box is not None:
            box = np.asarray(prompts.bounding_box, dtype=float).ravel()
            examples.insert(0, Example(pp_image, box=box))
        support = self._pipeline.support(examples)
        result = self._pipeline.segment(pp_image, support)
        return [self._shape_of(points, result[i].score) for i, points in _shapes_of(result, "mask")]

    def _shape_of(
        self, points: List[float], score: float
    ) -> auto_annotation.InteractionResultShape:
        models = optional("cvat_sdk.models", "cvat")
        confidence = models.AttributeValRequest(
            spec_id=int(self._aa.InteractionResultAttributes.CONFIDENCE),
            value=f"{min(max(score, 0.0), 1.0):.4f}",
        )
        return self._aa.InteractionResultShape(type="mask", points=points, attributes=[confidence])


def create(
    support: Optional[Path] = None,
    *,
    mask: Optional[Path] = None,
    box: Optional[str] = None,
    point: Optional[str] = None,
    polygon: Optional[str] = None,
    prompts: Optional[Path] = None,
    label: str = "object",
    shape: str = "mask",
    mark: str = "point",
    models: Optional[str] = None,
    device: str = "cpu",
    settings: Optional[str] = None,
) -> Union[Detection, Interaction]:
    """What CVAT calls: a detection function or, without a support, an interaction function.

    Arguments are texts, as `-p NAME=str:VALUE` of cvat-cli gives them.

    Args:
        support: the image in which an object is marked.
        mask, box, point, polygon: the mark, one of them: a file, "X0,Y0,X1,Y1", "X,Y" or
            "X,Y,X,Y,...", in pixels of the support.
        prompts: instead of both, a labelme file: its names are labels, several of them classes.
        label: the task's label that objects get.
        shape: "mask", "polygon" or "rectangle": what the task's labels are of.
        mark: of an interaction function: whether users begin with a "point" or a "box".
        models, device, settings: as Pipeline has them.

    Raises:
        InvalidArgument: no mark beside a support, or another shape; and what Pipeline.support
            raises.
        ImportError: cvat-sdk is not installed.
    """
    if shape not in _SHAPES:
        raise refused("shape", shape, " or ".join(map(repr, _SHAPES)))
    if mark not in _MARKS:
        raise refused("mark", mark, " or ".join(map(repr, _MARKS)))
    if prompts is not None and support is not None:
        raise refused("prompts", prompts, "either it or a support")
    _auto_annotation()
    pipeline = Pipeline(models, device=device, settings=settings)
    if prompts is not None:
        named = read_examples(prompts)
        return Detection(pipeline, [pipeline.support(e, label=n) for n, e in named.items()], shape)
    if support is None:
        return Interaction(pipeline, mark)
    marks: Dict[str, Any] = {
        "mask": mask,
        "box": _numbers("box", box, lambda count: count == 4),
        "point": _numbers("point", point, lambda count: count == 2),
        "polygon": _corners(_numbers("polygon", polygon, lambda n: n >= 6 and n % 2 == 0)),
    }
    made = pipeline.support(support, label=text("label", label), **marks)
    return Detection(pipeline, [made], shape)


def _auto_annotation() -> Any:
    return optional("cvat_sdk.auto_annotation", "cvat")


def _numbers(name: str, value: Optional[str], fits: Callable[[int], bool]) -> Optional[List[float]]:
    if value is None:
        return None
    expected = "numbers with commas between them, as in 120,80,160,130"
    try:
        numbers = [number(name, float(each)) for each in value.split(",")]
    except (AttributeError, ValueError):
        raise refused(name, value, expected) from None
    if not fits(len(numbers)):
        raise refused(name, value, expected)
    return numbers


def _corners(numbers: Optional[List[float]]) -> Optional[List[List[float]]]:
    return None if numbers is None else np.reshape(numbers, (-1, 2)).tolist()


def _pixel(point: Tuple[float, float], image: Query) -> Tuple[int, int]:
    """The pixel of a point, which may be on the image's edge."""
    x, y = (min(int(at), side - 1) for at, side in zip(point, image.size))
    return x, y


def _shapes_of(result: Result, shape: str) -> List[Tuple[int, List[float]]]:
    """The points of CVAT's shapes, with the indices of their instances."""
    if shape == "mask":
        return [(i, _run_lengths(mask)) for i, mask in enumerate(result.masks)]
    if shape == "rectangle":
        return [(i, [float(v) for v in mask.box]) for i, mask in enumerate(result.masks)]
    outlines = result.to_coco(polygons=True)["annotations"]
    return [(i, list(p)) for i, one in enumerate(outlines) for p in one["segmentation"]]


def _run_lengths(mask: Mask) -> List[float]:
    """A mask as CVAT's points: its runs within its box, and that box, whose end belongs to it."""
    masks = optional("cvat_sdk.masks", "cvat")
    x0, y0, _, _ = mask.box
    *runs, left, top, right, bottom = masks.encode_mask(np.asarray(mask.bits))
    return [*runs, left + x0, top + y0, right + x0, bottom + y0]
