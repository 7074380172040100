"""Random weights, a small detector, and a look into an archive."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Dict, Tuple, TypeVar

import torch
from torch import nn

from persense_export.archive import MANIFEST
from persense_export.networks.grounding_dino import BertConfig, Config, SwinConfig

Network = TypeVar("Network", bound=nn.Module)

SMALL_DETECTOR = Config(
    swin=SwinConfig(width=16, depths=(2, 2, 2, 2), heads=(1, 2, 4, 8), window=3),
    bert=BertConfig(vocabulary=1100, width=64, depth=1, mlp_width=96, positions=64, types=2),
    width=64,
    levels=4,
    queries=30,
    encoder_depth=1,
    encoder_points=4,
    encoder_mlp_width=128,
    text_mlp_width=64,
    fusion_width=64,
    decoder_depth=2,
    decoder_points=4,
    decoder_mlp_width=96,
)


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


def write_vocabulary(file: pathlib.Path) -> None:
    """The words of :data:`SMALL_DETECTOR`: BERT's special tokens where its network has them, and filler."""
    words = [f"word{number}" for number in range(SMALL_DETECTOR.bert.vocabulary)]
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}
    for number, token in special.items():
        words[number] = token
    words[200], words[201] = "disc", "discs"
    file.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
