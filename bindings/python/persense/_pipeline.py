"""Pipelines."""

from __future__ import annotations

import inspect
import os
import pickle
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
import numpy.typing as npt

from persense import _core, _torch
from persense._arguments import callback, flag, mapping, path, refused, text, whole
from persense._examples import Example, MarkLike, examples_of, for_core, read, taken
from persense._filters import Area, RegionLike, filter_options, region_mask
from persense._images import (
    ImageLike,
    LabelsLike,
    MaskLike,
    file_of,
    image_and_window,
)
from persense._label import ClassLabel, ClassLabelExtractor
from persense._options import OptionValue, apply
from persense._query import Query
from persense._recent import Recent
from persense._support import Progress, Support
from persense.errors import InvalidArgument
from persense.result import Result
from persense.stages import Decoder, Detector, Dmg, DmgOfQuery, Encoder, Slot, fill

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Pipeline"]


class Pipeline:
    """A pipeline whose stages were chosen at run time.

    ``Pipeline()`` has the learned stages "mini", which are part of the package.

    Threads: any number may use one pipeline, one support and one query at once.
    Processes: a fork may use it too, unless LibTorch runs stages: archives, or "mini" on a GPU or
    in half precision. Pipelines and supports can be pickled, as what they were made of: names,
    paths, options, images and marks; stages of your own where they can be pickled themselves. A
    process that unpickles equal pipelines makes one.
    """

    def __init__(
        self,
        models: Optional[Union[str, "os.PathLike[str]"]] = None,
        *,
        encoder: Optional[Slot[Encoder]] = None,
        detector: Optional[Slot[Detector]] = None,
        dmg: Optional[Slot[Union[Dmg, DmgOfQuery]]] = None,
        decoder: Optional[Slot[Decoder]] = None,
        device: str = "cpu",
        dtype: str = "fp32",
        threads: int = 0,
        preset: str = "paper",
        settings: Optional[Union[str, "os.PathLike[str]"]] = None,
        options: Optional[Mapping[str, OptionValue]] = None,
    ) -> None:
        """Make a pipeline.

        models: "mini", "classic", or a folder of archives, which ``python -m persense_export``
            writes: encoder.pt, detector.pt, dmg.pt and decoder.pt, or ONNX models of these names
            (encoder.onnx), which need the package onnxruntime. A slot without a file is what the
            folder's mini.pt is, a network of your own training, or the default. None: every
            slot is the default.
        encoder, detector, dmg, decoder: instead of these: "mini", "classic", an archive's path, or
            a stage of your own, see persense.stages.
        device: of networks: "cpu", "cuda" or "cuda:N".
        dtype: of networks: "fp32", "fp16" (not on the CPU) or "bf16".
        threads: of networks on the CPU, for the whole process; 0 = all cores.
        preset: "paper", "plus_plus" for PerSense++, or "reference" for the released code's
            behaviour to the bit; adapted to the stages.
        settings: a file that ``persense calibrate`` wrote; its options are over the preset's.
        options: by key, as ``{"idm.threshold": 25}``, over these; see ``persense.options()``.

        Raises FileNotFound, Unreadable or BadModel for an archive that cannot be used,
        DeviceUnavailable, and InvalidArgument for stages that LibTorch runs in a build without it
        or beside another version of PyTorch.
        """
        expected = '"mini", "classic" or a folder of archives'
        models = None if models is None else path("models", models, expected)
        given = dict(mapping("options", options, "a mapping such as {'idm.threshold': 25}"))
        if settings is not None:
            file = path("settings", settings, "a file that persense calibrate wrote")
            given = {**dict(_core.read_settings(file)), **given}
        self._arguments: Dict[str, Any] = {
            "models": _absolute(models),
            "encoder": _absolute(encoder),
            "detector": _absolute(detector),
            "dmg": _absolute(dmg),
            "decoder": _absolute(decoder),
            "device": device,
            "dtype": dtype,
            "threads": threads,
            "preset": preset,
            "options": given,
        }
        stages = _core.Stages() if models is None else _core.Stages.named(models)
        fill(stages, encoder=encoder, detector=detector, dmg=dmg, decoder=decoder)
        stages.device, stages.dtype = text("device", device), text("dtype", dtype)
        stages.threads = whole("threads", threads)
        self._needs_torch = stages.need_torch()
        if self._needs_torch:
            _torch.require_one_version()
        chosen = _core.Options.preset(text("preset", preset))
        if "method" in given:  # says which of the stages are asked
            apply(chosen, {"method": given["method"]})
        chosen = stages.adapt(chosen)
        apply(chosen, given)
        self._engine = _core.Engine(stages, chosen)

    @property
    def options(self) -> "dict[str, str]":
        """Every option's value as text."""
        return self._engine.options.items()

    @property
    def stages(self) -> str:
        """What fills each slot: "encoder mini, detector mini, dmg mini, decoder mini"."""
        return self._engine.stages

    def __repr__(self) -> str:
        return f"Pipeline({self.stages})"

    def __reduce__(self) -> Tuple[Any, ...]:
        # one by one: equal arguments give equal bytes
        arguments = {k: v for k, v in self._arguments.items() if k != "options"}
        options = sorted(self._arguments["options"].items())
        return _pipeline_again, (
            tuple((key, pickle.dumps(value)) for key, value in arguments.items()),
            tuple((key, pickle.dumps(value)) for key, value in options),
        )

    def encode(self, image: ImageLike, *, window: Optional[Tuple[float, float]] = None) -> Query:
        """Encode an image once, to ask it about any number of supports, or to mark examples in it.

        image: uint8 (H, W, 3), RGB, or (H, W), grey; or a path, or a PIL image. persense.as_image
            converts others.
        window: (low, high), what is black and white of a file with deep pixels, as in read_image.
            An image that will be asked about a support of such files should be read as they were:
            ``window=support.window``. segment, given a path, does so by itself.
        """
        pixels, window = image_and_window(image, "image", window)
        self._prepare()
        return Query(self, self._engine.encode(pixels), pixels, file_of(image), window)

    def support(
        self,
        image: Union[ImageLike, Query, Example, Sequence[Example]],
        mask: Optional[MaskLike] = None,
        label: Optional[Union[str, ClassLabel, ClassLabelExtractor]] = None,
        *,
        box: Optional[ArrayLike] = None,
        point: Optional[ArrayLike] = None,
        polygon: Optional[ArrayLike] = None,
        labels: Optional[LabelsLike] = None,
        id: Optional[int] = None,
        negatives: Iterable[Union[Example, MarkLike]] = (),
    ) -> Support:
        """Prepare a support: an image and one marked object in it, or any number of Examples.

            pipeline.support("shelf.jpg", box=(10, 20, 60, 80), label="potato")
            pipeline.support([Example(a, point=(5, 9)), Example(b, mask="b.png")])

        image: uint8 (H, W, 3), RGB, or (H, W), grey; or a path, a PIL image, or what `encode`
            gave, which is not encoded again; or examples, which may be of several images.
            persense.as_image converts other arrays.
        mask, box, point, polygon, labels and id: exactly one of these ways to mark the object; see
            Example. Of a mask with several labels each is an example, unless `id` picks one. A box
            or a point becomes a mask by the pipeline's own decoder: look at it in `support.masks`
            or `support.plot()`.
        label: what the object is called, for detectors that read text; or a ClassLabelExtractor,
            which asks a model, or the ClassLabel that one gave.
        negatives: "not these": Examples, or marks on the same image: a mask, a box (4 numbers), a
            point (2 numbers) or a polygon (N, 2).

        Raises InvalidArgument for a mark that marks nothing or does not fit the image, and for a
        negative example that covers an object that is looked for.
        """
        marks = {
            "mask": mask,
            "box": box,
            "point": point,
            "polygon": polygon,
            "labels": labels,
            "id": id,
        }
        if label is not None and not isinstance(label, (str, ClassLabel, ClassLabelExtractor)):
            raise refused("label", label, "text, a ClassLabel or a ClassLabelExtractor")
        if isinstance(label, ClassLabel):
            text("label", label.label)
            text("phrase", label.phrase)
        examples, notes, window = read(examples_of(image, marks, negatives))
        self._prepare()
        for example in examples:
            if isinstance(example.image, Query):
                self._require_own(example.image)
        return self._support(examples, label, notes, window)

    def _support(
        self,
        examples: List[Example],
        label: Optional[Union[str, ClassLabel, ClassLabelExtractor]],
        notes: Sequence[str],
        window: Optional[Tuple[float, float]],
    ) -> Support:
        if isinstance(label, ClassLabelExtractor):
            label = self._asked(label, examples)
        if not isinstance(label, ClassLabel):
            label = ClassLabel(label or "", "", "")
        prepared = self._engine.support(for_core(examples), label.label, label.phrase)
        return Support(self, prepared, examples, notes, window)

    def _asked(self, namer: ClassLabelExtractor, examples: List[Example]) -> Optional[ClassLabel]:
        """A model's label for the first example that is not negative."""
        first = next((e for e in examples if not e.negative), None)
        if first is None:
            return None  # the engine says what is wrong
        image = first.image
        if first.kind == "mask":
            mask = first.mark
        else:
            # a detector that reads text takes no support without a label
            prepared = self._engine.support(for_core([first]), "object")
            mask = taken(prepared)[0].mask
        return namer.extract(image.image if isinstance(image, Query) else image, mask)

    def segment(
        self,
        query: Union[ImageLike, Query],
        supports: Union[Support, Sequence[Support]],
        trace: bool = False,
        progress: Optional[Progress] = None,
        *,
        min_score: Optional[float] = None,
        min_area: Optional[Area] = None,
        max_area: Optional[Area] = None,
        max_instances: Optional[int] = None,
        region: Optional[RegionLike] = None,
        border: Optional[str] = None,
    ) -> Result:
        """Find every instance of a support's object in a query image.

        query: uint8 (H, W, 3), RGB, or (H, W), grey; or a path, a PIL image, or what `encode` gave.
            A file with deep pixels is read through the window of the support's, if that is one;
            one that was encoded through another window gets a note.
            persense.as_image converts other arrays. Arrays are used where they lie when the pixels
            of a row are contiguous (slices of rows and columns are); any other layout, and grey, is
            copied once.
        supports: one, or several, which are several classes: instances say whose they are, and
            each pixel belongs to one class.
        trace: keep every intermediate in ``result.trace``.
        progress: called with the step's name before every step; one that takes two arguments also
            gets how much of a long step is done, 0 to 1. What it raises ends the run.
        min_score, min_area, max_area, max_instances: which instances are reported. Areas are
            pixels, or times the support object's, as "0.5x". Of more than max_instances, those
            with the highest scores.
        region: where instances are wanted: a mask of the query's size, or an outline (N, 2).
            Reported are those with more than half of their pixels in it.
        border: "keep" or "drop" instances that touch the image's border.

        None of these is what the pipeline's options say, as ``filter.min_score``.

        Other Python threads run meanwhile. Ctrl-C raises KeyboardInterrupt before the next step.
        No instance is a result of length 0, not an error.
        """
        wanted = filter_options(self._engine, min_score, min_area, max_area, max_instances, border)
        return self._segment(query, supports, trace, progress, None, wanted, region)

    def _segment(
        self,
        query: Union[ImageLike, Query],
        supports: Union[Support, Sequence[Support]],
        trace: bool,
        progress: Optional[Progress],
        stop: Optional[_core.Stop],
        wanted: Optional[_core.Options],
        region: Optional[RegionLike],
    ) -> Result:
        classes = [supports] if isinstance(supports, Support) else _several(supports)
        for index, support in enumerate(classes):
            if not isinstance(support, Support):
                raise InvalidArgument(
                    f"supports: got {type(support).__name__} at index {index}, "
                    "expected what Pipeline.support gives"
                )
            if support._pipeline is not self:
                raise InvalidArgument(
                    f"supports: another pipeline made {support!r}, expected this one's"
                )
        asked: Union[npt.NDArray[np.uint8], _core.EncodedImage]
        window = next((s.window for s in classes if s.window), None)
        notes = []
        if isinstance(query, Query):
            self._require_own(query)
            image, file, asked = query.image, query.path, query._encoded
            read_through = query.window
            if window and read_through and read_through != window:
                notes.append(
                    f"encoded through the window {_range(read_through)}, the support's files "
                    f"through {_range(window)}; encode(path, window=support.window) reads it as "
                    "they were"
                )
        else:
            image, read_through = image_and_window(query, "query", window)
            file = file_of(query)
            asked = image
        self._prepare()
        inside = None
        if region is not None:
            height, width = np.shape(image)[:2]
            inside = region_mask(region, (width, height))
        step, part = _callbacks(progress)
        core = self._engine.segment(
            [support._prepared for support in classes],
            asked,
            trace=flag("trace", trace),
            progress=step,
            parts=part,
            stop=stop,
            filter=wanted,
            region=inside,
        )
        options = self.options if wanted is None else wanted.items()
        return Result(
            core,
            image=image,
            path=file,
            window=read_through,
            supports=classes,
            made_by={"stages": self.stages, "options": options},
            notes=notes,
        )

    def _prepare(self) -> None:
        """Before anything that LibTorch may run."""
        if self._needs_torch:
            _torch.require_one_process()

    def _require_own(self, query: Query) -> None:
        if query._pipeline is not self:
            raise InvalidArgument(f"another pipeline encoded {query!r}, expected this one's")


