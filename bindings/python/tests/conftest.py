"""Shared by all tests: where the golden vectors are, and small checkpoints to export."""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, Callable, Dict

import pytest

if TYPE_CHECKING:  # the installed package is tested without PyTorch
    import torch

    from persense.networks.sam import Sam

_REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def golden_folder() -> Callable[[str], pathlib.Path]:
    """Give a function: suite name -> its folder; the test is skipped where it is absent."""
    root = pathlib.Path(os.environ.get("PERSENSE_GOLDEN", _REPOSITORY.parent / "shared" / "golden"))

    def folder(suite: str) -> pathlib.Path:
        if not (root / suite).is_dir():
            pytest.skip(f"no golden vectors at {root / suite} (set PERSENSE_GOLDEN)")
        return root / suite

    return folder


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

    from persense.networks.sam import DecoderConfig, EncoderConfig, ImageEncoder, Sam

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
