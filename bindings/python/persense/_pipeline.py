"""Pipelines, supports and queries."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
from collections import deque
from typing import (
    Any,
    Callable,
    Deque,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sized,
    Tuple,
    Union,
)

import numpy as np
import numpy.typing as npt

from persense import _core, _torch
from persense._images import ImageLike, MaskLike, as_image, as_mask
from persense._label import ClassLabelExtractor
from persense._options import OptionValue, apply
from persense.errors import Error, InvalidArgument
from persense.result import Result
from persense.stages import Decoder, Detector, Dmg, DmgOfQuery, Encoder, Slot, fill

__all__ = ["Pipeline", "Segmented", "Support"]

Progress = Callable[[str], object]


class Segmented(NamedTuple):
    """What became of one query of Support.segment_many."""

    query: ImageLike
    """As it was given."""
    result: Optional[Result]
    """None where there is an error."""
    error: Optional[Error]
    """Why the query could not be read or segmented; None where there is a result."""


class Pipeline:
    """A pipeline whose stages were chosen at run time.

    ``Pipeline()`` has the learned stages "mini", which are part of the package, or, where it was
    built without LibTorch, the weight-free stages "classic".

    Threads: any number may use one pipeline, and one support, at once.
    Processes: a fork may use it too, unless stages are networks: "mini" or archives.
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
        options: Optional[Mapping[str, OptionValue]] = None,
    ) -> None:
        """Make a pipeline.

        models: "mini", "classic", or a folder of archives, which ``python -m persense.export``
            writes: encoder.pt, detector.pt, dmg.pt and decoder.pt. A slot without a file is what
            the folder's mini.pt is, a network of your own training, or the default. None: every
            slot is the default.
        encoder, detector, dmg, decoder: instead of these: "mini", "classic", an archive's path, or
            a stage of your own, see persense.stages.
        device: of networks: "cpu", "cuda" or "cuda:N".
        dtype: of networks: "fp32", "fp16" (not on the CPU) or "bf16".
        threads: of networks on the CPU, for the whole process; 0 = all cores.
        preset: "paper", or "reference" for the released code's behaviour to the bit; adapted to
            the stages.
        options: by key, as ``{"idm.threshold": 25}``; see ``persense.options()``.

        Raises FileNotFound, Unreadable or BadModel for an archive that cannot be used,
        DeviceUnavailable, and InvalidArgument for networks in a build without LibTorch or beside
        another version of PyTorch.
        """
        stages = _core.Stages() if models is None else _core.Stages.named(os.fspath(models))
        fill(stages, encoder=encoder, detector=detector, dmg=dmg, decoder=decoder)
        self._networks = stages.need_torch()
        if self._networks:
            _torch.require_one_version()
        stages.device, stages.dtype, stages.threads = device, dtype, threads
        chosen, settings = _core.Options.preset(preset), options or {}
        if "method" in settings:  # says which of the stages are asked
            apply(chosen, {"method": settings["method"]})
        chosen = stages.adapt(chosen)
        apply(chosen, settings)
        self._engine = _core.Engine(stages, chosen)

    @property
    def options(self) -> "dict[str, str]":
        """Every option's value as text."""
        return self._engine.options.items()

    def support(
        self,
        image: ImageLike,
        mask: MaskLike,
        label: Optional[Union[str, ClassLabelExtractor]] = None,
    ) -> Support:
        """Prepare a support example: an image, and a rough mask of ONE object in it.

        image: uint8 (H, W, 3), RGB, or (H, W), grey; or a path, or a PIL image.
        mask: bool or uint8 (H, W), non-zero = inside; or a path, or a PIL image.
        label: what the object is called, for detectors that read text; or a ClassLabelExtractor,
            which asks a model.

        Raises InvalidArgument for an empty mask or one of another size than the image.
        """
        pixels, inside = as_image(image, "image"), as_mask(mask, "mask")
        if self._networks:
            _torch.require_one_process()
        if isinstance(label, ClassLabelExtractor):
            label = label.extract(pixels, inside).label
        prepared = self._engine.support(pixels, inside, label or "")
        return Support(self._engine, prepared, pixels, inside, self._networks)


