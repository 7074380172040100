"""Pictures of a training run."""

from __future__ import annotations

import json
import pathlib
from typing import Dict, List, Sequence, Tuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from persense import _core
from persense._optional import optional
from persense.networks import mini
from persense.train.losses import Tensors

__all__ = ["curves", "panels"]

_METRICS = ("iou", "count_error", "ground_auc", "distractor_auc", "same_auc")


def curves(log: pathlib.Path, path: pathlib.Path) -> None:
    """Draw a run's losses, and its metrics on rendered validation."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    optional("matplotlib", "plot").use("Agg")
    figure, axes = optional("matplotlib.pyplot", "plot").subplots(1, 2, figsize=(12, 4.5))
    for kind, width in (("training", 0.8), ("validation", 1.8)):
        chosen = [line for line in lines if line["kind"] == kind]
        if chosen:
            minutes = [line["minutes"] for line in chosen]
            axes[0].plot(minutes, [line["loss"] for line in chosen], lw=width, label=kind)
    held = [line for line in lines if line["kind"] == "validation"]
    for name in _METRICS:
        axes[1].plot(
            [line["minutes"] for line in held], [line[name] for line in held], label=name
        )
    axes[0].set(xlabel="minutes", ylabel="loss", title="Loss")
    axes[1].set(xlabel="minutes", ylim=(0, 1), title="Rendered validation")
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    optional("matplotlib.pyplot", "plot").close(figure)


def _grey(values: Tensor) -> npt.NDArray[np.float32]:
    plane = values.float().cpu().numpy()
    grey: npt.NDArray[np.float32] = np.repeat(plane[..., None], 3, axis=2)
    return grey


def panels(
    batches: Sequence[Tensors],
    outputs: Sequence[Tuple[Tensor, Tensor, Tensor]],
    path: pathlib.Path,
) -> None:
    """Draw samples a row: support, query, target and found, density and found, any object."""
    rows: List[npt.NDArray[np.float32]] = []
    for batch, (maps, _, _) in zip(batches, outputs):
        probability = torch.sigmoid(maps.float())
        for i in range(min(8, len(maps))):
            rows.append(_row(batch, probability, i))
    sheet = np.concatenate(rows, axis=0)
    half = (len(rows) + 1) // 2 * rows[0].shape[0]
    sheet = np.concatenate([sheet[:half], sheet[-half:]], axis=1)
    pixels = (np.clip(sheet, 0, 1) * 255).astype(np.uint8)
    path.write_bytes(_core.encode_png(pixels, 0))


def _row(batch: Dict[str, Tensor], probability: Tensor, i: int) -> npt.NDArray[np.float32]:
    query = batch["query"][i].float().cpu().numpy().transpose(1, 2, 0)
    patch = batch["patch"][i].float().cpu().numpy().transpose(1, 2, 0).copy()
    patch[batch["mask"][i, 0].float().cpu().numpy() == 0] *= 0.5
    first = np.zeros_like(query)
    first[: patch.shape[0], : patch.shape[1]] = patch
    known = batch["known"][i]
    planes = [
        batch["target"][i] * known + 0.3 * (1 - known),
        probability[i, mini.TARGET],
        batch["peak"][i],
        probability[i, mini.PEAKS],
        probability[i, mini.OBJECT],
    ]
    times = query.shape[0] // planes[0].shape[0]
    large = [_grey(p).repeat(times, axis=0).repeat(times, axis=1) for p in planes]
    row: npt.NDArray[np.float32] = np.concatenate([first, query, *large], axis=1)
    return row
