"""Train persense's own small network on rendered scenes.

    python -m persense.train.mini --minutes 25 --device auto --out runs/mini

Writes into the folder: checkpoint.pt (every minute; a run that was cut off goes on from it),
mini.pt (averaged weights), log.jsonl, curves.png, panels.png. The same command makes the same
samples; the weights depend on the machine's speed too, as the schedule follows the clock.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import os
import pathlib
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from persense.networks import mini
from persense.train import episodes, reports
from persense.train.losses import WEIGHTS, Tensors, losses, metrics, tensors

__all__ = ["Settings", "main", "train"]

VALIDATION_SEED = 1 << 40  #: far from every training seed
CHECKPOINT, WEIGHTS_FILE, LOG = "checkpoint.pt", "mini.pt", "log.jsonl"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a run. A run goes on with the seed, batch, rate and uses that it began with."""

    minutes: float = 25.0  #: of training, over all runs into the same folder
    device: str = "auto"  #: auto, cpu, cuda or cuda:N
    seed: int = 1
    batch: int = 0  #: samples; 0: 16 on the CPU, 64 on a GPU
    rate: float = 0.0  #: highest learning rate; 0: 0.0016 on the CPU, 0.003 on a GPU
    uses: int = 12  #: samples drawn from a rendered world
    workers: int = 0  #: processes that draw samples; 0: one on the CPU, else all cores but one
    threads: int = 0  #: of PyTorch on the CPU; 0: all cores
    validation: int = 24  #: batches of 16


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


class _Model:
    """The network in bfloat16, its weights in float32, and their running average."""

    def __init__(self, device: torch.device, rate: float) -> None:
        full = mini.Mini().to(device)
        self.dtype = torch.bfloat16
        self.net = copy.deepcopy(full).to(self.dtype).to(memory_format=torch.channels_last)
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
            torch._foreach_lerp_(self.average, [p.detach() for p in self.full], 1 - keep)
        self.load(self.full)

    def weights(self) -> Dict[str, Tensor]:
        """The averaged weights by name, float32 on the CPU."""
        names = [name for name, _ in self.net.named_parameters()]
        return {n: a.detach().cpu().clone() for n, a in zip(names, self.average)}

    def state(self) -> Dict[str, Any]:
        """All that a later run needs."""
        return {
            "full": [p.detach().cpu() for p in self.full],
            "average": [p.cpu() for p in self.average],
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: Dict[str, Any]) -> None:
        """What state() gave."""
        with torch.no_grad():
            for mine, given in zip(self.full + self.average, state["full"] + state["average"]):
                mine.copy_(given)
        self.optimizer.load_state_dict(state["optimizer"])
        self.load(self.full)


def _rate(highest: float, part: float, steps: int) -> float:
    """Warmed up over 300 steps, then half a cosine down to a hundredth over the run."""
    fall = 0.5 * (1 + math.cos(math.pi * min(part, 1.0)))
    return highest * min(1.0, (steps + 1) / 300) * (0.99 * fall + 0.01)


def _save(content: Any, path: pathlib.Path) -> None:
    """To a temporary name, then renamed."""
    temporary = path.with_suffix(".new")
    torch.save(content, temporary)
    os.replace(temporary, path)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device: got {name}, expected one this PyTorch has ({reason})") from None
    return device


