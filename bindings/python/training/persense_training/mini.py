"""Train the small network: maps, candidate head and outlines together.

    python -m persense_training.mini --data DATA_DIR --out RUN_DIR --steps 200000 --start mini.pt

Needs PyTorch 1.13 or newer. DATA_DIR is described in :mod:`persense_training.compose` and
:mod:`persense_training.worlds`. Writes into RUN_DIR:

    checkpoint.pt  every few minutes: a run that was cut off goes on from it, by the same command
    weights.pt     the averaged weights so far, for python -m persense_export mini
    log.jsonl      a line every 50 steps, and one a validation and source

The rate is constant after a warm-up and falls over the last part of the steps alone. So a run may
be made longer, with more --steps, as long as that part has not begun.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import math
import pathlib
import signal
import sys
import threading
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence

import cv2
import numpy as np
import torch

from persense import _core
from persense_training import samples
from persense_training._ranges import check
from persense_training.crops import Arrays
from persense_training.losses import WEIGHTS, Metrics, Tensors, forward, losses
from persense_training.model import Model, network_of
from persense_training.regions import Proposer
from persense_training.worlds import Real

__all__ = ["Settings", "main", "train"]

CHECKPOINT, WEIGHTS_FILE, LOG = "checkpoint.pt", "weights.pt", "log.jsonl"
VALIDATION_SEED = 1 << 40  #: far from every training seed
_IMAGES = ("patch", "mask", "query", "crop", "support_crop", "exemplar_mask", "window_coarse")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a run. It goes on with the seed and batch that it began with.

    Raises ValueError, naming the number, where one is out of its range.
    """

    steps: int = 200000  #: in all, over all runs into the same folder
    cooldown: float = 0.15  #: the last part of the steps, over which the rate falls
    batch: int = 8  #: samples a step
    rate: float = 0.001  #: highest learning rate
    seed: int = 1  #: of samples and of the first weights
    workers: int = 1  #: processes that draw samples
    threads: int = 0  #: of PyTorch on the CPU; 0: all cores
    device: str = "cpu"  #: cpu, cuda or cuda:N
    save: float = 5.0  #: minutes between checkpoints
    every: float = 30.0  #: minutes between validations
    validation: int = 12  #: batches of 8 that a source is validated on
    minutes: float = (
        0.0  #: stop after so many minutes of this call; 0: not before the steps are done
    )
    proposals: str = ""  #: a mini.pt or weights.pt whose regions are candidates, too
    start: str = ""  #: an exported mini.pt or weights.pt whose weights a new run begins with

    def __post_init__(self) -> None:
        ranges = {
            "steps": (1, 1e9),
            "cooldown": (0, 1),
            "batch": (1, 1024),
            "rate": (1e-7, 1),
            "seed": (0, 1 << 32),
            "workers": (1, 64),
            "threads": (0, 1024),
            "save": (0.01, 1e6),
            "every": (0.01, 1e6),
            "validation": (1, 1000),
            "minutes": (0, 1e6),
        }
        for name, (least, most) in ranges.items():
            check(name, getattr(self, name), least, most)


def tensors(batch: Arrays) -> Tensors:
    """A batch as tensors, images in bfloat16."""
    out: Tensors = {}
    for name, array in batch.items():
        value = torch.from_numpy(np.ascontiguousarray(array))
        out[name] = value.to(torch.bfloat16) if name in _IMAGES else value
    return out


def _to(batch: Tensors, device: torch.device, dtype: torch.dtype) -> Tensors:
    moved = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
    for name in _IMAGES:
        moved[name] = moved[name].to(dtype).contiguous(memory_format=torch.channels_last)
    return moved


class _Stream(torch.utils.data.IterableDataset):  # type: ignore[misc]
    """Batches without end; each worker has a seed of its own, and worlds of its own."""

    def __init__(self, data: pathlib.Path, settings: Settings, first: int) -> None:
        self._data, self._first = data, first
        self._seed, self._size = settings.seed, settings.batch
        self._proposals = settings.proposals

    def __iter__(self) -> Iterator[Tensors]:
        info = torch.utils.data.get_worker_info()
        worker, count = (info.id, info.num_workers) if info else (0, 1)
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        propose = Proposer(self._proposals) if self._proposals else None
        mixture = samples.Mixture(self._seed * 64 + worker, self._data, propose=propose)
        number = self._first // count
        while True:
            first = number * self._size
            drawn = [mixture.sample(n) for n in range(first, first + self._size)]
            yield tensors(samples.stacked(drawn))
            number += 1


