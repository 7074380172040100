"""Runs of a pipeline for napari: what is kept from one to the next."""

from __future__ import annotations

import threading
from typing import Callable, Dict, List, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from persense._examples import Example
from persense._pipeline import Pipeline
from persense._query import Query
from persense._support import Support
from persense.errors import Cancelled, InvalidArgument
from persense.result import Result

from .marks import Mark

__all__ = ["Request", "Runs"]

Report = Callable[[str, float], None]
"""Called with a step's name and how much of it is done, 0 to 1."""


class Request(NamedTuple):
    """What is to be found, and in which image."""

    pixels: npt.NDArray[np.uint8]
    """(H, W, 3), RGB, or (H, W), grey."""
    marks: Dict[str, List[Mark]]
    """{class: marks}."""
    models: str
    """ "mini" or "classic"."""
    min_score: float


class Runs:
    """Runs one request at a time, in any thread. Keeps pipelines, and the image that was encoded last:
    while only marks change, it is not encoded again.
    """

    def __init__(self) -> None:
        self._pipelines: Dict[str, Pipeline] = {}
        self._query: Optional[Query] = None

    def run(self, request: Request, stop: threading.Event, report: Report) -> Result:
        """Segment.

        stop: once set, the run ends before its next step.

        Raises Cancelled, and InvalidArgument for marks that the pipeline refuses.
        """

        def step(name: str, part: float) -> None:
            if stop.is_set():
                raise Cancelled("the run was cancelled")
            report(name, part)

        if request.models not in self._pipelines:
            step("models", 0.0)
            self._pipelines[request.models] = Pipeline(request.models)
        pipeline = self._pipelines[request.models]
        query = self._encoded(pipeline, request.pixels, step)
        supports: List[Support] = []
        for label, marks in request.marks.items():
            step("marks", len(supports) / len(request.marks))
            supports.append(_support(pipeline, query, label, marks))
        return pipeline.segment(query, supports, progress=step, min_score=request.min_score)

    def _encoded(self, pipeline: Pipeline, pixels: npt.NDArray[np.uint8], step: Report) -> Query:
        """The image encoded, by an earlier run where that was the same."""
        kept = self._query
        if kept is None or kept._pipeline is not pipeline or not np.array_equal(kept.image, pixels):
            step("encode", 0.0)
            self._query = kept = None  # two at once may not fit
            self._query = kept = pipeline.encode(pixels)
        return kept


def _support(pipeline: Pipeline, query: Query, label: str, marks: List[Mark]) -> Support:
    examples = [Example(query, negative=mark.negative, **mark.keywords) for mark in marks]
    try:
        return pipeline.support(examples, label=label)
    except InvalidArgument as error:
        raise InvalidArgument(f"{label!r}: {error}") from None