class Support:
    """A support example prepared by a pipeline; serves any number of queries and threads."""

    def __init__(
        self,
        engine: _core.Engine,
        prepared: _core.Support,
        image: npt.NDArray[np.uint8],
        mask: npt.NDArray[Any],
        networks: bool,
    ) -> None:
        """Use Pipeline.support."""
        self._engine = engine
        self._prepared = prepared
        self._image = image
        self._mask = mask
        self._networks = networks

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """The support image as it was given: (H, W, 3) or (H, W) uint8."""
        return self._image

    @property
    def mask(self) -> npt.NDArray[Any]:
        """The mask as it was given: (H, W) bool or uint8."""
        return self._mask

    @property
    def size(self) -> Tuple[int, int]:
        """(width, height) of the image."""
        return self._prepared.size

    @property
    def box(self) -> Tuple[int, int, int, int]:
        """(x0, y0, x1, y1): the tight box of the mask, half-open."""
        return self._prepared.box

    @property
    def diameter(self) -> float:
        """Of the disc with the mask's area, pixels."""
        return self._prepared.diameter

    @property
    def label(self) -> str:
        """What the object is called; may be empty."""
        return self._prepared.label

    @property
    def phrase(self) -> str:
        """ "all <plural>"; empty without a label."""
        return self._prepared.phrase

    @property
    def notes(self) -> List[str]:
        """What was done to the input, one line each."""
        return self._prepared.notes

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Support(size={self.size}, box={self.box}{label})"

    def segment(
        self, query: ImageLike, trace: bool = False, progress: Optional[Progress] = None
    ) -> Result:
        """Find every instance of the support object in a query image.

        query: uint8 (H, W, 3), RGB, or (H, W), grey; or a path, or a PIL image. Arrays are used
            where they lie when the pixels of a row are contiguous (slices of rows and columns
            are); any other layout, and grey, is copied once.
        trace: keep every intermediate in ``result.trace``.
        progress: called with the step's name before every step. What it raises ends the run.

        Other Python threads run meanwhile. Ctrl-C raises KeyboardInterrupt before the next step.
        No instance is a result of length 0, not an error.
        """
        return self._segment(query, trace, progress, None)

    def _segment(
        self,
        query: ImageLike,
        trace: bool,
        progress: Optional[Progress],
        stop: Optional[_core.Stop],
    ) -> Result:
        image = as_image(query, "query")
        if self._networks:
            _torch.require_one_process()
        core = self._engine.segment(self._prepared, image, trace, progress, stop)
        path = os.fspath(query) if isinstance(query, (str, os.PathLike)) else None
        return Result(core, image=image, path=path, support=self)

    def segment_many(
        self,
        queries: Iterable[ImageLike],
        jobs: int = 1,
        progress: bool = False,
        trace: bool = False,
    ) -> Iterator[Segmented]:
        """Segment any number of queries, in their order.

        queries: an iterable of paths, PIL images or arrays; read as they are needed.
        jobs: images worked on at once. Each needs its own memory; the results are the same.
        progress: show a bar (tqdm) on standard error.

        Yields one Segmented(query, result, error) a query. A query that cannot be read or
        segmented has its error there and does not end the others. Closing the iterator, or
        Ctrl-C, cancels what is under way.
        """
        if jobs < 1:
            raise InvalidArgument(f"jobs: got {jobs}, expected at least 1")
        finished = self._segment_ahead(queries, jobs, trace)
        if not progress:
            return finished
        from tqdm.auto import tqdm

        total = len(queries) if isinstance(queries, Sized) else None
        return iter(tqdm(finished, total=total, unit="image"))

    def _segment_ahead(
        self, queries: Iterable[ImageLike], jobs: int, trace: bool
    ) -> Iterator[Segmented]:
        stop = _core.Stop()

        def run(query: ImageLike) -> Segmented:
            try:
                return Segmented(query, self._segment(query, trace, None, stop), None)
            except Error as error:
                return Segmented(query, None, error)

        remaining = iter(queries)
        pending: Deque[concurrent.futures.Future[Segmented]] = deque()
        with concurrent.futures.ThreadPoolExecutor(jobs, "persense") as pool:
            try:
                # one ahead of the workers: none waits, and no more results than that pile up
                for query in itertools.islice(remaining, jobs + 1):
                    pending.append(pool.submit(run, query))
                while pending:
                    yield pending.popleft().result()
                    for query in itertools.islice(remaining, 1):
                        pending.append(pool.submit(run, query))
            finally:
                stop.request()
                for future in pending:
                    future.cancel()