def rate_at(settings: Settings, steps: int) -> float:
    """Warmed up over 500 steps, constant, and falling to nothing over the last part."""
    warm = min(1.0, (steps + 1) / 500)
    left = max(0.0, 1 - steps / settings.steps)
    fall = 1.0 if settings.cooldown == 0 else min(1.0, left / settings.cooldown)
    return settings.rate * warm * (1 - math.sqrt(1 - fall))


def _save(content: Any, path: pathlib.Path) -> None:
    written = io.BytesIO()
    torch.save(content, written)
    _core.write_file(path, written.getvalue())  # complete, or as it was before


def held_out(data: pathlib.Path, count: int) -> Dict[str, List[Tensors]]:
    """Batches of 8 to validate on, by source: none of them is trained on."""
    sources: Dict[str, samples.Mixture] = {}
    options: Dict[str, Any] = {"held_out": True, "slots": 24, "uses": 4}
    for i, name in enumerate(("composed", "rendered", "real")):
        shares = (float(i == 0), float(i == 1), float(i == 2))
        sources[name] = samples.Mixture(VALIDATION_SEED + i, data, shares=shares, **options)
    scenes = data / "scenes"
    more = {}
    if (scenes / "train" / "blastfurnace").is_dir():  # three classes in every image
        more["blastfurnace"] = Real(scenes / "train", "held_out", only=["blastfurnace"])
    if (scenes / "validation").is_dir():
        more["other"] = Real(scenes / "validation", "all")
    for i, (name, real) in enumerate(more.items()):
        sources[name] = samples.Mixture(
            VALIDATION_SEED + 3 + i, data, real=real, shares=(0, 0, 1), **options
        )
    held: Dict[str, List[Tensors]] = {}
    for name, mixture in sources.items():
        batches = [
            samples.stacked([mixture.sample(n) for n in range(8 * b, 8 * b + 8)])
            for b in range(count)
        ]
        held[name] = [tensors(b) for b in batches]
    return held


class _Run:
    """A folder's run: its settings, weights and steps."""

    def __init__(self, settings: Settings, data: pathlib.Path, out: pathlib.Path) -> None:
        self.settings, self.data, self.out = settings, data, out
        self.device = torch.device(settings.device)
        torch.manual_seed(settings.seed)
        cv2.setNumThreads(1)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self.model = Model(self.device, settings.rate)
        self.steps, self.seconds = 0, 0.0
        self.smooth: Dict[str, float] = {}
        self.held: Dict[str, List[Tensors]] = {}
        if settings.proposals:
            network_of(settings.proposals)  # refused here, not by what draws samples
        out.mkdir(parents=True, exist_ok=True)
        if not self._resume() and settings.start:
            fitting = self.model.start(settings.start)
            print(f"begins with {fitting} weights of {settings.start}", flush=True)

    def _resume(self) -> bool:
        path = self.out / CHECKPOINT
        if not path.exists():
            return False
        saved = torch.load(path, map_location="cpu", weights_only=True)
        for name in ("seed", "batch"):
            own, began = getattr(self.settings, name), int(saved["settings"][name])
            if own != began:
                raise ValueError(f"{name}: got {own}, expected {began}, which {path} began with")
        self.steps, self.seconds = int(saved["steps"]), float(saved["seconds"])
        self.model.restore(saved["model"])
        return True

    def save(self) -> None:
        """The checkpoint and the averaged weights, each complete or as it was before."""
        content = {
            "settings": {"seed": self.settings.seed, "batch": self.settings.batch},
            "model": self.model.state(),
            "steps": self.steps,
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
        }
        _save(content, self.out / CHECKPOINT)
        _save(self.model.weights(), self.out / WEIGHTS_FILE)

    def log(self, kind: str, values: Dict[str, Any]) -> None:
        """A line more in the log."""
        line = {"kind": kind, "minutes": round(self.seconds / 60, 2), "steps": self.steps}
        rounded = {n: round(v, 5) if isinstance(v, float) else v for n, v in values.items()}
        with open(self.out / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps({**line, **rounded}) + "\n")

    def validate(self) -> Dict[str, Dict[str, float]]:
        """How well the averaged weights do on what is held out, by source."""
        self.held = self.held or held_out(self.data, self.settings.validation)
        self.model.load(self.model.average)
        found: Dict[str, Dict[str, float]] = {}
        with torch.no_grad():
            for source, batches in self.held.items():
                metrics, total = Metrics(), 0.0
                for batch in batches:
                    moved = _to(batch, self.device, self.model.dtype)
                    answer = forward(self.model.net, moved)
                    parts = losses(answer, moved)
                    total += sum(WEIGHTS[n] * float(v) for n, v in parts.items()) / len(batches)
                    metrics.add(answer, moved)
                found[source] = {"loss": total, **metrics.result()}
                self.log("validation", {"source": source, **found[source]})
        self.model.load(self.model.full)
        return found

    def step(self, batch: Tensors) -> None:
        """One step. Raises ValueError where the loss is no longer a number."""
        drop = torch.Generator().manual_seed(self.steps)
        parts = losses(forward(self.model.net, batch, drop), batch)
        total = torch.stack([WEIGHTS[name] * value for name, value in parts.items()]).sum()
        total.backward()
        length = self.model.step(rate_at(self.settings, self.steps), self.steps)
        self.steps += 1
        for name, value in (("loss", total), *parts.items()):
            now = float(value.detach())
            if not math.isfinite(now):
                raise ValueError(f"{name}: got {now} at step {self.steps}, expected a number")
            self.smooth[name] = 0.98 * self.smooth.get(name, now) + 0.02 * now
        self.smooth["gradient"] = 0.98 * self.smooth.get("gradient", length) + 0.02 * length

    def go_on(self) -> None:
        """Train until the steps, or the minutes of this call, are over; saves now and then."""
        settings = self.settings
        stream = _Stream(self.data, settings, self.steps)
        loader = torch.utils.data.DataLoader(
            stream,
            batch_size=None,
            num_workers=settings.workers,
            prefetch_factor=8,
            multiprocessing_context="spawn",
        )
        batches = iter(loader)
        batch = next(batches)
        print(f"trains from step {self.steps}", flush=True)
        begun = saved = validated = time.monotonic()
        waited, computed = 0.0, 0.0
        while self.steps < settings.steps and not (
            settings.minutes and time.monotonic() - begun >= 60 * settings.minutes
        ):
            now = time.monotonic()
            self.step(_to(batch, self.device, self.model.dtype))
            done = time.monotonic()
            batch = next(batches)
            end = time.monotonic()
            computed, waited = computed + done - now, waited + end - done
            self.seconds += end - now
            if self.steps % 50 == 0:
                speed = {"step_s": computed / 50, "wait_s": waited / 50}
                self.log("training", {**self.smooth, **speed})
                computed = waited = 0.0
            if end - saved >= 60 * settings.save:
                self.save()
                saved = end
            if end - validated >= 60 * settings.every:
                self.save()
                self.validate()
                validated = time.monotonic()
        del batches  # ends the workers


