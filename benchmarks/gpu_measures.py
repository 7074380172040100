"""What benchmarks/gpu.py measures: each function gives rows of its table."""

from __future__ import annotations

import concurrent.futures
import statistics
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
import torch

import persense
from gpu_bench import Bench, NoMasks, Peak, WholeImage
from gpu_forwards import forwards_of, replayed
from gpu_networks import FILES, LABEL, Published
from gpu_table import Row, bytes_text, time_text

GOAL_RATIO = 8  #: the published predictor's time over ours
GOAL_OUTSIDE = 0.05  #: of a query's time
GOAL_BYTES = {"fp32": 2.9e9, "fp16": 1.7e9}  #: of a query with ViT-H
PAPER_BYTES = "the paper's whole method: 2988 MB"
TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


# ---- SAM -----------------------------------------------------------------------------------------


def _published(bench: Bench, model: str) -> Tuple[Optional[Published], str]:
    """The predictor, or why there is none."""
    try:
        return Published(model, bench.archives, bench.device), ""
    except ImportError as error:
        return None, f"SamPredictor: not installed ({error.name or error})"


def encode(bench: Bench, model: str, dtype: str) -> Iterator[Row]:
    """An image, to its embedding."""
    session = bench.session(model, dtype)
    ours = bench.seconds(lambda: session.pipeline.encode(session.image))
    row = Row(f"{model} {dtype}, encode", time_text(ours))
    if dtype == "fp32":
        published, row.beside = _published(bench, model)
        if published is not None:
            theirs = bench.seconds(lambda: published.encode(session.image))
            row.beside, row.ratio = f"SamPredictor: {time_text(theirs)}", theirs / ours
    yield row


def decode(bench: Bench, model: str, dtype: str) -> Iterator[Row]:
    """Prompts, three decodes each, beside one at a time."""
    session = bench.session(model, dtype)
    encoded = session.pipeline.encode(session.image)
    published, missing = _published(bench, model) if dtype == "fp32" else (None, "")
    if published is not None:
        published.encode(session.image)
    for count in bench.sizes.counts:
        points = session.prompt(count)
        ours = bench.median(lambda: session.support.segment(encoded).timings["decode"])
        row = Row(f"{model} {dtype}, {count} prompts, 3 decodes each", time_text(ours), missing)
        if published is not None:
            theirs = bench.seconds(lambda: published.decode(points))
            row.beside, row.ratio = f"SamPredictor: {time_text(theirs)}", theirs / ours
            if count == bench.sizes.counts[2]:
                row.goal, row.met = f">= {GOAL_RATIO}", row.ratio >= GOAL_RATIO
        yield row
    if published is not None:
        decoded = session.decoded()
        scores = np.array([published.score(point) for point in decoded.points])
        worst = float(np.abs(decoded.scores - scores).max())
        what = f"{model} {dtype}, scores of {len(scores)} masks"
        yield Row(what, f"{worst:.1e}", "the largest difference from SamPredictor's")


def outside(bench: Bench, model: str, dtype: str) -> Iterator[Row]:
    """The share of a query's time that is not the networks'."""
    session = bench.session(model, dtype)
    count = bench.sizes.counts[2]
    session.prompt(count)
    whole = bench.seconds(session.query)
    files = [bench.archives(model) / file for file in FILES[model]]
    run = replayed(files, forwards_of(session.query), bench.device, TYPES[dtype])
    alone = bench.seconds(run)
    share = 1 - alone / whole
    yield Row(
        f"{model} {dtype}, query of {count} outside of networks",
        f"{100 * share:.1f} %",
        f"whole: {time_text(whole)}, the forwards alone: {time_text(alone)}",
        None,
        f"<= {100 * GOAL_OUTSIDE:.0f} %",
        share <= GOAL_OUTSIDE,
    )


def memory(bench: Bench, model: str, dtype: str) -> Iterator[Row]:
    """What loading, a support and a query hold at most."""
    bench.drop()  # or else it might have been asked for more prompts
    session = bench.session(model, dtype)
    if bench.device != "cpu" and session.peak < _weights(bench, model, dtype):
        raise RuntimeError(
            f"memory: PyTorch's allocator saw {bytes_text(session.peak)}, less than the weights, "
            "so persense has another LibTorch"
        )
    goal = GOAL_BYTES.get(dtype) if model == "vit_h" else None
    beside = [session.on_card, PAPER_BYTES if goal and dtype == "fp32" else ""]
    row = Row(
        f"{model} {dtype}, query of {bench.sizes.counts[2]}, peak memory",
        bytes_text(session.peak),
        "; ".join(text for text in beside if text),
    )
    if goal:
        row.goal, row.met = f"<= {goal / 1e9:.1f} GB", session.peak <= goal
    yield row


