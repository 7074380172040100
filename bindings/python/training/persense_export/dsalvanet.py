"""Export of DSALVANet: ``dmg.pt``."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Dict, Iterator, List, Tuple

import torch
from torch import Tensor

from persense_export.archive import Archive
from persense_export.checkpoints import Checkpoint, ExportError, load_by_key
from persense_export.graphs import METHOD
from persense_export.graphs import dsalvanet as graphs
from persense_export.networks.dsalvanet import IMAGE_SIZE, Dsalvanet

# The authors' backbone registers its stages twice, so their checkpoint holds these tensors twice.
_ALIASES = {
    "backbone.layer0.0.": "backbone.resnet.conv1.",
    "backbone.layer0.1.": "backbone.resnet.bn1.",
    "backbone.layer1.": "backbone.resnet.layer1.",
    "backbone.layer2.": "backbone.resnet.layer2.",
    "backbone.layer3.": "backbone.resnet.layer3.",
    "backbone.layer4.": "backbone.resnet.layer4.",
}
_UNUSED = ("backbone.resnet.layer4.", "backbone.resnet.fc.")  # computed upstream, never read


def _canonical_key(key: str) -> str:
    for alias, name in _ALIASES.items():
        if key.startswith(alias):
            return name + key[len(alias) :]
    return key


def _canonical(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with each tensor under one name, and without batch counters."""
    state: Dict[str, Tensor] = {}
    for key, value in checkpoint.state.items():
        name = _canonical_key(key)
        if name.endswith(".num_batches_tracked"):
            continue
        if name in state and not torch.equal(state[name], value):
            raise ExportError(f"{checkpoint.path}: {key} differs from its other copy, {name}")
        state[name] = value
    return dataclasses.replace(checkpoint, state=state)


def network(checkpoint: Checkpoint) -> Dsalvanet:
    """The network of a checkpoint."""
    model = Dsalvanet()
    load_by_key(model, _canonical(checkpoint), "DSALVANet", ignore=_UNUSED)
    return model


def _samples() -> Iterator[Tuple[Tensor, Tensor]]:
    """Images of several sizes, with as many boxes as are compared, fewer and more.

    Some boxes reach the border. Smaller images than the network is meant for cost less.
    """
    random = torch.Generator().manual_seed(0)
    for size, shots in ((IMAGE_SIZE, 3), (256, 1), (192, 2), (128, 5)):
        image = torch.randn(1, 3, size, size, generator=random)
        corner = (torch.rand(1, shots, 2, generator=random) * size).floor()
        extent = 8 + torch.rand(1, shots, 2, generator=random) * size / 3
        other = (corner + extent).floor().clamp(max=size)
        yield image, torch.cat([corner, other], dim=2)


def archives(checkpoint: Checkpoint, options: argparse.Namespace) -> List[Archive]:
    """What to write for a DSALVANet checkpoint."""
    manifest = {
        "stage": "dmg",
        "name": "dsalvanet",
        "input": {
            "size": IMAGE_SIZE,
            "mean": [123.675, 116.28, 103.53],
            "std": [58.395, 57.12, 57.375],
        },
        "output": {"scale": 1},
        "upstream": "DSALVANet, https://github.com/kadvinj/DSALVANet, no licence stated",
        "sha256_weights": checkpoint.sha256,
    }
    model = network(checkpoint)
    return [
        Archive("dmg.pt", manifest, model, _samples, graphs=lambda: {METHOD: graphs.graph(model)})
    ]