class _Run:
    def __init__(self, settings: Settings, out: pathlib.Path) -> None:
        self.device = _device(settings.device)
        gpu = self.device.type == "cuda"
        cores = os.cpu_count() or 1
        self.settings = dataclasses.replace(
            settings,
            batch=settings.batch or (64 if gpu else 16),
            rate=settings.rate or (0.003 if gpu else 0.0016),
            workers=settings.workers or (max(1, cores - 1) if gpu else 1),
        )
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.settings.seed)
        if not gpu:
            torch.set_num_threads(settings.threads or cores)
        self.model = _Model(self.device, self.settings.rate)
        self.steps, self.seconds = 0, 0.0
        self.smooth: Dict[str, float] = {}
        self._resume()
        held = episodes.batches(VALIDATION_SEED, 16, count=self.settings.validation, uses=1)
        self.held = [tensors(b) for b in tqdm(held, "validation", self.settings.validation)]

    def _resume(self) -> None:
        path = self.out / CHECKPOINT
        if not path.exists():
            return
        saved = torch.load(path, map_location="cpu", weights_only=True)
        for name in ("seed", "batch", "rate", "uses"):
            if saved["settings"][name] != getattr(self.settings, name):
                raise ValueError(
                    f"{name}: got {getattr(self.settings, name)}, expected "
                    f"{saved['settings'][name]}, which the run in {self.out} began with"
                )
        self.model.restore(saved["model"])
        self.steps, self.seconds = saved["steps"], saved["seconds"]
        print(f"goes on after {self.seconds / 60:.1f} minutes, {self.steps} steps")

    def save(self) -> None:
        content = {
            "settings": dataclasses.asdict(self.settings),
            "model": self.model.state(),
            "steps": self.steps,
            "seconds": self.seconds,
        }
        _save(content, self.out / CHECKPOINT)
        _save(self.model.weights(), self.out / WEIGHTS_FILE)

    def log(self, kind: str, values: Dict[str, float]) -> None:
        line = {"kind": kind, "minutes": round(self.seconds / 60, 3), "steps": self.steps, **values}
        with open(self.out / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def validate(self) -> Dict[str, float]:
        """The averaged weights on the held out batches."""
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

    def step(self, batch: Tensors, part: float) -> None:
        batch = _to(batch, self.device, self.model.dtype)
        outputs = self.model.net(batch["query"], batch["patch"], batch["mask"])
        parts = losses(self.model.net, outputs, batch)
        total = torch.stack([WEIGHTS[name] * value for name, value in parts.items()]).sum()
        total.backward()
        self.model.step(_rate(self.settings.rate, part, self.steps), self.steps)
        self.steps += 1
        if self.steps % 10 == 0:  # reading a value waits for the device
            for name, value in (("loss", total), *parts.items()):
                now = float(value.detach())
                self.smooth[name] = 0.9 * self.smooth.get(name, now) + 0.1 * now


def train(settings: Settings, out: pathlib.Path) -> Dict[str, float]:
    """Train, or go on training, for so many minutes in all. Returns the last validation's values.

    Interrupted (KeyboardInterrupt), it saves and raises it again.
    """
    run = _Run(settings, out)
    limit = 60 * run.settings.minutes
    stream = _Stream(run.settings.seed, run.settings.batch, run.settings.uses, run.steps)
    batches = iter(
        torch.utils.data.DataLoader(
            stream,
            batch_size=None,
            num_workers=run.settings.workers,
            prefetch_factor=6,
            pin_memory=run.device.type == "cuda",
            multiprocessing_context="spawn",
        )
    )
    saved = validated = run.seconds
    bar = tqdm(total=round(limit), initial=round(run.seconds), unit="s", disable=None)
    try:
        batch = next(batches)  # workers take seconds to start, which are not training
        while run.seconds < limit:
            begun = time.monotonic()
            run.step(batch, run.seconds / limit)
            batch = next(batches)
            run.seconds += time.monotonic() - begun
            bar.n = round(min(run.seconds, limit))
            if run.steps % 50 == 0:
                bar.set_postfix(steps=run.steps, loss=f"{run.smooth['loss']:.3f}")
                run.log("training", run.smooth)
            if run.seconds - saved >= 60:
                run.save()
                saved = run.seconds
            if run.seconds - validated >= max(60.0, limit / 12):
                run.validate()
                validated = run.seconds
    finally:
        bar.close()
        run.save()
    return run.validate()


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m persense.train.mini",
        description="Train the small network on rendered scenes. A run that was cut off goes on.",
    )
    defaults = Settings()
    parser.add_argument("--minutes", type=float, default=defaults.minutes, help="in all")
    parser.add_argument("--device", default=defaults.device, help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--batch", type=int, default=defaults.batch, help="0: by the device")
    parser.add_argument("--rate", type=float, default=defaults.rate, help="0: by the device")
    parser.add_argument("--uses", type=int, default=defaults.uses, help="samples a rendered world")
    parser.add_argument("--workers", type=int, default=defaults.workers, help="0: by the device")
    parser.add_argument("--threads", type=int, default=defaults.threads, help="0: all cores")
    parser.add_argument("--validation", type=int, default=defaults.validation, help="batches of 16")
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    try:
        values = train(Settings(**given), out)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print(f"stopped; the same command goes on from {out / CHECKPOINT}", file=sys.stderr)
        return 130
    print(" ".join(f"{name} {value:.4f}" for name, value in values.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