def train(settings: Settings, data: pathlib.Path, out: pathlib.Path) -> Dict[str, Dict[str, float]]:
    """Train, or go on training. Returns the last validation's values by source.

    Interrupted (KeyboardInterrupt), it saves and raises it again. Raises ValueError, in one line
    that names what is wrong; OSError. Starts processes, which import the program's main module:
    call it under `if __name__ == "__main__"`.
    """
    run = _Run(settings, data, out)
    try:
        if run.steps < settings.steps:
            run.go_on()
    finally:
        run.save()
    return run.validate()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m persense_training.mini",
        description="Train the small network. Run again with the same folder, it goes on from "
        "where it was cut off.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for name, text in (("data", "pictures to train on"), ("out", "the run's folder")):
        parser.add_argument(
            f"--{name}",
            type=pathlib.Path,
            required=True,
            default=argparse.SUPPRESS,
            metavar="DIR",
            help=text,
        )
    helps = {
        "steps": "in all, over all runs into the same folder",
        "cooldown": "the last part of the steps, over which the rate falls",
        "batch": "samples a step",
        "rate": "highest learning rate",
        "seed": "of samples and of the first weights",
        "workers": "processes that draw samples",
        "threads": "of PyTorch on the CPU; 0: all cores",
        "device": "cpu, cuda or cuda:N",
        "save": "minutes between checkpoints",
        "every": "minutes between validations",
        "validation": "batches of 8 that a source is validated on",
        "minutes": "stop after so many minutes of this call; 0: not before the steps are done",
        "proposals": "a mini.pt or weights.pt whose regions are candidates, too",
        "start": "a mini.pt or weights.pt whose weights a new run begins with",
    }
    for name, text in helps.items():
        default = getattr(Settings, name)
        parser.add_argument(f"--{name}", type=type(default), default=default, help=text)
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line; give the exit code."""
    given = vars(_parser().parse_args(arguments))
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    data, out = given.pop("data"), given.pop("out")
    try:
        found = train(Settings(**given), data, out)
    except (ImportError, OSError, ValueError) as error:
        print(f"persense_training.mini: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("persense_training.mini: stopped; the same command goes on", file=sys.stderr)
        return 130
    for source, values in found.items():
        print(source, " ".join(f"{name} {value:.4f}" for name, value in values.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
