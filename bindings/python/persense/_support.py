"""Examples that a pipeline prepared."""

from __future__ import annotations

import concurrent.futures
import itertools
import uuid
from collections import deque
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Sized,
    Tuple,
    Union,
)

import numpy as np
import numpy.typing as npt

from persense import _core
from persense._arguments import flag, is_path, shown, whole
from persense._examples import Example, SupportExample, taken
from persense._filters import Area, RegionLike, filter_options
from persense._images import ImageLike, is_picture
from persense._label import ClassLabel
from persense._query import Query
from persense._recent import Recent
from persense.errors import Error, InvalidArgument
from persense.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from persense._pipeline import Pipeline

__all__ = ["Progress", "Segmented", "Support"]

Progress = Union[Callable[[str], object], Callable[[str, float], object]]
"""Called with a step's name before it; one that takes two arguments is called with 0.0 beside it
then, and within long steps with how much of it is done, 0 to 1."""


class Segmented(NamedTuple):
    """What became of one query of Support.segment_many."""

    query: Union[ImageLike, Query]
    """As it was given."""
    result: Optional[Result]
    """None where there is an error."""
    error: Optional[Error]
    """Why the query could not be read or segmented; None where there is a result."""

    def __repr__(self) -> str:
        query = repr(self.query) if is_path(self.query) else type(self.query).__name__
        return f"Segmented({query}, {self.error or self.result!r})"


