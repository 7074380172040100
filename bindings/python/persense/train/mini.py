"""Train persense's own small network on rendered scenes.

    python -m persense.train.mini --minutes 25 --device auto --out runs/mini

Needs PyTorch 1.13 or newer (on a GPU 2.1 or newer) and Matplotlib: pip install 'persense[train]'.
Writes into the folder:

    checkpoint.pt  every minute of training: a run that was cut off goes on from it
    mini.pt        the averaged weights so far, for python -m persense.export mini
    log.jsonl      a line every 50 steps, and one a validation
    curves.png     losses, and metrics on rendered validation
    panels.png     samples of it: support, query, targets and what was found

The same command makes the same samples on as many workers; the weights depend on the machine's
speed too, as the schedule follows the clock.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import io
import json
import math
import os
import pathlib
import signal
import sys
import textwrap
import threading
import time
from typing import Any, Dict, Iterator, Optional, Sequence

try:
    import torch
except ImportError as missing:
    if __name__ != "__main__":
        raise
    sys.exit(f"persense.train.mini: needs PyTorch ({missing}): pip install 'persense[train]'")
import numpy as np
from torch import Tensor, nn
from tqdm import tqdm

from persense import _core
from persense.networks import mini
from persense.train import episodes, reports
from persense.train._ranges import check
from persense.train.losses import WEIGHTS, Tensors, losses, metrics, tensors

__all__ = ["Settings", "main", "train"]

VALIDATION_SEED = 1 << 40  #: far from every training seed
CHECKPOINT, WEIGHTS_FILE, LOG = "checkpoint.pt", "mini.pt", "log.jsonl"
#: Of processes that draw samples. What they make ahead is in shared memory, of which each tensor is
#: an open file; most systems allow a process 1024 of those.
MOST_WORKERS = 24


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a run. A run goes on with the seed, batch, rate and uses that it began with.

    Raises ValueError, naming the number, where one is out of its range.
    """

    minutes: float = 25.0  #: of training, over all runs into the same folder
    device: str = "auto"  #: auto, cpu, cuda or cuda:N
    seed: int = 1  #: 0 to 2^64 - 1
    batch: int = 0  #: samples a step; 0: 16 on the CPU, 64 on a GPU
    rate: float = 0.0  #: highest learning rate; 0: 0.0016 on the CPU, 0.003 on a GPU
    uses: int = 12  #: samples drawn from a rendered world
    views: int = 0  #: steps on each batch, every time turned another way; 0: 1 on the CPU, 2 on a GPU
    workers: int = 0  #: processes that draw samples; 0: one on the CPU, else all cores but one
    threads: int = 0  #: of PyTorch on the CPU; 0: all cores
    validation: int = 24  #: batches of 16
    start: str = ""  #: an exported mini.pt whose weights a new run begins with; else random ones

    def __post_init__(self) -> None:
        ranges = {
            "minutes": (0.01, 1e6),
            "seed": (0, (1 << 64) - 1),
            "batch": (0, 4096),
            "rate": (0, 1),
            "uses": (1, 4096),
            "views": (0, 8),
            "workers": (0, 256),
            "threads": (0, 1024),
            "validation": (1, 1000),
        }
        for name, (least, most) in ranges.items():
            check(name, getattr(self, name), least, most)


class _Stream(torch.utils.data.IterableDataset):  # type: ignore[misc]
    """Batches without end; each worker has a seed of its own, and worlds of its own."""

    def __init__(self, seed: int, size: int, uses: int, first: int) -> None:
        self._seed, self._size, self._uses, self._first = seed, size, uses, first

    def __iter__(self) -> Iterator[Tensors]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        seed = int(np.random.SeedSequence([self._seed, worker]).generate_state(1, np.uint32)[0])
        first = self._first // workers
        made = episodes.batches(seed, self._size, first=first, uses=self._uses, worlds=48)
        return map(tensors, made)


