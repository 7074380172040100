"""Small checkpoints to export, and where the golden vectors are."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Callable, Dict

import pytest
from golden_folder import golden_folder  # noqa: F401

if TYPE_CHECKING:
    import torch

    from persense_export.networks.sam import Sam


@pytest.fixture
def save_checkpoint(tmp_path: pathlib.Path) -> Callable[..., pathlib.Path]:
    """Give a function: state dict, file name -> the checkpoint's path."""
    import torch

    def save(state: Dict[str, torch.Tensor], name: str = "checkpoint.pth") -> pathlib.Path:
        torch.save(state, tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def random_sam() -> Sam:
    """A small SAM (128 pixels, two blocks) with random weights."""
    from helpers import randomise

    from persense_export.networks.sam import DecoderConfig, EncoderConfig, ImageEncoder, Sam

    encoder = EncoderConfig(
        grid=8, patch=16, width=32, heads=2, mlp_width=64, windows=(3, 0), channels=64
    )
    decoder = DecoderConfig(
        image_size=encoder.image_size,
        channels=encoder.channels,
        mask_channels=16,
        depth=2,
        mlp_width=64,
        narrow=32,
        quality_width=64,
        quality_depth=3,
    )
    return randomise(Sam(ImageEncoder(encoder), decoder))