def _absolute(value: Any) -> Any:
    """A path that is good in other folders too; names and stages as they are."""
    if value is None or not isinstance(value, (str, os.PathLike)):
        return value
    path = os.fspath(value)
    return path if path in ("mini", "classic") else os.path.abspath(path)


def _range(window: Tuple[float, float]) -> str:
    return f"{window[0]:g} to {window[1]:g}"


def _several(supports: Any) -> List[Any]:
    try:
        return list(supports)
    except TypeError:
        raise refused("supports", supports, "what Pipeline.support gives") from None


def _callbacks(progress: Optional[Any]) -> Tuple[Optional[Any], Optional[Any]]:
    """What to call before steps, and within them."""
    callback("progress", progress)
    if progress is None:
        return None, None
    try:
        signature = inspect.signature(progress)
    except (TypeError, ValueError):  # some built-in functions have none
        return progress, None
    try:
        signature.bind("encode")
    except TypeError:
        return (lambda step: progress(step, 0.0)), progress
    return progress, None


_pipelines = Recent(4)
_Items = Tuple[Tuple[str, bytes], ...]


def _pipeline_again(arguments: _Items, options: _Items) -> Pipeline:
    def make() -> Pipeline:
        given = {key: pickle.loads(value) for key, value in arguments}
        return Pipeline(**given, options={key: pickle.loads(value) for key, value in options})

    return _pipelines.get((arguments, options), make)
