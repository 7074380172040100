"""What model archives hold."""

from __future__ import annotations

import os
from typing import Any, Dict, NamedTuple, Union

from persense import _core, _torch
from persense._arguments import path

__all__ = ["ArchiveInfo", "has_torch", "info"]


class ArchiveInfo(NamedTuple):
    """What a model archive says of itself, as `persense info` shows it."""

    stage: str
    """encoder, detector, dmg, decoder or all (one network for the four)."""
    name: str
    """sam_vit_h, countr, ..."""
    format: int
    input: Dict[str, Any]
    output: Dict[str, Any]
    text: Dict[str, Any]
    """Of a detector: its vocabulary's file in the archive, and the most tokens of a caption."""
    calibration: Dict[str, Any]
    """Of a network of all stages: its thresholds, and what scores are worth."""
    encoder: str
    """Of a decoder: the name of the encoder that it belongs to."""
    prototype: str
    """Of an encoder: mean or ring_contrast."""
    dtype: str
    """Of the stored weights: fp32, fp16 or bf16."""
    upstream: str
    """Where the weights come from, and their licence."""
    sha256_weights: str
    """Of the checkpoint, hex; of an average, of its checkpoints' in a row; may be empty."""
    bytes: int
    """Of the file."""
    parts: int
    """Files inside of it; the checksum of each was found right."""
    parameters: int
    """Numbers in its weights and buffers."""


def has_torch() -> bool:
    """Whether LibTorch can run: model archives, and "mini" on a GPU or in half precision.

    Not in builds without LibTorch, nor where the package was built for a PyTorch that is not
    installed beside it.
    """
    return _core.has_torch()


def info(archive: Union[str, "os.PathLike[str]"]) -> ArchiveInfo:
    """Check a whole model archive and give what it says of itself.

    Raises FileNotFound, Unreadable (truncated, damaged, not an archive) or BadModel.
    """
    _torch.require_one_version()
    return ArchiveInfo(**_core.inspect(path("archive", archive)))
