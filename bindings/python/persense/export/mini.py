"""Export of persense's own small network: ``mini.pt``."""

from __future__ import annotations

import argparse
import hashlib
from typing import Any, Iterator, List, Tuple

import torch
from torch import Tensor

from persense.export.archive import Archive, Checkpoint, load_by_key, read_checkpoint
from persense.networks.mini import LOOKS, MULTIPLE, PATCH, PROTOTYPE, Mini

UPSTREAM = "persense: trained on rendered scenes alone, Apache-2.0"


def network(checkpoint: Checkpoint) -> Mini:
    """The network of the averaged weights that ``persense.train.mini`` writes."""
    mini = Mini()
    load_by_key(mini, checkpoint, "mini")
    return mini


def _mean(networks: List[Mini]) -> Mini:
    """One network of the mean weights, for networks that one run has passed through.

    Each end of a run lies at the edge of a wide valley of the loss, and their mean in its middle:
    stochastic weight averaging, Izmailov et al. 2018, https://arxiv.org/abs/1803.05407.
    """
    states = [network.state_dict() for network in networks]
    mean = networks[0]
    mean.load_state_dict({key: sum(s[key] for s in states) / len(states) for key in states[0]})
    return mean


def _sha256(checkpoints: List[Checkpoint]) -> str:
    """Of the one file; of several files, the SHA-256 of theirs in hexadecimal, one after another."""
    if len(checkpoints) == 1:
        return checkpoints[0].sha256
    return hashlib.sha256("".join(c.sha256 for c in checkpoints).encode()).hexdigest()


def _samples() -> Iterator[Tuple[Tensor, Tensor, Tensor]]:
    """Queries of several shapes and batches, each with support patches and masks of discs."""
    random = torch.Generator().manual_seed(1)
    axis = torch.arange(PATCH) - (PATCH - 1) / 2
    away = torch.sqrt(axis[:, None] ** 2 + axis[None] ** 2)
    for batch, rows, columns, radius in ((1, 8, 8, 12), (1, 5, 11, 3), (2, 1, 4, 28)):
        query = torch.rand(batch, 3, rows * MULTIPLE, columns * MULTIPLE, generator=random)
        patch = torch.rand(batch, 3, PATCH, PATCH, generator=random)
        mask = (away < radius).float().expand(batch, 1, PATCH, PATCH)
        yield query, patch, mask


def _calls(mini: Mini) -> Iterator[Tuple[str, Tuple[Any, ...]]]:
    """What the library calls, each by itself."""
    random = torch.Generator().manual_seed(2)
    for query, patch, mask in _samples():
        yield "trunk", (query,)
        yield "pool", (*mini.trunk(patch), mask)
        f1, f2, f3, _ = mini.trunk(query)
        prototype = torch.randn(query.shape[0], PROTOTYPE, generator=random)
        yield "steering", (prototype,)
        yield "maps", (f1, f2, f3, mini.steering(prototype))
    for objects in (1, 37):
        looks = torch.rand(2, objects, LOOKS, generator=random)
        yield "compare", (looks[0], looks[1])


def archives(checkpoint: Checkpoint, options: argparse.Namespace) -> List[Archive]:
    """What to write for the network's weights, or for the mean of several."""
    checkpoints = [checkpoint, *map(read_checkpoint, options.average)]
    manifest = {
        "stage": "all",
        "name": "mini",
        "upstream": UPSTREAM,
        "sha256_weights": _sha256(checkpoints),
    }
    mini = _mean([network(c) for c in checkpoints])
    return [Archive("mini.pt", manifest, mini, _samples, lambda: _calls(mini))]
