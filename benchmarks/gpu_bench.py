"""What stays the same while benchmarks/gpu.py measures: sizes, scenes, stages that know the answer, and SAM loaded."""

from __future__ import annotations

import dataclasses
import functools
import gc
import pathlib
import re
import statistics
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import numpy.typing as npt
import torch

import persense
from gpu_networks import Archives, Points
from gpu_table import bytes_text
from scripts import Pixels, drawn, scattered


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    image: Tuple[int, int]  #: width, height of what the networks are asked about
    counts: Tuple[int, int, int, int]  #: of prompts; the third is the one with goals
    scenes: Tuple[Tuple[Tuple[int, int], int, int], ...]  #: size, objects, their diameter
    most: int  #: repetitions at most
    seconds: float  #: after which no repetition begins


FULL = Sizes(
    (967, 839), (1, 16, 39, 218), (((1152, 868), 200, 30), ((4000, 3000), 1000, 50)), 20, 2
)
TINY = Sizes((160, 150), (1, 3, 5, 9), (((160, 120), 6, 16), ((240, 180), 10, 16)), 1, 0)


# ---- stages that know the answer -----------------------------------------------------------------


class WholeImage:
    """A detector that finds one box: the image's."""

    def detect(self, query: persense.stages.Query) -> Tuple[npt.NDArray[np.float32], List[float]]:
        height, width = query.image.shape[:2]
        return np.array([[0, 0, width, height]], np.float32), [1.0]


