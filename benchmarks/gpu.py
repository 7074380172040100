#!/usr/bin/env python3
"""What persense takes on a GPU: time and memory of every network beside the published code. See gpu.sh.

    gpu.py [--device cuda|cpu] [--tiny] [--only NAME,...] [--json FILE] [--seconds 480]

Prints one table, each row as soon as it is known; the most important ones come first. What does not
fit into --seconds is left out, and named behind the table. A row that fails says why, and the others
go on; the exit code is then 1. Networks have random weights of the published sizes; --tiny takes
small ones, for tests. Archives are kept in --archives.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
import traceback
from typing import Callable, Dict, Iterator, List, Optional, Sequence

try:
    import torch

    import persense
except ImportError as missing:
    sys.exit(f"gpu.py: needs {missing.name}: {missing}; see benchmarks/gpu.sh")
import gpu_measures as measures
from gpu_bench import FULL, TINY, Bench
from gpu_networks import SAMS, Archives
from gpu_table import Row, error_row, heading, line

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
#: seconds that are taken at most on a GPU, with room: to make archives, to load them, to measure
EXPORT = {"vit_h": 60.0, "vit_b": 15.0, "mobile_sam": 8.0, "grounding_dino": 15.0}
LOAD = {"vit_h": 15.0}
MEASURE = 8.0


@dataclasses.dataclass
class Task:
    """Some rows that are measured together."""

    name: str  #: its words are what --only may ask for
    run: Callable[[], Iterator[Row]]
    seconds: Callable[[], float]  #: that it will take, as far as is known


def tasks_of(bench: Bench) -> List[Task]:
    """Everything, the most important first; those of one network in one precision side by side."""
    tasks: List[Task] = []

    def archive_seconds(model: str) -> float:
        return 0 if bench.archives.there(model) else EXPORT.get(model, 10)

    def of_sam(dtype: str, model: str, *names: str) -> None:
        if dtype == "fp16" and bench.device == "cpu":
            return  # LibTorch has no such network on the CPU

        def seconds() -> float:
            loads = 0 if bench.holds(model, dtype) else LOAD.get(model, 4)
            return archive_seconds(model) + loads + MEASURE

        for name in names:
            run = functools.partial(getattr(measures, name), bench, model, dtype)
            tasks.append(Task(f"{name} {model} {dtype}", run, seconds))

    def of_stage(model: str, dtype: str) -> None:
        if dtype == "fp16" and bench.device == "cpu":
            return
        run = functools.partial(measures.stage, bench, model, dtype)
        tasks.append(Task(f"{model} {dtype}", run, lambda: archive_seconds(model) + MEASURE))

    of_sam("fp32", "vit_h", "memory", "encode", "decode", "outside")
    of_sam("fp16", "vit_h", "memory", "encode", "decode", "outside", "parity")
    for scene in bench.sizes.scenes:
        megapixels = f"{scene[0][0] * scene[0][1] / 1e6:.2g}"
        run = functools.partial(measures.default, bench, scene)
        tasks.append(Task(f"default {megapixels}MP", run, lambda: 2 * MEASURE))
    of_sam("fp32", "vit_b", "encode", "decode", "outside")
    for model in ("vit_b", "mini"):
        run = functools.partial(measures.threads, bench, model)
        tasks.append(Task(f"threads {model}", run, lambda: MEASURE))
    of_sam("fp32", "mobile_sam", "encode", "decode", "outside")
    for model in ("dsalvanet", "countr", "grounding_dino"):
        for dtype in ("fp32", "fp16"):
            of_stage(model, dtype)
    of_sam("bf16", "vit_h", "encode", "parity")
    for model in SAMS[1:]:
        for dtype in ("fp16", "bf16"):
            of_sam(dtype, model, "memory", "encode", "parity")
    return tasks


def chosen(tasks: Sequence[Task], only: Optional[str]) -> List[Task]:
    """Those with one of these words in their names. Raises ValueError, in one line."""
    if only is None:
        return list(tasks)
    words = {word for task in tasks for word in task.name.split()}
    asked = only.split(",")
    for word in asked:
        if word not in words:
            raise ValueError(f"--only: got {word}, expected some of {', '.join(sorted(words))}")
    return [task for task in tasks if set(asked) & set(task.name.split())]


def machine(device: str) -> Dict[str, str]:
    """The card, or the processor, and the versions of what runs on it."""
    about = {"persense": persense.__version__, "PyTorch": str(torch.__version__)}
    if device == "cpu":
        return {"device": platform.processor() or platform.machine(), **about}
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=20)
        driver = told.stdout.split("\n")[0].strip()
    except (OSError, subprocess.SubprocessError):
        driver = "unknown"
    card = torch.cuda.get_device_name()
    return {"device": card, "driver": driver, "CUDA": str(torch.version.cuda), **about}


def measured(tasks: Sequence[Task], deadline: float) -> "tuple[List[Row], List[str], int]":
    """Prints and gives the rows, and gives what was left out and how many rows failed."""
    rows: List[Row] = []
    left_out: List[str] = []
    failed = 0

    def keep(row: Row) -> None:
        rows.append(row)
        print(line(row), flush=True)

    for task in tasks:
        if time.monotonic() + task.seconds() > deadline:
            left_out.append(task.name)
            continue
        try:
            for row in task.run():
                keep(row)
        except Exception as error:  # one that fails must not cost the others
            traceback.print_exc()
            keep(error_row(task.name, error))
            failed += 1
    return rows, left_out, failed


def write_json(file: pathlib.Path, content: object) -> None:
    """A file that is complete, or as it was."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}")
    scratch.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(scratch, file)


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--device", default="cuda")
    made.add_argument("--tiny", action="store_true")
    made.add_argument("--only", metavar="NAME,...")
    made.add_argument("--json", type=pathlib.Path, metavar="FILE")
    made.add_argument("--seconds", type=float, default=480)
    made.add_argument("--archives", type=pathlib.Path, default=REPOSITORY / "build" / "gpu")
    return made


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print the table; give the exit code."""
    deadline = time.monotonic()
    given = parser().parse_args(arguments)
    deadline += given.seconds
    if given.device != "cpu" and not torch.cuda.is_available():
        print(f"gpu.py: --device: got {given.device}, but PyTorch sees no GPU", file=sys.stderr)
        return 2
    if given.tiny:
        torch.set_num_threads(1)
    archives = Archives(given.archives, given.tiny)
    bench = Bench(given.device, archives, TINY if given.tiny else FULL)
    try:
        tasks = chosen(tasks_of(bench), given.only)
    except ValueError as error:
        print(f"gpu.py: {error}", file=sys.stderr)
        return 2
    about = machine(given.device)
    print(", ".join(f"{key} {value}" for key, value in about.items()), end="; ")
    print(f"random weights{' of tiny networks' if given.tiny else ''}\n\n{heading()}", flush=True)
    rows, left_out, failed = measured(tasks, deadline)
    if left_out:
        print(f"\nLeft out, as {given.seconds:g} seconds did not suffice: {', '.join(left_out)}")
    if given.json:
        table = [dataclasses.asdict(row) for row in rows]
        write_json(given.json, {"machine": about, "rows": table, "left_out": left_out})
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
