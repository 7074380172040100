"""The golden vectors' formulas, and how far an array is from one of them."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Dict

import numpy
import torch


def splitmix64(seed: int, count: int) -> numpy.ndarray:
    """First ``count`` outputs of SplitMix64."""
    step = numpy.uint64(0x9E3779B97F4A7C15)
    with numpy.errstate(over="ignore"):
        z = numpy.arange(1, count + 1, dtype=numpy.uint64) * step + numpy.uint64(seed)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def formula_weights(case: Dict[str, Any]) -> Dict[str, torch.Tensor]:
    """State dict of a case whose weights are listed as [name, shape, seed, scale, offset]."""
    state = {}
    for name, shape, seed, scale, offset in case["tensors_name_shape_seed_scale_offset"]:
        bits = splitmix64(int(seed, 16), int(numpy.prod(shape))) >> numpy.uint64(40)
        unit = bits.astype(numpy.float64) / 2**23 - 1
        values = (offset + scale * unit).astype(numpy.float32).reshape(shape)
        state[name] = torch.from_numpy(values)
    return state


def field(c: int, h: int, w: int, a: float, b: float, p: float) -> torch.Tensor:
    """The cases' smooth input, [c, h, w], in float64 rounded to float32."""
    k, y, x = numpy.meshgrid(
        numpy.arange(c, dtype=numpy.float64),
        numpy.arange(h, dtype=numpy.float64),
        numpy.arange(w, dtype=numpy.float64),
        indexing="ij",
    )
    values = numpy.sin(a * (k + 1) * x + p * k) * numpy.cos(b * (k + 1) * y + 0.7 * p)
    values += 0.3 * numpy.sin(0.013 * x * (k + 2) + 0.011 * y)
    return torch.from_numpy(values.astype(numpy.float32))


def read_case(folder: pathlib.Path) -> Dict[str, Any]:
    """The folder's case.json."""
    return json.loads((folder / "case.json").read_text(encoding="utf-8"))


def load(file: pathlib.Path) -> torch.Tensor:
    """A .npy file as a tensor."""
    return torch.from_numpy(numpy.load(file))