class Marks:
    """A density map with one object at each of the points that it was given."""

    RADIUS = 3

    def __init__(self) -> None:
        self.points: Points = []

    def density(self, image: Pixels, exemplars: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        density = np.zeros(image.shape[:2], np.float32)
        for x, y in self.points:
            x0, y0 = max(x - self.RADIUS, 0), max(y - self.RADIUS, 0)
            spot = density[y0 : y + self.RADIUS + 1, x0 : x + self.RADIUS + 1]
            spot[:] = 1 / spot.size
        return density


class NoMasks:
    """A decoder that costs nothing."""

    def decode(
        self, query: persense.stages.Query, points: npt.NDArray[np.int32]
    ) -> Tuple[List[None], List[float]]:
        return [None] * len(points), [0.0] * len(points)


# ---- measuring -----------------------------------------------------------------------------------


class Peak:
    """The most memory that is held from here on, beyond what is held now.

    On a GPU by PyTorch's allocator, which is persense's as well where both have one LibTorch, as
    they must in one process; on the CPU by the process, where Linux tells (for the tests).
    """

    def __init__(self, device: str) -> None:
        gc.collect()
        self._cuda = device != "cpu"
        if self._cuda:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            self._before = int(torch.cuda.memory_allocated())
            self._free = torch.cuda.mem_get_info()[0]
        else:
            pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self._before = self._resident("VmRSS")

    def bytes(self) -> int:
        """So many."""
        if not self._cuda:
            return self._resident("VmHWM") - self._before
        return int(torch.cuda.max_memory_allocated()) - self._before

    def on_card(self) -> str:
        """What the card lacks since then: what CUDA and the allocator's reserve take is in it."""
        if not self._cuda:
            return ""
        return f"{bytes_text(self._free - torch.cuda.mem_get_info()[0])} of the card"

    @staticmethod
    def _resident(key: str) -> int:
        text = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
        found = re.search(rf"{key}:\s+(\d+) kB", text)
        if found is None:
            raise RuntimeError(f"/proc/self/status has no {key}")
        return int(found.group(1)) * 1024


def spread(count: int, size: Tuple[int, int]) -> Points:
    """Points on a grid."""
    width, height = size
    columns = int(np.ceil(np.sqrt(count * width / height)))
    rows = -(-count // columns)
    places = [
        (int((x + 0.5) * width / columns), int((y + 0.5) * height / rows))
        for y in range(rows)
        for x in range(columns)
    ]
    return places[:count]


class Bench:
    """Where and what is measured, and what is kept from one measurement to the next."""

    def __init__(self, device: str, archives: Archives, sizes: Sizes) -> None:
        self.device, self.archives, self.sizes = device, archives, sizes
        self._session: Optional[SamSession] = None
        self._decoded: Dict[str, Decoded] = {}  # by model, in fp32

    def sync(self) -> None:
        """Waits for the GPU."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def seconds(self, run: Callable[[], object]) -> float:
        """The median of several runs, after one that is not counted."""
        return self.median(lambda: self._wall(run))

    def median(self, run: Callable[[], float]) -> float:
        """The median of what several runs answer, after one that is not counted."""
        run()
        begin = time.perf_counter()
        found: List[float] = []
        while not found or (
            len(found) < self.sizes.most and time.perf_counter() - begin < self.sizes.seconds
        ):
            found.append(run())
        return statistics.median(found)

    def _wall(self, run: Callable[[], object]) -> float:
        self.sync()
        begin = time.perf_counter()
        run()
        self.sync()
        return time.perf_counter() - begin

    def pipeline(self, *arguments: Any, dtype: str = "fp32", **further: Any) -> persense.Pipeline:
        """One on the device."""
        # tiny networks are for tests, on machines that do other work, too: one thread waits for none
        count = 1 if self.archives.tiny else 0
        return persense.Pipeline(
            *arguments, device=self.device, dtype=dtype, threads=count, **further
        )

    def session(self, model: str, dtype: str) -> "SamSession":
        """That of a model; the one before it is dropped, so that memory holds one."""
        if not self.holds(model, dtype):
            self._session = None
            self._session = SamSession(self, model, dtype)
            if dtype == "fp32":
                self._decoded[model] = self._session.decoded()  # for `decoded`, at little cost
        assert self._session is not None
        return self._session

    def holds(self, model: str, dtype: str) -> bool:
        """Whether `session` has no work to do."""
        return self._session is not None and self._session.names == (model, dtype)

    def drop(self) -> None:
        """Frees what a session holds."""
        self._session = None

    def decoded(self, model: str) -> "Decoded":
        """Masks and scores in fp32."""
        if model not in self._decoded:
            self.session(model, "fp32")
        return self._decoded[model]

    @functools.lru_cache(maxsize=None)  # noqa: B019  (one Bench a process)
    def scene(
        self, size: Tuple[int, int], count: int, diameter: int
    ) -> Tuple[Pixels, npt.NDArray[np.uint8]]:
        """An image of so many discs, and the first one's mask."""
        rng = np.random.default_rng(5)
        places = scattered(rng, count, 1.25 * diameter, size)
        image, labels = drawn(rng, places, diameter, 0, size)
        return image, (labels == 1).astype(np.uint8)

    def image(self) -> Tuple[Pixels, npt.NDArray[np.uint8]]:
        """What the networks are asked about, and a mask in it."""
        size = self.sizes.image
        return self.scene(size, self.sizes.counts[2], min(size) // 20)


@dataclasses.dataclass
class Decoded:
    """The final masks of some prompts, each of the image's size, and their scores."""

    points: Points
    masks: List[npt.NDArray[np.bool_]]
    scores: npt.NDArray[np.float32]


class SamSession:
    """A pipeline with SAM's encoder and decoder, whose prompts are given; it has run once."""

    def __init__(self, bench: Bench, model: str, dtype: str) -> None:
        self.names = (model, dtype)
        self.bench = bench
        self.image, mask = bench.image()
        folder = bench.archives(model)
        peak = Peak(bench.device)
        self._marks = Marks()
        self.pipeline = bench.pipeline(
            folder,
            detector=WholeImage(),
            dmg=self._marks,
            dtype=dtype,
            options={"ppsm.selection": "off"},
        )
        self.support = self.pipeline.support(self.image, mask)
        self.prompt(bench.sizes.counts[2])
        self.query()
        self.peak, self.on_card = peak.bytes(), peak.on_card()

    def prompt(self, count: int) -> Points:
        """So many from here on."""
        self._marks.points = points = spread(count, self.bench.sizes.image)
        result = self.support.segment(self.pipeline.encode(self.image), trace=True)
        assert result.trace is not None
        asked = [len(each.prompts) for each in result.trace.passes]
        if asked != [count, count]:
            raise RuntimeError(f"prompts: got {asked} in the passes, expected {count} in both")
        return points

    def query(self) -> persense.Result:
        """The whole method, the encoder's forward included."""
        return self.support.segment(self.image)

    def decoded(self) -> Decoded:
        """What the last pass made of the prompts that have goals."""
        self.prompt(self.bench.sizes.counts[2])
        trace = self.support.segment(self.image, trace=True).trace
        assert trace is not None
        masks = []
        for mask in trace.passes[-1].masks:
            whole = np.zeros(self.image.shape[:2], bool)
            x0, y0, x1, y1 = mask.box
            whole[y0:y1, x0:x1] = mask.bits
            masks.append(whole)
        points = [(int(x), int(y)) for x, y in trace.passes[-1].prompts]  # in IDM's order
        return Decoded(points, masks, np.array(trace.passes[-1].scores))
