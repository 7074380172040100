"""What a query gives back, and everything it can be turned into."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import _core
from ._core import Mask, TracePass
from ._arguments import flag, path as path_text, refused, text, whole
from ._exports import data_frame, measured_frame, supervision_detections
from ._formats import Formats, tolerance_of
from ._instances import Instance
from ._trace import Trace
from .errors import InvalidArgument

if TYPE_CHECKING:
    import pandas
    import supervision

    from ._support import Support

__all__ = ["Instance", "Mask", "Result", "Trace", "TracePass"]


class Result(Formats):
    """Every instance found in one query image, in reading order: lines from top to bottom, each
    from left to right.

    A sequence: `len(result)` is the count, `result[i]` an Instance, and iterating gives them all.
    Where several supports were asked for, `classes` names them, and `by_class()` takes them apart.
    Arrays are read-only. Masks are cropped to their boxes: a result's size grows with the objects,
    not with count x image.

    Pickling keeps everything but the query image; where it came from a file, it is read again when
    it is needed.
    """

    def __init__(
        self,
        core: _core.Result,
        *,
        image: Optional[NDArray[np.uint8]] = None,
        path: Optional[str] = None,
        window: Optional[Tuple[float, float]] = None,
        supports: Sequence[Support] = (),
        made_by: Optional[Dict[str, Any]] = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Use Pipeline.segment."""
        super().__init__(core)
        self._image = image
        self._path = path
        self._window = window  # that the file was read through
        self._supports = tuple(supports)
        self._made_by = made_by or {}  # stages and options, as COCO files have them
        self._notes = list(notes)

    # ---- what was found ----

    @property
    def counts(self) -> Dict[str, int]:
        """How many instances were found of each class: {name: count}."""
        self._require_own_names()
        return dict(zip(self.classes, self._core.counts.tolist()))

    def by_class(self) -> Dict[str, Result]:
        """The result of each class alone: {name: Result}, in the order of the supports.

        Ids count anew in each. Raises InvalidArgument where two classes have the same name; see
        `of_class`.
        """
        self._require_own_names()
        return {name: self.of_class(index) for index, name in enumerate(self.classes)}

    def of_class(self, index: int) -> Result:
        """The result of the class at an index of `classes` alone: instances, density map, trace."""
        index = whole("class", index)
        if not 0 <= index < len(self.classes):
            raise InvalidArgument(
                f"class: got {index}, expected less than the result's {len(self.classes)}"
            )
        return Result(
            self._core.of_class(index),
            image=self._image,
            path=self._path,
            window=self._window,
            supports=self._supports[index : index + 1],
            made_by=self._made_by,
            notes=self._notes,
        )

    def _require_own_names(self) -> None:
        for index, name in enumerate(self.classes):
            if name in self.classes[:index]:
                raise InvalidArgument(
                    f"classes: two are called {name!r}, expected another label for each support"
                )

    @property
    def estimated_count(self) -> float:
        """The density map's sum: an estimate of the count that needs no masks. Of all classes."""
        return self._core.estimated_count

    @property
    def count_confidence(self) -> float:
        """How far ``len(result)`` and :attr:`estimated_count` agree: the smaller over the larger.

        0 to 1; of several classes, the least. Masks and mass are counted in different ways, so a
        count that both give is more likely right. Instances that a filter or a region leaves out
        are missing from one of the two.
        """
        return self._core.count_confidence

    @property
    def size(self) -> Tuple[int, int]:
        """(width, height) of the query image."""
        return self._core.size

    @property
    def path(self) -> Optional[str]:
        """The query image's file, where it was given as one."""
        return self._path

    @property
    def image(self) -> Optional[NDArray[np.uint8]]:
        """The query image, (H, W, 3) or (H, W) uint8; None after unpickling."""
        return self._image

    @property
    def label(self) -> str:
        """What the objects are called: the support's label, which may be empty; of several classes
        all of them, as "potato, stone".
        """
        return ", ".join(self._labels if len(self._labels) == 1 else self.classes)

    @property
    def density(self) -> NDArray[np.float32]:
        """(h, w): the last density map, objects per pixel; it may be smaller than the image.

        Of the first class where there are several; see `by_class`.
        """
        return self._core.density

    @property
    def timings(self) -> Dict[str, float]:
        """Seconds by step, summed over the passes."""
        return self._core.timings

    @property
    def notes(self) -> List[str]:
        """What a user should know about this result, one line each."""
        return self._core.notes + self._notes

    @property
    def ppsm_fallback(self) -> bool:
        """Whether no candidate (of a class) passed PPSM in the last pass, so that all were kept."""
        return self._core.ppsm_fallback

    @property
    def has_trace(self) -> bool:
        """Whether `segment(..., trace=True)` asked for the intermediates."""
        return self._core.trace is not None

    @property
    def trace(self) -> Trace:
        """Every intermediate, where `segment(..., trace=True)` asked for it; see `has_trace`.

        Of the first class where there are several; see `by_class`.

        Raises:
            InvalidArgument: nobody asked for it.
        """
        if not self.has_trace:
            raise InvalidArgument("trace: this result has none, expected segment(..., trace=True)")
        return Trace(self)

    def __repr__(self) -> str:
        width, height = self.size
        name = f", {os.path.basename(self._path)!r}" if self._path else ""
        counts = self._core.counts.tolist()
        if len(counts) > 1:
            label = ", " + ", ".join(f"{n} {named}" for n, named in zip(counts, self.classes))
        else:
            label = f", label={self.label!r}" if self.label else ""
        return (
            f"Result({len(self)} instances, estimated {self.estimated_count:.1f}, "
            f"{width} x {height}{name}{label})"
        )

    def __getstate__(self) -> Dict[str, Any]:
        return {
            "core": self._core,
            "path": self._path,
            "window": self._window,
            "made_by": self._made_by,
            "notes": self._notes,
        }

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__init__(state.pop("core"), **state)  # type: ignore[misc]

    # ---- arrays ----

    def to_dense(self) -> NDArray[np.bool_]:
        """All masks over the whole image: (N, H, W) bool.

        Takes N x H x W bytes: 200 objects on 12 megapixels are 2.4 GB. `masks`, `to_labels()` and
        `to_coco()` stay small.
        """
        width, height = self.size
        dense = np.zeros((len(self), height, width), dtype=bool)
        for plane, mask in zip(dense, self.masks):
            x0, y0, x1, y1 = mask.box
            plane[y0:y1, x0:x1] = mask.bits
        return dense

    def to_labels(self, dtype: DTypeLike = np.int32) -> NDArray[Any]:
        """A label image (H, W): 0 is background, i + 1 (`Instance.id`) is instance i.

        A pixel of several masks belongs to the one with the highest score (the earlier on ties).

        Args:
            dtype: integers that can hold the count; np.uint16 is what label image files hold.

        Raises:
            InvalidArgument: a dtype that is not an integer, or too small for the count.
        """
        try:
            kind = np.dtype(dtype)
        except TypeError:
            raise refused("dtype", dtype, "integers, as numpy.int32") from None
        if kind.kind not in "iu" or np.iinfo(kind).max < len(self):
            raise InvalidArgument(
                f"dtype: got {kind}, expected integers that can hold the count, {len(self)}"
            )
        return self._core.labels().astype(kind, copy=False)

    def to_class_image(self) -> NDArray[np.uint8]:
        """Classes as an image (H, W): 0 is background, k + 1 is class k. As in `to_labels`, a pixel
        belongs to one instance.

        Raises:
            InvalidArgument: more than 255 classes.
        """
        return self._core.class_image()

    # ---- what other tools read ----

    def to_coco(
        self,
        image_id: int = 1,
        *,
        first_annotation_id: int = 1,
        category: Optional[str] = None,
        category_id: Union[int, Sequence[int]] = 1,
        file_name: Optional[str] = None,
        polygons: bool = False,
        tolerance: float = 0.75,
    ) -> Dict[str, Any]:
        """A COCO data set of this one image, as a dict for `json.dump` and pycocotools.

        Annotations have run-length encoded masks or polygons, `bbox` (x, y, width, height), `area`,
        `score`, `point`, the point prompt (x, y), and `touches_border`. Width, height and pixels
        are of the image as it is shown: turned as its EXIF orientation says. The image has the
        result's notes, where there are any, as `notes`; `info` has the stages and options that made
        it.

        Args:
            image_id: the image's id.
            first_annotation_id: annotation ids count from here; to join several images in one
                file, go on where the last one ended and join the lists.
            category: what the objects of the only class are called; by default the label, or else
                "object". Several classes are called as in `classes`.
            category_id: of the first class; the others follow it. Or one for each class, where a
                data set has its own.
            file_name: by default the name of the query's file, or else "".
            polygons: outlines instead of run lengths, for tools that read no others. Holes are
                filled; `area` stays the mask's.
            tolerance: how far, in pixels, a polygon may run from the mask's border; 0 follows
                every pixel.
        """
        name = os.path.basename(self._path or "")
        if file_name is not None:
            name = text("file_name", file_name)
        names = self._names("category", category)
        ids = self._category_ids(category_id)
        tolerance = tolerance_of(tolerance)
        written = self._core.coco(
            os.fsencode(name),
            names,
            ids,
            whole("image_id", image_id, highest=2**63 - 1),
            whole("first_annotation_id", first_annotation_id, highest=2**63 - 1),
            tolerance if flag("polygons", polygons) else None,
        )
        document: Dict[str, Any] = json.loads(written)
        document["info"].update(self._made_by)
        return document

    def _category_ids(self, given: Union[int, Sequence[int]]) -> List[int]:
        """The id of each class."""
        count = len(self.classes)
        if isinstance(given, (list, tuple, np.ndarray)):
            ids = [whole("category_id", each) for each in given]
        else:
            first = whole("category_id", given, "a whole number, or one for each class")
            ids = list(range(first, first + count))
        if len(ids) != count or len(set(ids)) != count:
            raise refused("category_id", given, f"another one for each class, {count} of them")
        return ids

    def _names(self, argument: str, name: Optional[str]) -> List[str]:
        """The classes' names, or the one that was given for the only class."""
        if not name:
            return self.classes
        text(argument, name)
        if len(self.classes) > 1:
            raise InvalidArgument(
                f"{argument}: got {name!r}, but there are {len(self.classes)} classes, "
                "which are called by their labels"
            )
        return [name]

    def to_labelme(
        self,
        path: Union[str, os.PathLike[str], None] = None,
        *,
        label: Optional[str] = None,
        shape: str = "polygon",
        tolerance: float = 0.75,
        image_path: Optional[str] = None,
        embed_image: bool = False,
    ) -> Dict[str, Any]:
        """A labelme annotation, to correct the masks by hand; `read_labelme` reads it back.

        Args:
            path: where to write it as JSON (it appears complete or not at all); None to only get
                the dict.
            label: of every shape; by default its class's name, see `classes`.
            shape: "polygon", whose corners labelme can move (holes are filled; the parts of one
                instance share a group_id), or "mask", which keeps every pixel.
            tolerance: how far, in pixels, a polygon may run from the mask's border; 0 follows
                every pixel.
            image_path: the image that labelme opens with it; by default the query's file, as seen
                from `path`.
            embed_image: keep the image inside of the JSON, for results of arrays without a file.

        Raises:
            InvalidArgument: a shape or tolerance out of range, or no image to refer to.
            Unwritable: `path` could not be written.
        """
        if label is not None:
            text("label", label)
        if path is not None:
            path = path_text("path", path)
        if shape not in ("polygon", "mask"):
            raise InvalidArgument(f"shape: got {shape!r}, expected 'polygon' or 'mask'")
        tolerance = tolerance_of(tolerance)
        picture = image_path if image_path is not None else self._path_seen_from(path)
        embedded = flag("embed_image", embed_image)
        if picture is None and not embedded:
            raise InvalidArgument(
                "to_labelme: the query image has no file; give image_path=... or embed_image=True"
            )
        written = _core.to_labelme(
            self._core,
            os.fsencode(picture or ""),
            shape,
            tolerance,
            label or "",
            self._picture(None) if embedded else None,
        )
        if path is not None:
            _core.write_file(path, written.encode())
        document: Dict[str, Any] = json.loads(written)
        return document

    def _path_seen_from(self, path: Union[str, os.PathLike[str], None]) -> Optional[str]:
        if self._path is None or path is None:
            return self._path
        return os.path.relpath(self._path, os.path.dirname(os.path.abspath(path)))

    def to_supervision(self, masks: Optional[bool] = None) -> supervision.Detections:
        """`supervision.Detections` with boxes, masks, scores as `confidence`, classes as
        `class_id`, and their names as `data["class_name"]`.

        Args:
            masks: None for `supervision.CompactMask`, whose size grows with the objects, where
                supervision has it (0.28); before that, for masks over the whole image up to 256 MB,
                and none beyond, with a warning. True for masks over the whole image at any size,
                N x H x W bytes: 1,000 objects on 12 megapixels are 12 GB. False for none.
        """
        if masks is not None:
            masks = flag("masks", masks)
        return supervision_detections(self, masks)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per instance: id, x, y (the prompt), x0, y0, x1, y1 (the box), area, score, class
        (its name) and touches_border.
        """
        return data_frame(self)

    def measure(self, pixel_size: str = "1") -> pandas.DataFrame:
        """Sizes and shapes, one row per instance: id, x, y, score, class and touches_border, then
        area, equivalent_diameter, perimeter, major_axis, minor_axis, orientation (degrees from the
        x axis, counter-clockwise), length and width (largest and least Feret diameter),
        circularity, solidity, and mean, min and max of red, green and blue inside (not after
        unpickling a result without a file). They agree with scikit-image's regionprops.

        Args:
            pixel_size: how large a pixel is, with its unit: with "0.12mm" columns are called
                `length_mm`, `area_mm2`.

        Raises:
            InvalidArgument: a pixel size that is not a length.
        """
        known = self._image is not None or self._path is not None
        image = self._picture(None) if known else None
        return measured_frame(self, image, text("pixel_size", pixel_size))
