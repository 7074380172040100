"""Random weights, and a look into an archive."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Dict, Tuple, TypeVar

import torch
from torch import nn

from persense_export.archive import MANIFEST

Network = TypeVar("Network", bound=nn.Module)


def randomise(network: Network, seed: int = 0) -> Network:
    """Fill weights and statistics so that every one of them matters and outputs are of order 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(1 + 0.3 * noise.abs())
        elif tensor.dim() >= 2:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
        elif name.endswith("weight"):
            tensor.copy_(1 + 0.1 * noise)
        else:
            tensor.copy_(0.1 * noise)
    return network.eval().requires_grad_(False)


def open_archive(file: pathlib.Path) -> Tuple[Dict[str, Any], torch.jit.ScriptModule]:
    """Manifest and module of an archive."""
    extra = {MANIFEST: ""}
    module = torch.jit.load(str(file), _extra_files=extra)
    return json.loads(extra[MANIFEST]), module
