"""The networks' forwards of a query, alone: found by PyTorch's profiler, then run again without the query."""

from __future__ import annotations

import pathlib
from typing import Any, Callable, List, Sequence, Tuple

import torch

Shape = Tuple[int, ...]  #: none: no tensor
Forward = Tuple[Shape, ...]  #: the shapes of a forward's arguments

#: what the tensors are, where they are not of the network's own type
EXACT = {"coords": torch.float32, "labels": torch.int64, "box": torch.float32}
ENCODER = ("image",)
DECODER = ("embedding", "coords", "labels", "box", "mask", "attention", "target")


def forwards_of(query: Callable[[], object]) -> List[Forward]:
    """What a query asks SAM's encoder and decoder, in order."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, record_shapes=True) as profiler:
        query()
    found = []
    for event in profiler.events():
        if event.name == "forward" and not _inside_forward(event):
            shapes = tuple(tuple(shape) for shape in event.input_shapes)
            found.append((event.time_range.start, shapes[1:]))  # the first is the module
    if not found:
        raise RuntimeError("PyTorch's profiler saw no forward of a network in the query")
    return [shapes for _, shapes in sorted(found, key=lambda each: each[0])]


def _inside_forward(event: Any) -> bool:
    parent = event.cpu_parent
    while parent is not None:
        if parent.name == "forward":
            return True
        parent = parent.cpu_parent
    return False


def replayed(
    files: Sequence[pathlib.Path], forwards: Sequence[Forward], device: str, dtype: torch.dtype
) -> Callable[[], None]:
    """A function that runs these forwards on tensors of these shapes, as persense runs them.

    files: encoder.pt and decoder.pt.
    """
    encoder, decoder = (
        torch.jit.load(str(file), map_location=device).to(dtype=dtype).eval() for file in files
    )
    calls: List[Tuple[Any, List[Any]]] = []
    for shapes in forwards:
        network, names = (encoder, ENCODER) if len(shapes) == len(ENCODER) else (decoder, DECODER)
        if len(shapes) != len(names):
            raise RuntimeError(f"a forward with {len(shapes)} arguments is none of SAM's")
        arguments = [
            torch.ones(shape, dtype=EXACT.get(name, dtype), device=device) if shape else None
            for name, shape in zip(names, shapes)
        ]
        calls.append((network, arguments))

    def run() -> None:
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            for network, arguments in calls:
                network(*arguments)

    return run
