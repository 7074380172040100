"""Export of CounTR: ``dmg.pt``."""

from __future__ import annotations

import argparse
from typing import Iterator, List, Tuple

import torch
from torch import Tensor

from persense_export.archive import Archive
from persense_export.checkpoints import Checkpoint, ExportError, load_by_key
from persense_export.graphs import METHOD
from persense_export.graphs import countr as graphs
from persense_export.networks.countr import EXEMPLAR_SIZE, IMAGE_SIZE, SCALE, Countr

_HEADS = {768: 12, 1024: 16}  # of the encoder, by its width: ViT-B and ViT-L


def _blocks(checkpoint: Checkpoint, prefix: str) -> int:
    """How many blocks the checkpoint has under a prefix."""
    keys = (key[len(prefix) :] for key in checkpoint.state if key.startswith(prefix))
    return len({key.split(".")[0] for key in keys})


def network(checkpoint: Checkpoint) -> Countr:
    """The network of a checkpoint, its width and depths read from the tensors' shapes."""
    width = 768
    patches = checkpoint.state.get("patch_embed.proj.weight")
    if patches is not None:
        width = patches.shape[0]
    if width not in _HEADS:
        raise ExportError(
            f"{checkpoint.path}: patch_embed.proj.weight gives {width} channels, expected "
            f"{' or '.join(map(str, _HEADS))} in CounTR"
        )
    depths = _blocks(checkpoint, "blocks."), _blocks(checkpoint, "decoder_blocks.")
    model = Countr(width, depths[0] or 12, _HEADS[width], depths[1] or 2)
    load_by_key(model, checkpoint, "CounTR")
    return model


def _samples() -> Iterator[Tuple[Tensor, Tensor]]:
    """One or two windows, with several numbers of exemplars."""
    random = torch.Generator().manual_seed(0)
    for windows, shots in ((1, 0), (1, 1), (2, 3)):
        image = torch.rand(windows, 3, IMAGE_SIZE, IMAGE_SIZE, generator=random)
        yield image, torch.rand(1, shots, 3, EXEMPLAR_SIZE, EXEMPLAR_SIZE, generator=random)


def archives(checkpoint: Checkpoint, options: argparse.Namespace) -> List[Archive]:
    """What to write for a CounTR checkpoint."""
    manifest = {
        "stage": "dmg",
        "name": "countr",
        "input": {
            "size": IMAGE_SIZE,
            "mean": [0, 0, 0],
            "std": [255, 255, 255],
            "exemplar_size": EXEMPLAR_SIZE,
        },
        "output": {"scale": SCALE},
        "upstream": "CounTR, https://github.com/Verg-Avesta/CounTR, MIT",
        "sha256_weights": checkpoint.sha256,
    }
    model = network(checkpoint)
    return [
        Archive("dmg.pt", manifest, model, _samples, graphs=lambda: {METHOD: graphs.graph(model)})
    ]