class Support:
    """Examples prepared by a pipeline; serves any number of queries and threads."""

    def __init__(
        self,
        pipeline: Pipeline,
        prepared: _core.Support,
        given: List[Example],
        notes: Sequence[str] = (),
        window: Optional[Tuple[float, float]] = None,
    ) -> None:
        """Use Pipeline.support."""
        self._window = window
        self._notes = list(notes)
        self._pipeline = pipeline
        self._prepared = prepared
        self._given = given
        self._token = uuid.uuid4().hex

    @property
    def examples(self) -> List[SupportExample]:
        """The examples as they were taken: image, mask, box, diameter, negative."""
        return taken(self._prepared)

    @property
    def masks(self) -> List[npt.NDArray[np.bool_]]:
        """Each example's mask over its whole image: (H, W) bool."""
        return [example.mask for example in self.examples]

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """The first example's image that is not negative, as it was given."""
        image = next(e.image for e in self._given if not e.negative)
        return image.image if isinstance(image, Query) else image  # type: ignore[return-value]

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """All examples on that image that are not negative: (H, W) bool."""
        wanted = [example for example in self.examples if not example.negative]
        mask = wanted[0].mask.copy()
        for example in wanted[1:]:
            if example.image is wanted[0].image:
                mask |= example.mask
        return mask

    @property
    def size(self) -> Tuple[int, int]:
        """(width, height) of the first example's image that is not negative."""
        return self._prepared.size

    @property
    def box(self) -> Tuple[int, int, int, int]:
        """(x0, y0, x1, y1): the tight box of the first example that is not negative, half-open."""
        return self._prepared.box

    @property
    def diameter(self) -> float:
        """Of the disc with the mask's area, pixels; the median of several examples."""
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
    def window(self) -> Optional[Tuple[float, float]]:
        """(low, high), what is black and white of files with deep pixels: of the first of them.

        The files that are segmented with this support are read through it, too. None where the
        support's pixels have 8 bits.
        """
        return self._window

    @property
    def notes(self) -> List[str]:
        """What was done to the input, one line each."""
        return self._notes + self._prepared.notes

    def __repr__(self) -> str:
        negative = [example[4] for example in self._prepared.examples]
        shown = [f"size={self.size}", f"box={self.box}"]
        if len(negative) > 1:
            shown.append(f"examples={len(negative)}")
        if any(negative):
            shown.append(f"negative={sum(negative)}")
        if self.label:
            shown.append(f"label={self.label!r}")
        return f"Support({', '.join(shown)})"

    def __reduce__(self) -> Tuple[Any, ...]:
        given = [(e.image, e.kind, e.mark, e.negative) for e in self._given]
        label = ClassLabel(self.label, self.phrase, "")
        made_of = self._token, self._pipeline, given, label, self._notes, self._window
        return _support_again, made_of

    def plot(self) -> Figure:
        """The examples over their images in a new matplotlib figure: what is looked for in green,
        negative examples in red, numbers where there are several. The program's `--support-overlay`.

        Raises ImportError where matplotlib is missing.
        """
        from persense._plotting import figure_with

        return figure_with(_core.support_overlays(self._prepared))

    def segment(
        self,
        query: Union[ImageLike, Query],
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
        """Find every instance of the support object in a query image: see Pipeline.segment."""
        return self._pipeline.segment(
            query,
            self,
            trace,
            progress,
            min_score=min_score,
            min_area=min_area,
            max_area=max_area,
            max_instances=max_instances,
            region=region,
            border=border,
        )

    def segment_many(
        self,
        queries: Iterable[Union[ImageLike, Query]],
        jobs: int = 1,
        progress: bool = False,
        trace: bool = False,
        *,
        region: Optional[RegionLike] = None,
        **wanted: Any,
    ) -> Iterator[Segmented]:
        """Segment any number of queries, in their order.

        queries: an iterable of paths, PIL images, arrays, or what Pipeline.encode gave; read as
            they are needed.
        jobs: images worked on at once. Each needs its own memory; the results are the same.
        progress: show a bar (tqdm) on standard error.
        region, wanted: which instances are reported, as in Pipeline.segment: min_score, min_area,
            max_area, max_instances, border.

        Yields one Segmented(query, result, error) a query. A query that cannot be read or
        segmented has its error there and does not end the others. Closing the iterator, or
        Ctrl-C, cancels what is under way.
        """
        if whole("jobs", jobs) < 1:
            raise InvalidArgument(f"jobs: got {jobs}, expected at least 1")
        for name in wanted:
            if name not in _WANTED:
                raise InvalidArgument(f"{name}: unknown, expected region, {', '.join(_WANTED)}")
        chosen = filter_options(self._pipeline._engine, **wanted)
        finished = self._segment_ahead(
            _several(queries), jobs, flag("trace", trace), chosen, region
        )
        if not progress:
            return finished
        from tqdm.auto import tqdm

        total = len(queries) if isinstance(queries, Sized) else None
        return iter(tqdm(finished, total=total, unit="image"))

    def _segment_ahead(
        self,
        queries: Iterator[Union[ImageLike, Query]],
        jobs: int,
        trace: bool,
        wanted: Optional[_core.Options],
        region: Optional[RegionLike],
    ) -> Iterator[Segmented]:
        stop = _core.Stop()

        def run(query: Union[ImageLike, Query]) -> Segmented:
            try:
                result = self._pipeline._segment(query, self, trace, None, stop, wanted, region)
                return Segmented(query, result, None)
            except Error as error:
                return Segmented(query, None, error)

        remaining = queries
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


_WANTED = ("min_score", "min_area", "max_area", "max_instances", "border")


def _several(queries: Any) -> Iterator[Any]:
    """Refuses one image in the place of several: a path would be taken for its letters."""
    one = is_picture(queries) or isinstance(queries, (bytes, Query))
    # an array of paths has one dimension, a stack of images four
    if not one and getattr(queries, "ndim", None) not in (0, 2, 3):
        try:
            return iter(queries)
        except TypeError:
            pass
    raise InvalidArgument(
        f"queries: got {shown(queries)}, expected several images: a list of paths or arrays; "
        "Support.segment takes one"
    )


_supports = Recent(8)


def _support_again(
    token: str,
    pipeline: Pipeline,
    given: List[Any],
    label: ClassLabel,
    notes: List[str],
    window: Optional[Tuple[float, float]],
) -> Support:
    def make() -> Support:
        pipeline._prepare()
        examples = []
        for image, kind, mark, negative in given:
            marks = {"labels": mark[0], "id": mark[1]} if kind == "labels" else {kind: mark}
            examples.append(Example(image, negative=negative, **marks))
        support = pipeline._support(examples, label, notes, window)
        support._token = token
        return support

    return _supports.get((token, id(pipeline)), make)