def _weights(bench: Bench, model: str, dtype: str) -> int:
    """Bytes of the parameters."""
    files = [bench.archives(model) / file for file in FILES[model]]
    count: int = sum(persense.info(file).parameters for file in files)
    bits: int = torch.finfo(TYPES[dtype]).bits
    return count * bits // 8


def parity(bench: Bench, model: str, dtype: str) -> Iterator[Row]:
    """How far masks and scores are from fp32's."""
    exact = bench.decoded(model)
    other = bench.session(model, dtype).decoded()
    ious = [_iou(a, b) for a, b in zip(exact.masks, other.masks)]
    worst = float(np.abs(exact.scores - other.scores).max())
    yield Row(
        f"{model} {dtype}, {len(ious)} masks beside fp32's",
        f"IoU {statistics.median(ious):.4f}",
        f"median; {min(ious):.4f} the least; scores differ by {worst:.1e} at most",
    )


def _iou(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 1.0


# ---- the other networks --------------------------------------------------------------------------


def stage(bench: Bench, model: str, dtype: str) -> Iterator[Row]:
    """CounTR, DSALVANet or GroundingDINO: its step of a query, what surrounds the network included."""
    slot, step = ("detector", "detect") if model == "grounding_dino" else ("dmg", "density")
    bench.drop()
    image, mask = bench.image()
    file = bench.archives(model) / FILES[model][0]
    peak = Peak(bench.device)
    slots: Dict[str, Any] = {"detector": WholeImage(), "decoder": NoMasks(), slot: file}
    pipeline = bench.pipeline("classic", dtype=dtype, options={"feedback.iterations": 0}, **slots)
    support = pipeline.support(image, mask, label=LABEL)
    took = bench.median(lambda: support.segment(image).timings[step])
    beside = f"peak {bytes_text(peak.bytes())} {peak.on_card() and f'({peak.on_card()})'}".strip()
    yield Row(f"{model} {dtype}, {step}", time_text(took), beside)


def default(bench: Bench, scene: Tuple[Tuple[int, int], int, int]) -> Iterator[Row]:
    """mini on drawn discs."""
    bench.drop()
    size, count, _ = scene
    image, mask = bench.scene(*scene)
    peak = Peak(bench.device)
    pipeline = bench.pipeline("mini")
    support = pipeline.support(image, mask)
    found = len(support.segment(image))
    took = bench.seconds(lambda: support.segment(image))
    megapixels = size[0] * size[1] / 1e6
    yield Row(
        f"default, {megapixels:.2g} MP, {count} objects",
        time_text(took),
        f"{1e3 * took / megapixels:.0f} ms a MP; {found} found; peak {bytes_text(peak.bytes())}",
    )


# ---- threads -------------------------------------------------------------------------------------

THREADS = 4


def threads(bench: Bench, model: str) -> Iterator[Row]:
    """Images a second of four threads beside one's, and whether they find the same."""
    if model == "mini":
        bench.drop()
        image, mask = bench.scene(*bench.sizes.scenes[0])
        support = bench.pipeline("mini").support(image, mask)
    else:
        session = bench.session(model, "fp32")
        session.prompt(bench.sizes.counts[2])
        image, support = session.image, session.support
    queries = THREADS * min(bench.sizes.most, 4)
    results: List[persense.Result] = []

    def one_by_one() -> None:
        results.extend(support.segment(image) for _ in range(queries))

    def together() -> None:
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            results.extend(pool.map(lambda _: support.segment(image), range(queries)))

    one = queries / bench.seconds(one_by_one)
    four = queries / bench.seconds(together)
    same = all(_same(results[0], result) for result in results)
    what = "default" if model == "mini" else f"{model} fp32"
    yield Row(
        f"{what}, {THREADS} threads on one device",
        f"{four:.2f} /s",
        f"one thread: {one:.2f} /s; results {'equal' if same else 'DIFFER'}",
        four / one,
        "equal",
        same,
    )


def _same(one: persense.Result, other: persense.Result) -> bool:
    pairs: Sequence[Tuple[Any, Any]] = (
        (one.boxes, other.boxes),
        (one.scores, other.scores),
        (one.to_labels(), other.to_labels()),
    )
    return all(np.array_equal(a, b) for a, b in pairs)