def _to(batch: Tensors, device: torch.device, dtype: torch.dtype) -> Tensors:
    moved = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
    for name in ("query", "patch", "mask"):
        moved[name] = moved[name].to(dtype).contiguous(memory_format=torch.channels_last)
    return moved


def _turned(batch: Tensors, view: int) -> Tensors:
    """The batch upright (view 0) or turned in one of seven other ways, mirrored ones among them.

    Where samples are dearer than steps, seeing each again is the next best to seeing another: data
    echoing, Choi et al. 2019, https://arxiv.org/abs/1907.05550.
    """
    across, down, swap = bool(view & 2), bool(view & 4), bool(view & 1)
    axes = [axis for axis, flipped in ((-1, across), (-2, down)) if flipped]

    def turned(value: Tensor) -> Tensor:
        if value.ndim < 3:  # of samples or objects, not of pixels
            return value
        value = value.flip(axes) if axes else value
        return value.transpose(-1, -2) if swap else value

    seen = {name: turned(value) for name, value in batch.items()}
    x, y = seen["offsets"].unbind(1)
    x, y = (-x if across else x), (-y if down else y)
    seen["offsets"] = torch.stack([y, x] if swap else [x, y], dim=1)
    return seen


class _Model:
    """The network in bfloat16, its weights in float32, and their running average.

    In float32 on a GPU too old for bfloat16.
    """

    def __init__(self, device: torch.device, rate: float) -> None:
        # in the layout of the gradients: PyTorch joins the steps of weights only if it is the same
        full = mini.Mini().to(device).to(memory_format=torch.channels_last)
        old = device.type == "cuda" and not torch.cuda.is_bf16_supported()
        self.dtype = torch.float32 if old else torch.bfloat16
        self.net = copy.deepcopy(full).to(self.dtype)
        self.full = [p.detach().clone().requires_grad_() for p in full.parameters()]
        self.average = [p.detach().clone() for p in self.full]
        decayed = [p for p in self.full if p.ndim > 1]
        others = [p for p in self.full if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0}]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
        self.load(self.full)

    def load(self, weights: Sequence[Tensor]) -> None:
        """Put float32 weights into the network."""
        with torch.no_grad():
            for own, given in zip(self.net.parameters(), weights):
                own.copy_(given)

    def start(self, archive: str) -> None:
        """Begin with the weights of an exported archive. Raises ValueError where it is none."""
        try:
            if not os.path.isfile(archive):
                raise RuntimeError("there is no such file")
            theirs = dict(torch.jit.load(archive, map_location="cpu").named_parameters())
            if [(n, p.shape) for n, p in self.net.named_parameters()] != [
                (n, p.shape) for n, p in theirs.items()
            ]:
                raise RuntimeError("that is another network")
        except RuntimeError as error:
            reason = textwrap.shorten(str(error), 100)
            raise ValueError(
                f"start: got {archive}, expected a mini.pt that persense.export wrote ({reason})"
            ) from None
        with torch.no_grad():
            for full, average, given in zip(self.full, self.average, theirs.values()):
                full.copy_(given)
                average.copy_(given)
        self.load(self.full)

    def step(self, rate: float, steps: int) -> None:
        """One step along the gradients that lie in the network."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for full, own in zip(self.full, self.net.parameters()):
            full.grad = None if own.grad is None else own.grad.float()
            own.grad = None
        nn.utils.clip_grad_norm_(self.full, 2.0)
        self.optimizer.step()
        keep = min(0.999, (steps + 1) / (steps + 20))
        with torch.no_grad():
            for average, full in zip(self.average, self.full):
                average.lerp_(full, 1 - keep)
        self.load(self.full)

    def weights(self) -> Dict[str, Tensor]:
        """The averaged weights by name, float32 on the CPU."""
        names = [name for name, _ in self.net.named_parameters()]
        plain = torch.contiguous_format
        return {n: a.cpu().clone(memory_format=plain) for n, a in zip(names, self.average)}

    def state(self) -> Dict[str, Any]:
        """All that a later run needs."""
        return {
            "full": [p.detach().cpu() for p in self.full],
            "average": [p.cpu() for p in self.average],
            "optimizer": {"state": self.optimizer.state_dict()["state"]},
        }

    def restore(self, state: Dict[str, Any]) -> None:
        """What state() gave. Raises ValueError where it is of another network."""
        mine, given = self.full + self.average, state["full"] + state["average"]
        if [p.shape for p in mine] != [p.shape for p in given]:
            raise ValueError("weights of other shapes")
        with torch.no_grad():
            for own, value in zip(mine, given):
                own.copy_(value)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({**state["optimizer"], "param_groups": groups})
        self.load(self.full)


def _rate(highest: float, part: float, steps: int) -> float:
    """Warmed up over 300 steps, then half a cosine down to a hundredth over the run."""
    fall = 0.5 * (1 + math.cos(math.pi * min(part, 1.0)))
    return highest * min(1.0, (steps + 1) / 300) * (0.99 * fall + 0.01)


def _exact(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _save(content: Any, path: pathlib.Path) -> None:
    written = io.BytesIO()
    torch.save(content, written)
    _core.write_file(path, written.getvalue())  # complete, or as it was before


def _device(name: str) -> torch.device:
    asked = name
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
        if device.type not in ("cpu", "cuda"):
            raise RuntimeError("not one of these")
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device: got {asked}, expected auto, cpu, cuda or cuda:N, as this PyTorch has it "
            f"({reason})"
        ) from None
    return device


def _cores() -> int:
    """That this process may use: fewer than the machine has, in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started within ignore Ctrl-C: they end with this one, which says why."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say so
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Run:
    """A folder's run: its settings, weights, time and held out batches."""

    def __init__(self, settings: Settings, out: pathlib.Path) -> None:
        self.device = _device(settings.device)
        reports.require()  # now, not after the first minutes
        gpu = self.device.type == "cuda"
        workers = min(max(1, _cores() - 1), MOST_WORKERS) if gpu else 1
        self.settings = dataclasses.replace(
            settings,
            batch=settings.batch or (64 if gpu else 16),
            rate=settings.rate or (0.003 if gpu else 0.0016),
            views=settings.views or (2 if gpu else 1),
            workers=settings.workers or workers,
        )
        self.out = out
        torch.manual_seed(self.settings.seed)
        if gpu:
            torch.backends.cudnn.benchmark = True  # shapes are always the same
        else:
            torch.set_num_threads(settings.threads or _cores())
        self.model = _Model(self.device, self.settings.rate)
        self.steps, self.seconds = 0, 0.0
        self.smooth: Dict[str, float] = {}
        if not self._resume() and self.settings.start:
            self.model.start(self.settings.start)
        out.mkdir(parents=True, exist_ok=True)
        self._trim_log()
        count, threads = self.settings.validation, self.settings.workers
        held = episodes.batches(VALIDATION_SEED, 16, count=count, uses=1, threads=threads)
        self.held = [tensors(b) for b in tqdm(held, "validation", count, disable=None)]

    def _resume(self) -> bool:
        path = self.out / CHECKPOINT
        if not path.exists():
            return False
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            began = {n: type(own)(saved["settings"][n]) for n, own in self._lasting().items()}
            self.steps, self.seconds = int(saved["steps"]), float(saved["seconds"])
            state = saved["model"]
        except OSError:
            raise
        except Exception as error:  # whatever PyTorch makes of the bytes of something else
            raise self._foreign(error) from None
        for name, own in self._lasting().items():
            if own != began[name]:
                raise ValueError(
                    f"{name}: got {own}, expected {began[name]}, which the run in {self.out} "
                    "began with"
                )
        try:
            self.model.restore(state)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise self._foreign(error) from None
        return True

    def _lasting(self) -> Dict[str, Any]:
        return {n: getattr(self.settings, n) for n in ("seed", "batch", "rate", "uses", "views")}

    def _foreign(self, error: Exception) -> ValueError:
        reason = textwrap.shorten(str(error), 100)
        return ValueError(
            f"{self.out / CHECKPOINT}: expected a checkpoint of persense.train.mini, got something "
            f"else, or a damaged one ({type(error).__name__}: {reason})"
        )

    def _trim_log(self) -> None:
        """Forget what was logged after the checkpoint: it will be trained again."""
        lines = reports.read_log(self.out / LOG)
        kept = [line for line in lines if line["steps"] <= self.steps]
        if len(kept) < len(lines):
            text = "".join(json.dumps(line) + "\n" for line in kept)
            _core.write_file(self.out / LOG, text.encode())

    def save(self) -> None:
        """The checkpoint and the averaged weights, each complete or as it was before."""
        # what PyTorch 1.13 reads without running code are tensors and whole numbers, no fractions
        content = {
            "settings": {**self._lasting(), "rate": _exact(self.settings.rate)},
            "model": self.model.state(),
            "steps": self.steps,
            "seconds": _exact(self.seconds),
        }
        _save(content, self.out / CHECKPOINT)
        _save(self.model.weights(), self.out / WEIGHTS_FILE)

    def log(self, kind: str, values: Dict[str, float]) -> None:
        """A line more in the log."""
        line = {"kind": kind, "minutes": round(self.seconds / 60, 3), "steps": self.steps, **values}
        with open(self.out / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def validate(self) -> Dict[str, float]:
        """How well the averaged weights do on the held out batches; draws curves and panels."""
        self.model.load(self.model.average)
        held = [_to(b, self.device, self.model.dtype) for b in self.held]
        parts: Dict[str, float] = {}
        with torch.no_grad():
            outputs = [self.model.net(b["query"], b["patch"], b["mask"]) for b in held]
            for output, batch in zip(outputs, held):
                for name, value in losses(self.model.net, output, batch).items():
                    parts[name] = parts.get(name, 0.0) + float(value) / len(held)
            found = metrics(self.model.net, outputs, held)
        self.model.load(self.model.full)
        total = sum(WEIGHTS[name] * value for name, value in parts.items())
        values = {"loss": total, **parts, **found}
        self.log("validation", values)
        reports.curves(self.out / LOG, self.out / "curves.png")
        reports.panels(held[:2], outputs[:2], self.out / "panels.png")
        return values

    def steps_on(self, batch: Tensors, part: float) -> None:
        """A step on every view of a batch, when so large a part of the run is over."""
        moved = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        for view in range(self.settings.views):
            self.step(_to(_turned(moved, view), self.device, self.model.dtype), part)

    def step(self, batch: Tensors, part: float) -> None:
        """One step on a batch that lies on the device.

        Raises ValueError where the loss is no longer a number.
        """
        outputs = self.model.net(batch["query"], batch["patch"], batch["mask"])
        parts = losses(self.model.net, outputs, batch)
        total = torch.stack([WEIGHTS[name] * value for name, value in parts.items()]).sum()
        total.backward()
        self.model.step(_rate(self.settings.rate, part, self.steps), self.steps)
        self.steps += 1
        if self.steps % 10 == 0:  # reading a value waits for the device
            for name, value in (("loss", total), *parts.items()):
                now = float(value.detach())
                if not math.isfinite(now):
                    raise ValueError(
                        f"{name}: got {now} at step {self.steps}, expected a number: try a lower "
                        f"rate than {self.settings.rate}"
                    )
                self.smooth[name] = 0.9 * self.smooth.get(name, now) + 0.1 * now

    def stream(self) -> Iterator[Tensors]:
        """Batches without end, from worker processes."""
        settings = self.settings
        stream = _Stream(settings.seed, settings.batch, settings.uses, self.steps // settings.views)
        loader = torch.utils.data.DataLoader(
            stream,
            batch_size=None,
            num_workers=settings.workers,
            prefetch_factor=6 if settings.workers == 1 else 2,
            pin_memory=self.device.type == "cuda",
            multiprocessing_context="spawn",
        )
        with _deaf_to_interrupts():
            batches: Iterator[Tensors] = iter(loader)
        return batches

    def go_on(self) -> None:
        """Train until the minutes are over; whoever calls saves. Interrupted, it saves itself."""
        limit = 60 * self.settings.minutes
        if self.steps:
            print(f"goes on after {self.seconds / 60:.1f} minutes, {self.steps} steps", flush=True)
        batches = self.stream()
        saved = validated = self.seconds
        batch = next(batches)  # workers take seconds to start, which are not training
        print(f"trains on {self.device}, batches of {self.settings.batch}", flush=True)
        bar = tqdm(total=round(limit), initial=round(self.seconds), unit="s", disable=None)
        try:
            while self.seconds < limit:
                begun = time.monotonic()
                self.steps_on(batch, self.seconds / limit)
                batch = next(batches)
                self.seconds += time.monotonic() - begun
                bar.n = round(min(self.seconds, limit))
                if self.steps % 50 == 0:
                    bar.set_postfix(steps=self.steps, loss=f"{self.smooth['loss']:.3f}")
                    self.log("training", self.smooth)
                if self.seconds - saved >= 60:
                    self.save()
                    saved = self.seconds
                if self.seconds - validated >= max(60.0, limit / 12):
                    self.validate()
                    validated = self.seconds
        except KeyboardInterrupt:
            self.save()
            raise
        finally:
            bar.close()


def train(settings: Settings, out: pathlib.Path) -> Dict[str, float]:
    """Train, or go on training, for so many minutes in all. Returns the last validation's values.

    Interrupted (KeyboardInterrupt), it saves and raises it again. Raises ValueError, in one line
    that names what is wrong with the settings or with what lies in the folder; ImportError without
    Matplotlib; OSError. Starts processes, which import the program's main module: call it under
    `if __name__ == "__main__"`.
    """
    run = _Run(settings, out)
    if run.seconds < 60 * run.settings.minutes:
        run.go_on()
    run.save()
    return run.validate()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m persense.train.mini",
        description="Train the small network on rendered scenes, on a GPU or the CPU. "
        "Run again with the same folder, it goes on from where it was cut off.",
        epilog="Writes checkpoint.pt (every minute), mini.pt (averaged weights), log.jsonl, "
        "curves.png and panels.png into the folder.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    defaults = Settings()

    def add(name: str, text: str) -> None:
        default = getattr(defaults, name)
        metavar = {float: "X", int: "N", str: "NAME"}[type(default)]
        parser.add_argument(
            f"--{name}", type=type(default), default=default, metavar=metavar, help=text
        )

    add("minutes", "of training, over all runs into the folder, without validation")
    add("device", "auto (a GPU where there is one), cpu, cuda or cuda:N")
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        required=True,
        default=argparse.SUPPRESS,  # there is none to tell
        metavar="DIR",
        help="the folder that all is written into, made if need be",
    )
    add("seed", "of samples and of the first weights")
    add("batch", "samples a step; 0: 16 on the CPU, 64 on a GPU")
    add("rate", "highest learning rate; 0: 0.0016 on the CPU, 0.003 on a GPU")
    add("uses", "samples drawn from a rendered world")
    add("views", "steps on each batch, turned another way; 0: 1 on the CPU, 2 on a GPU")
    add("workers", "processes that draw samples; 0: one on the CPU, else all cores but one")
    add("threads", "of PyTorch on the CPU; 0: all cores")
    add("validation", "batches of 16 to validate on")
    add("start", "an exported mini.pt to begin a new run with; else with random weights")
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line; give the exit code."""
    given = vars(_parser().parse_args(arguments))
    out = given.pop("out")
    try:
        values = train(Settings(**given), out)
    except (ImportError, OSError, ValueError) as error:
        print(f"persense.train.mini: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        path = out / CHECKPOINT
        rest = f"goes on from {path}" if path.exists() else "begins anew: nothing was learned yet"
        print(f"persense.train.mini: stopped; the same command {rest}", file=sys.stderr)
        return 130
    print(" ".join(f"{name} {value:.4f}" for name, value in values.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
